"""The oracles of "What Holds Back Open-Vocabulary Segmentation?" in miniature."""
