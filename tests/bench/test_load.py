from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pointsman.bench import canned, load
from pointsman.bench.load import Load, run
from tests.bench.servers import upstream

LONG = 30.0  # seconds; the count ends the load long before


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[str]:
    """A server whose answers follow each other, on every connection, the last one for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting = list(answers)
        try:
            while await reader.readuntil(b"}]"):  # the end of the messages
                writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])
                if not waiting[0]:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


GOOD = http(b"200 OK", canned.completion())
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
    len(canned.completion()),
    canned.completion(),
)


async def test_it_counts_every_answer_up_to_the_limit() -> None:
    async with upstream() as url:
        measured = await run(url, {}, connections=3, seconds=LONG, warm=0, limit=60)
    assert measured.errors == 0
    assert 60 <= measured.requests <= 62  # two other connections may have an answer under way
    assert measured.answered == measured.requests
    assert measured.rate == measured.requests / measured.seconds
    assert 0 < measured.p50 <= measured.p90 <= measured.p99 <= measured.seconds


async def test_it_ends_by_time_and_leaves_out_the_warm_up() -> None:
    async with upstream() as url:
        measured = await run(url, {}, connections=1, seconds=0.05, warm=0.05, limit=10**9)
    assert measured.errors == 0
    assert 0 < measured.requests < measured.answered


@pytest.mark.parametrize("answer", [GOOD, CHUNKED, GOOD.lower().replace(b"http", b"HTTP", 1).replace(b"ok", b"OK", 1)])
async def test_answers_with_a_length_and_in_chunks(answer: bytes) -> None:
    async with answering(answer) as url:
        measured = await run(url, {}, connections=1, seconds=LONG, warm=0, limit=5)
    assert (measured.requests, measured.errors) == (5, 0)


@pytest.mark.parametrize("answer", [http(b"500 Oops", b'"chat.completion"'), http(b"200 OK", b'{"error": "quota"}')])
async def test_what_is_no_completion_is_an_error_with_an_example(answer: bytes) -> None:
    async with answering(GOOD, answer, GOOD) as url:
        measured = await run(url, {}, connections=1, seconds=LONG, warm=0, limit=5)
    assert (measured.requests, measured.errors) == (5, 1)
    assert measured.example == answer.decode()


async def test_too_many_errors_end_it() -> None:
    async with answering(http(b"503 No", b"")) as url:
        measured = await run(url, {}, connections=2, seconds=LONG, warm=0, limit=5)
    assert measured.requests == 0
    assert load.MAX_ERRORS <= measured.errors <= load.MAX_ERRORS + 1
    assert measured.rate == 0


async def test_a_lost_connection_is_an_error() -> None:
    async with answering(GOOD, GOOD, b"") as url:
        measured = await run(url, {}, connections=1, seconds=0.2, warm=0, limit=5)
    assert (measured.requests, measured.errors) == (2, 1)
    assert measured.example.startswith("connection lost")


def test_no_two_requests_are_alike() -> None:
    request = canned.http_request(canned.request_body(), "bench", {})
    made = Load(request, 1, 0, 1)
    first, second = made.request(), made.request()
    assert b"Ticket 00000001." in first
    assert second == first.replace(b"00000001", b"00000002")
    assert len(first) == len(request)
