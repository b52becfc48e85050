"""Training of the small ConvNeXt-CLIP."""
