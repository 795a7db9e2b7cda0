"""`respond`: the policy answers itself, in the wire and form that were asked for."""

import anthropic
import openai
import pytest

from tests.support.clients import MESSAGES, anthropic_sdk, call, chat, openai_sdk
from tests.support.gateway import config, pool, serving

DEAD = "http://127.0.0.1:9"
TEXT = "Come back tomorrow, 明天 🙂."


def settings(status=200, when="true"):
    decisions = [
        {"name": "closed", "priority": 9, "when": when, "respond": {"status": status, "message": TEXT}},
        {"name": "rest", "when": "true", "models": ["small"]},
    ]
    return config({"small": pool(DEAD, paths=["/v1/images"])}, decisions)


async def test_chat_as_json_and_as_events():
    async with serving(settings()) as gateway, openai_sdk(gateway.v1) as client:
        whole = await client.chat.completions.create(model="auto", messages=MESSAGES)
        stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
        parts = [part async for part in stream]
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (TEXT, "stop")
    assert whole.usage.total_tokens == 0
    assert "".join(part.choices[0].delta.content or "" for part in parts) == TEXT
    assert parts[-1].choices[0].finish_reason == "stop"
    assert len({part.id for part in parts}) == 1


async def test_usage_comes_with_the_stream_only_if_asked_for():
    async with serving(settings()) as gateway, openai_sdk(gateway.v1) as client:
        options = {"include_usage": True}
        stream = await client.chat.completions.create(
            model="auto", messages=MESSAGES, stream=True, stream_options=options
        )
        parts = [part async for part in stream]
    assert (parts[-1].choices, parts[-1].usage.total_tokens) == ([], 0)


async def test_text_completions():
    async with serving(settings()) as gateway, openai_sdk(gateway.v1) as client:
        whole = await client.completions.create(model="auto", prompt="hi")
        parts = [part async for part in await client.completions.create(model="auto", prompt="hi", stream=True)]
    assert whole.choices[0].text == TEXT
    assert "".join(part.choices[0].text for part in parts) == TEXT


async def test_responses():
    async with serving(settings()) as gateway, openai_sdk(gateway.v1) as client:
        whole = await client.responses.create(model="auto", input="hi")
        async with client.responses.stream(model="auto", input="hi") as stream:
            final = await stream.get_final_response()
    assert whole.output_text == final.output_text == TEXT
    assert whole.status == final.status == "completed"


async def test_messages():
    async with serving(settings()) as gateway, anthropic_sdk(gateway.url) as client:
        asked = {"model": "auto", "max_tokens": 5, "messages": MESSAGES}
        whole = await client.messages.create(**asked)
        async with client.messages.stream(**asked) as stream:
            final = await stream.get_final_message()
    assert whole.content[0].text == final.content[0].text == TEXT
    assert whole.stop_reason == final.stop_reason == "end_turn"


@pytest.mark.parametrize("stream", [False, True])
async def test_another_status_is_an_error_in_each_sdk(stream):
    async with serving(settings(403)) as gateway, openai_sdk(gateway.v1) as client, anthropic_sdk(gateway.url) as other:
        with pytest.raises(openai.PermissionDeniedError, match="Come back") as chat_error:
            await client.chat.completions.create(model="auto", messages=MESSAGES, stream=stream)
        with pytest.raises(openai.PermissionDeniedError, match="Come back"):
            await client.responses.create(model="auto", input="hi", stream=stream)
        with pytest.raises(anthropic.PermissionDeniedError, match="Come back") as messages_error:
            await other.messages.create(model="auto", max_tokens=5, messages=MESSAGES, stream=stream)
    assert (chat_error.value.code, chat_error.value.type) == ("blocked_by_policy", "policy_error")
    assert messages_error.value.body["error"]["type"] == "permission_error"


@pytest.mark.parametrize("status", [200, 451])
async def test_where_no_message_fits_it_is_an_error(status):
    expected = 400 if status == 200 else status
    async with serving(settings(status)) as gateway:
        for path, body in (
            ("embeddings", {"input": "x"}),
            ("messages/count_tokens", {"messages": MESSAGES}),
            ("images/generations", {"prompt": "a cat"}),
        ):
            answer = await call("POST", f"{gateway.v1}/{path}", json=body)
            assert (answer.status, answer.error["message"]) == (expected, TEXT)


async def test_the_headers_say_who_answered():
    async with serving(settings(429)) as gateway:
        refused = await chat(gateway.url)
    assert refused.headers["x-pointsman-decision"] == "closed"
    assert refused.headers["x-pointsman-error-source"] == "gateway"
    assert "x-pointsman-model" not in refused.headers
    async with serving(settings()) as gateway:
        answered = await chat(gateway.url, stream=True)
    assert answered.headers["x-pointsman-decision"] == "closed"
    assert answered.headers["content-type"].startswith("text/event-stream")
    assert answered.body.endswith(b"data: [DONE]\n\n")
    assert "x-pointsman-error-source" not in answered.headers


@pytest.mark.parametrize("model", ["small", "org/small-7b"])
async def test_naming_a_model_does_not_get_around_it(model):
    async with serving(settings(403)) as gateway, openai_sdk(gateway.v1) as client:
        with pytest.raises(openai.PermissionDeniedError):
            await client.chat.completions.create(model=model, messages=MESSAGES)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("responses", {"input": [{"type": "item_reference", "id": "x"}], "tools": [{"type": "web_search"}]}),
        ("responses", {}),
        ("messages", {"messages": [], "tools": 5}),
        ("chat/completions", {"messages": [], "stream_options": 7, "stream": True}),
    ],
)
async def test_it_answers_requests_that_no_pool_could(path, body):
    async with serving(settings()) as gateway:
        answer = await call("POST", f"{gateway.v1}/{path}", json=body)
    assert answer.status == 200
    assert TEXT in answer.body.decode()
