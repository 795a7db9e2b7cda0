"""An upstream with a fixed capacity: so many places, each taken for the same time; beyond them it answers 503.

`python -m pointsman.bench.places --port P --places N --seconds S`. Any GET answers how many it served and refused."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass

import orjson
import uvloop

from pointsman.bench import canned
from pointsman.bench.upstream import JSON, Upstream

_ERROR = orjson.dumps({"error": {"message": "All places are taken.", "type": "server_error", "code": "full"}})
_FULL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_ERROR),
    _ERROR,
)


@dataclass(slots=True)
class Places:
    free: int
    seconds: float
    served: int = 0
    refused: int = 0


class Server(Upstream):
    """A client that leaves does not free its place: an engine notices late, too."""

    def __init__(self, places: Places) -> None:
        super().__init__()
        self._places = places

    def _answer(self, request: bytes, body: int) -> None:
        places = self._places
        if not request.startswith(b"POST"):
            told = orjson.dumps({"served": places.served, "refused": places.refused})
            self._transport.write(JSON % (len(told), told))
        elif places.free > 0:
            places.free -= 1
            asyncio.get_running_loop().call_later(places.seconds, self._finish)
        else:
            places.refused += 1
            self._transport.write(_FULL)

    def _finish(self) -> None:
        self._places.free += 1
        self._places.served += 1
        if not self._transport.is_closing():
            answer = canned.completion()
            self._transport.write(JSON % (len(answer), answer))


async def _serve(port: int, places: Places) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Server(places), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--places", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    uvloop.run(_serve(options.port, Places(options.places, options.seconds)))


if __name__ == "__main__":
    main()
