"""Which fleets are simulated under which loads, several at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import ClassVar

from pointsman.bench.fleet.arrivals import arrivals
from pointsman.bench.fleet.contestants import RANDOM
from pointsman.bench.fleet.outcome import Outcome, mean, outcome
from pointsman.bench.fleet.traces import Source, Trace, load
from pointsman.bench.fleet.world import Setting, Window, World, saturated

GATEWAYS, SCRAPE = 4, 1.0
MANY_GATEWAYS = 16
_SAMPLE = 1200  # rows that show what an engine can do


@dataclass(frozen=True, slots=True)
class Effort:
    seeds: int = 5
    loads: tuple[float, ...] = (0.7, 0.8, 0.9, 1.0, 1.1)  # relative to the capacity
    windows: tuple[tuple[int, Window], ...] = ((8, Window(800, 2000)), (64, Window(1500, 2500)))  # by instances
    scrapes: tuple[float, ...] = (0.1, 1.0, 5.0)
    processes: int = 2


QUICK = Effort(seeds=1, loads=(0.8, 1.0), windows=((4, Window(40, 80)),), scrapes=(1.0, 5.0), processes=1)


@dataclass(frozen=True, slots=True)
class Case:
    """A point of a table; it is simulated once for each seed."""

    trace: str
    setting: Setting
    load: float


@dataclass(frozen=True, slots=True)
class Task:
    case: Case
    window: Window
    seed: int
    rate: float  # requests per second


def balancers(source: Source) -> tuple[str, ...]:
    """`weighted` is left out, being `round_robin` where all weights are equal."""
    everywhere = (RANDOM, "round_robin", "peak_ewma", "least_load")
    return (*everywhere, "session") if source.sessions else everywhere


def capacity(trace: Trace) -> float:
    """Requests per second that one instance can do at most, without any prefix that it finds cached."""
    return saturated(trace.rows[:: max(1, len(trace.rows) // _SAMPLE)])


class Simulator:
    """Runs tasks; of a worker process there is one."""

    here: ClassVar[Simulator]

    def __init__(self, traces: Mapping[str, Trace]) -> None:
        self._traces = traces

    def __call__(self, task: Task) -> Outcome:
        case, trace = task.case, self._traces[task.case.trace]
        # The same for every balancer: they differ by nothing but their picks.
        requests = arrivals(trace, sum(task.window), task.rate, Random(f"arrivals {task.seed}"))
        world = World(case.setting, Random(f"world {task.seed}"))
        return outcome(world.play(requests, task.window), trace.source.slo)


def _prepare(folder: Path) -> None:
    Simulator.here = Simulator(load(folder)[0])


def _simulate(task: Task) -> Outcome:
    return Simulator.here(task)


class Sweep:
    """Keeps what it has found, by case."""

    def __init__(self, folder: Path, traces: Mapping[str, Trace], effort: Effort, say: Callable[[str], None]) -> None:
        self._folder, self._traces, self._effort, self._say = folder, traces, effort, say
        self.capacities = {name: capacity(trace) for name, trace in traces.items()}
        self.found: dict[Case, Outcome] = {}

    def run(self, name: str, cases: Iterable[Case]) -> None:
        wanted = [case for case in dict.fromkeys(cases) if case not in self.found]
        tasks = [self._task(case, seed) for case in wanted for seed in range(self._effort.seeds)]
        outcomes: list[Outcome] = []
        for result in self._results(tasks):
            outcomes.append(result)
            if len(outcomes) % 20 == 0 or len(outcomes) == len(tasks):
                self._say(f"fleet: {name}, {len(outcomes)} of {len(tasks)} runs")
        seeds = self._effort.seeds
        for number, case in enumerate(wanted):
            self.found[case] = mean(outcomes[number * seeds : (number + 1) * seeds])

    def _task(self, case: Case, seed: int) -> Task:
        window = dict(self._effort.windows)[case.setting.instances]
        return Task(case, window, seed, case.load * self.capacities[case.trace] * case.setting.instances)

    def _results(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        if self._effort.processes == 1:
            yield from map(Simulator(self._traces), tasks)
            return
        with ProcessPoolExecutor(
            self._effort.processes, multiprocessing.get_context("spawn"), _prepare, (self._folder,)
        ) as pool:
            yield from pool.map(_simulate, tasks)
