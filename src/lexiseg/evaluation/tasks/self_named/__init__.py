"""Judging methods that name their own segments: segments are moved onto classes first."""
