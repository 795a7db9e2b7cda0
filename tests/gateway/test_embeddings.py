"""Embeddings and text completions through the OpenAI SDK."""

import base64
import struct

import openai
import pytest

from tests.support.clients import MESSAGES, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.upstream import scripted

VECTOR = [0.25, -1.5, 3.0]


async def embed(x):
    """As vLLM and OpenAI do: base64 if asked for, else numbers."""
    packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
    vector = packed if x.request.json.get("encoding_format") == "base64" else VECTOR
    await x.respond(
        {
            "object": "list",
            "model": "served",
            "data": [{"object": "embedding", "index": 0, "embedding": vector}],
            "usage": {"prompt_tokens": 4, "total_tokens": 4},
        }
    )


def text(value, finish=None, **extra):
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "served",
        "choices": [{"index": 0, "text": value, "logprobs": None, "finish_reason": finish}],
        **extra,
    }


async def complete(x):
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    if not x.request.json.get("stream"):
        await x.respond(text("hello", "stop", usage=usage))
        return
    await x.start_events()
    await x.event(text("hel"))
    await x.event(text("lo", "stop"))
    if (x.request.json.get("stream_options") or {}).get("include_usage"):
        await x.event(text("") | {"choices": [], "usage": usage})
    await x.event("[DONE]")
    await x.end()


@pytest.mark.parametrize("given", ["one text", ["two", "texts"], [101, 102], [[101], [102, 103]]])
async def test_every_kind_of_input_goes_upstream_as_it_is(given):
    async with (
        scripted(embed) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        answer = await client.embeddings.create(model="auto", input=given)
    assert answer.data[0].embedding == VECTOR
    assert answer.usage.total_tokens == 4
    sent = up.last.json
    assert (up.last.target, sent["input"], sent["model"]) == ("/v1/embeddings", given, "org/small-7b")
    assert sent["encoding_format"] == "base64"  # the SDK's default, which a transparent gateway keeps


async def test_float_and_dimensions_are_kept():
    async with (
        scripted(embed) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        answer = await client.embeddings.create(model="small", input="x", encoding_format="float", dimensions=3)
    assert answer.data[0].embedding == VECTOR
    assert (up.last.json["encoding_format"], up.last.json["dimensions"]) == ("float", 3)


async def test_usage_is_counted_although_embeddings_complete_nothing():
    outcomes = []
    async with scripted(embed) as up, serving(config({"small": pool(up.url)})) as gateway:
        gateway.gateway.observe(outcomes.append)
        async with openai_sdk(gateway.v1) as client:
            await client.embeddings.create(model="auto", input="x")
    assert (outcomes[0].usage.prompt, outcomes[0].usage.completion) == (4, 0)


async def test_missing_input_is_a_400_that_names_it():
    async with (
        scripted(embed) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.post("/embeddings", cast_to=object, body={"model": "auto"})
    assert caught.value.param == "input"
    assert up.requests == []


async def test_the_input_is_what_text_signals_read():
    signals = {"urgent": {"type": "keyword", "any": ["urgent"]}}
    decisions = [
        {"name": "hurry", "when": "urgent", "models": ["large"]},
        {"name": "rest", "when": "true", "models": ["small"]},
    ]
    async with scripted(embed) as up:
        pools = {"small": pool(up.url), "large": pool(up.url, model="org/large")}
        async with serving(config(pools, decisions, signals=signals)) as gateway, openai_sdk(gateway.v1) as client:
            await client.embeddings.create(model="auto", input=["calm", "urgent"])
    assert up.last.json["model"] == "org/large"


async def test_a_completion_whole_and_streamed():
    async with (
        scripted(complete) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        whole = await client.completions.create(model="auto", prompt="Say hello", max_tokens=5)
        stream = await client.completions.create(model="auto", prompt=[1, 2], stream=True)
        parts = [part async for part in stream]
    assert (whole.choices[0].text, whole.usage.total_tokens) == ("hello", 5)
    assert "".join(part.choices[0].text for part in parts) == "hello"
    assert all(part.usage is None for part in parts)
    assert up.last.target == "/v1/completions"
    assert up.last.json["stream_options"] == {"include_usage": True}


async def test_a_completion_that_breaks_off_raises():
    async def script(x):
        await x.start_events()
        await x.event(text("hel"))
        await x.end()

    async with (
        scripted(script) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        with pytest.raises(openai.APIError) as caught:
            async for _ in await client.completions.create(model="auto", prompt="x", stream=True):
                pass
    assert caught.value.code == "upstream_error"


@pytest.mark.parametrize("route", ["embeddings", "completions"])
async def test_a_pool_that_has_no_such_route_says_so(route):
    claude = pool("http://127.0.0.1:9", provider="anthropic")
    async with serving(config({"claude": claude})) as gateway, openai_sdk(gateway.v1) as client:
        with pytest.raises(openai.BadRequestError, match=f"does not offer /v1/{route}"):
            await client.post(f"/{route}", cast_to=object, body={"input": "x", "prompt": "x"})


async def test_the_next_candidate_that_has_the_route_serves_it():
    decisions = [{"name": "all", "when": "true", "models": ["claude", "small"]}]
    async with scripted(embed) as up:
        pools = {"claude": pool("http://127.0.0.1:9", provider="anthropic"), "small": pool(up.url)}
        async with serving(config(pools, decisions)) as gateway, openai_sdk(gateway.v1) as client:
            answer = await client.embeddings.create(model="auto", input="x")
    assert answer.data[0].embedding == VECTOR


async def test_chat_needs_messages_not_a_prompt():
    async with serving(config({"small": pool("http://127.0.0.1:9")})) as gateway, openai_sdk(gateway.v1) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.post("/completions", cast_to=object, body={"model": "auto", "messages": MESSAGES})
    assert caught.value.param == "prompt"
