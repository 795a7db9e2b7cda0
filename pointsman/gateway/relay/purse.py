"""What a request may spend on more than one answer: nothing is asked for that it might not pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pointsman.gateway.errors import RequestError, UpstreamError
from pointsman.gateway.pools.pool import Pool
from pointsman.signals.tokens import estimate_tokens


class Purse:
    """USD. What is held for a call counts as spent until it is settled."""

    def __init__(self, most: float) -> None:
        self._most = most
        self.spent = 0.0

    def hold(self, amount: float) -> bool:
        if self.spent + amount > self._most:
            return False
        self.spent += amount
        return True

    def settle(self, held: float, cost: float | None) -> None:
        """`cost` is None if the upstream did not tell it: then it counts as dear as it could be."""
        if cost is not None:
            self.spent += cost - held

    def failed(self, held: float, error: RequestError) -> None:
        """Whoever asked an upstream may be charged although it has no answer."""
        if not isinstance(error, UpstreamError):
            self.spent -= held


def dearest(pool: Pool, prompt_tokens: int, max_tokens: int) -> float:
    """USD of a call at most."""
    price = pool.config.price
    return (prompt_tokens * price.input + max_tokens * price.output) / 1e6


def tokens_of(messages: Sequence[Mapping[str, Any]]) -> int:
    return sum(estimate_tokens(_text(message.get("content"))) + _BETWEEN for message in messages)


_BETWEEN = 4  # what chat templates write around a message


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))
