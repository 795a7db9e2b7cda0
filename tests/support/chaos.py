"""An upstream in which everything goes wrong that can, and a way to tell a true answer from any other.

Each answer has an id that says who gave it and how many words it has: `small-17-5` is the pool `small`'s, the
17th, of 5 words, each of which carries the id. What a client gets can so be checked without a record of it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.upstream import Exchange, head

PROMPT_TOKENS = 3
_GARBAGE = (b"SSH-2.0-x\r\n\r\n", b"\0" * 100, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\na b\r\n\r\n")


def words(answer_id: str) -> list[str]:
    return [f"{answer_id}/{number} " for number in range(int(answer_id.rsplit("-", 1)[1]))]


def text_of(answer_id: str) -> str:
    return "".join(words(answer_id))


def usage_of(answer_id: str) -> dict[str, int]:
    count = int(answer_id.rsplit("-", 1)[1])
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": count, "total_tokens": PROMPT_TOKENS + count}


def whole(answer_id: str) -> bytes:
    message = {"role": "assistant", "content": text_of(answer_id)}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return json.dumps({"id": answer_id, "choices": choices, "usage": usage_of(answer_id)}).encode()


def error(answer_id: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": f"failed on purpose: {answer_id}", "type": "server_error", **fields}}


def event(data: Any) -> bytes:
    return b"data: %b\n\n" % (data if isinstance(data, bytes) else json.dumps(data).encode())


def chunk(answer_id: str, delta: dict[str, str], finish: str | None = None) -> bytes:
    return event({"id": answer_id, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def content(answer_id: str) -> list[bytes]:
    return [chunk(answer_id, {"content": word}) for word in words(answer_id)]


def ending(answer_id: str) -> list[bytes]:
    return [
        chunk(answer_id, {}, "stop"),
        event({"id": answer_id, "choices": [], "usage": usage_of(answer_id)}),
        event(b"[DONE]"),
    ]


def http(status: int, body: bytes, **headers: str) -> bytes:
    fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    return head(status, {name.replace("_", "-"): value for name, value in fields.items()}) + body


@dataclass
class Chaos:
    """The script of one pool's endpoints. `seen` counts what it did."""

    pool: str
    random: Random
    seen: Counter[str] = field(default_factory=Counter)
    _count: int = 0

    async def __call__(self, x: Exchange) -> None:
        if x.request.method == "GET":  # a health check
            await x.respond({})
            return
        acts = _STREAMED if x.request.json.get("stream") else _PLAIN
        name, act = self.random.choices(list(acts.items()), [_WEIGHTS.get(name, 1.0) for name in acts])[0]
        self.seen[name] += 1
        self._count += 1
        await act(self, x, f"{self.pool}-{self._count}-{self.random.randint(1, 12)}")

    async def pause(self) -> None:
        await asyncio.sleep(self.random.random() * 0.01)

    def cut(self, x: Exchange) -> None:
        self.random.choice((x.close, x.reset))()

    async def dribble(self, x: Exchange, data: bytes, largest: int = 300) -> None:
        """In pieces that end anywhere, as chunks of a chunked body."""
        while data:
            size = self.random.randint(1, largest)
            await x.chunk(data[:size])
            data = data[size:]
            if self.random.random() < 0.1:
                await self.pause()


Act = Callable[[Chaos, Exchange, str], Awaitable[None]]


async def _fine(c: Chaos, x: Exchange, i: str) -> None:
    await x.send(http(200, whole(i)))


async def _slow(c: Chaos, x: Exchange, i: str) -> None:
    await c.pause()
    body = http(200, whole(i))
    half = c.random.randrange(len(body))
    await x.send(body[:half])
    await c.pause()
    await x.send(body[half:])


async def _large(c: Chaos, x: Exchange, i: str) -> None:
    await x.send(http(200, whole(i) + b" " * 300_000))


async def _cut_before(c: Chaos, x: Exchange, i: str) -> None:
    c.cut(x)


async def _garbage(c: Chaos, x: Exchange, i: str) -> None:
    await x.send(c.random.choice(_GARBAGE))
    c.cut(x)


async def _refused(c: Chaos, x: Exchange, i: str) -> None:
    status = c.random.choice((400, 401, 404, 429, 500, 503, 529))
    body = json.dumps(error(i)).encode() if c.random.random() < 0.7 else b"<html>no</html>"
    await x.send(http(status, body))


async def _redirect(c: Chaos, x: Exchange, i: str) -> None:
    await x.send(http(302, b"", location="http://127.0.0.1:9/"))


