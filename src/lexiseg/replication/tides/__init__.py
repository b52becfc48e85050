"""TIDES' tables in miniature."""
