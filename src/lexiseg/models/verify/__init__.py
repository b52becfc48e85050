"""Checkpoints that prove themselves: who they are, and that they do what they did elsewhere."""
