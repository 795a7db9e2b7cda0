"""Whether a log can tell what another policy would have been worth, and if so, what."""

from __future__ import annotations

from enum import StrEnum
from math import isfinite
from typing import NamedTuple

from pointsman.policies.offpolicy.estimate import Measured
from pointsman.policies.offpolicy.logged import Overlap

LEAST_EFFECTIVE = 100
LEAST_EFFECTIVE_SHARE = 0.01
MOST_OUTSIDE = 0.05
_STANDARD_ERRORS = 5
_OFF = 0.1
_ROUNDING = 1e-9


class Answer(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    SAME = "no difference"  # that the log could tell
    CANNOT_TELL = "cannot tell"


class Verdict(NamedTuple):
    answer: Answer
    why: str = ""  # it cannot tell


def judge(overlap: Overlap, measured: Measured | None, less_is_better: bool) -> Verdict:
    why = untold(overlap, measured)
    if why is not None or measured is None:
        return Verdict(Answer.CANNOT_TELL, why or "")
    low, high = measured.difference.low, measured.difference.high
    rounding = _ROUNDING * max(1.0, abs(measured.logged.value))
    if not isfinite(low) or not isfinite(high):
        return Verdict(Answer.CANNOT_TELL, "too few outcomes")
    if low <= rounding and high >= -rounding:
        return Verdict(Answer.SAME)
    return Verdict(Answer.BETTER if (low > 0) is not less_is_better else Answer.WORSE)


def untold(overlap: Overlap, measured: Measured | None) -> str | None:
    """Why nothing can be told."""
    if not overlap.choices:
        return "the log has no propensities" if overlap.unknown else "no requests"
    if overlap.unknown > overlap.choices:
        return "most requests have no propensity"
    if measured is None:
        return "no outcomes are known"
    if measured.outside > MOST_OUTSIDE:
        share = f"{measured.outside:.0%} of its choices"
        if overlap.deterministic:
            return f"the log left nothing to chance, and {share} were never tried"
        return f"{share} were never or hardly tried"
    needed = max(LEAST_EFFECTIVE, LEAST_EFFECTIVE_SHARE * overlap.choices)
    if measured.effective < needed:
        return f"too few effective samples: {measured.effective:.0f} of {needed:.0f}"
    off = abs(overlap.mean + overlap.outside - 1)
    if off > _OFF and off > _STANDARD_ERRORS * overlap.error:
        return f"the propensities do not add up: weights are {overlap.mean:.2f} on average, not 1"
    return None
