"""What is shown of a sweep, and what must hold in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pointsman.bench.fleet.contestants import RANDOM
from pointsman.bench.fleet.outcome import Outcome
from pointsman.bench.fleet.sweep import GATEWAYS, MANY_GATEWAYS, SCRAPE, Case, Effort, Sweep, balancers
from pointsman.bench.fleet.traces import Source
from pointsman.bench.fleet.world import Setting
from pointsman.bench.report import Table

_KNEE = 0.9
"""Share of the requests that the best balancer must still serve well."""
_CHAMPION, _BEATEN = "least_load", (RANDOM, "round_robin")
"""The default must beat those that know nothing."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """One trace on so many instances."""

    source: Source
    instances: int
    effort: Effort

    @property
    def title(self) -> str:
        return f"{self.source.title}, {self.instances} instances"

    @property
    def balancers(self) -> tuple[str, ...]:
        return balancers(self.source)

    def case(self, balancer: str, load: float, scrape: float = SCRAPE, gateways: int = GATEWAYS) -> Case:
        age = SCRAPE if balancer in _BEATEN else scrape  # those two look at no metrics
        return Case(self.source.name, Setting(balancer, self.instances, gateways, age), load)

    def loads(self) -> Iterator[Case]:
        return (self.case(balancer, load) for balancer in self.balancers for load in self.effort.loads)

    def views(self) -> tuple[tuple[str, float, int], ...]:
        """How well the gateways know the engines: title, seconds between readings, gateways."""
        scrapes = self.effort.scrapes
        known = [(f"{scrape:g} s", scrape, GATEWAYS) for scrape in scrapes]
        return (*known, (f"{scrapes[-1]:g} s, {MANY_GATEWAYS} gateways", scrapes[-1], MANY_GATEWAYS))

    def stale(self, load: float) -> Iterator[Case]:
        return (self.case(b, load, scrape, number) for b in self.balancers for _, scrape, number in self.views())

    def knee(self, sweep: Sweep) -> float:
        """The highest load at which somebody still serves nearly everyone well; the lowest if nobody ever does."""
        loads = self.effort.loads
        fine = [x for x in loads if max(sweep.found[self.case(b, x)].good for b in self.balancers) >= _KNEE]
        return max(fine, default=loads[0])


def by_load(fleet: Fleet, sweep: Sweep) -> Table:
    loads = fleet.effort.loads
    rows = tuple(
        (balancer, *(f"{sweep.found[fleet.case(balancer, load)].good:.1%}" for load in loads))
        for balancer in fleet.balancers
    )
    columns = ("served well, at a load of", *(f"{load:.0%}" for load in loads))
    return Table(f"{fleet.title}; served well: {fleet.source.slo}", columns, rows)


def at_knee(fleet: Fleet, sweep: Sweep) -> Table:
    load = fleet.knee(sweep)
    rows = tuple((b, *_figures(sweep.found[fleet.case(b, load)], fleet.source)) for b in fleet.balancers)
    columns = ("", "TTFT p50 s", "p90 s", "p99 s", "goodput/s", "served well", "prefix hits", "load CV", "max ÷ mean")
    return Table(f"{fleet.title}, at the knee: {load:.0%} of the capacity", columns, rows)


def _figures(found: Outcome, source: Source) -> Iterator[str]:
    yield from (f"{seconds:.3f}" for seconds in found.first_token)
    yield f"{found.goodput:.2f}"
    yield f"{found.good:.1%}"
    yield f"{found.hits:.1%}" if source.sessions else ""
    yield f"{found.uneven:.2f}"
    yield f"{found.peak:.2f}"


def by_view(fleet: Fleet, sweep: Sweep) -> Table:
    load = fleet.knee(sweep)
    rows = tuple(
        (
            b,
            *(
                f"{sweep.found[fleet.case(b, load, scrape, gateways)].good:.1%}"
                for _, scrape, gateways in fleet.views()
            ),
        )
        for b in fleet.balancers
    )
    columns = ("served well, with metrics each", *(title for title, _, _ in fleet.views()))
    return Table(f"{fleet.title}, at the knee", columns, rows)


def problems(fleet: Fleet, sweep: Sweep) -> Iterator[str]:
    """Where the default balancer is not better than one that knows nothing."""
    load = fleet.knee(sweep)
    for title, scrape, gateways in fleet.views():
        mine = sweep.found[fleet.case(_CHAMPION, load, scrape, gateways)].goodput
        for other in _BEATEN:
            theirs = sweep.found[fleet.case(other, load, scrape, gateways)].goodput
            if mine <= theirs:
                yield f"{fleet.title}, {title}: {_CHAMPION} has a goodput of {mine:.2f}/s, {other} {theirs:.2f}/s"


def picks(times: Sequence[tuple[str, float]], endpoints: int) -> Table:
    rows = tuple((name, f"{microseconds:.1f}") for name, microseconds in times)
    return Table(f"A pick among {endpoints} endpoints", ("", "µs"), rows)
