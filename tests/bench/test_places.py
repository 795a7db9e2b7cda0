from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from pointsman.bench import canned
from pointsman.bench.places import Places, Server
from tests.bench.servers import ask

END = canned.completion()[-10:]


@asynccontextmanager
async def serving(places: Places) -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_server(lambda: Server(places), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def request() -> bytes:
    return canned.http_request(canned.request_body(), "bench", {})


async def test_beyond_its_places_it_refuses() -> None:
    places = Places(0, 0.001)
    async with serving(places) as url:
        assert (await ask(url, request(), b'"full"}}')).startswith(b"HTTP/1.1 503 ")
        places.free = 1
        for _ in range(2):
            assert (await ask(url, request(), END)).startswith(b"HTTP/1.1 200 OK\r\n")
        told = await ask(url, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"}")
    assert orjson.loads(told.partition(b"\r\n\r\n")[2]) == {"served": 2, "refused": 1}


async def test_a_place_is_taken_for_its_time() -> None:
    places = Places(1, 60.0)
    async with serving(places) as url:
        _, _, port = url.rpartition(":")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(request() + request())
        assert (await reader.readuntil(b'"full"}}')).startswith(b"HTTP/1.1 503 ")
        writer.close()
    assert (places.free, places.served, places.refused) == (0, 0, 1)
