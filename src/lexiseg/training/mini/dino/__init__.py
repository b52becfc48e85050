"""The small DINO: recipe, losses, measures and card."""
