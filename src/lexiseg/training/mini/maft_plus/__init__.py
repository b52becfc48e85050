"""Training of the small MAFT+."""
