"""Answers from the cache in every wire, by the official SDKs: kept from a stream or not, asked for as one or not."""

import pytest

from tests.support.clients import anthropic_sdk, openai_sdk
from tests.support.upstream import USAGE_CHUNK, chunk, completion

TEXT = "Because of the spins 🧲 of their electrons.\n\n磁铁有磁畴。 " * 8
THOUGHT = "Let me think about iron. " * 4
WAYS = [(False, False), (False, True), (True, False), (True, True)]


async def upstream(x):
    body = x.request.json
    if x.request.target.endswith("/completions") and "prompt" in body:
        await complete(x, body)
        return
    message = {"role": "assistant", "content": TEXT, "reasoning_content": THOUGHT}
    if not body.get("stream"):
        await x.respond(completion(choices=[{"index": 0, "message": message, "finish_reason": "stop"}]))
        return
    await x.start_events()
    first = chunk()
    first["choices"][0]["delta"] = {"role": "assistant", "reasoning_content": THOUGHT}
    await x.event(first)
    for start in range(0, len(TEXT), 7):
        await x.event(chunk(TEXT[start : start + 7]))
    await x.event(chunk(finish="stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        await x.event(USAGE_CHUNK)
    await x.event("[DONE]")
    await x.end()


async def complete(x, body):
    def form(text, finish):
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "served", "choices": [choice]}

    if not body.get("stream"):
        await x.respond(form(TEXT, "stop") | {"usage": USAGE_CHUNK["usage"]})
        return
    await x.start_events()
    await x.event(form(TEXT, None))
    await x.event(form("", "stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        await x.event(form("", None) | {"choices": [], "usage": USAGE_CHUNK["usage"]})
    await x.event("[DONE]")
    await x.end()


async def chat(one, stream):
    """Text, thoughts, finish and tokens of the answer, and the cache's part in it."""
    async with openai_sdk(one.gateway.v1) as client:
        ask = client.chat.completions.with_raw_response.create
        said = {"model": "auto", "messages": [{"role": "user", "content": "Why?"}]}
        if not stream:
            raw = await ask(**said)
            whole = raw.parse()
            choice, message = whole.choices[0], whole.choices[0].message
            found = message.content, message.reasoning_content, choice.finish_reason, whole.usage.total_tokens
            return found, raw.headers["x-pointsman-cache"]
        raw = await ask(**said, stream=True, stream_options={"include_usage": True})
        parts = [part async for part in raw.parse()]
    assert len({part.id for part in parts}) == 1
    deltas = [part.choices[0].delta for part in parts if part.choices]
    text = "".join(delta.content or "" for delta in deltas)
    thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    finish = [part.choices[0].finish_reason for part in parts if part.choices][-1]
    return (text, thought, finish, parts[-1].usage.total_tokens), raw.headers["x-pointsman-cache"]


async def text(one, stream):
    async with openai_sdk(one.gateway.v1) as client:
        ask = client.completions.with_raw_response.create
        if not stream:
            raw = await ask(model="auto", prompt="Why?")
            whole = raw.parse()
            found = whole.choices[0].text, whole.choices[0].finish_reason, whole.usage.total_tokens
            return found, raw.headers["x-pointsman-cache"]
        raw = await ask(model="auto", prompt="Why?", stream=True, stream_options={"include_usage": True})
        parts = [part async for part in raw.parse()]
    said = "".join(part.choices[0].text for part in parts if part.choices)
    finish = [part.choices[0].finish_reason for part in parts if part.choices][-1]
    return (said, finish, parts[-1].usage.total_tokens), raw.headers["x-pointsman-cache"]


async def responses(one, stream):
    async with openai_sdk(one.gateway.v1) as client:
        asked = {"model": "auto", "input": "Why?"}
        if not stream:
            raw = await client.responses.with_raw_response.create(**asked)
            whole, how = raw.parse(), raw.headers["x-pointsman-cache"]
        else:
            raw = await client.responses.with_raw_response.create(**asked, stream=True)
            how = raw.headers["x-pointsman-cache"]
            events = [event async for event in raw.parse()]
            whole = events[-1].response
            assert [event.sequence_number for event in events] == list(range(len(events)))
            deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
            assert "".join(deltas) == whole.output_text
            async with client.responses.stream(**asked) as again:
                assert (await again.get_final_response()).output_text == whole.output_text
    kinds = [item.type for item in whole.output]
    return (whole.output_text, kinds, whole.status, whole.usage.total_tokens), how


async def messages(one, stream):
    async with anthropic_sdk(one.url) as client:
        asked = {"model": "auto", "max_tokens": 500, "messages": [{"role": "user", "content": "Why?"}]}
        thinking = {"thinking": {"type": "adaptive"}}
        if not stream:
            raw = await client.messages.with_raw_response.create(**asked, extra_body=thinking)
            whole, how = await raw.parse(), raw.headers["x-pointsman-cache"]
        else:
            async with client.messages.stream(**asked, extra_body=thinking) as events:
                whole = await events.get_final_message()
                how = events.response.headers["x-pointsman-cache"]
    said = [getattr(block, block.type) for block in whole.content]
    return (said, whole.stop_reason, whole.usage.input_tokens, whole.usage.output_tokens), how


@pytest.mark.parametrize(("kept", "asked"), WAYS)
@pytest.mark.parametrize("wire", [chat, text, responses, messages])
async def test_kept_one_way_and_asked_for_the_other(caches, wire, kept, asked):
    async with caches(upstream) as one:
        first, miss = await wire(one, kept)
        second, hit = await wire(one, asked)
        assert one.asked == 1
    assert first == second
    assert (miss, hit) == ("miss", "exact")
    assert TEXT in first[0]  # a text, or the blocks


async def test_a_stream_comes_in_pieces(caches):
    async with caches(upstream) as one:
        await one.ask()
        answer = await one.ask(stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body.count(b"data: ") > 20
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert b'"usage"' not in answer.body


async def test_wires_do_not_share(caches):
    async with caches(upstream) as one:
        for wire in (chat, text, responses, messages):
            assert (await wire(one, False))[1] == "miss"
            assert (await wire(one, False))[1] == "exact"
