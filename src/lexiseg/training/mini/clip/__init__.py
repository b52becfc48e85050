"""The small CLIP pair: recipe, objective, measures and card."""
