"""The bare relay: a server and a client library with nothing between them but a copy of the bytes.

This one is of well-known libraries, uvicorn and aiohttp: `python -m pointsman.bench.relay --upstream URL --port P`"""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp
import uvicorn
from yarl import URL

from pointsman.bench import canned

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEADERS = {"content-type": "application/json"}


class BareRelay(ABC):
    """What the relays have in common; a subclass brings the client."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def stop(self) -> None: ...

    @abstractmethod
    async def relay(self, body: bytes, send: Send) -> None: ...

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["method"] == "GET":
            await send_whole(send, 200, b"application/json", b"{}")
        else:
            await self.relay(await _read(receive), send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


class AiohttpRelay(BareRelay):
    async def start(self) -> None:
        self._url = URL(self.upstream + canned.PATH)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("user-agent", "accept", "accept-encoding"),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def stop(self) -> None:
        await self._session.close()

    async def relay(self, body: bytes, send: Send) -> None:
        async with self._session.post(self._url, data=body, headers=HEADERS) as answer:
            media = answer.headers["content-type"].encode()
            if not is_stream(media):
                await send_whole(send, answer.status, media, await answer.read())
                return
            await send_start(send, answer.status, media)
            while chunk := await answer.content.readany():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def _read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def is_stream(media: bytes) -> bool:
    return media.startswith(b"text/event-stream")


async def send_start(send: Send, status: int, media: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", media)]})


async def send_whole(send: Send, status: int, media: bytes, body: bytes) -> None:
    headers = [(b"content-type", media), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(build: Callable[[str], BareRelay]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        build(options.upstream),
        port=options.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main(AiohttpRelay)
