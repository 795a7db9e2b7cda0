"""What deciding takes: the time of a large policy, and how many requests of a policy need the encoder at all."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, get_args

import orjson
from pydantic import TypeAdapter

from pointsman.bench import policy as heuristic
from pointsman.bench.report import Report, Table
from pointsman.bench.summary import percentile
from pointsman.gateway.access.keys import ANONYMOUS
from pointsman.gateway.app import build_runtime
from pointsman.gateway.config import load
from pointsman.gateway.errors import ConfigError, NoRoute
from pointsman.gateway.pools.discovery.finder import presume
from pointsman.gateway.routing import route_request
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reading import build_facts
from pointsman.policies.decide import Policy
from pointsman.policies.expr import parse
from pointsman.policies.types import Decision, Strategy
from pointsman.signals.base import Cost, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.facts import PoolLoad, Route
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings
from pointsman.signals.registry import SignalConfig, build

EXAMPLES = Path(__file__).parents[2] / "examples"
PROMPTS = Path("prompt_mix") / "prompts.dev.jsonl"

DECISIONS, CONDITIONS = 100, 5
P99 = 50e-6
"""Seconds to reach."""
TIERS = 4  # priorities under the strategy `confidence`

_CONFIG: TypeAdapter[SignalOptions] = TypeAdapter(SignalConfig)


@dataclass(frozen=True, slots=True)
class Effort:
    requests: int = 20_000  # of each strategy
    prompts: int | None = None  # of each example; None: all


QUICK = Effort(requests=100, prompts=20)


def run(data: Path, effort: Effort, say: Callable[[str], None], examples: Path = EXAMPLES) -> Report | None:
    prompts = data / PROMPTS
    if not prompts.exists():
        say(f"policy: skipped, because there is no {prompts}. Name the folder of the data with --data.")
        return None
    texts = [orjson.loads(line)["prompt"] for line in prompts.read_bytes().splitlines()][: effort.prompts]
    times = {strategy: times_of(strategy, effort.requests) for strategy in get_args(Strategy)}
    shares = dict(_shares(sorted(examples.glob("*.yaml")), texts, say))
    tables = (_time_table(times), _share_table(shares, len(texts)))
    return Report("policy", tables, {"effort": asdict(effort), "seconds": times, "encoder": shares})


def large(strategy: Strategy) -> Policy:
    """No decision holds but the last: each condition is asked, as far as it takes."""
    random = Random(1)
    signals = _signals()
    names = sorted(signals.keys() - {"words"})
    decisions = []
    for number in range(DECISIONS - 1):
        asked = [_atom(signals[name], number, random) for name in random.sample(names, CONDITIONS - 1)]
        group = f"({asked[0]} or {asked[1]}) and (not {asked[2]} or {asked[3]}) and words > {50_000 + number}"
        decisions.append(Decision(f"rule-{number}", parse(group), priority=number % TIERS + 1))
    return Policy([*decisions, Decision("everything", parse("true"))], signals, strategy)


def _signals() -> dict[str, Signal[Any]]:
    options = heuristic.signals()
    return {name: build(name, _CONFIG.validate_python(options[name])) for name in options}


def _atom(signal: Signal[Any], number: int, random: Random) -> str:
    if signal.shape is Shape.BOOL:
        return signal.name
    if signal.shape is Shape.NUMBER:
        return f"{signal.name} > {random.randrange(100)}"
    return f"{signal.name}.{min(signal.known_labels or {f'label_{number}'})}"


def _values(signals: Mapping[str, Signal[Any]], random: Random) -> dict[str, SignalValue]:
    values: dict[str, SignalValue] = {}
    for name, signal in signals.items():
        if signal.shape is Shape.BOOL:
            values[name] = SignalValue(random.random() < 0.5, random.random())
        else:
            values[name] = SignalValue(random.randrange(200) if signal.shape is Shape.NUMBER else "other")
    return values


def times_of(strategy: Strategy, requests: int) -> dict[str, float]:
    """Seconds of a decision, where the signals are known."""
    policy, signals, random = large(strategy), _signals(), Random(2)
    idle = PoolLoad(load=0.1, healthy=True)
    seconds = []
    for _ in range(requests):
        readings = _values(signals, random)
        began = time.perf_counter()
        policy.decide(readings, lambda name: idle)
        seconds.append(time.perf_counter() - began)
    return {"p50": percentile(seconds, 0.5), "p99": percentile(seconds, 0.99)}


def _shares(files: Sequence[Path], texts: Sequence[str], say: Callable[[str], None]) -> Iterator[tuple[str, float]]:
    """Of the examples that have neural signals; one that cannot be loaded is told."""
    for file in files:
        _invent_secrets(file)
        try:
            config = load(file)
        except ConfigError as error:
            say(f"policy: {error}")
            continue
        runtime = build_runtime(config)
        presume(runtime.pools.values())
        if any(signal.cost is Cost.NEURAL for signal in runtime.signals.values()):
            say(f"policy: {file.name}")
            yield file.name, sum(needs_encoder(runtime, text) for text in texts) / len(texts)
        if runtime.encoder is not None:
            runtime.encoder.close()


def _invent_secrets(file: Path) -> None:
    for name in re.findall(r"env:([A-Z][A-Z0-9_]*)", file.read_text("utf-8")):
        os.environ.setdefault(name, f"sk-{name.lower()}")


def needs_encoder(runtime: Runtime, text: str) -> bool:
    """Whether the decision about this prompt depends on it."""
    body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
    inbound = Inbound(Route.CHAT, "POST", "/chat/completions", b"", {}, orjson.dumps(body), body)
    facts = build_facts(inbound, ANONYMOUS, runtime.load)
    try:
        route_request(runtime, facts, inbound.path, Readings(runtime.signals, facts), None)
    except NeedsEncoding:
        return True
    except NoRoute:
        pass
    return False


def _time_table(times: Mapping[str, Mapping[str, float]]) -> Table:
    rows = tuple(
        (strategy, f"{found['p50'] * 1e6:.1f}", f"{found['p99'] * 1e6:.1f}", f"≤ {P99 * 1e6:.0f}")
        for strategy, found in times.items()
    )
    title = f"A decision of {DECISIONS} decisions with {CONDITIONS} conditions each"
    return Table(title, ("strategy", "p50 µs", "p99 µs", "p99 to reach"), rows)


def _share_table(shares: Mapping[str, float], prompts: int) -> Table:
    rows = tuple((name, f"{share:.1%}") for name, share in shares.items())
    return Table(f"Requests that needed the encoder, of {prompts:,} prompts", ("example", "share"), rows)
