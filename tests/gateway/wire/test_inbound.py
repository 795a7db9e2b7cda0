from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest

from pointsman.gateway.errors import BadRequest, ClientDisconnected, InvalidJSON, PayloadTooLarge, UnsupportedMediaType
from pointsman.gateway.wire.inbound import (
    Message,
    Receive,
    below_v1,
    check_types,
    parse_json,
    read_body,
    read_headers,
)
from pointsman.signals.facts import Route


def nested(levels: int) -> bytes:
    return b'{"a": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_what_is_read_can_be_written_again_with_some_levels_more() -> None:
    body = parse_json(nested(248), {})
    assert orjson.dumps({"tools": [{"function": body}]})


def test_deeper_ones_are_refused() -> None:
    with pytest.raises(InvalidJSON, match="Flatten it to 248 levels"):
        parse_json(nested(249), {})


def test_many_brackets_are_no_depth() -> None:
    raw = b'{"a": [' + b",".join([b"[]"] * 1000) + b"]}"
    assert len(parse_json(raw, {})["a"]) == 1000


def receiver(*parts: bytes, leaves: bool = False) -> Receive:
    """The client sends these and then either is done or leaves."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if leaves:
        messages.append({"type": "http.disconnect"})
    else:
        messages[-1]["more_body"] = False
    left = iter(messages)

    async def receive() -> Message:
        return next(left)

    return receive


@pytest.mark.parametrize("parts", [[b"abcdef"], [b"abc", b"def"], [b"a", b"", b"bcde", b"f"], [b"abcdef", b""]])
async def test_a_body_is_the_same_in_however_many_parts_it_comes(parts: list[bytes]) -> None:
    assert await read_body(receiver(*parts), {}, 6) == b"abcdef"
    with pytest.raises(PayloadTooLarge, match="larger than 5 bytes"):
        await read_body(receiver(*parts), {}, 5)


async def test_a_body_that_is_declared_too_long_is_not_waited_for() -> None:
    with pytest.raises(PayloadTooLarge):
        await read_body(receiver(leaves=True), {"content-length": "7"}, 6)


@pytest.mark.parametrize("parts", [[], [b"abc"]])
async def test_a_client_that_leaves_while_it_sends_has_left(parts: list[bytes]) -> None:
    with pytest.raises(ClientDisconnected):
        await read_body(receiver(*parts, leaves=True), {}, 100)


GZIP = {"content-encoding": "gzip"}


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_gzip_in_parts(size: int) -> None:
    raw = gzip.compress(b"hello", mtime=0)
    parts = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert await read_body(receiver(*parts), GZIP, 100) == b"hello"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (gzip.compress(b"hello", mtime=0)[:-3], "too early"),
        (gzip.compress(b"hello", mtime=0) + b"more", "follows"),
        (gzip.compress(b"hello", mtime=0) + gzip.compress(b" world", mtime=0), "follows"),
        (b"hello", "not valid gzip"),
        (b"", "too early"),
    ],
)
async def test_gzip_that_is_not_one_whole_body_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        await read_body(receiver(raw), GZIP, 1000)


async def test_a_small_body_that_unpacks_to_a_large_one_is_too_large() -> None:
    with pytest.raises(PayloadTooLarge):
        await read_body(receiver(gzip.compress(b"x" * 100_000, mtime=0)), GZIP, 10_000)


async def test_other_encodings_are_named() -> None:
    with pytest.raises(UnsupportedMediaType, match="'br'"):
        await read_body(receiver(b"x"), {"content-encoding": "br"}, 100)


def headers_of(*fields: tuple[bytes, bytes]) -> dict[str, str]:
    return read_headers({"headers": list(fields)})


def test_equal_headers_are_one_list() -> None:
    """Else the later would hide the earlier: a beta flag, or a hop-by-hop name."""
    fields = headers_of((b"anthropic-beta", b"a"), (b"x-one", b"1"), (b"anthropic-beta", b"b"))
    assert fields == {"anthropic-beta": "a, b", "x-one": "1"}


def test_any_byte_of_a_header_survives() -> None:
    assert headers_of((b"x-user", "张".encode()))["x-user"].encode("latin-1") == "张".encode()


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/v1/chat/completions", "/chat/completions"),
        ("/chat/completions/", "/chat/completions"),
        ("/v1", "/"),
        ("/v1/", "/"),
        ("/v1beta/models", "/v1beta/models"),
        ("/v1/v1/models", "/v1/models"),
    ],
)
def test_paths_with_and_without_v1(path: str, below: str) -> None:
    assert below_v1(path) == below


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a": }', "line 1 column 7"),
        (b"[]", "object"),
        (b"5", "object"),
        (b'{"a": NaN}', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
    ],
)
def test_what_is_no_json_object_is_told_apart(raw: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        parse_json(raw, {})


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_json_by_other_names(media: str) -> None:
    assert parse_json(b'{"a": 1, "a": 2}', {"content-type": media}) == {"a": 2}


@pytest.mark.parametrize("media", ["text/plain", "application/jsonl", ""])
def test_what_is_not_declared_as_json_is_not_read(media: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        parse_json(b"{}", {"content-type": media})


@pytest.mark.parametrize(
    ("route", "body", "param"),
    [
        (Route.CHAT, {}, "messages"),
        (Route.CHAT, {"messages": {}}, "messages"),
        (Route.CHAT, {"messages": ["hi"]}, "messages"),
        (Route.MESSAGES, {"messages": None}, "messages"),
        (Route.EMBEDDINGS, {}, "input"),
        (Route.COMPLETIONS, {}, "prompt"),
        (Route.OTHER, {"model": 5}, "model"),
        (Route.OTHER, {"stream": 1}, "stream"),
    ],
)
def test_what_routing_relies_on_is_checked(route: Route, body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_types(route, body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (Route.CHAT, {"messages": [], "model": None, "stream": None}),
        (Route.RESPONSES, {}),
        (Route.OTHER, {}),
        (Route.EMBEDDINGS, {"input": None}),
    ],
)
def test_the_rest_is_for_the_upstream_to_judge(route: Route, body: dict[str, Any]) -> None:
    check_types(route, body)
