"""A request that nobody sent: routed as traffic is, but no backend is called, and nobody waits for the encoder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import orjson

from pointsman.gateway.access.keys import ANONYMOUS, Identity
from pointsman.gateway.routing import Routed, route_request
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import Inbound, check_types
from pointsman.signals.base import SignalValue
from pointsman.signals.encoder.encoding import Encoder, EncoderError
from pointsman.signals.facts import Facts, Route
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.prompt import PromptReader
from pointsman.signals.readings import Readings

T = TypeVar("T")
Body: TypeAlias = Mapping[str, Any]
GetEncoder: TypeAlias = Callable[[], Encoder]
"""Called when a signal needs it."""

_CREDENTIALS = {"authorization", "x-api-key", "api-key"}


def chat(prompt: str) -> dict[str, Any]:
    # what the terminal's encoding could not decode is text, too
    clean = prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return {"model": "auto", "messages": [{"role": "user", "content": clean}]}


def inbound(body: Body, headers: Mapping[str, str], raw: bytes | None = None) -> Inbound:
    """A chat completion; `headers` have names in lower case. BadRequest if routing could not read it."""
    check_types(Route.CHAT, body)
    return Inbound(Route.CHAT, "POST", "/chat/completions", b"", headers, raw or orjson.dumps(body), body)


def identify(runtime: Runtime, headers: Mapping[str, str]) -> Identity:
    """Without a key anonymous, even where clients need one. Unauthorized if there is one that is wrong."""
    keys = runtime.keys
    return keys.authenticate(headers) if keys and _CREDENTIALS & headers.keys() else ANONYMOUS


def route(runtime: Runtime, request: Inbound, facts: Facts, readings: Readings, encoder: GetEncoder) -> Routed:
    """As `route_request`; the choice is greedy."""
    return encoding(readings, encoder, lambda: route_request(runtime, facts, request.path, readings, None))


def read(name: str, readings: Readings, encoder: GetEncoder) -> SignalValue:
    """A signal's value, whether or not a decision needed it."""
    return encoding(readings, encoder, lambda: readings[name])


def encoding(readings: Readings, encoder: GetEncoder, ask: Callable[[], T]) -> T:
    while True:
        try:
            return ask()
        except NeedsEncoding as needed:
            _encode(readings, encoder(), needed.passages)


def _encode(readings: Readings, encoder: Encoder, passages: Sequence[str]) -> None:
    """Without the budget of a request."""
    began = time.perf_counter()
    try:
        encodings = encoder.encode(passages) if passages else []
    except EncoderError as error:
        readings.unencoded(passages, str(error), time.perf_counter() - began)
    else:
        found = dict(zip(passages, encodings, strict=True))
        readings.encoded(found, time.perf_counter() - began, PromptReader(encoder))
