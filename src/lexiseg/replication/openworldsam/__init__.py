"""OpenWorldSAM in miniature."""
