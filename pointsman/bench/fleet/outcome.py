"""What a run comes to: the figures of one seed, and their means over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from pointsman.bench.fleet.traces import Slo
from pointsman.bench.fleet.world import Served, Story
from pointsman.bench.summary import percentile


@dataclass(frozen=True, slots=True)
class Outcome:
    first_token: tuple[float, float, float]  # seconds: p50, p90, p99
    good: float  # share of the requests that met the objective
    goodput: float  # of them, a second
    hits: float  # share of the prompt tokens that were cached
    uneven: float  # standard deviation ÷ mean of the requests at each instance, over time
    peak: float  # most ÷ mean of the same


def outcome(story: Story, slo: Slo) -> Outcome:
    served, waits = story.served, [s.first_token for s in story.served]
    good = sum(1 for s in served if _met(s, slo)) / len(served)
    # A look at an idle fleet shows nothing.
    loads = [load for load in story.loads if any(load)] or [(1,)]
    return Outcome(
        first_token=(percentile(waits, 0.5), percentile(waits, 0.9), percentile(waits, 0.99)),
        good=good,
        goodput=good * len(served) / story.seconds,
        hits=sum(s.cached for s in served) / sum(s.prompt for s in served),
        uneven=fmean(pstdev(load) / fmean(load) for load in loads),
        peak=fmean(max(load) / fmean(load) for load in loads),
    )


def _met(served: Served, slo: Slo) -> bool:
    gap = (served.finished - served.first_token) / max(1, served.output - 1)
    return served.first_token <= slo.first_token and gap <= slo.per_token


def mean(outcomes: Sequence[Outcome]) -> Outcome:
    first, second, third = (fmean(o.first_token[rank] for o in outcomes) for rank in range(3))
    return Outcome(
        (first, second, third),
        *(fmean(getattr(o, name) for o in outcomes) for name in ("good", "goodput", "hits", "uneven", "peak")),
    )
