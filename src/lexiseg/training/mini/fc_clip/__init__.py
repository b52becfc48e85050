"""Training of the small FC-CLIP."""
