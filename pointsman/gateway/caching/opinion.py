"""What a judge is asked about two questions, and what counts as its verdict."""

from __future__ import annotations

import re

from pointsman.gateway.relay.fenced import Fence
from pointsman.gateway.wire.checks import Object

TOKENS = 8
_LONGEST = 4 * 1024
"""Characters of each text."""

_RULES = """\
Somebody was given an answer to one question. Somebody else now asks another question. Would the same answer be \
right and complete for it?

Say yes only if both ask for the same thing, in other words or another order. Say no if anything that matters \
differs: a negation, an opposite, a number, a date, a unit, a name, a version, a language, a direction, who is meant, \
how much or how long an answer is wanted. Say no if you are not sure.

{rule}

Reply with yes or no and nothing else."""

_VERDICT = re.compile(r"[\s*\"']*(yes|no)\b[\s*.!\"']*", re.IGNORECASE)


def question(asked: str, kept: str, answer: str | None) -> list[Object]:
    """`answer` is the kept one, if it is at hand."""
    fence = Fence()
    parts = [fence.around("first question", kept, _LONGEST), fence.around("second question", asked, _LONGEST)]
    if answer:
        parts.insert(1, fence.around("answer to it", answer, _LONGEST))
    parts.append("Is the answer to the first question right for the second one? Yes or no.")
    return [
        {"role": "system", "content": _RULES.format(rule=fence.rule)},
        {"role": "user", "content": "\n\n".join(parts)},
    ]


def verdict(said: str) -> bool | None:
    """None if the judge said anything else."""
    found = _VERDICT.fullmatch(said)
    return None if found is None else found[1].lower() == "yes"
