"""What the judge of a sample is asked, and what counts as its verdict."""

from __future__ import annotations

import re

from pointsman.gateway.relay.fenced import Fence
from pointsman.gateway.wire.checks import Object

TOKENS = 16
"""A verdict is a number."""

_RUBRIC = """\
You grade how well an assistant answered a request, with a number from 0 to 10.

10: correct, complete and clear; nothing to improve.
8: correct and useful, with small flaws.
5: partly right, or right but with something important missing.
2: mostly wrong, or beside the point.
0: wrong, empty, or a refusal without a good reason.

Check facts, calculations and code before you decide. Length, confidence and politeness earn nothing. If the \
answer was cut off by a limit on its length, grade what is there.
{criteria}
{rule}

Reply with the number and nothing else."""

_CRITERIA = "Whoever runs this service asks to heed above all: {text}\n"
_SCORE = re.compile(r"[\s*]*(\d{1,2}(?:\.\d{1,3})?)[\s*.]*")


def question(request: str, answer: str, criteria: str | None) -> list[Object]:
    fence = Fence()
    wanted = _CRITERIA.format(text=criteria) if criteria else ""
    parts = [fence.around("request", request), fence.around("answer", answer), "Grade the answer: a number, 0 to 10."]
    return [
        {"role": "system", "content": _RUBRIC.format(criteria=wanted, rule=fence.rule)},
        {"role": "user", "content": "\n\n".join(parts)},
    ]


def quality(verdict: str) -> float | None:
    """In [0, 1]; None if the judge said anything but a number from 0 to 10."""
    found = _SCORE.fullmatch(verdict)
    score = float(found[1]) if found else 11.0
    return score / 10 if score <= 10 else None
