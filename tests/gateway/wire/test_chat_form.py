"""Which requests several models may answer together, and what they are asked."""

import orjson
import pytest

from pointsman.gateway.wire.chat_form import chat_form
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Route

USER = [{"role": "user", "content": "Hi"}]
ASSISTANT = [*USER, {"role": "assistant", "content": "Well,"}]
TOOLS = [{"type": "function", "function": {"name": "look"}}]


def form(route, **body):
    return chat_form(Inbound(route, "POST", f"/{route.value}", b"", {}, orjson.dumps(body), body))


def test_a_chat_request_is_as_it_was_without_model_and_stream():
    given = {"model": "auto", "messages": USER, "stream": True, "stream_options": {}, "top_k": 5}
    assert form(Route.CHAT, **given) == {"messages": USER, "top_k": 5}


def test_other_wires_are_said_in_chat():
    asked = form(Route.MESSAGES, model="auto", system="Be kind.", messages=USER, max_tokens=9)
    assert asked["messages"] == [{"role": "system", "content": "Be kind."}, *USER]
    assert asked["max_tokens"] == 9
    asked = form(Route.RESPONSES, model="auto", instructions="Be kind.", input="Hi", max_output_tokens=9)
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert asked["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (Route.CHAT, {"messages": USER, "tools": TOOLS}),
        (Route.CHAT, {"messages": USER, "functions": TOOLS}),
        (Route.CHAT, {"messages": USER, "n": 2}),
        (Route.CHAT, {"messages": USER, "logprobs": True}),
        (Route.CHAT, {"messages": USER, "modalities": ["text", "audio"]}),
        (Route.CHAT, {"messages": ASSISTANT}),
        (Route.CHAT, {"messages": []}),
        (Route.MESSAGES, {"messages": USER, "max_tokens": 9, "tools": [{"name": "look", "input_schema": {}}]}),
        (Route.MESSAGES, {"messages": ASSISTANT, "max_tokens": 9}),
        (Route.RESPONSES, {"input": "Hi", "previous_response_id": "resp_1"}),
        (Route.RESPONSES, {"input": "Hi", "include": ["message.output_text.logprobs"]}),
        (Route.COMPLETIONS, {"prompt": "Hi"}),
        (Route.EMBEDDINGS, {"input": "Hi"}),
    ],
)
def test_what_wants_one_model_has_no_such_form(route, body):
    assert form(route, model="auto", **body) is None
