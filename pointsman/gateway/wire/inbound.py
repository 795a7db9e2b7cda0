"""A request as it came in: its bytes, parsed once."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from pointsman.gateway.errors import (
    BadRequest,
    ClientDisconnected,
    InvalidJSON,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from pointsman.signals.facts import Route

if TYPE_CHECKING:
    from pointsman.gateway.wire.examples import Examples
    from pointsman.gateway.wire.upload import Upload

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ROUTES: Mapping[str, Route] = {f"/{route.value}": route for route in Route if route is not Route.OTHER}

_MAX_DEPTH = 248
_TOO_DEEP = f"The request body is nested too deeply. Flatten it to {_MAX_DEPTH} levels."


class Inbound(NamedTuple):
    """`path` is below `/v1`, starts with a slash and is percent-encoded as it came; header names are in lower
    case, the values of equal ones are joined. `upload` is a body of which only its pool knows the meaning."""

    route: Route
    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    raw: bytes = b""
    body: Mapping[str, Any] = MappingProxyType({})
    upload: Upload | None = None
    examples: Examples | None = None  # that one pool is sent, too

    @property
    def stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def model(self) -> str | None:
        model = self.body.get("model")
        return model if isinstance(model, str) else None


def below_v1(path: str) -> str:
    """`/v1/chat/completions/` and `/chat/completions` are the same."""
    path = path.removeprefix("/v1") if path.startswith("/v1/") or path == "/v1" else path
    return path.rstrip("/") or "/"


def read_headers(scope: Scope) -> dict[str, str]:
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    headers = dict(pairs)
    if len(headers) < len(pairs):  # a list in several lines is the same list in one (RFC 9110, 5.3)
        headers = {name: ", ".join(value for other, value in pairs if other == name) for name in headers}
    return headers


def has_body(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


def check_length(headers: Mapping[str, str], limit: int) -> None:
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    check_length(headers, limit)
    message = await receive()
    if message["type"] != "http.disconnect" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        return _decoded(body, headers, limit)
    received = bytearray()  # however small the pieces are in which it comes
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("The client left while it was sending its request.")
        received += message.get("body", b"")
        if len(received) > limit:
            raise too_large(limit)
        if not message.get("more_body"):
            return _decoded(bytes(received), headers, limit)
        message = await receive()


def too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The request body is larger than {limit} bytes. Send less, or raise `server.max_body` in the gateway's file."
    )


def _decoded(body: bytes, headers: Mapping[str, str], limit: int) -> bytes:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return body
    if encoding != "gzip":
        raise UnsupportedMediaType(f"Content-Encoding {encoding!r} is not supported. Send the body as it is, or gzip.")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise BadRequest("The body is not valid gzip although Content-Encoding says so.") from None
    if len(plain) > limit:
        raise too_large(limit)
    if not inflater.eof:
        raise BadRequest("The gzip body ends too early. Send it whole.")
    if inflater.unused_data:
        raise BadRequest("Something follows the gzip body's end. Send one gzip member.")
    return plain


def parse_json(raw: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The body's object. Duplicate keys: the last counts, as in most parsers."""
    given = headers.get("content-type", "application/json")
    if not is_json(given):
        raise UnsupportedMediaType(f"Content-Type {given[:128]!r} is not supported here. Send application/json.")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidJSON(_json_advice(raw, error)) from None
    if not isinstance(body, dict):
        raise BadRequest("The request body must be a JSON object.")
    if raw.count(b"[") + raw.count(b"{") > _MAX_DEPTH:  # else it cannot be deeper
        _check_depth(body)
    return body


def _check_depth(body: Mapping[str, Any]) -> None:
    """orjson reads 1024 levels but writes 254, and translations write, with some levels of their own."""
    try:
        orjson.dumps([[[[[[body]]]]]])
    except orjson.JSONEncodeError:
        raise InvalidJSON(_TOO_DEEP) from None


def _json_advice(raw: bytes, error: orjson.JSONDecodeError) -> str:
    if not raw.strip():
        return "The request body is empty. Send a JSON object."
    if "depth" in error.msg or "recursion" in error.msg:
        return _TOO_DEEP
    return f"The request body is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}."


def check_types(route: Route, body: Mapping[str, Any]) -> None:
    """What routing itself relies on; everything else is for the upstream to judge."""
    if not isinstance(body.get("model", ""), str | None):
        raise BadRequest("`model` must be a string, or absent to let the gateway choose.", param="model")
    if not isinstance(body.get("stream"), bool | None):
        raise BadRequest("`stream` must be true or false.", param="stream")
    if route in (Route.CHAT, Route.MESSAGES, Route.COUNT_TOKENS):
        messages = body.get("messages")
        if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
            raise BadRequest("`messages` must be a list of message objects.", param="messages")
    elif route is Route.EMBEDDINGS and "input" not in body:
        raise BadRequest("`input` is missing: a string, a list of strings, or token ids.", param="input")
    elif route is Route.COMPLETIONS and "prompt" not in body:
        raise BadRequest("`prompt` is missing: a string, a list of strings, or token ids.", param="prompt")
