"""One fault in a gateway that others use at the same time, and what is left of it afterwards."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pointsman.gateway.observe.outcome import Outcome
from pointsman.gateway.pools.lease import live_leases
from tests.support.faults import WHOLE, Fault, Sees, What
from tests.support.gateway import Served, config, pool, serving
from tests.support.told import tell, told
from tests.support.upstream import Exchange, ScriptedUpstream, scripted
from tests.support.ways import CHAT, CHAT_STREAM, PATHS, Sdks, Seen, Way, sdks
from tests.support.witness import assert_saw

CALM = "org/calm"
PATIENT = {"connect": "20s"}  # a busy machine is no fault
PATIENCE = 20.0  # seconds until what is left over must be gone


@dataclass
class Faulty:
    """Fails everyone but those who ask for the calm model; the one who says so waits in the middle of his answer."""

    fault: Fault
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, x: Exchange) -> None:
        answer = told(x.request)
        if x.request.json["model"] != CALM:
            await self.fault.script(x, answer)
            return
        if "wait" not in str(x.request.json):
            await tell(x, answer)
            return
        await x.send(answer.chunked_head())
        await x.chunk(b"".join(answer.said))
        await self.released.wait()
        await x.chunk(b"".join(answer.ending))
        await x.end()


async def fine(x: Exchange) -> None:
    await tell(x, told(x.request))


@dataclass
class Scene:
    fault: Fault
    served: Served
    sdk: Sdks
    bad: ScriptedUpstream
    good: ScriptedUpstream
    script: Faulty
    outcomes: asyncio.Queue[Outcome] = field(default_factory=asyncio.Queue)

    @asynccontextmanager
    async def trouble(self) -> AsyncIterator[None]:
        """Those who are connected stay so, the others meet the fault."""
        if self.fault.refuses:
            await self.bad.refuse()
        self.bad.turn_away = self.fault.turns_away
        try:
            yield
        finally:
            self.bad.turn_away = None
            if self.fault.refuses:
                await self.bad.listen()

    async def ask(self, way: Way, model: str) -> tuple[Seen, Outcome]:
        seen = await way.ask(self.sdk, model)
        async with asyncio.timeout(PATIENCE):
            return seen, await self.outcomes.get()

    @asynccontextmanager
    async def bystander(self) -> AsyncIterator[None]:
        """Somebody whose stream from the same endpoint goes on meanwhile, and ends well."""
        seen = Seen()
        asking = asyncio.create_task(CHAT_STREAM.ask(self.sdk, "calm", "wait", seen))
        try:
            await until(lambda: seen.text or asking.done())
            yield
            self.script.released.set()
            await asking
            await self.outcomes.get()
        finally:
            asking.cancel()
        assert seen.error is None
        assert seen.ended
        assert len(seen.marks) == 1

    async def assert_calm(self) -> None:
        """The endpoint's next answer is its own, over whatever connection."""
        before = len(self.bad.requests)
        seen, _ = await self.ask(CHAT, "calm")
        assert (seen.error, seen.ended, len(seen.marks)) == (None, True, 1)
        assert len(self.bad.requests) == before + 1

    def assert_nothing_runs(self) -> None:
        assert live_leases() == 0
        for each in self.served.gateway.runtime.pools.values():
            assert (each.inflight, each.waiting) == (0, 0), each
            assert [e.inflight for e in each.endpoints] == [0] * len(each.endpoints), each


def _settings(fault: Fault, way: Way, bad: str, good: str) -> dict[str, Any]:
    common = {
        "retry": {"attempts": 2, "backoff": "1ms"},
        "timeouts": {**PATIENT, **fault.timeouts(way)},
        "paths": PATHS,
    }
    common |= way.pool
    eject = {"eject": {"failures": 1, "for": "1h"}}
    pools = {
        "alone": pool(bad, **common) | {"model": "org/alone"},
        "pair": pool(bad, good, balance="round_robin", health=eject, **common) | {"model": "org/pair"},
        "calm": pool(bad, timeouts=PATIENT) | {"model": CALM},
    }
    return config(pools)


@asynccontextmanager
async def staged(fault: Fault, way: Way) -> AsyncIterator[Scene]:
    script = Faulty(fault)
    async with scripted(script) as bad, scripted(fine) as good:
        async with serving(_settings(fault, way, bad.url, good.url)) as served:
            async with nothing_left(bad, good):
                async with sdks(served.url) as sdk:
                    scene = Scene(fault, served, sdk, bad, good, script)
                    served.gateway.observe(scene.outcomes.put_nowait)
                    yield scene
                scene.assert_nothing_runs()


@asynccontextmanager
async def nothing_left(*upstreams: ScriptedUpstream) -> AsyncIterator[None]:
    """Once clients and upstreams have left, the gateway has as many files and tasks as before they came."""
    files, tasks = open_files(), len(asyncio.all_tasks())
    yield
    for each in upstreams:
        each.hang_up()
    await until(lambda: len(asyncio.all_tasks()) <= tasks and open_files() <= files)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def until(condition: Callable[[], object]) -> None:
    for _ in range(round(PATIENCE / 0.002)):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError(f"{open_files()} files, tasks: {asyncio.all_tasks()}")


async def play(fault: Fault, way: Way) -> None:
    """The fault alone, then with another endpoint at hand, while a stream from the same endpoint goes on."""
    sees = fault.sees(way)
    assert sees is not None
    async with staged(fault, way) as scene, scene.bystander():
        async with scene.trouble():
            seen, outcome = await scene.ask(way, "alone")
        assert_saw(way, sees, seen)
        assert (outcome.error_code is None) == (sees.what in (What.WHOLE, What.AS_IT_IS))
        await scene.assert_calm()
        async with scene.trouble():
            await _with_another(scene, way, sees)


async def _with_another(scene: Scene, way: Way, sees: Sees) -> None:
    bad, _ = scene.served.gateway.runtime.pools["pair"].endpoints
    met: list[str] = []
    while not met or met[-1] != bad.name:  # who is asked first takes turns
        seen, outcome = await scene.ask(way, "pair")
        met.append(outcome.attempts[0].endpoint)
        assert len(met) <= 3
        assert (len(outcome.attempts) == 2) == (sees.retried and met[-1] == bad.name)
        invisible = sees.retried or met[-1] != bad.name
        assert_saw(way, WHOLE if invisible else sees, seen)
    assert bad.up != sees.counts
