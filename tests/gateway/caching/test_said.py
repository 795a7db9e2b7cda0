"""What a request is looked up as: everything but the last user text must be the same."""

import pytest

from pointsman.cache.scope import ScopeKey, owner_of
from pointsman.gateway.caching.said import parts_of, read_said
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Route

KEY = ScopeKey(bytes(32))
USUAL = {"owner": owner_of("a"), "category": "general", "candidates": ["small m"], "epoch": "1"}


def asks(body, route=Route.CHAT, headers=None, query=b""):
    return Inbound(route, "POST", f"/{route.value}", query, headers or {}, b"", body)


def scoped(body, route=Route.CHAT, headers=None, query=b"", **other):
    inbound = asks(body, route, headers, query)
    said = read_said(inbound)
    return KEY.scoped(parts_of(inbound, said, **{**USUAL, **other}), said.text)


def user(content, **more):
    return {"role": "user", "content": content, **more}


def chat(text="hi", before=(), **more):
    return {"model": "auto", "messages": [*before, user(text)], **more}


def test_another_text_has_the_same_scope_and_is_not_equal():
    one, other = scoped(chat("hi")), scoped(chat("hello"))
    assert one.scope == other.scope
    assert one.exact != other.exact
    assert one == scoped(chat("hi"))


SYSTEM, EARLIER = {"role": "system", "content": "Be brief."}, [user("a"), {"role": "assistant", "content": "b"}]


@pytest.mark.parametrize(
    "body",
    [
        chat(before=[SYSTEM]),
        chat(before=EARLIER),
        chat(before=[user("a")]),
        chat(temperature=0),
        chat(temperature=0.5),
        chat(top_p=0.5),
        chat(seed=1),
        chat(max_tokens=5),
        chat(max_completion_tokens=5),
        chat(stop=["x"]),
        chat(response_format={"type": "json_object"}),
        chat(tools=[{"type": "function", "function": {"name": "f"}}]),
        chat(tool_choice="none"),
        chat(reasoning_effort="low"),
        chat(logit_bias={"1": 2}),
        chat(chat_template_kwargs={"enable_thinking": False}),
        chat(never_heard_of=1),
        {"model": "auto", "messages": [user("hi", name="Ann")]},
    ],
)
def test_whatever_else_is_different_is_another_scope(body):
    assert scoped(body).scope != scoped(chat()).scope
    assert scoped(body) == scoped(body)


def test_each_value_is_its_own():
    values = [chat(temperature=0), chat(temperature=1), chat(seed=1), chat(max_tokens=1), chat(max_completion_tokens=1)]
    assert len({scoped(body).scope for body in values}) == len(values)


@pytest.mark.parametrize(
    "other",
    [
        {"owner": owner_of("b")},
        {"owner": owner_of(None)},
        {"category": "math"},
        {"candidates": ["large m"]},
        {"candidates": ["small n"]},
        {"epoch": "2"},
        {"headers": {"anthropic-beta": "x"}},
        {"query": b"api-version=1"},
    ],
)
def test_who_asks_and_who_would_answer_are_part_of_it(other):
    assert scoped(chat(), **other).scope != scoped(chat()).scope


@pytest.mark.parametrize(
    "idle",
    [
        {"model": "gpt-4o"},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"user": "u"},
        {"metadata": {"a": "b"}},
        {"store": True},
        {"service_tier": "flex"},
    ],
)
def test_what_does_not_change_an_answer_does_not_count(idle):
    assert scoped({**chat(), **idle}) == scoped(chat())


def test_the_order_of_members_does_not_count():
    assert scoped(dict(reversed(chat(seed=1, top_p=0.5).items()))) == scoped(chat(top_p=0.5, seed=1))


def test_a_text_in_parts_is_the_same_text():
    parts = {"messages": [user([{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}])]}
    assert scoped(parts) == scoped(chat())


def test_the_same_question_in_another_wire_is_kept_apart():
    found = [
        scoped(chat()),
        scoped(chat(), Route.MESSAGES),
        scoped({"input": "hi"}, Route.RESPONSES),
        scoped({"prompt": "hi"}, Route.COMPLETIONS),
    ]
    assert len({one.scope for one in found}) == 4


def test_responses_as_text_and_as_items():
    items = {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}
    assert scoped(items, Route.RESPONSES) == scoped({"input": "hi"}, Route.RESPONSES)
    told = {"input": "hi", "instructions": "Be brief."}
    assert scoped(told, Route.RESPONSES).scope != scoped(items, Route.RESPONSES).scope
    strict = {"input": "hi", "text": {"format": {"type": "json_object"}}}
    assert scoped(strict, Route.RESPONSES).scope != scoped(items, Route.RESPONSES).scope


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (Route.CHAT, {"messages": []}),
        (Route.CHAT, {"messages": [SYSTEM]}),
        (Route.CHAT, {"messages": [*EARLIER]}),
        (Route.CHAT, {"messages": [user("a"), {"role": "tool", "tool_call_id": "1", "content": "b"}]}),
        (Route.CHAT, {"messages": [user([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}])]}),
        (Route.CHAT, {"messages": [user([{"type": "text", "text": "a", "unknown": 1}])]}),
        (Route.CHAT, {"messages": [user(None)]}),
        (Route.CHAT, {"messages": [user([])]}),
        (Route.MESSAGES, {"messages": [user([{"type": "tool_result", "content": "x"}])]}),
        (Route.RESPONSES, {"input": [{"type": "function_call_output", "call_id": "1", "output": "x"}]}),
        (Route.RESPONSES, {}),
        (Route.COMPLETIONS, {"prompt": [1, 2]}),
        (Route.COMPLETIONS, {"prompt": ["a", "b"]}),
        (Route.EMBEDDINGS, {"input": "hi"}),
    ],
)
def test_what_does_not_end_with_a_users_text_is_not_looked_up(route, body):
    assert read_said(asks(body, route)) is None
