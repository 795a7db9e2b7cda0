"""Examples as earlier turns: after the system prompt, before all that the client's user says."""

from __future__ import annotations

from typing import NamedTuple

from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.rewrite import insert_before_last
from pointsman.signals.facts import Route

MEMBERS = {Route.CHAT: "messages", Route.MESSAGES: "messages", Route.RESPONSES: "input"}
"""Where the turns of each wire are. All of them take `role` and a `content` that is a string."""


class Examples(NamedTuple):
    """For one pool: what another is sent if that one fails has none."""

    pool: str
    turns: tuple[Object, ...]


def turns_of(question: str, answer: str) -> tuple[Object, Object]:
    return {"role": "user", "content": question}, {"role": "assistant", "content": answer}


def with_examples(inbound: Inbound, examples: Examples) -> Inbound:
    """Of a request that ends with its only user message. The client's own messages keep their bytes."""
    key = MEMBERS[inbound.route]
    said = inbound.body[key]
    if isinstance(said, str):
        said = [{"role": "user", "content": said}]
    body = {**inbound.body, key: [*said[:-1], *examples.turns, said[-1]]}
    return inbound._replace(raw=insert_before_last(inbound.raw, key, examples.turns), body=body, examples=None)
