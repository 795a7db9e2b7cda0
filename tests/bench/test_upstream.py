from __future__ import annotations

import asyncio

from pointsman.bench import canned
from pointsman.bench.streams import unchunked
from pointsman.bench.upstream import Paces
from tests.bench.servers import ask, upstream

LAST_CHUNK = b"0\r\n\r\n"


def post(body: bytes) -> bytes:
    return canned.http_request(body, "bench", {})


async def test_a_plain_request_gets_the_completion() -> None:
    async with upstream() as url:
        answer = await ask(url, post(canned.request_body()), canned.completion())
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"content-length: %d\r\n" % len(canned.completion()) in answer


async def test_requests_may_come_in_pieces_and_together() -> None:
    request = post(canned.request_body())
    async with upstream() as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(request + request[:50])
        assert await reader.readuntil(canned.completion())
        writer.write(request[50:-10])
        writer.write(request[-10:])
        assert await reader.readuntil(canned.completion())
        writer.close()
        await writer.wait_closed()


async def test_whoever_only_looks_gets_an_empty_object() -> None:
    async with upstream() as url:
        assert (await ask(url, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n", b"{}")).startswith(b"HTTP/1.1 200")


async def test_a_stream_has_the_events_in_the_writes_that_were_ordered() -> None:
    async with upstream() as url:
        answer = await ask(url, post(canned.stream_body(7, 3, "s0")), LAST_CHUNK)
    body = answer.partition(b"\r\n\r\n")[2]
    assert unchunked(body) == canned.whole_stream(7)
    size = len(canned.EVENT)
    for chunk in (3 * size, 3 * size, size):
        head = b"%x\r\n" % chunk
        assert body.startswith(head)
        body = body[len(head) + chunk + 2 :]


async def test_a_paced_stream_waits_for_its_reader() -> None:
    paces = Paces()
    async with upstream(paces) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(post(canned.stream_body(2, 1, "s0")))
        received = await reader.readuntil(b"\n\n\r\n")
        await asyncio.sleep(0)
        assert reader.at_eof() is False
        paces.received(b"another", 1)
        paces.received(b"s0", 1)
        received += await reader.readuntil(b"\n\n\r\n")
        assert received.count(canned.EVENT) == 2
        assert b"[DONE]" not in received
        paces.received(b"s0", 1)
        assert b"[DONE]" in await reader.readuntil(LAST_CHUNK)
        writer.close()
        await writer.wait_closed()
