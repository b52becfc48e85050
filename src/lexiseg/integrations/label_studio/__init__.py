"""A machine-learning backend for Label Studio: pre-annotation, and prompts while one draws."""
