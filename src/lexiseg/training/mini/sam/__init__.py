"""The small SAM: recipe, prompts, losses, measures and card."""
