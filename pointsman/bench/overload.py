"""What becomes of a gateway that is offered several times what it, or the pool behind it, can do."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from pointsman.bench import policy
from pointsman.bench.arrivals import Offered, Spread
from pointsman.bench.children import Cores, begun, free_port, module, result, result_of, running
from pointsman.bench.contenders import SERVE
from pointsman.bench.load import Measured
from pointsman.bench.probes import Probed
from pointsman.bench.report import Report, Table
from pointsman.bench.summary import percentile

PLACES, SERVICE = 32, 0.1
"""Of the slow upstream: requests at once, and seconds of each."""
QUEUE_TIMEOUT = {"pool": 1.0, "gateway": 5.0}
"""Seconds, by what is short; the gateway's is the default of `limits.queue_timeout`."""

GOODPUT, LATENCY, GROWTH, PROBE = 0.9, 1.05, 1.1, 0.1
"""What is to be reached: shares of the peak, of service time and queue timeout, of the memory; and seconds."""

_NICE = 10  # the load lets upstream and probes on its core go first
_MARGIN = 30.0  # seconds that a child may take beyond its own time


@dataclass(frozen=True, slots=True)
class Effort:
    factors: tuple[int, ...] = (1, 2, 5, 10)
    seconds: float = 60.0  # of each load
    warm: float = 2.0
    patience: float = 10.0  # of a client
    connections: int = 4096


QUICK = Effort(factors=(1, 3), seconds=1.0, warm=0.2, patience=2.0, connections=64)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    short: str  # the pool's places, or the gateway's time
    fresh: bool = False  # a connection for each request
    burst: int = 1

    @property
    def bound(self) -> float:
        """Seconds in which an admitted request should be answered."""
        return QUEUE_TIMEOUT[self.short] + (SERVICE if self.short == "pool" else 0.0)


CASES = (
    Case("places of the pool", "pool"),
    Case("time of the gateway", "gateway"),
    Case("the same, 500 requests at once", "gateway", burst=500),
    Case("the same, a connection for each request", "gateway", fresh=True),
)


@dataclass(frozen=True, slots=True)
class Load:
    """One rate, and what all saw of it; `probed` at the port of the control plane, `beside` at that of the clients."""

    factor: int
    offered: Offered
    probed: Probed
    beside: Probed


@dataclass(frozen=True, slots=True)
class Outcome:
    case: Case
    capacity: float  # requests per second
    loads: tuple[Load, ...]
    refused_upstream: int  # requests for which the pool's limit should have left no place

    @property
    def peak(self) -> float:
        return max(load.offered.goodput for load in self.loads)

    @property
    def worst(self) -> Load:
        return self.loads[-1]


