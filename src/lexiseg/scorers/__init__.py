"""Score maps of any text from CLIP without training, one module per method."""
