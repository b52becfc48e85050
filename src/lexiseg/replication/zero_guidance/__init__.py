"""Zero-guidance's tables in miniature."""
