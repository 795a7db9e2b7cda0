"""What has to be the same before one answer may stand for another: everything but the last user text.

All of it becomes one hash with a secret key, so that nobody can make two requests meet, or learn from a stored hash
what was asked."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

import orjson

KEY_BYTES = 32
_DIGEST = 16

Owner: TypeAlias = tuple[str, ...]


class NoScope(ValueError):
    """A part cannot be written as JSON, so the request is cached nowhere."""


@dataclass(frozen=True, slots=True)
class Parts:
    """As the gateway read them. What is not said in a request is None, which differs from every value."""

    owner: Owner  # `owner_of`
    category: str
    candidates: Sequence[str]  # pools, or their classes of quality, that may answer
    route: str  # the wire and its path: an answer is kept in its own form
    epoch: str  # of the policy and of the encoder: another one starts afresh
    system: Any = None
    turns: Sequence[Any] = ()  # all messages before the last user text
    tools: Any = None
    response_format: Any = None
    sampling: Mapping[str, Any] = field(default_factory=dict)  # those parameters that change what is answered
    max_tokens: int | None = None


class Scoped(NamedTuple):
    scope: bytes
    exact: bytes


def owner_of(tenant: str | None, shared: Iterable[Iterable[str]] = ()) -> Owner:
    """Who may have each other's answers: a tenant alone, or the group that the policy lists it in."""
    if tenant is None:
        return ("nobody",)
    for group in shared:
        members = sorted(set(group))
        if tenant in members:
            return ("group", *members)
    return ("tenant", tenant)


class ScopeKey:
    """The secret of one store: hashes of two stores say nothing about each other."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = key or secrets.token_bytes(KEY_BYTES)

    def scoped(self, parts: Parts, text: str) -> Scoped:
        """NoScope if the parts are not JSON."""
        scope = blake2b(_canonical(_listed(parts)), digest_size=_DIGEST, key=self.key, person=b"scope").digest()
        return Scoped(scope, self.exact(scope, text))

    def exact(self, scope: bytes, text: str) -> bytes:
        """The scope has a fixed length, so that no text can reach into it."""
        said = scope + text.encode("utf-8", "surrogatepass")
        return blake2b(said, digest_size=_DIGEST, key=self.key, person=b"exact").digest()

    def asker(self, name: str) -> str:
        """What is kept of who asked."""
        return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=self.key, person=b"asker").hexdigest()


def _listed(parts: Parts) -> list[Any]:
    return [
        parts.owner, parts.category, list(parts.candidates), parts.route, parts.epoch, parts.system,
        list(parts.turns), parts.tools, parts.response_format, dict(parts.sampling), parts.max_tokens,
    ]  # fmt: skip


def _canonical(value: Any) -> bytes:
    """Equal bytes for equal values only: JSON with sorted keys, in which every string has its own quotes."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # lone surrogates, whole numbers above 64 bits, depths that orjson does not write
        pass
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NoScope(f"a part of the request is no plain JSON: {type(error).__name__}") from None
