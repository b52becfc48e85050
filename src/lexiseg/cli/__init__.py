"""The command line: one file per verb; results on stdout, people's text on stderr."""

from lexiseg.cli.app import main

__all__ = ["main"]
