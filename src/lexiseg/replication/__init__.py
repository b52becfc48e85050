"""The papers' tables in miniature: the bundled models on held-out Miniworld scenes."""