class Stage:
    """A gateway before an upstream, up for all loads of one case."""

    def __init__(self, cores: Cores, folder: Path, effort: Effort, case: Case) -> None:
        self._cores, self._folder, self._effort, self._case = cores, folder, effort, case
        self._upstream, self._port, self._control = free_port(), free_port(), free_port()
        self._url, self._control_url = (f"http://127.0.0.1:{port}" for port in (self._port, self._control))

    @contextmanager
    def open(self) -> Iterator[Stage]:
        upstream = module("upstream", "--port", self._upstream)
        if self._case.short == "pool":
            upstream = module("places", "--port", self._upstream, "--places", PLACES, "--seconds", SERVICE)
        path = self._folder / f"overload-{self._port}.yaml"
        path.write_text(yaml.safe_dump(self._config()))
        log, cores = self._folder / "overload.log", self._cores
        argv = [*SERVE, str(path), "--port", str(self._port)]
        with (
            running(upstream, self._upstream, self._folder / "upstream.log", cores.upstream),
            running(argv, self._port, log, cores.gateway, ready="/readyz") as child,
        ):
            self._pid = child.pid
            yield self

    def _config(self) -> dict[str, Any]:
        config = policy.trivial(f"http://127.0.0.1:{self._upstream}", self._folder)
        config["server"] = {"control_port": self._control}
        if self._case.short == "pool":
            limits = {"inflight": PLACES, "queue_timeout": f"{QUEUE_TIMEOUT['pool']:g}s"}
            config["pools"] = {"small": config["pools"]["small"] | {"limits": limits}}
            config["decisions"][0]["models"] = ["small"]
        return config

    def capacity(self) -> float:
        if self._case.short == "pool":
            return PLACES / SERVICE
        effort = self._effort
        seconds = max(effort.warm, effort.seconds / 10)
        argv = module("load", "--url", self._url, "--connections", 64, "--seconds", seconds, "--warm", effort.warm)
        closed = Measured(**result_of(argv, self._cores.load, seconds + effort.warm + _MARGIN)).rate
        if not self._case.fresh:
            return closed
        with begun(self._arrivals(closed, seconds), self._cores.load) as process:
            return _offered(result(process, seconds + effort.warm + effort.patience + _MARGIN)).goodput

    def load(self, factor: int, rate: float) -> Load:
        effort = self._effort
        total = effort.warm + effort.seconds
        with ExitStack() as stack:
            probes = [
                stack.enter_context(begun(self._probes(url, total), self._cores.upstream))
                for url in (self._control_url, self._url)
            ]
            arrivals = stack.enter_context(begun(self._arrivals(rate, effort.seconds), self._cores.load))
            limit = total + effort.patience + _MARGIN
            offered = _offered(result(arrivals, limit))
            probed, beside = (Probed(**result(process, limit)) for process in probes)
        return Load(factor, offered, probed, beside)

    def refused_upstream(self) -> int:
        if self._case.short != "pool":
            return 0
        connection = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=2.0)
        try:
            connection.request("GET", "/")
            refused: int = orjson.loads(connection.getresponse().read())["refused"]
            return refused
        finally:
            connection.close()

    def _arrivals(self, rate: float, seconds: float) -> list[str]:
        effort, case = self._effort, self._case
        argv = module("arrivals", "--url", self._url, "--rate", rate, "--seconds", seconds, "--warm", effort.warm)
        argv += ["--connections", str(effort.connections), "--patience", str(effort.patience)]
        return argv + ["--burst", str(case.burst), "--nice", str(_NICE)] + (["--fresh"] if case.fresh else [])

    def _probes(self, url: str, seconds: float) -> list[str]:
        return module("probes", "--url", url, "--pid", self._pid, "--seconds", seconds)


def _offered(told: dict[str, Any]) -> Offered:
    refused = {status: Spread(**spread) for status, spread in told.pop("refused").items()}
    served, heard = Spread(**told.pop("served")), Spread(**told.pop("heard"))
    return Offered(served=served, heard=heard, refused=refused, **told)


def run(
    cores: Cores,
    folder: Path,
    effort: Effort,
    say: Callable[[str], None],
    cases: Sequence[Case] = CASES,
) -> Report:
    return report([_measure(cores, folder, effort, case, say) for case in cases], effort)


def _measure(cores: Cores, folder: Path, effort: Effort, case: Case, say: Callable[[str], None]) -> Outcome:
    with Stage(cores, folder, effort, case).open() as stage:
        capacity = stage.capacity()
        loads = []
        for factor in effort.factors:
            say(f"overload: {case.name}, {factor} × {capacity:,.0f} requests/s for {effort.seconds:g} s")
            loads.append(stage.load(factor, factor * capacity))
        return Outcome(case, capacity, tuple(loads), stage.refused_upstream())


def report(outcomes: Sequence[Outcome], effort: Effort) -> Report:
    tables = [*map(_loads, outcomes), _targets(outcomes, effort), _beside(outcomes)]
    problems = [problem for outcome in outcomes for problem in _problems(outcome)]
    data = {"effort": asdict(effort), "outcomes": [asdict(outcome) for outcome in outcomes]}
    return Report("overload", tuple(tables), data, tuple(problems))


