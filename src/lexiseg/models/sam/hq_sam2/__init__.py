"""HQ-SAM 2.1 (Ke et al. 2023, extended by its authors): SAM 2.1 with sharper masks."""
