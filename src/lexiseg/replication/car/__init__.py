"""CaR's tables in miniature."""
