"""Where the gateway listens, and whom it lets in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    field_validator,
)

from pointsman.gateway.access.origin import Origins
from pointsman.gateway.schema.forms import Float, Int, Name, Section, Text
from pointsman.gateway.secrets import Secret
from pointsman.gateway.units import Duration, Size


def _origin(origin: str) -> str:
    Origins([origin], has_auth=True)
    return origin


class ServerConfig(Section):
    host: Text = "127.0.0.1"
    """Address to listen on; anything but loopback needs `auth.keys`."""
    port: Int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    control_port: Int | None = Field(default=None, ge=0, le=65535)
    """A further port of this host for health, metrics and admin alone, which no rush of clients can keep busy."""
    max_body: Annotated[Size, Field(gt=0)] = 32 * 1024**2
    """Largest request body; a larger one is answered 413."""
    max_connections: Int = Field(default=10_000, ge=1)
    """Clients' connections at once, at most half of the files that the process may open; beyond them 503."""
    cors: list[Annotated[str, AfterValidator(_origin)]] = []
    """Origins of web pages that may call the gateway, such as `https://app.example.com`; `"*"` is any."""
    drain: Duration = 30.0
    """How long running requests may take to finish after SIGTERM."""
    debug_headers: bool = True
    """Whether `x-pointsman-debug: 1` adds signals and trace to an answer."""


def _own_keys(keys: list[SecretStr]) -> list[SecretStr]:
    if len(set(keys)) < len(keys):
        raise ValueError("two entries have the same key; give each its own")
    return keys


class KeyConfig(Section):
    key: Secret
    """The API key that a client sends, as a secret reference."""
    tenant: Name
    """Whose requests these are; the `tenant` signal and the metrics show it."""
    roles: list[Name] = []
    """What the `role` signal finds."""


class AuthConfig(Section):
    keys: list[KeyConfig] = Field(min_length=1)
    """The API keys that are accepted."""

    @field_validator("keys")
    @classmethod
    def _once(cls, keys: list[KeyConfig]) -> list[KeyConfig]:
        _own_keys([entry.key for entry in keys])
        return keys


class TenantConfig(Section):
    weight: Float = Field(default=1.0, ge=0.001, le=1000)
    """Share of a busy pool's places, relative to other tenants; one that is not listed has 1."""
    priority: Literal["high", "normal", "low"] = "high"
    """The highest `x-pointsman-priority` that it may ask for; a tenant of `low` has no other."""
    max_cost: Annotated[Float, Field(gt=0)] | None = None
    """USD that one request should cost at most: `select: {by: fused}` keeps to models below it while there are any."""


class AdminConfig(Section):
    keys: Annotated[list[Secret], AfterValidator(_own_keys)] = []
    """Secret references of the keys for `/admin` and `/console`; without keys only loopback clients may."""
