"""Who calls: API keys and what they stand for."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from pointsman.gateway.errors import Unauthorized
from pointsman.gateway.schema.access import AdminConfig, AuthConfig


@dataclass(frozen=True, slots=True)
class Identity:
    tenant: str | None
    roles: frozenset[str] = frozenset()


ANONYMOUS = Identity(None)
ADMIN = Identity(None, frozenset({"admin"}))

_MISSING = (
    "No API key was sent. Send one of this gateway's keys as `Authorization: Bearer KEY` "
    "(OpenAI clients: `api_key`) or as `x-api-key: KEY` (Anthropic clients)."
)
_WRONG = (
    "This API key is not valid here. Send one of this gateway's own keys, not a provider's; "
    "whoever runs the gateway hands them out."
)


class KeyRing:
    """Finds a key by its digest under a secret that is new in each process.

    How long a look-up takes depends on the digest of what was presented, which nobody outside can compute or
    steer: it does not tell how much of a presented key is right, nor which key it resembles, however many
    there are."""

    def __init__(self, keys: Iterable[tuple[SecretStr, Identity]]) -> None:
        self._salt = secrets.token_bytes(32)
        self._identities: dict[bytes, Identity] = {}
        for number, (key, identity) in enumerate(keys, 1):
            digest = self._digest(key.get_secret_value())
            if digest in self._identities:
                raise ValueError(f"key number {number} is the same as one before it; give each its own secret")
            self._identities[digest] = identity

    @classmethod
    def of_clients(cls, config: AuthConfig) -> KeyRing:
        return cls((entry.key, Identity(entry.tenant, frozenset(entry.roles))) for entry in config.keys)

    @classmethod
    def of_admins(cls, config: AdminConfig) -> KeyRing:
        return cls((key, ADMIN) for key in config.keys)

    def authenticate(self, headers: Mapping[str, str]) -> Identity:
        """From headers with names in lower case. Unauthorized says what to send, never what was sent."""
        presented = False
        for key in _presented(headers):
            presented = True
            if identity := self._identities.get(self._digest(key)):
                return identity
        raise Unauthorized(_WRONG if presented else _MISSING)

    def _digest(self, key: str) -> bytes:
        return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=32).digest()


def _presented(headers: Mapping[str, str]) -> Iterator[str]:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        yield token.strip()
    for name in ("x-api-key", "api-key"):
        if key := headers.get(name, "").strip():
            yield key
