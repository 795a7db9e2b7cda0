from __future__ import annotations

import orjson
import pytest

from pointsman.gateway.errors import InvalidJSON
from pointsman.gateway.wire.inbound import parse_json


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
