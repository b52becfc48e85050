"""What every training shares: sessions that resume, the optimizer, several processes."""
