"""The conversations that are under way: who answered last, so that the next turn can stay there, and judge it."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointsman.gateway.learning.requests import Key
from pointsman.policies.select.context import Previous
from pointsman.signals.facts import Facts

MOST = 20_000
"""Conversations that are remembered, some 1.5 KB each."""

SESSION = "x-session-id"


class Turn(NamedTuple):
    """The latest of a conversation."""

    request: Key
    pool: str
    time: float
    text: bytes  # a hash of what the user said
    messages: int
    turns: int = 1  # answered by that pool in a row
    tokens: int = 0  # of prompt and answer
    vector: NDArray[np.float16] | None = None  # of what the user said


class Place(NamedTuple):
    """Where a request stands in its conversation."""

    key: bytes
    session: bool  # whether the client names the conversation
    text: bytes
    before: bytes | None  # what the user had said before the last answer; None at the beginning
    messages: int
    role: str  # of the last message

    @property
    def goes_on(self) -> bool:
        """Whether it may not be the first turn."""
        return self.session or self.before is not None


class Conversations:
    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._salt = secrets.token_bytes(16)
        self._turns: OrderedDict[bytes, Turn] = OrderedDict()

    def __len__(self) -> int:
        return len(self._turns)

    def place(self, facts: Facts) -> Place | None:
        """None for a request without messages. Computed once for each request."""
        notes = facts.notes
        if _NOTE not in notes:
            notes[_NOTE] = self._place(facts)
        found: Place | None = notes[_NOTE]
        return found

    def latest(self, place: Place) -> Turn | None:
        """The turn before this one, or one that this one repeats; None if it is not certain to be of the same
        conversation, for others may begin with the same words."""
        turn = self._turns.get(place.key)
        if turn is None or place.session:
            return turn
        return turn if turn.text in (place.before, place.text) else None

    def previous(self, facts: Facts) -> Previous | None:
        """What a selector is told."""
        place = self.place(facts)
        turn = self.latest(place) if place is not None and place.goes_on else None
        if place is None or turn is None:
            return None
        return Previous(turn.pool, turn.turns, turn.tokens, self._clock() - turn.time, place.role == "tool")

    def answered(
        self, place: Place, request: Key, pool: str, tokens: int, vector: NDArray[np.float16] | None = None
    ) -> None:
        before = self.latest(place) if place.goes_on else None
        turns = before.turns + 1 if before is not None and before.pool == pool else 1
        self._turns[place.key] = Turn(request, pool, self._clock(), place.text, place.messages, turns, tokens, vector)
        self._turns.move_to_end(place.key)
        if len(self._turns) > self._most:
            self._turns.popitem(last=False)

    def _place(self, facts: Facts) -> Place | None:
        messages = facts.messages
        if not messages:
            return None
        answered = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=0)
        users = [i for i, message in enumerate(messages) if message.role == "user"]
        if not users:
            return None
        earlier = [i for i in users if i < answered]
        session = facts.headers.get(SESSION)
        if session is not None:
            key = self._hash("session", facts.tenant or "", session)
        else:
            system = "\n".join(m.text for m in messages if m.role == "system")
            key = self._hash("text", facts.tenant or "", facts.session or "", system, messages[users[0]].text)
        return Place(
            key,
            session is not None,
            self._hash(messages[users[-1]].text),
            self._hash(messages[earlier[-1]].text) if earlier else None,
            len(messages),
            messages[-1].role,
        )

    def _hash(self, *texts: str) -> bytes:
        found = blake2b(key=self._salt, digest_size=16)
        for text in texts:
            found.update(len(text).to_bytes(8))
            ends = text if len(text) <= 2 * _END else text[:_END] + text[-_END:]
            found.update(ends.encode("utf-8", "surrogatepass"))
        return found.digest()


_END = 32 * 1024
"""Characters at each end of a text that tell it from others: hashing megabytes would hold up the event loop."""

_NOTE = '"conversation"'
"""No signal's name has quotes."""
