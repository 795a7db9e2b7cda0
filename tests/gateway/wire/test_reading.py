from __future__ import annotations

import pytest

from pointsman.gateway.access.keys import Identity
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reading import build_facts
from pointsman.signals.facts import PoolLoad, Route


def facts(body, headers=None, raw=b"12345"):
    inbound = Inbound(Route.CHAT, "POST", "/chat/completions", b"", headers or {}, raw, body)
    return build_facts(inbound, Identity("team", frozenset({"premium"})), lambda name: PoolLoad(inflight=len(name)))


def test_what_a_request_says_of_itself():
    body = {
        "model": "auto",
        "stream": True,
        "n": 2,
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }
    read = facts(body, {"x-a": "1"})
    assert (read.model, read.stream, read.choices, read.size) == ("auto", True, 2, 5)
    assert (read.user_text, list(read.tools)) == ("hi", ["f"])
    assert (read.tenant, read.roles, read.headers["x-a"]) == ("team", {"premium"}, "1")
    assert read.pools("four").inflight == 4
    assert read.now.utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7),
        ({"max_completion_tokens": None, "max_tokens": 5}, 5),
        ({"max_output_tokens": 9}, 9),
        ({"max_tokens": "5"}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": -5}, None),
        ({}, None),
    ],
)
def test_the_limit_of_the_answer(body, limit):
    assert facts(body).max_tokens == limit


@pytest.mark.parametrize("n", [None, "2", True, 0, -1, 1.5, [2]])
def test_an_odd_number_of_choices_is_one(n):
    assert facts({"n": n}).choices == 1


@pytest.mark.parametrize(
    ("headers", "body", "session"),
    [
        ({"x-session-id": "s"}, {"user": "u"}, "s"),
        ({"x-session-id": ""}, {"user": "u"}, "u"),
        ({}, {"user": "u"}, "u"),
        ({}, {"user": {"id": 1}}, None),
        ({}, {}, None),
    ],
)
def test_a_session_is_named_by_its_header_or_its_user(headers, body, session):
    assert facts(body, headers).session == session