async def _truncated(c: Chaos, x: Exchange, i: str) -> None:
    data = http(200, whole(i))
    await x.send(data[: c.random.randrange(1, len(data))])
    c.cut(x)


async def _broken_chunks(c: Chaos, x: Exchange, i: str) -> None:
    await x.send(head(200, {"content-type": "application/json", "transfer-encoding": "chunked"}))
    await x.chunk(whole(i)[:50])
    await x.send(b"zz\r\n")
    x.close()


async def _no_json(c: Chaos, x: Exchange, i: str) -> None:
    await x.send(http(200, whole(i)[:-1]))


async def _mistaken(c: Chaos, x: Exchange, i: str) -> None:
    """A stream where none was asked for, or the other way round."""
    if x.request.json.get("stream"):
        await x.send(http(200, whole(i)))
    else:
        await x.send(http(200, b"".join(content(i)), content_type="text/event-stream"))


async def _two_answers(c: Chaos, x: Exchange, i: str) -> None:
    """The second is nobody's."""
    await x.send(http(200, whole(i)) + http(200, whole("nobodys-1-1")))


async def _interim(c: Chaos, x: Exchange, i: str) -> None:
    await x.send(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + http(200, whole(i)))


async def _hang(c: Chaos, x: Exchange, i: str) -> None:
    await x.gone()
    x.close()


async def _events(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    for part in content(i) + ending(i):
        await x.chunk(part)
        if c.random.random() < 0.05:
            await c.pause()
    await x.end()


async def _events_at_once(c: Chaos, x: Exchange, i: str) -> None:
    data = b"".join(content(i) + ending(i))
    start = head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
    await x.send(start + b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))


async def _events_in_pieces(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    data = b"".join([b": wait\n\n", *content(i), *ending(i)])
    await c.dribble(x, data.replace(b"\n", c.random.choice((b"\n", b"\r\n"))))
    await x.end()


async def _without_done(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    await c.dribble(x, b"".join(content(i) + ending(i)[:-1]))
    await x.end()


async def _more_after_done(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    await x.chunk(b"".join([*content(i), *ending(i), chunk("nobodys-1-1", {"content": "no"})]))
    await x.end()


async def _unfinished(c: Chaos, x: Exchange, i: str) -> None:
    """Ends as if all was well, in the middle of the answer or of an event."""
    await x.start_events()
    data = b"".join(content(i))
    await c.dribble(x, data[: c.random.randrange(len(data))])
    await x.end()


async def _cut_stream(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    data = b"".join(content(i) + ending(i))
    await c.dribble(x, data[: c.random.randrange(len(data))])
    if c.random.random() < 0.5:
        await c.pause()
    c.cut(x)


async def _error_first(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    await x.chunk(event(error(i, code=c.random.choice((400, 429, 500, None)))) + event(b"[DONE]"))
    await x.end()


async def _error_later(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    await c.dribble(x, b"".join([*content(i), event(error(i)), event(error(i))]))
    if c.random.random() < 0.5:
        await x.end()
    else:
        await _hang(c, x, i)


async def _silent_first(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    await _hang(c, x, i)


async def _silent_later(c: Chaos, x: Exchange, i: str) -> None:
    await x.start_events()
    await x.chunk(b"".join(content(i)))
    await _hang(c, x, i)


_BOTH: dict[str, Act] = {
    "cut before": _cut_before,
    "garbage": _garbage,
    "refused": _refused,
    "redirect": _redirect,
    "broken chunks": _broken_chunks,
    "mistaken": _mistaken,
    "hang": _hang,
}
_PLAIN: dict[str, Act] = {
    **_BOTH,
    "fine": _fine,
    "slow": _slow,
    "large": _large,
    "truncated": _truncated,
    "no json": _no_json,
    "two answers": _two_answers,
    "interim": _interim,
}
_STREAMED: dict[str, Act] = {
    **_BOTH,
    "events": _events,
    "events at once": _events_at_once,
    "events in pieces": _events_in_pieces,
    "without done": _without_done,
    "more after done": _more_after_done,
    "unfinished": _unfinished,
    "cut stream": _cut_stream,
    "error first": _error_first,
    "error later": _error_later,
    "silent first": _silent_first,
    "silent later": _silent_later,
}
KINDS = frozenset(_PLAIN) | frozenset(_STREAMED)
_WEIGHTS = {
    "fine": 8.0, "slow": 3.0, "events": 6.0, "events at once": 3.0, "events in pieces": 3.0, "cut stream": 2.0,
    "truncated": 2.0, "hang": 0.1, "silent first": 0.2, "silent later": 0.2,
}  # fmt: skip
