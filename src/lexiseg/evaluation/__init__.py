"""Measuring methods on data sets, with the terms of the measurement on every number."""

from lexiseg.evaluation.protocol import Protocol, protocols_comparable
from lexiseg.evaluation.runner import evaluate
from lexiseg.evaluation.summary import ClassRow, Evaluation, Summary

__all__ = ["ClassRow", "Evaluation", "Protocol", "Summary", "evaluate", "protocols_comparable"]