def _problems(outcome: Outcome) -> Iterator[str]:
    for load in outcome.loads:
        where, offered = f"{outcome.case.name}, {load.factor} ×", load.offered
        if not offered.served.count:
            yield f"{where}: nothing was served"
        if offered.example:
            yield f"{where}: an answer that should not be: {offered.example}"
        if offered.without_advice:
            yield f"{where}: {offered.without_advice} refusals without Retry-After"
        if load.probed.failures:
            yield f"{where}: the control plane failed {len(load.probed.failures)} times: {load.probed.failures[0]}"
    if outcome.refused_upstream:
        yield f"{outcome.case.name}: the upstream had no place for {outcome.refused_upstream} requests"


def _loads(outcome: Outcome) -> Table:
    columns = ("offered", "offered/s", "served/s", "of peak", "p50 ms", "p99 ms", "refused/s", "refused p99 ms",
               "in vain/s", "slowest probe ms", "RSS MB start", "quarter", "end", "most")  # fmt: skip
    title = f"Short: {outcome.case.name} ({outcome.capacity:,.0f} requests/s)"
    return Table(title, columns, tuple(_row(load, outcome.peak) for load in outcome.loads))


def _row(load: Load, peak: float) -> tuple[str, ...]:
    offered, resident = load.offered, load.probed.resident
    refused = sum(spread.count for spread in offered.refused.values())
    slowest = max((spread.p99 for spread in offered.refused.values()), default=0.0)
    return (
        f"{load.factor} ×",
        f"{offered.due / offered.seconds:,.0f}",
        f"{offered.goodput:,.0f}",
        _share(offered.goodput, peak),
        _ms(offered.heard.p50),
        _ms(offered.heard.p99),
        f"{refused / offered.seconds:,.0f}",
        _ms(slowest) if refused else "",
        f"{(offered.unsent + offered.given_up + offered.broken) / offered.seconds:,.0f}",
        _ms(_slowest(load.probed)),
        *(f"{mb:.0f}" for mb in (resident[0], resident[len(resident) // 4], resident[-1], max(resident))),
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _slowest(probed: Probed) -> float:
    return max((*probed.healthz, *probed.metrics), default=0.0)


def _targets(outcomes: Sequence[Outcome], effort: Effort) -> Table:
    columns = ("", f"served, of peak (≥ {GOODPUT:.0%})", f"p99, of service + queue timeout (≤ {LATENCY:.0%})",
               f"memory, of its first quarter (≤ {GROWTH:.0%})", f"slowest probe, of 100 ms (≤ {1:.0%})")  # fmt: skip
    rows = [(outcome.case.name, *_judged(outcome)) for outcome in outcomes]
    return Table(f"At {effort.factors[-1]} × the capacity, for {effort.seconds:g} s", columns, tuple(rows))


def _judged(outcome: Outcome) -> Iterator[str]:
    offered, probed = outcome.worst.offered, outcome.worst.probed
    goodput = offered.goodput / outcome.peak if outcome.peak else 0.0
    yield _verdict(goodput, goodput >= GOODPUT)
    latency = offered.heard.p99 / outcome.case.bound
    yield _verdict(latency, latency <= LATENCY)
    quarter = probed.resident[len(probed.resident) // 4]
    growth = max(probed.resident[len(probed.resident) // 4 :]) / quarter if quarter else 0.0
    yield _verdict(growth, growth <= GROWTH)
    slowest = _slowest(probed) / PROBE
    yield _verdict(slowest, slowest <= 1.0)


def _verdict(ratio: float, passed: bool) -> str:
    return f"{ratio:.0%} {'pass' if passed else 'FAIL'}"


def _beside(outcomes: Sequence[Outcome]) -> Table:
    rows = [
        (outcome.case.name, f"{load.factor} ×", *_latencies(load.beside))
        for outcome in outcomes
        for load in outcome.loads
    ]
    columns = ("", "offered", "/healthz p50 ms", "p99 ms", "/metrics p50 ms", "p99 ms", "failed")
    return Table("Probes at the clients' own port, where they wait among all others", columns, tuple(rows))


def _latencies(probed: Probed) -> Iterator[str]:
    for values in (probed.healthz, probed.metrics):
        yield _ms(percentile(values, 0.5))
        yield _ms(percentile(values, 0.99))
    yield str(len(probed.failures))
