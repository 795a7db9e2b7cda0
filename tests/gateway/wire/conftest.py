"""A gateway in small: the translation under test between an official SDK and a scripted upstream."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pointsman.gateway.errors import RequestError
from pointsman.gateway.wire.sse import Framer, parse_event, split_events
from pointsman.gateway.wire.translate import Translation


@dataclass
class Relay:
    """`answer` is the upstream's: an object, or a stream's bytes. `asked` are the bodies that it got."""

    make: Callable[[dict[str, Any]], Translation]
    answer: Any
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        translation = self.make(body)
        self.asked.append(translation.request(body, "served"))
        if self.status != 200:
            return web.json_response(translation.error(self.status, self.answer), status=self.status)
        if body.get("stream"):
            return await self.stream(request, translation)
        return web.json_response(translation.response(self.answer))

    async def stream(self, request: web.Request, translation: Translation) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in translated(translation, self.answer):
            await response.write(event)
        return response


def translated(translation: Translation, upstream: bytes) -> list[bytes]:
    stream = translation.stream()
    events: list[bytes] = []
    try:
        for raw in split_events(Framer().feed(upstream)):
            events += stream.feed(parse_event(raw))
        return events + stream.finish()
    except RequestError as error:
        return [*events, stream.fail(error)]


@pytest.fixture
async def relay() -> AsyncIterator[Callable[..., Any]]:
    servers: list[TestServer] = []

    async def start(make: Callable[[dict[str, Any]], Translation], answer: Any, status: int = 200) -> Relay:
        started = Relay(make, answer, status)
        app = web.Application()
        app.router.add_post("/{path:.*}", started.handle)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        started.url = str(server.make_url("/"))
        return started

    yield start
    for server in servers:
        await server.close()
