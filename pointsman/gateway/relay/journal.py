"""What is known of a request while it is under way; frozen into an Outcome at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pointsman.gateway.observe.outcome import (
    Attempt,
    Cached,
    Chosen,
    ErrorSource,
    Extra,
    Outcome,
    PanelEnding,
    Phase,
    Selected,
    Stage,
    Step,
    Timings,
    Usage,
)
from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, PoolLoad, Route


@dataclass(slots=True)
class Journal:
    """Times are `time.perf_counter()` readings, in seconds."""

    id: str
    route: Route
    began: float = field(default_factory=time.perf_counter)
    time: float = field(default_factory=time.time)
    facts: Facts | None = None
    tenant: str | None = None
    status: int = 0
    error_source: ErrorSource | None = None
    error_code: str | None = None
    decision: str | None = None
    config: str | None = None
    canary: bool = False
    candidates: tuple[str, ...] = ()
    chosen: Chosen | None = None
    selected: Selected | None = None
    cache: str = "bypass"
    cached: Cached | None = None
    usage: Usage | None = None
    cost: float | None = None
    finish: str | None = None  # why the answer ended, as its upstream calls it
    disconnect: Phase | None = None
    waiting: Phase = Phase.REQUEST  # what the client would miss if it left now
    signals: Mapping[str, SignalValue] = field(default_factory=dict)
    signal_seconds: Mapping[str, float] = field(default_factory=dict)
    pools: Mapping[str, PoolLoad] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    panel: PanelEnding | None = None
    extras: list[Extra] = field(default_factory=list)
    notes: list[tuple[bytes, bytes]] = field(default_factory=list)  # headers of the answer
    stages: dict[Stage, float] = field(default_factory=dict)
    upstream: float = 0.0  # seconds in which only the upstream was waited for
    asked_at: float | None = None  # since when it is being waited for
    first_event: float | None = None
    last_event: float | None = None
    events: int = 0
    stream: bool = False

    def stage(self, stage: Stage, since: float) -> float:
        """Book the time since `since` to `stage`; returns now."""
        now, stages = time.perf_counter(), self.stages
        stages[stage] = now - since + stages[stage] if stage in stages else now - since
        return now

    def pay(self, input_price: float, output_price: float) -> None:
        """Sum up what all answers have cost; prices are of the model whose answer the client has."""
        costs = [extra.cost for extra in self.extras if extra.cost is not None]
        if self.usage is not None:
            costs.append(self.usage.cost(input_price, output_price))
        self.cost = sum(costs) if costs else None

    def asked(self) -> None:
        """From here on the upstream is waited for."""
        self.asked_at = time.perf_counter()

    def answered(self) -> None:
        if self.asked_at is not None:
            self.upstream += time.perf_counter() - self.asked_at
            self.asked_at = None

    def overhead(self) -> float:
        """Seconds of the gateway's own; call it when the upstream is not being waited for."""
        return max(0.0, time.perf_counter() - self.began - self.upstream - self.stages.get(Stage.QUEUE, 0.0))

    def outcome(self) -> Outcome:
        total = time.perf_counter() - self.began
        first, last = self.first_event, self.last_event
        ttft = first - self.began if self.stream and first is not None else None
        gaps = last - first if first is not None and last is not None else 0.0
        return Outcome(
            id=self.id,
            route=self.route,
            status=self.status,
            timings=Timings(total, self.overhead(), self.upstream, ttft, self.stages),
            time=self.time,
            facts=self.facts,
            tenant=self.tenant,
            stream=self.stream,
            error_source=self.error_source,
            error_code=self.error_code,
            decision=self.decision,
            config=self.config,
            canary=self.canary,
            candidates=self.candidates,
            chosen=self.chosen,
            selected=self.selected,
            cache=self.cache,
            cached=self.cached,
            events=self.events,
            gaps=gaps,
            usage=self.usage,
            cost=self.cost,
            finish=self.finish,
            disconnect=self.disconnect,
            signals=self.signals,
            signal_seconds=self.signal_seconds,
            pools=self.pools,
            attempts=tuple(self.attempts),
            steps=tuple(self.steps),
            panel=self.panel,
            extras=tuple(self.extras),
        )
