"""What the members and the judge of a panel are asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pointsman.gateway.relay.fenced import LONGEST, Fence
from pointsman.gateway.wire.checks import Object

_JUDGE = """\
You compare answers that different assistants gave to the same request, and say which one serves the person who asked \
best: correct first, then complete, then clear and to the point. Length alone is no merit, and neither is the order in \
which they are listed.

{rule}

Reply with the number of the best answer and nothing else."""

_MERGE = """\
Other assistants have already answered the request above. Use their answers as references: check them against each \
other, keep what is right, drop what is wrong or doubtful, and add what all of them miss. Then write your own complete \
answer to the request. The reader sees only yours, so do not speak of the references.

{rule}

{references}"""

_PLACE = re.compile(r"[\s*]*(\d{1,2})[\s*.]*")


def to_pick(request: str, answers: Sequence[str]) -> list[Object]:
    fence = Fence()
    parts = [fence.around("request", request)]
    parts += [fence.around(f"answer {number}", text) for number, text in enumerate(answers, 1)]
    parts.append(f"Which of the answers 1 to {len(answers)} is best? Reply with its number alone.")
    return [
        {"role": "system", "content": _JUDGE.format(rule=fence.rule)},
        {"role": "user", "content": "\n\n".join(parts)},
    ]


def picked(verdict: str, answers: int) -> int | None:
    """A place from 0; None if the judge said anything but one of the numbers."""
    found = _PLACE.fullmatch(verdict)
    place = int(found[1]) - 1 if found else -1
    return place if 0 <= place < answers else None


def to_merge(messages: Sequence[Any], answers: Sequence[str]) -> list[Any]:
    """The conversation with the answers as references; in the last turn where that is the user's, because templates
    refuse two of them in a row."""
    fence = Fence()
    most = max(LONGEST // 2, 4 * LONGEST // max(4, len(answers)))
    references = "\n\n".join(fence.around(f"reference {number}", text, most) for number, text in enumerate(answers, 1))
    text = _MERGE.format(rule=fence.rule, references=references)
    last = messages[-1]
    if last.get("role") != "user":
        return [*messages, {"role": "user", "content": text}]
    content = last.get("content")
    if isinstance(content, list):
        return [*messages[:-1], {**last, "content": [*content, {"type": "text", "text": text}]}]
    return [*messages[:-1], {**last, "content": f"{content}\n\n{text}"}]
