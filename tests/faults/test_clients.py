"""Clients that send half a request, read slowly or leave: nobody else notices, and nothing of them stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from pointsman.gateway import protocol
from pointsman.gateway.app import Gateway
from pointsman.gateway.observe.outcome import Outcome
from pointsman.gateway.pools.lease import live_leases
from pointsman.gateway.schema.config import Config
from pointsman.gateway.server import Server, listen
from tests.support.gateway import Served, config, pool, serving
from tests.support.scene import PATIENT, nothing_left, until
from tests.support.told import marks_in, tell, text_of, told
from tests.support.upstream import Exchange, ScriptedUpstream, scripted
from tests.support.ways import CHAT, CHAT_STREAM, PATHS, Sdks, sdks
from tests.support.witness import assert_whole

BODY = json.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
REQUEST = HEAD + b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
UPLOAD = (
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\n"
    b"content-length: 1000\r\n\r\n" + b"a" * 500
)
HALVES = {
    "half a request line": b"POST /v1/chat",
    "half a header": HEAD[:60],
    "half a body": REQUEST[:-20],
    "half a chunk": HEAD + b"transfer-encoding: chunked\r\n\r\nff\r\n{",
    "half an upload": UPLOAD,
    "no request": b"",
}


@dataclass
class Scene:
    served: Served
    sdk: Sdks
    up: ScriptedUpstream
    outcomes: asyncio.Queue[Outcome] = field(default_factory=asyncio.Queue)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.served.url.removeprefix("http://").split(":"))

    async def assert_serves(self) -> None:
        assert_whole(await CHAT.ask(self.sdk, "auto"))
        assert_whole(await CHAT_STREAM.ask(self.sdk, "auto"))


async def fine(x: Exchange) -> None:
    await tell(x, told(x.request))


@asynccontextmanager
async def opened(script: Any = fine, **extra: Any) -> AsyncIterator[Scene]:
    common: dict[str, Any] = {"paths": PATHS, "timeouts": PATIENT, **extra}
    async with scripted(script) as up, serving(config({"small": pool(up.url, **common)})) as served:
        async with nothing_left(up), sdks(served.url) as sdk:
            gw = Scene(served, sdk, up)
            served.gateway.observe(gw.outcomes.put_nowait)
            yield gw
        small = served.gateway.runtime.pools["small"]
        assert (live_leases(), small.inflight, small.waiting) == (0, 0, 0)
        assert [e.up for e in small.endpoints] == [True] * len(small.endpoints)


@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("half", HALVES)
async def test_a_client_that_leaves_in_its_request(half: str, how: str) -> None:
    async with opened() as gw:
        _, writer = await gw.connect()
        writer.write(HALVES[half])
        await gw.assert_serves()
        writer.close() if how == "closes" else writer.transport.abort()
        await gw.assert_serves()
        if b"\r\n\r\n" in HALVES[half]:
            seen = [await gw.outcomes.get() for _ in range(5)]
            (left,) = [each for each in seen if each.status != 200]
            assert (left.status, left.disconnect is not None, left.error_code) == (499, True, None)


@pytest.mark.parametrize("half", HALVES)
async def test_a_client_that_stops_in_its_request_is_cut_off(half: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(fine) as up:
        gateway = Gateway(Config.model_validate(config({"small": pool(up.url, paths=PATHS)})))
        server = Server(gateway)
        with closing(listen("127.0.0.1", 0)) as sock:
            async with server.open(sock) as url:
                reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
                writer.write(HALVES[half])
                await until(lambda: server.server_state.connections)
                async with sdks(url) as sdk:
                    assert_whole(await CHAT.ask(sdk, "auto"))
                monkeypatch.setattr(protocol, "PATIENCE", -1.0)
                server.close_late()  # which a running server does each second
                with suppress(ConnectionError):
                    while await reader.read(1000):  # perhaps it is told why
                        pass
                writer.close()
    assert live_leases() == 0


async def test_slow_readers_get_everything_and_hold_nobody_up() -> None:
    """Each takes a byte at a time, while others come and go."""

    async def read(gw: Scene) -> str:
        reader, writer = await gw.connect()
        writer.write(REQUEST.replace(b"host:", b"connection: close\r\nhost:", 1))
        data = b""
        while byte := await reader.read(1):
            data += byte
            await asyncio.sleep(0)
        writer.close()
        return data.decode()

    async with opened() as gw:
        slow = [asyncio.create_task(read(gw)) for _ in range(10)]
        for _ in range(5):
            await gw.assert_serves()
        answers = await asyncio.gather(*slow)
    for answer in answers:
        (mark,) = marks_in(answer)
        chunks = [json.loads(line[6:]) for line in answer.splitlines() if line.startswith("data: {")]
        assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == text_of(mark)
        assert answer.endswith("data: [DONE]\n\n\r\n0\r\n\r\n")


async def test_clients_that_never_read_are_cut_off_and_the_others_served() -> None:
    async def endless(x: Exchange) -> None:
        if "endless" not in str(x.request.json):
            await fine(x)
            return
        answer = told(x.request)
        await x.send(answer.chunked_head())
        while True:
            await x.chunk(answer.said[0] * 1000)

    request = REQUEST.replace(b'"hi"', b'"endless"').replace(b"%d" % len(BODY), b"%d" % (len(BODY) + 5), 1)
    async with opened(endless, timeouts=PATIENT | {"total": "1s"}, limits={"inflight": 20}) as gw:
        clients = [await gw.connect() for _ in range(10)]
        for _, writer in clients:
            writer.write(request)
        await until(lambda: len(gw.up.requests) == 10)
        await gw.assert_serves()
        outcomes = [await gw.outcomes.get() for _ in range(12)]
        cut = [each for each in outcomes if each.status == 499 or each.error_code == "upstream_timeout"]
        assert len(cut) == 10  # the latter if the upstream was behind at that moment
        for _, writer in clients:
            writer.transport.abort()


@pytest.mark.parametrize("stream", [True, False])
async def test_many_who_leave_at_once_free_their_places(stream: bool) -> None:
    """Those who run, and those who wait for a place."""
    over = asyncio.Event()

    async def script(x: Exchange) -> None:
        if over.is_set():
            await fine(x)
            return
        await x.gone()
        x.close()

    limits = {"inflight": 5, "queue": 50, "queue_timeout": "1h"}
    async with opened(script, limits=limits) as gw:
        way = CHAT_STREAM if stream else CHAT
        asking = [asyncio.create_task(way.ask(gw.sdk, "auto")) for _ in range(40)]
        await until(lambda: len(gw.up.requests) == 5)
        await until(lambda: gw.served.gateway.runtime.pools["small"].waiting == 35)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        outcomes = [await gw.outcomes.get() for _ in range(40)]
        over.set()
        assert {each.status for each in outcomes} == {499}
        await gw.assert_serves()
