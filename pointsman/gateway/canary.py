"""Which requests belong to a share of the traffic: always the same ones, and as the share grows only further ones."""

from __future__ import annotations

from hashlib import blake2b

from pointsman.signals.facts import Facts

_BYTES = 8
_WHOLE = 1 << (8 * _BYTES)


def within(share: float, key: str, salt: str) -> bool:
    """`salt` keeps the lots of one trial from being those of the next."""
    lot = blake2b(key.encode("utf-8", "surrogatepass"), key=salt.encode(), digest_size=_BYTES).digest()
    return int.from_bytes(lot) < share * _WHOLE


def sticky_key(facts: Facts, request: str) -> str:
    """The session, which is the body's user where there is none; without either each request is one of its own."""
    return request if facts.session is None else f"{facts.tenant or ''}\0{facts.session}"
