"""The small GPT-2: recipe, texts, measures and card."""
