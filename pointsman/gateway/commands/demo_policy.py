"""A policy as the demo runs it: on this machine alone, without its secrets, and with the requests of its own tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr

from pointsman.gateway.access.keys import Identity
from pointsman.gateway.commands.demo_pools import too_large
from pointsman.gateway.commands.demo_traffic import Prompt, shortened
from pointsman.gateway.config import examine_document
from pointsman.gateway.errors import ConfigError
from pointsman.gateway.includes import read_documents
from pointsman.gateway.policy_tests.report import title
from pointsman.gateway.policy_tests.run import body_of
from pointsman.gateway.schema.access import AdminConfig, AuthConfig, KeyConfig
from pointsman.gateway.schema.cases import CaseConfig
from pointsman.gateway.schema.config import Config
from pointsman.gateway.schema.running import LogConfig

_MOST = 30  # requests
_DRAIN = 1.0  # seconds
_NOBODY = "guest"
"""Whose requests those are for which a test names no tenant, where everybody has a key."""

_SECRETS = (("auth", "keys", "*", "key"), ("admin", "keys", "*"), ("pools", "*", "api_key"))
_REFERENCE = re.compile("(env|file):.+")
_HEADER = re.compile(r"[!-~]([ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class Demonstration:
    config: Config
    prompts: Sequence[Prompt]
    keys: Sequence[str] = ()  # that clients can send; none: they need none


def demonstration(path: str | Path) -> Demonstration:
    """Raises ConfigError, and BadRequest of a test whose request cannot be read."""
    document = read_documents(path)
    document = replace(document, data=_without_secrets(document.data, _SECRETS))
    config = examine_document(document, analysed=False).usable()
    if problems := [*too_large(config.pools, document)]:
        raise ConfigError(document.in_order(problems))
    keys = {client: _key(client) for client in _clients(config)}
    prompts = []
    for index, case in enumerate(config.tests):
        if case.prompt or case.request is not None:
            folder = Path(document.problem("", ("tests", index)).file).parent
            prompts.append(_prompt(case, title(case, index), folder, keys.get(_client(case))))
    secrets = [key.key.get_secret_value() for key in keys.values()]
    return Demonstration(_local(config, keys.values()), _distinct(prompts)[:_MOST], secrets)


def _without_secrets(value: Any, places: Sequence[tuple[str, ...]]) -> Any:
    """References to secrets become secrets that nobody has to set."""
    if () in places:
        named = isinstance(value, str) and _REFERENCE.fullmatch(value)
        return SecretStr(f"demo {value}") if named else value
    if isinstance(value, dict):
        return {key: _without_secrets(inner, _below(places, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner, _below(places, "*")) for inner in value]
    return value


def _below(places: Sequence[tuple[str, ...]], key: str) -> list[tuple[str, ...]]:
    return [place[1:] for place in places if place and place[0] in (key, "*")]


def _local(config: Config, keys: Iterable[KeyConfig]) -> Config:
    """It listens on loopback only and writes no files. Pools stay as they are."""
    server = config.server.model_copy(update={"host": "127.0.0.1", "control_port": None, "drain": _DRAIN})
    auth = AuthConfig(keys=[*keys]) if config.auth else None
    return config.model_copy(update={"server": server, "auth": auth, "admin": AdminConfig(), "log": LogConfig()})


def _clients(config: Config) -> Iterator[Identity]:
    """All that the policy and its tests know; nobody, if nobody needs a key."""
    if config.auth is not None:
        yield from (Identity(entry.tenant, frozenset(entry.roles)) for entry in config.auth.keys)
        yield from map(_client, config.tests)


def _client(case: CaseConfig) -> Identity:
    return Identity(case.tenant or _NOBODY, frozenset(case.roles))


def _key(client: Identity) -> KeyConfig:
    """Readable, for it is printed; tenants and roles have no dots."""
    roles = sorted(client.roles)
    secret = ".".join(["demo", client.tenant or _NOBODY, *roles])
    return KeyConfig(key=SecretStr(secret), tenant=client.tenant or _NOBODY, roles=roles)


def _prompt(case: CaseConfig, text: str, folder: Path, key: KeyConfig | None) -> Prompt:
    body, _ = body_of(case, folder)
    headers = {name: value for name, value in case.headers.items() if _HEADER.fullmatch(value)}
    if key is not None:
        headers = {"Authorization": f"Bearer {key.key.get_secret_value()}", **headers}
    return Prompt(case.prompt or text, shortened(body), body.get("stream", True) is True, headers)


def _distinct(prompts: Iterable[Prompt]) -> list[Prompt]:
    """Tests often ask the same under other circumstances."""
    found: Mapping[bytes, Prompt] = {orjson.dumps((prompt.body, prompt.headers)): prompt for prompt in prompts}
    return [*found.values()]
