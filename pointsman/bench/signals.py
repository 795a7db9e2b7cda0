"""What neural signals cost on one core: time, memory, start-up; next to sentence-transformers on torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from pointsman.bench import signal_probe, torch_probe
from pointsman.bench.children import Cores, module, result_of
from pointsman.bench.contenders import NEURAL
from pointsman.bench.overhead import QUICK as QUICK_LOAD
from pointsman.bench.overhead import Effort as LoadEffort
from pointsman.bench.overhead import Stage
from pointsman.bench.prompts import Prompts
from pointsman.bench.report import Report, Table
from pointsman.bench.signal_probe import SHORT
from pointsman.bench.summary import percentile

PYTHON = "SENTENCE_TRANSFORMERS_PYTHON"
"""Environment variable: the interpreter of an environment with sentence-transformers."""

TOKENS = (8, 16, 32, 64)
SHORT_P50, P50, P99 = 0.002, 0.007, 0.010
"""Seconds to reach, up to 32 tokens and of longer texts."""
RATE, LOOKUP, START, RESIDENT = 1000.0, 50e-6, 1.0, 250.0
"""To reach: prompts per second, seconds, seconds, MB."""

_SECONDS = 900.0  # at most, for one child
_START = """\
import time
began = time.perf_counter()
from pointsman.signals.encoder.onnx import OnnxEncoder
OnnxEncoder()
print('{"seconds": %f}' % (time.perf_counter() - began))
"""


@dataclass(frozen=True, slots=True)
class Effort:
    probe: signal_probe.Effort = field(default_factory=signal_probe.Effort)
    sentences: int = 200  # of each number of tokens
    starts: int = 5
    requests: int = 1_000  # to the gateway
    connections: int = 8


QUICK = Effort(signal_probe.Effort(texts=4, warm=1, prompts=40), sentences=3, starts=1, requests=40)


@dataclass(frozen=True, slots=True)
class Measured:
    """Of `torch` the seconds by tokens, empty if it is not installed; `told` is what `signal_probe` prints."""

    told: Mapping[str, Any]
    starts: Sequence[float]
    resident: float
    errors: int
    torch: Mapping[str, Any] = field(default_factory=dict)


def run(cores: Cores, folder: Path, effort: Effort, say: Callable[[str], None]) -> Report:
    prompts = Prompts(seed=2)
    sentences = folder / "sentences.json"
    texts = {str(tokens): [prompts.of_tokens(tokens) for _ in range(effort.sentences)] for tokens in TOKENS}
    sentences.write_bytes(orjson.dumps(texts))
    say("signals: the signals and their encoder")
    given = ("--folder", folder, "--effort", orjson.dumps(effort.probe).decode(), "--sentences", sentences)
    told = result_of(module("signal_probe", *given), cores.gateway, _SECONDS)
    say("signals: start-up")
    starting = [sys.executable, "-c", _START]
    starts = [result_of(starting, cores.gateway, _SECONDS)["seconds"] for _ in range(effort.starts)]
    torch = _torch(sentences, cores, say)
    say("signals: memory of the gateway")
    resident, errors = _resident(cores, folder, effort)
    return report(Measured(told, starts, resident, errors, torch), effort)


def _torch(sentences: Path, cores: Cores, say: Callable[[str], None]) -> dict[str, Any]:
    interpreter = os.environ.get(PYTHON)
    if not interpreter:
        say(f"signals: sentence-transformers is skipped: give the interpreter that has it as {PYTHON}=PATH.")
        return {}
    say("signals: the same sentences through sentence-transformers")
    return result_of([interpreter, torch_probe.__file__, str(sentences)], cores.gateway, _SECONDS)


def _resident(cores: Cores, folder: Path, effort: Effort) -> tuple[float, int]:
    """MB of a gateway after its requests, and how many of them failed."""
    load = QUICK_LOAD if effort is QUICK else LoadEffort(warm=0.0)
    with Stage(cores, folder, load).open() as stage, stage.contender(NEURAL) as (url, launch, child):
        done = stage.load(url, launch, effort.connections, _SECONDS, effort.requests)
        return child.resident_mb(), done.errors


def report(measured: Measured, effort: Effort) -> Report:
    data = {"effort": asdict(effort), **asdict(measured)}
    problems = (f"{measured.errors} requests to the gateway failed",) if measured.errors else ()
    tables = (_cold(measured.told), _alone(measured), _rest(measured, effort), _own(measured.told))
    return Report("signals", tables, data, problems)


def _cold(told: Mapping[str, Any]) -> Table:
    names = told["signals"]
    rows = [_cold_row(kind, times, first=not number) for number, (kind, times) in enumerate(told["cold"].items())]
    columns = ("", "p50 ms", "p99 ms", "p50 to reach", "p99 to reach")
    return Table(f"All {len(names)} neural signals ({', '.join(names)}), new texts", columns, tuple(rows))


def _cold_row(kind: str, times: Mapping[str, float], first: bool) -> tuple[str, ...]:
    p50, p99 = times["p50"], times["p99"]
    wanted = SHORT_P50 if first else P50
    return (kind, _ms(p50), _ms(p99), _most(p50, wanted, 1e3, "ms"), _most(p99, P99, 1e3, "ms"))


def _alone(measured: Measured) -> Table:
    seconds = measured.torch.get("seconds", {})
    rows = []
    for tokens, times in measured.told["alone"].items():
        torch = percentile(seconds[tokens], 0.5) if tokens in seconds else None
        compared = ("", "") if torch is None else (_ms(torch), f"{torch / times['p50']:.1f} ×")
        rows.append((f"{tokens} tokens", _ms(times["p50"]), _ms(times["p99"]), *compared))
    versions = "".join(f", {name} {number}" for name, number in measured.torch.get("versions", {}).items())
    columns = ("", "p50 ms", "p99 ms", "sentence-transformers p50 ms", "as a multiple")
    return Table(f"The encoder alone, one text at a time{versions}", columns, tuple(rows))


def _rest(measured: Measured, effort: Effort) -> Table:
    told, start = measured.told, median(measured.starts)
    lookup, repeated = told["lookup"]["p50"], told["repeated"]["p50"]
    clients = effort.probe.at_once
    rows = (
        (
            f"prompts of {SHORT[0]} to {SHORT[1]} tokens a second, {clients} at once",
            f"{told['rate']:,.0f}",
            _verdict(f"≥ {RATE:,.0f}", told["rate"] >= RATE),
        ),
        ("the encoding of a repeated text, p50 µs", f"{lookup * 1e6:.0f}", _most(lookup, LOOKUP, 1e6, "µs")),
        ("all signals of a repeated text, p50 µs", f"{repeated * 1e6:.0f}", ""),
        ("start-up of the encoder, import and load, s", f"{start:.2f}", _most(start, START, 1, "s")),
        (
            f"RSS of the gateway after {effort.requests:,} requests, MB",
            f"{measured.resident:.0f}",
            _most(measured.resident, RESIDENT, 1, "MB"),
        ),
    )
    return Table("Throughput, memory, start-up", ("", "measured", "to reach"), rows)


def _own(told: Mapping[str, Any]) -> Table:
    rows = [(name, *(f"{own[name] * 1e6:,.0f}" for own in told["own"].values())) for name in told["signals"]]
    rows.append(("together", *(f"{sum(own.values()) * 1e6:,.0f}" for own in told["own"].values())))
    return Table("Each signal beside the encoder, p50 µs", ("", *told["own"]), tuple(rows))


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}"


def _most(value: float, bound: float, scale: float, unit: str) -> str:
    return _verdict(f"≤ {bound * scale:g} {unit}", value <= bound)


def _verdict(wanted: str, reached: bool) -> str:
    return f"{wanted} {'pass' if reached else 'missed'}"
