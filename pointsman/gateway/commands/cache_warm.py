"""`pointsman cache warm`: into the store, or into a running gateway."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from pointsman.gateway.caching.warming import read_line, warm
from pointsman.gateway.commands.cache_opened import NoStore, Pace, lines_of, opened_store
from pointsman.gateway.config import load
from pointsman.gateway.errors import RequestError
from pointsman.gateway.schema.config import Config

_LINES, _BYTES = 200, 4 * 1024**2
"""That are sent at once."""

Say = Callable[[str], None]


class Tally:
    """What became of the lines."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.stored = self.failed = 0
        self.refused: Counter[str] = Counter()
        self.errors: list[str] = []

    def error(self, line: int, message: str) -> None:
        self.errors.append(f"{self.file}:{line}: {message}")

    @property
    def said(self) -> str:
        total = self.stored + self.failed + self.refused.total()
        refused = ", ".join(f"{why} {count:,}" for why, count in self.refused.most_common())
        rest = f"; not kept: {refused}" if refused else ""
        return f"kept {self.stored:,} of {total:,} answers{rest}" + (f"; {self.failed:,} bad lines" * bool(self.failed))


def warm_cache(path: Path, file: Path, url: str | None, say: Callable[..., None]) -> bool:
    """Whether some lines were bad."""
    config, tally = load(path), Tally(file)
    asyncio.run(_into_store(config, file, tally) if url is None else _into_gateway(config, file, url, tally))
    for line in tally.errors:
        say(line, err=True)
    say(tally.said)
    return bool(tally.failed)


async def _into_store(config: Config, file: Path, tally: Tally) -> None:
    async with opened_store(config) as (runtime, caching):
        pace = Pace(caching.cache.store)
        for number, raw in enumerate(lines_of(file), 1):
            if not raw.strip():
                continue
            try:
                why = await warm(runtime, caching, read_line(raw))
            except RequestError as error:
                tally.failed += 1
                tally.error(number, error.message)
                continue
            if why is None:
                tally.stored += 1
            else:
                tally.refused[why] += 1
            await pace.after(len(raw))


async def _into_gateway(config: Config, file: Path, url: str, tally: Tally) -> None:
    keys = config.admin.keys
    headers = {"authorization": f"Bearer {keys[0].get_secret_value()}"} if keys else {}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=None, connect=10)) as http:
        for first, lines in _parts(lines_of(file)):
            told = await _send(http, f"{url.rstrip('/')}/admin/cache/warm", b"".join(lines))
            tally.stored += told["stored"]
            tally.failed += told["failed"]
            tally.refused.update(told["refused"])
            for error in told["errors"]:
                tally.error(first + error["line"] - 1, error["message"])


async def _send(http: aiohttp.ClientSession, url: str, body: bytes) -> dict[str, Any]:
    try:
        async with http.post(url, data=body, headers={"content-type": "application/x-ndjson"}) as answer:
            told = orjson.loads(await answer.read())
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
        raise NoStore(f"{url} does not answer as a gateway: {error or type(error).__name__}") from None
    if answer.status != 200:
        message = told.get("error", {}).get("message") if isinstance(told, dict) else None
        raise NoStore(f"{url}: {message or answer.status}")
    found: dict[str, Any] = told
    return found


def _parts(lines: Iterator[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Each with the number of its first line."""
    part: list[bytes] = []
    size, number = 0, 0
    for number, line in enumerate(lines, 1):
        if part and (len(part) >= _LINES or size + len(line) > _BYTES):
            yield number - len(part), part
            part, size = [], 0
        part.append(line if line.endswith(b"\n") else line + b"\n")
        size += len(line)
    if part:
        yield number - len(part) + 1, part
