from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.bench import canned
from pointsman.bench.children import free_port, module, result_of
from pointsman.bench.streams import Plan, Reader, Streamed, run, unchunked

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PATIENCE = 20.0


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@given(st.lists(st.binary(min_size=1)))
def test_unchunked_is_what_was_chunked(parts: list[bytes]) -> None:
    assert unchunked(chunked(*parts)) == b"".join(parts)


def plan(url: str = "http://127.0.0.1:9") -> Plan:
    return Plan(url, {}, streams=3, events=11, per_write=1, paced=False)


class Transport(asyncio.Transport):
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.request = bytes(data)


async def read(*pieces: bytes, lost: bool = False) -> str:
    """What a reader finds wrong with an answer that comes in these pieces."""
    reader = Reader(b"s0", plan(), None)
    reader.connection_made(Transport())
    reading = asyncio.ensure_future(reader.read())
    await asyncio.sleep(0)
    for piece in pieces:
        reader.data_received(piece)
    if lost:
        reader.connection_lost(None)
    async with asyncio.timeout(PATIENCE):
        return await reading


WHOLE = HEAD + chunked(canned.EVENT * 11, canned.stream_end(False))


async def test_a_whole_stream_is_right_however_it_is_cut() -> None:
    assert await read(WHOLE) == ""
    for size in range(1, 12):
        assert await read(*(WHOLE[at : at + size] for at in range(0, len(WHOLE), size))) == ""


@pytest.mark.parametrize(
    "body",
    [
        chunked(canned.EVENT * 10, canned.stream_end(False)),
        chunked(canned.EVENT * 11, canned.stream_end(True)),
        chunked(canned.EVENT * 11),
        chunked((canned.EVENT * 11).replace(b" bridge", b" budge", 1), canned.stream_end(False)),
    ],
)
async def test_any_difference_is_an_error(body: bytes) -> None:
    assert await read(HEAD + body) == "the stream differs from what the upstream sent"


async def test_an_error_answer_is_quoted() -> None:
    assert "no_route" in await read(b'HTTP/1.1 404 No\r\ncontent-length: 19\r\n\r\n{"code":"no_route"}')


async def test_a_broken_stream_is_an_error() -> None:
    assert await read(WHOLE[:200], lost=True) != ""


@pytest.mark.parametrize("options", [("--per-write", "5"), ("--paced",), ("--paced", "--per-write", "5")])
def test_every_event_of_every_stream_is_read(options: tuple[str, ...]) -> None:
    """As the table runs it, with nothing in between."""
    port = free_port()
    argv = module("streams", "--port", port, "--url", f"http://127.0.0.1:{port}", "--streams", 3, "--events", 11)
    streamed = Streamed(**result_of([*argv, "--waves", "2", *options], None, PATIENCE))
    assert (streamed.events, streamed.errors, streamed.example) == (3 * 2 * 11, 0, "")
    assert streamed.rate == streamed.events / streamed.seconds


async def test_a_relay_that_is_not_there_is_an_error() -> None:
    streamed = await run(plan(f"http://127.0.0.1:{free_port()}"), free_port(), waves=1, patience=PATIENCE)
    assert (streamed.events, streamed.errors) == (0, 1)
    assert "refused" in streamed.example.lower()
