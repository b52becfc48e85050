"""Names of the helps, and what each gives."""

from __future__ import annotations

from collections.abc import Mapping

BASELINE = "baseline"
NAMES, SELECTION, WITH_VOID = "names", "selection", "selection with void"
WITH_MASKS, WITH_NAMES = "selection and masks", "selection and names"
WITH_BOTH = "selection, masks and names"
NO_VOID, CANDIDATE_NAMES, SCORES = "no void", "names of candidates", "scores"
BOUNDARIES, NO_WRONG, NONE_MISSED = "boundaries", "no wrong answers", "nothing missed"
BIAS = "void {:+g}"

TITLES: Mapping[str, str] = {
    NAMES: "true names for what the final map shows",
    SELECTION: "the best candidates, none discarded as no object",
    WITH_VOID: "the best candidates, no object still a choice",
    NO_VOID: "no candidate discarded as no object, the choice as it was",
    CANDIDATE_NAMES: "true names for candidates that fit, before the choice",
    SCORES: "right answers with higher scores than wrong ones",
    BOUNDARIES: "exact outlines of what is found",
    NO_WRONG: "no wrong answers",
    NONE_MISSED: "nothing missed",
    WITH_MASKS: "the best candidates with true masks",
    WITH_NAMES: "the best candidates with true names",
    WITH_BOTH: "the best candidates with true masks and names",
}
SKILLS: Mapping[str, str] = {
    NAMES: "the names",
    SELECTION: "the choice among candidates",
    NO_VOID: "candidates discarded as no object",
    CANDIDATE_NAMES: "the names of candidates",
    SCORES: "the scores",
    BOUNDARIES: "the outlines",
}
"""Helps that stand for one skill of a predictor; the biggest of them is named first."""
