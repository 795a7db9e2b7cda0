"""Every fault in any order at three endpoints, asked in every way at once, by clients some of whom leave or dawdle."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from pointsman.gateway.observe.outcome import Outcome
from pointsman.gateway.pools.lease import live_leases
from tests.support.faults import FAULTS, Fault, What
from tests.support.gateway import Served, config, pool, serving
from tests.support.scene import nothing_left, until
from tests.support.told import tell, told
from tests.support.upstream import Exchange, ScriptedUpstream, scripted
from tests.support.ways import (
    CHAT,
    CHAT_STREAM,
    MESSAGES,
    MESSAGES_STREAM,
    PATHS,
    RESPONSES,
    RESPONSES_STREAM,
    SPEECH,
    Sdks,
    Seen,
    Way,
    sdks,
)
from tests.support.witness import assert_not_spliced, assert_whole

REQUESTS, CLIENTS = 400, 16
WAYS = (CHAT, CHAT_STREAM, MESSAGES, MESSAGES_STREAM, RESPONSES, RESPONSES_STREAM, SPEECH)
STATUSES = {400, 429, 500, 502, 503, 504, 529}


@dataclass
class Weather:
    """The script of all three: every second request fails, each time otherwise."""

    random: Random
    seen: Counter[str] = field(default_factory=Counter)

    async def __call__(self, x: Exchange) -> None:
        answer = told(x.request)
        faults = [f for f in FAULTS if not f.refuses and not f.turns_away and _concerns(f, x, answer.streamed)]
        if self.random.random() < 0.5:
            await tell(x, answer)
            return
        fault = self.random.choice(faults)
        self.seen[fault.name] += 1
        await fault.script(x, answer)


def _concerns(fault: Fault, x: Exchange, streamed: bool) -> bool:
    sees = fault.other if x.request.target.startswith("/v1/audio") else fault.stream if streamed else fault.plain
    return sees is not None and sees.what is not What.AS_IT_IS


@dataclass
class Storm:
    sdk: Sdks
    random: Random
    ups: list[ScriptedUpstream]
    left: int = REQUESTS
    seen: list[tuple[Way, Seen]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._client())

    async def _client(self) -> None:
        while self.left > 0:
            self.left -= 1
            way, what = self.random.choice(WAYS), self.random.random()
            asking = asyncio.create_task(way.ask(self.sdk, "auto"))
            if what < 0.15:
                await self._pause()
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                continue
            if what < 0.2:
                self._break(self.random.choice(self.ups))
            self.seen.append((way, await asking))

    def _break(self, up: ScriptedUpstream) -> None:
        """A process dies, and another takes its place at once; the next one may turn its first clients away."""
        up.hang_up()
        up.turn_away = self.random.choice((None, Exchange.close, Exchange.reset))
        asyncio.get_running_loop().call_later(0.02, setattr, up, "turn_away", None)

    async def _pause(self) -> None:
        await asyncio.sleep(self.random.random() * 0.03)


def _settings(*urls: str) -> dict[str, Any]:
    common = {
        "timeouts": {"first_token": "200ms", "idle": "200ms", "total": "500ms"},
        "limits": {"inflight": 10, "queue": 8, "queue_timeout": "100ms"},
        "retry": {"backoff": "1ms"},
        "health": {"eject": {"for": "50ms"}},
        "paths": PATHS,
    }
    pools = {"small": pool(*urls[:2], **common), "large": pool(urls[2], **common) | {"model": "org/large"}}
    return config(pools, [{"name": "all", "when": "true", "models": ["small", "large"]}])


async def _assert_idle(served: Served) -> None:
    assert live_leases() == 0
    for each in served.gateway.runtime.pools.values():
        assert (each.inflight, each.waiting) == (0, 0)
        assert [e.inflight for e in each.endpoints] == [0] * len(each.endpoints)


def _assert_sound(way: Way, seen: Seen) -> None:
    """One answer's words, whole or visibly broken; nothing of a plain answer unless all of it."""
    assert_not_spliced(seen)
    if seen.error is None:
        assert_whole(seen)
        return
    error: Any = seen.error
    status = getattr(error, "status_code", None)
    assert status is None or status in STATUSES | {200}, repr(error)
    assert seen.text == "" or way.stream
    assert "127.0.0.1" not in str(error)


@pytest.mark.parametrize("seed", [1, 2])
async def test_storm(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    weather = Weather(Random(seed))
    async with scripted(weather) as a, scripted(weather) as b, scripted(weather) as c:
        with capture_logs() as logs:
            async with serving(_settings(a.url, b.url, c.url)) as served, nothing_left(a, b, c):
                async with sdks(served.url) as sdk:
                    storm = Storm(sdk, Random(seed + 100), [a, b, c])
                    served.gateway.observe(storm.outcomes.append)
                    await storm.run()
                await until(lambda: live_leases() == 0)
                await _assert_idle(served)
    for way, seen in storm.seen:
        _assert_sound(way, seen)
    assert sum(seen.error is None for _, seen in storm.seen) > REQUESTS / 4
    assert len(weather.seen) > len(FAULTS) / 2
    for outcome in storm.outcomes:
        assert (outcome.status == 499) == (outcome.disconnect is not None)
    assert failures == []
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    assert [record for record in caplog.records if record.name.startswith("asyncio")] == []
