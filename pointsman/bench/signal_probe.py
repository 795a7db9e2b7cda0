"""What neural signals and their encoder take on the core that this process is on.

`python -m pointsman.bench.signal_probe --folder F --effort JSON --sentences FILE` prints one JSON object of seconds;
the sentences of the file are encoded one by one, too."""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import uvloop

from pointsman.bench.neural_policy import TOOLS, built
from pointsman.bench.prompts import DENSE, Prompts
from pointsman.bench.summary import percentile
from pointsman.gateway.encoders import prepare
from pointsman.gateway.schema.running import EncoderConfig
from pointsman.signals.base import Signal
from pointsman.signals.encoder.batcher import Batcher
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings, TimedReadings

PATIENCE = 60.0  # seconds of a request for the encoder
SHORT = (8, 12)
"""Tokens of the prompts that are counted per second."""

_BEFORE = (
    Message("user", "Which train goes to the old town in the morning?"),
    Message("assistant", "The one at nine, from the north station."),
)

KINDS: Mapping[str, Callable[[Prompts, int], str]] = {
    "up to 32 tokens": lambda prompts, number: prompts.of_tokens(8 + number % 25),
    "64 tokens": lambda prompts, _: prompts.of_tokens(64),
    "256 tokens": lambda prompts, _: prompts.of_tokens(256),
    "3,000 words": lambda prompts, _: prompts.of_words(3_000),
    "100,000 characters": lambda prompts, _: prompts.of_characters(100_000),
    "100,000 suspicious characters": lambda prompts, _: prompts.of_characters(100_000, DENSE),
}


@dataclass(frozen=True, slots=True)
class Effort:
    texts: int = 400  # of each kind
    warm: int = 20
    prompts: int = 4_000  # through the batcher
    at_once: int = 32


@dataclass(frozen=True, slots=True)
class Times:
    p50: float
    p99: float


def times(seconds: Sequence[float]) -> Times:
    return Times(percentile(seconds, 0.5), percentile(seconds, 0.99))


class Probe:
    def __init__(self, signals: Mapping[str, Signal[Any]], batcher: Batcher, effort: Effort) -> None:
        self._signals, self._batcher, self._effort = signals, batcher, effort
        self._prompts = Prompts(seed=1)

    async def run(self, sentences: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        cold = {kind: asdict(times(await self._cold(make))) for kind, make in KINDS.items()}
        alone = {tokens: asdict(times(self._alone(texts))) for tokens, texts in sentences.items()}
        rate = await self._rate()
        lookups, repeated = await self._repeated()
        own = {kind: await self._own(make(self._prompts, self._effort.texts)) for kind, make in KINDS.items()}
        return {
            "signals": sorted(self._signals),
            "cold": cold,
            "alone": alone,
            "rate": rate,
            "lookup": asdict(times(lookups)),
            "repeated": asdict(times(repeated)),
            "own": own,
        }

    async def _cold(self, make: Callable[[Prompts, int], str]) -> list[float]:
        seconds = [await self._evaluate(make(self._prompts, n)) for n in range(self._effort.warm + self._effort.texts)]
        return seconds[self._effort.warm :]

    async def _evaluate(self, text: str) -> float:
        """Every signal, each asked as a decision asks it. What has been said before and the tools are always the same,
        so that they are remembered, as in a conversation."""
        facts = _facts(text)
        began = time.perf_counter()
        await self._read(Readings(self._signals, facts))
        return time.perf_counter() - began

    async def _own(self, text: str) -> dict[str, float]:
        """Median seconds of each signal beside the encoder: scans, and what is made of the encodings."""
        measured = []
        for _ in range(self._effort.warm + 1):
            readings = TimedReadings(self._signals, _facts(text), time.perf_counter)
            await self._read(readings)
            measured.append(readings.elapsed)
        return {name: median(elapsed[name] for elapsed in measured) for name in self._signals}

    async def _read(self, readings: Readings) -> None:
        for name in self._signals:
            while name not in readings.values:
                try:
                    _ = readings[name]
                except NeedsEncoding as needed:
                    readings.encoded(await self._batcher.encode(needed.passages, PATIENCE), 0.0)
        if readings.failures:
            raise SystemExit(f"signals failed: {readings.failures}")

    def _alone(self, texts: Sequence[str]) -> list[float]:
        return [_timed(lambda text=text: self._batcher.encoder.encode([text])) for text in texts]  # type: ignore[misc]

    async def _rate(self) -> float:
        """Prompts per second of so many clients that each ask again as soon as they are answered."""
        left = [self._prompts.of_tokens(SHORT[0] + n % (SHORT[1] - SHORT[0] + 1)) for n in range(self._effort.prompts)]

        async def client() -> None:
            while left:
                await self._batcher.encode([left.pop()], PATIENCE)

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(self._effort.at_once)))
        return self._effort.prompts / (time.perf_counter() - began)

    async def _repeated(self) -> tuple[list[float], list[float]]:
        """Of a text that was encoded lately: its encoding, and every signal."""
        text = self._prompts.of_tokens(24)
        await self._evaluate(text)
        lookups = []
        for _ in range(self._effort.texts):
            began = time.perf_counter()
            await self._batcher.encode([text], PATIENCE)
            lookups.append(time.perf_counter() - began)
        return lookups, [await self._evaluate(text) for _ in range(self._effort.texts)]


def _facts(text: str) -> Facts:
    messages = (*_BEFORE, Message("user", text))
    return Facts(Route.CHAT, read_messages=lambda: messages, read_offered=lambda: TOOLS)


def _timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--effort", required=True)
    parser.add_argument("--sentences", type=Path, required=True)
    options = parser.parse_args()
    signals = built(options.folder)
    batcher = prepare(signals.values(), EncoderConfig())
    assert batcher is not None
    gc.collect()
    gc.freeze()  # as the gateway does
    probe = Probe(signals, batcher, Effort(**orjson.loads(options.effort)))
    print(orjson.dumps(uvloop.run(probe.run(orjson.loads(options.sentences.read_bytes())))).decode())


if __name__ == "__main__":
    main()
