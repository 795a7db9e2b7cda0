"""A client that leaves, a client that is slow, and an upstream that is: nobody waits for nothing."""

import asyncio
import json

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from pointsman.gateway.observe.outcome import Phase
from pointsman.gateway.pools.lease import live_leases
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, chunk, completion, scripted

MESSAGES = [{"role": "user", "content": "Say hello"}]
SECOND = 1.0


class Hanging:
    """An upstream that stops in one phase, and notices when the gateway hangs up."""

    def __init__(self, phase):
        self.phase = phase
        self.reached = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, x):
        if self.phase is Phase.STREAM:
            await x.start_events()
            await x.event(chunk("first"))
        if self.phase is Phase.BODY:
            await x.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{")
        self.reached.set()
        await x.gone()
        self.left.set()
        x.close()


async def request(url, stream, got_first):
    body = {"model": "auto", "messages": MESSAGES, "stream": stream}
    async with aiohttp.ClientSession() as http, http.post(url + "/chat/completions", json=body) as answer:
        await answer.content.readany()
        got_first.set()
        await answer.read()


@pytest.mark.parametrize(
    ("phase", "stream"),
    [(Phase.HEADERS, True), (Phase.HEADERS, False), (Phase.BODY, False), (Phase.STREAM, True)],
)
async def test_a_client_that_leaves_cancels_the_upstream(phase, stream):
    upstream, outcomes, got_first = Hanging(phase), asyncio.Queue(), asyncio.Event()
    async with scripted(upstream) as up, serving(config({"small": pool(up.url)})) as gateway:
        gateway.gateway.observe(outcomes.put_nowait)
        call = asyncio.create_task(request(gateway.v1, stream, got_first))
        await upstream.reached.wait()
        if phase is Phase.STREAM:
            await got_first.wait()
        call.cancel()
        async with asyncio.timeout(SECOND):
            await upstream.left.wait()
            outcome = await outcomes.get()
        assert live_leases() == 0
        endpoint = gateway.gateway.runtime.pools["small"].endpoints[0]
        assert endpoint.up
    assert (outcome.status, outcome.disconnect) == (499, phase)


async def ask(url, **extra):
    async with AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
        answer = await client.chat.completions.create(model="auto", messages=MESSAGES, **extra)
        if not extra.get("stream"):
            return answer.choices[0].message.content
        return "".join([c.choices[0].delta.content or "" async for c in answer])


@pytest.mark.parametrize(
    ("phase", "limits", "stream", "says"),
    [
        (Phase.HEADERS, {"first_token": "50ms"}, True, "first_token"),
        (Phase.HEADERS, {"total": "50ms"}, False, "total"),
        (Phase.BODY, {"total": "50ms"}, False, "total"),
    ],
)
async def test_a_hanging_upstream_is_a_504(phase, limits, stream, says):
    upstream = Hanging(phase)
    async with scripted(upstream) as up:
        settings = config({"small": pool(up.url, timeouts=limits, retry={"attempts": 1})})
        async with serving(settings) as gateway:
            with pytest.raises(openai.InternalServerError, match=says) as caught:
                await ask(gateway.v1, stream=stream)
            await upstream.left.wait()
    assert (caught.value.status_code, caught.value.code) == (504, "upstream_timeout")


async def test_a_stream_that_falls_silent_ends_with_an_error_event():
    upstream = Hanging(Phase.STREAM)
    async with scripted(upstream) as up, serving(config({"small": pool(up.url, timeouts={"idle": "50ms"})})) as gateway:
        with pytest.raises(openai.APIError, match="idle") as caught:
            await ask(gateway.v1, stream=True)
        await upstream.left.wait()
    assert caught.value.code == "upstream_timeout"


async def test_an_endpoint_that_hangs_is_left_for_another_before_the_first_token():
    hanging = Hanging(Phase.HEADERS)
    async with scripted(hanging) as slow, scripted(answer_hello) as quick:
        settings = pool(slow.url, quick.url, timeouts={"first_token": "50ms"}, balance="round_robin")
        async with serving(config({"small": settings})) as gateway:
            for _ in range(2):
                assert await ask(gateway.v1, stream=True) == "hello"
    assert slow.requests


async def test_a_slow_reader_slows_the_upstream_and_nobody_else():
    piece = "x" * 4096
    written = 0

    async def script(x):
        nonlocal written
        if not x.request.json.get("stream"):
            await x.respond(completion())
            return
        await x.start_events()
        for _ in range(20_000):  # 80 MB, unless it is held back
            await x.event(chunk(piece))
            written += len(piece)

    async with scripted(script) as up, serving(config({"small": pool(up.url, timeouts={"connect": "30s"})})) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        body = json.dumps({"model": "auto", "messages": MESSAGES, "stream": True}).encode()
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        await reader.readuntil(b"\n\n")
        answers = await asyncio.gather(*(ask(gateway.v1) for _ in range(200)))
        assert len(answers) == 200
        before = -1
        while before != written:  # until the stream stands still
            before = written
            await asyncio.gather(*(ask(gateway.v1) for _ in range(20)))
        assert written < 16 * 1024**2
        outcomes = asyncio.Queue()
        gateway.gateway.observe(outcomes.put_nowait)
        writer.transport.abort()
        assert (await outcomes.get()).disconnect is Phase.STREAM


async def test_a_keepalive_connection_that_the_upstream_closed_is_not_an_error():
    async def script(x):
        await x.respond(completion())
        x.close()  # without saying so in the headers

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        for _ in range(10):
            await ask(gateway.v1)
    assert len(up.requests) == 10
