"""Interfaces of other programs, so that their clients find what they expect."""
