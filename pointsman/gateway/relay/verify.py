"""What a model is asked about an answer, and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pointsman.gateway.relay.fenced import Fence, asked
from pointsman.signals.facts import Facts

LONGEST_REPLY = 256
"""Tokens: a number, and what some models think before it."""

_TASKS = {
    "self_check": (
        "Is this answer right, and all of what was asked for? Check it step by step for yourself. "
        "Reply with nothing but a whole number from 0 (surely wrong) to 100 (surely right)."
    ),
    "judge": (
        "How good is this answer: right, complete, and to the point? "
        "Reply with nothing but a whole number from 0 (useless or wrong) to 10 (nothing could be better)."
    ),
}
_MOST = {"self_check": 100.0, "judge": 10.0}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORDS = {"yes": 1.0, "correct": 1.0, "no": 0.0, "incorrect": 0.0}


def question(test: str, facts: Facts, answer: str) -> Sequence[dict[str, str]]:
    fence = Fence()
    text = "\n\n".join(
        (
            "Somebody wrote this, and got the answer below.",
            fence.rule,
            fence.around("conversation", asked(facts)),
            fence.around("answer", answer),
            _TASKS[test],
        )
    )
    return [{"role": "user", "content": text}]


def score(test: str, reply: str) -> float | None:
    """In [0, 1] for `self_check`, 0 to 10 for `judge`; None if the reply has no such number."""
    most = _MOST[test]
    said = reply.strip().rstrip(".!").lower()
    if test == "self_check" and said in _WORDS:
        return _WORDS[said]
    numbers = _NUMBER.findall(said)
    if not numbers:
        return None
    of_most = len(numbers) > 1 and f"/{most:g}" in said.replace(" ", "")
    value = float(numbers[-2 if of_most else -1])
    if not 0 <= value <= most:
        return None
    return value / most if test == "self_check" else value
