"""EfficientViT-SAM (Zhang et al. 2024): SAM's decoder behind convolutions and linear attention."""
