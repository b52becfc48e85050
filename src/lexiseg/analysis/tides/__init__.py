"""What limits TIDES: the bias of a segmenter's scores, and the ceiling of each part."""
