"""Probabilities that the gateway asks for do not show."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.logprobs import asking, without_logprobs
from pointsman.signals.facts import Route


def inbound(route, body):
    return Inbound(route, "POST", f"/{route.value}", b"", {}, json.dumps(body).encode(), body)


@pytest.mark.parametrize(
    ("route", "body", "asked"),
    [
        (Route.CHAT, {}, {"logprobs": True, "top_logprobs": 2}),
        (Route.CHAT, {"logprobs": False, "top_logprobs": 0}, {"logprobs": True, "top_logprobs": 2}),
        (Route.COMPLETIONS, {"logprobs": None, "prompt": "a"}, {"logprobs": 2, "prompt": "a"}),
    ],
)
def test_they_are_asked_for(route, body, asked):
    changed = asking(inbound(route, body))
    assert changed is not None
    assert orjson.loads(changed.raw) == changed.body == asked


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (Route.CHAT, {"logprobs": True}),
        (Route.COMPLETIONS, {"logprobs": 0}),
        (Route.COMPLETIONS, {"logprobs": 5}),
        (Route.MESSAGES, {}),
        (Route.RESPONSES, {}),
    ],
)
def test_what_the_client_asks_is_left_alone(route, body):
    assert asking(inbound(route, body)) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
told = st.dictionaries(st.just("content"), st.lists(st.dictionaries(st.text(), values, max_size=2), max_size=3))


@given(st.text(), told, st.sampled_from([None, (",", ":"), (" , ", " : ")]), st.booleans())
def test_nothing_else_is_changed(text, logprobs, separators, ascii_only):
    body = {"choices": [{"index": 0, "message": {"content": text}, "logprobs": logprobs}], "x": 1.50, "y": text}

    def written(body):
        return json.dumps(body, separators=separators, ensure_ascii=ascii_only).encode("utf-8", "replace")

    before = written(body)
    body["choices"][0]["logprobs"] = None  # type: ignore[index]
    assert without_logprobs(before) == written(body)
    assert without_logprobs(b"data: %b\n\n" % before) == b"data: %b\n\n" % written(body)


def test_half_an_answer_is_left_as_it_is():
    assert without_logprobs(b'{"logprobs": {"content": [') == b'{"logprobs": {"content": ['
