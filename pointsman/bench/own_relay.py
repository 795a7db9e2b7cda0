"""The bare relay with the gateway's own client instead of aiohttp: what is left is what the gateway itself costs.

`python -m pointsman.bench.own_relay --upstream URL --port P`"""

from __future__ import annotations

from pointsman.bench import canned
from pointsman.bench.relay import HEADERS, BareRelay, Send, is_stream, main, send_start, send_whole
from pointsman.gateway.relay.upstream import Upstream

_CONNECT = 10.0  # seconds
_LARGEST = 1 << 20  # bytes


class OwnRelay(BareRelay):
    async def start(self) -> None:
        self._client = Upstream()

    async def stop(self) -> None:
        await self._client.close()

    async def relay(self, body: bytes, send: Send) -> None:
        answer = await self._client.open("POST", self.upstream, canned.PATH, HEADERS, body, _CONNECT)
        try:
            media = answer.header(b"content-type").encode()
            if not is_stream(media):
                whole, _complete = await answer.read_up_to(_LARGEST)
                await send_whole(send, answer.status, media, whole)
                return
            await send_start(send, answer.status, media)
            while chunk := await answer.read_some():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            answer.close()


if __name__ == "__main__":
    main(OwnRelay)
