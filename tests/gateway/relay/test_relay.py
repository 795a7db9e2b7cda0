"""What becomes of a request at its endpoints, and what the log, an endpoint's health and the client learn of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp
import pytest
from structlog.testing import capture_logs

from pointsman.gateway.observe.outcome import Cause, ErrorSource, Phase, Result, Usage
from pointsman.gateway.pools.lease import live_leases
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, chunk, completion, scripted

MESSAGES = [{"role": "user", "content": "Say hello"}]
PRICE = {"input": 1.0, "output": 10.0}
ONCE = {"attempts": 1}
QUICK = {"attempts": 2, "backoff": "1ms"}
EJECT_AT_ONCE = {"eject": {"failures": 1, "for": "1h"}}


class Gateway:
    """A gateway under test, what it says of its requests, and a client."""

    def __init__(self, served, http):
        self.url, self._http = served.url, http
        self.pools = served.gateway.runtime.pools
        self._outcomes = asyncio.Queue()
        served.gateway.observe(self._outcomes.put_nowait)

    async def post(self, stream=False, path="/v1/chat/completions", headers=None, **body):
        body = {"model": "auto", "messages": MESSAGES, "stream": stream, **body}
        async with self._http.post(self.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers

    async def outcome(self):
        return await self._outcomes.get()

    @property
    def endpoints(self):
        return self.pools["small"].endpoints


@asynccontextmanager
async def gateway(*scripts, **extra):
    """One pool with an endpoint for each script."""
    async with AsyncExitStack() as stack:
        ups = [await stack.enter_async_context(scripted(script)) for script in scripts]
        small = pool(*(up.url for up in ups), price=PRICE, **{"balance": "round_robin", **extra})
        served = await stack.enter_async_context(serving(config({"small": small})))
        yield Gateway(served, await stack.enter_async_context(aiohttp.ClientSession())), *ups
    assert live_leases() == 0


# Upstreams


def respond(status, body=None, **headers):
    async def script(x):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await x.respond({"error": {"message": "no"}} if body is None else body, status, named)

    return script


async def close(x):
    x.close()


async def hang(x):
    await x.gone()
    x.close()


async def hang_in_stream(x):
    await x.start_events()
    await x.event(chunk("one"))
    await hang(x)


async def cut_stream(x):
    await x.start_events()
    await x.event(chunk("one"))
    x.close()


async def half(x):
    await x.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{")
    x.close()


@pytest.mark.parametrize(
    ("script", "stream", "status", "result"),
    [
        (answer_hello, False, 200, Result.OK),
        (answer_hello, True, 200, Result.OK),
        (close, False, 502, Result.RESET),
        (half, False, 502, Result.RESET),
        (cut_stream, True, 200, Result.RESET),
        (hang, True, 504, Result.TIMEOUT),
        (hang, False, 504, Result.TIMEOUT),
        (hang_in_stream, True, 200, Result.TIMEOUT),
        (respond(200, b"<html>"), False, 502, Result.INVALID),
        (respond(200, completion()), True, 502, Result.INVALID),
        (respond(400), False, 400, Result.REJECTED),
        (respond(401), False, 502, Result.AUTH),
        (respond(429), True, 429, Result.LIMITED),
        (respond(500), False, 500, Result.ERROR),
        (respond(503, b"<html>"), True, 502, Result.ERROR),
        (respond(302, b"", location="http://elsewhere/"), False, 502, Result.ERROR),
    ],
)
async def test_how_an_attempt_ended(script, stream, status, result):
    hangs = script in (hang, hang_in_stream)
    timeouts = {"first_token": "50ms", "idle": "50ms", "total": "10s" if stream else "50ms"} if hangs else {}
    async with gateway(script, retry=ONCE, timeouts=timeouts) as (gw, up):
        got, _, headers = await gw.post(stream)
        outcome = await gw.outcome()
    assert got == outcome.status == status
    (attempt,) = outcome.attempts
    assert (attempt.pool, attempt.endpoint, attempt.result) == ("small", up.url.removeprefix("http://"), result)
    failed = result is not Result.OK
    assert (outcome.error_source is ErrorSource.UPSTREAM) == (outcome.error_code is not None) == failed
    assert ("x-pointsman-error-source" in headers) == (status != 200)
    assert outcome.disconnect is None


async def test_an_error_event_after_the_first_is_the_endpoints_failure():
    seen = asyncio.Event()

    async def script(x):
        await x.start_events()
        await x.event(chunk("one"))
        await seen.wait()
        await x.event({"error": {"message": "dead"}})
        await x.end()

    async with gateway(script, retry=QUICK) as (gw, up):
        reader, writer = await raw_client(gw)
        await reader.readuntil(b"one")
        seen.set()
        outcome = await gw.outcome()
        writer.close()
    assert (outcome.status, outcome.error_code) == (200, "upstream_error")
    assert [a.result for a in outcome.attempts] == [Result.ERROR]
    assert len(up.requests) == 1


async def test_nobody_there():
    async with gateway(retry=ONCE, endpoints=["http://127.0.0.1:9"]) as (gw,):
        assert (await gw.post())[0] == 502
        assert [a.result for a in (await gw.outcome()).attempts] == [Result.CONNECT]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_an_answer_cost(stream):
    async with gateway(answer_hello) as (gw, _):
        await gw.post(stream)
        outcome = await gw.outcome()
    assert outcome.usage == Usage(3, 2)
    assert outcome.cost == pytest.approx((3 * 1.0 + 2 * 10.0) / 1e6)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_nobody_counted_has_no_cost(stream):
    async def script(x):
        if stream:
            await x.start_events()
            await x.event(chunk("hi", finish="stop"))
            await x.end()
        else:
            await x.respond({k: v for k, v in completion().items() if k != "usage"})

    async with gateway(script) as (gw, _):
        await gw.post(stream)
        outcome = await gw.outcome()
    assert (outcome.usage, outcome.cost) == (None, None)


# Another endpoint


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", [close, respond(500), respond(429), respond(503, b""), respond(302, b"")])
async def test_another_endpoint_is_asked_before_the_first_byte(first, stream):
    async with gateway(first, answer_hello, retry=QUICK) as (gw, bad, good):
        results = []
        for _ in range(4):
            status, body, _ = await gw.post(stream)
            assert (status, b"hel" in body) == (200, True)
            results.append([a.result for a in (await gw.outcome()).attempts])
    assert any(len(each) == 2 for each in results)
    assert all(each[-1] is Result.OK for each in results)
    assert len(good.requests) == 4
    assert bad.requests


async def test_an_error_event_before_any_other_lets_another_be_asked():
    async def script(x):
        await x.start_events()
        await x.event({"error": {"message": "overloaded", "code": 503}})
        await x.end()

    async with gateway(script, answer_hello, retry=QUICK) as (gw, bad, _):
        for _ in range(2):
            assert b"hel" in (await gw.post(stream=True))[1]
    assert bad.requests


async def test_after_the_first_byte_nobody_else_is_asked():
    async with gateway(cut_stream, cut_stream, retry=QUICK) as (gw, *ups):
        _, body, _ = await gw.post(stream=True)
    assert body.count(b"one") == 1
    assert sum(len(up.requests) for up in ups) == 1


async def test_the_time_for_the_first_token_does_not_go_on_while_nobody_is_asked():
    pause = {"attempts": 2, "backoff": "400ms"}
    async with gateway(close, answer_hello, retry=pause, timeouts={"first_token": "250ms"}) as (gw, up, _):
        for _ in range(4):
            assert (await gw.post(stream=True))[0] == 200
    assert up.requests


async def test_the_time_for_the_first_token_is_each_attempts_own():
    async with gateway(hang, hang, retry=QUICK, timeouts={"first_token": "50ms"}) as (gw, *ups):
        status, body, _ = await gw.post(stream=True)
        outcome = await gw.outcome()
    assert (status, b"first_token" in body) == (504, True)
    assert [a.result for a in outcome.attempts] == [Result.TIMEOUT] * 2
    assert all(len(up.requests) == 1 for up in ups)


# A pool of one endpoint


def first_then_hello(first):
    turns = iter([first])

    async def script(x):
        await next(turns, answer_hello)(x)

    return script


@pytest.mark.parametrize("first", [close, respond(500), respond(429, retry_after_ms="20"), respond(503)])
async def test_one_that_failed_is_asked_again_for_want_of_another(first):
    async with gateway(first_then_hello(first), retry=QUICK) as (gw, up):
        status, body, _ = await gw.post()
        outcome = await gw.outcome()
    assert (status, b"hello" in body, len(up.requests)) == (200, True, 2)
    assert [attempt.cause for attempt in outcome.attempts] == [Cause.FIRST, Cause.RETRY]


async def test_one_that_may_still_be_at_work_is_not_asked_again():
    async with gateway(hang, retry=QUICK, timeouts={"first_token": "50ms"}) as (gw, up):
        assert (await gw.post(stream=True))[0] == 504
    assert len(up.requests) == 1


async def test_one_that_wants_to_be_left_alone_for_long_is():
    async with gateway(respond(503, retry_after="3600"), retry=QUICK) as (gw, up):
        status, _, headers = await gw.post()
    assert (status, headers["retry-after"], len(up.requests)) == (503, "3600", 1)


@pytest.mark.parametrize(("named", "told"), [({"retry_after": "7"}, None), ({}, "false")])
async def test_a_refusal_says_whether_to_come_back(named, told):
    async with gateway(respond(429, **named), retry=ONCE) as (gw, _):
        _, _, headers = await gw.post()
    assert headers.get("x-should-retry") == told


# What an upstream's error becomes


@pytest.mark.parametrize("status", [404, 408, 422, 429])
async def test_a_4xx_passes_byte_for_byte_whatever_it_is(status):
    async with gateway(respond(status, b"<html>no</html>", retry_after="7"), retry=ONCE) as (gw, _):
        got, body, headers = await gw.post()
    assert (got, body, headers["retry-after"]) == (status, b"<html>no</html>", "7")


async def test_an_error_too_long_to_pass_is_not_passed_in_part():
    async with gateway(respond(400, b"x" * 1_000_000), retry=ONCE) as (gw, _):
        status, body, _ = await gw.post()
    assert status == 400
    assert "too long" in json.loads(body)["error"]["message"]


async def test_after_every_try_an_sdk_need_not_try_again():
    async with gateway(respond(500, x_should_retry="true"), retry=ONCE) as (gw, _):
        _, _, headers = await gw.post()
    assert headers.getall("x-should-retry") == ["false"]


async def test_an_error_is_told_in_the_clients_wire():
    script = respond(400, {"error": {"message": "bad", "type": "t"}}, content_encoding="identity")
    async with gateway(script) as (gw, _):
        status, body, headers = await gw.post(path="/v1/messages", max_tokens=5)
    assert status == 400
    assert json.loads(body) == {"type": "error", "error": {"type": "invalid_request_error", "message": "bad"}}
    assert headers["content-type"] == "application/json"


# Clients that leave


@pytest.mark.parametrize(("stream", "phase"), [(False, Phase.HEADERS), (True, Phase.HEADERS), (True, Phase.STREAM)])
async def test_clients_that_leave_are_nobodys_fault(stream, phase):
    """With an endpoint that one failure would put out."""
    reached = asyncio.Queue()

    async def script(x):
        if phase is Phase.STREAM:
            await x.start_events()
            await x.event(chunk("one"))
        reached.put_nowait(x)
        await hang(x)

    async with gateway(script, health=EJECT_AT_ONCE) as (gw, _):
        for _ in range(3):
            reader, writer = await raw_client(gw, stream)
            await reached.get()
            if phase is Phase.STREAM:
                await reader.readuntil(b"one")
            writer.transport.abort()
            outcome = await gw.outcome()
            assert (outcome.status, outcome.disconnect) == (499, phase)
            assert [a.result for a in outcome.attempts] == [Result.CANCELLED]
            assert (outcome.error_source, outcome.error_code) == (None, None)
        assert gw.endpoints[0].health.failures == 0
        assert gw.endpoints[0].up
        assert gw.pools["small"].inflight == 0


async def test_a_client_that_leaves_before_it_has_asked():
    async with gateway(answer_hello) as (gw, up):
        _, writer = await asyncio.open_connection(*gw.url.removeprefix("http://").split(":"))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{")
        await writer.drain()
        writer.close()
        outcome = await gw.outcome()
    assert (outcome.status, outcome.disconnect, outcome.attempts) == (499, Phase.REQUEST, ())
    assert up.requests == []


async def test_a_client_that_leaves_the_queue_was_never_sent():
    async with gateway(hang, limits={"inflight": 1, "queue": 5, "queue_timeout": "1h"}) as (gw, up):
        first = asyncio.create_task(gw.post())
        second = asyncio.create_task(gw.post())
        for _ in range(1000):
            if gw.pools["small"].waiting:
                break
            await asyncio.sleep(0.001)
        second.cancel()
        outcome = await gw.outcome()
        assert (outcome.disconnect, outcome.attempts) == (Phase.QUEUE, ())
        assert gw.pools["small"].waiting == 0
        first.cancel()
        await gw.outcome()
    assert len(up.requests) == 1


async def test_the_clients_own_deadline_is_no_failure_of_the_endpoint():
    async with gateway(hang, health=EJECT_AT_ONCE) as (gw, _):
        status, body, _ = await gw.post(headers={"x-pointsman-deadline-ms": "50"})
        outcome = await gw.outcome()
        assert gw.endpoints[0].up
    assert (status, b"x-pointsman-deadline-ms" in body) == (504, True)
    assert [a.result for a in outcome.attempts] == [Result.CANCELLED]


async def test_a_failure_does_put_that_endpoint_out():
    """Else the tests above would show nothing."""
    async with gateway(close, answer_hello, health=EJECT_AT_ONCE, retry=QUICK) as (gw, *_):
        for _ in range(2):
            await gw.post()
        assert [e.up for e in gw.endpoints] == [False, True]


# Answers that cannot be ended


async def raw_client(gw, stream=True):
    reader, writer = await asyncio.open_connection(*gw.url.removeprefix("http://").split(":"), limit=2**16)
    body = json.dumps({"model": "auto", "messages": MESSAGES, "stream": stream}).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    return reader, writer


async def endless(x):
    await x.start_events()
    while True:
        await x.event(chunk("x" * 10_000))


async def test_a_client_that_never_reads_is_cut_off(caplog):
    """At the total limit, with all that the gateway kept for it; nobody else is to blame."""
    left = asyncio.Event()

    async def script(x):
        try:
            await endless(x)
        finally:
            left.set()

    async with gateway(script, timeouts={"total": "300ms"}, health=EJECT_AT_ONCE) as (gw, _):
        with capture_logs() as logs:
            reader, writer = await raw_client(gw)
            outcome = await gw.outcome()
            await left.wait()
            assert not (await rest(reader)).endswith(b"0\r\n\r\n")
        assert gw.endpoints[0].up
        assert gw.pools["small"].inflight == 0
        writer.close()
    assert (outcome.status, outcome.disconnect) == (499, Phase.STREAM)
    assert [a.result for a in outcome.attempts] == [Result.CANCELLED]
    assert [entry["event"] for entry in logs] == ["answer_cut"]
    assert [r for r in caplog.records if r.name.startswith(("uvicorn", "asyncio"))] == []


async def rest(reader):
    """All that comes until the connection ends, in whichever way."""
    got = bytearray()
    with suppress(ConnectionError):
        while part := await reader.read(2**16):
            got += part
    return bytes(got)


async def test_bytes_that_break_off_are_cut_off_too(caplog):
    """Neither a length nor an end is told, so only the broken connection says that this is not all."""

    async def script(x):
        await x.start_events({"content-type": "audio/mpeg"})
        await x.chunk(b"abc")
        x.reset()

    async with gateway(script, paths=["/v1/audio"]) as (gw, _):
        with capture_logs() as logs, pytest.raises(aiohttp.ClientPayloadError):
            await gw.post(path="/v1/audio/speech")
        outcome = await gw.outcome()
    assert (outcome.status, outcome.error_source, outcome.error_code) == (200, ErrorSource.UPSTREAM, "upstream_error")
    assert [a.result for a in outcome.attempts] == [Result.RESET]
    assert [entry["event"] for entry in logs] == ["answer_cut"]
    assert [r for r in caplog.records if r.name.startswith(("uvicorn", "asyncio"))] == []


async def test_a_slow_client_gets_the_error_event_when_it_comes_to_it():
    """It had not read what came before when the upstream broke."""
    broken = asyncio.Event()

    async def script(x):
        await x.start_events()
        for _ in range(1000):
            await x.event(chunk("x" * 2000))
        x.close()
        broken.set()

    async with gateway(script) as (gw, _):
        reader, writer = await raw_client(gw)
        await reader.readuntil(b"\n\n")
        await asyncio.sleep(0.05)
        body = bytearray()
        while b"\r\n0\r\n\r\n" not in body[-20:]:
            body += await reader.read(2**16)
        await broken.wait()
        writer.close()
    assert body.count(b'"content"') == 999
    assert body.count(b'{"error"') == 1
