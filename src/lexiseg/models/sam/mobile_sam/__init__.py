"""MobileSAM (Zhang et al. 2023): SAM's decoder behind a TinyViT image encoder of 6 M parameters."""
