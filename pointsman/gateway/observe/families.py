"""Counters and histograms that cost the event loop next to nothing, exposed through prometheus_client.

Its own `observe` takes a lock for each value; these are written by one thread only, the event loop's, and
need none. Any thread may read them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pointsman.gateway.observe.names import Name

Labels = tuple[str, ...]

MAX_SERIES = 4096
"""Label sets of one family; further ones are counted together under `other`."""

NONE, OTHER = "none", "other"


class Vocabulary:
    """The values that each label may have. Whatever is not in it becomes `other`."""

    def __init__(self, words: Mapping[str, frozenset[str]]) -> None:
        self._words = words

    def replace(self, words: Mapping[str, frozenset[str]]) -> None:
        self._words = words

    def bound(self, label: str, value: str) -> str:
        return value if value == NONE or value in self._words.get(label, ()) else OTHER


Cell = TypeVar("Cell")


class Family(Collector, Generic[Cell]):
    """Cells by label values. A label set outside the vocabulary never gets a cell of its own."""

    def __init__(self, name: Name, vocabulary: Vocabulary, limit: int = MAX_SERIES) -> None:
        self.name = name
        self.cells: dict[Labels, Cell] = {}
        self._vocabulary = vocabulary
        self._limit = limit

    def admit(self, labels: Labels) -> Labels:
        """The labels under which these are counted."""
        bounded = tuple(map(self._vocabulary.bound, self.name.labels, labels))
        if bounded not in self.cells and len(self.cells) >= self._limit:
            return (OTHER,) * len(bounded)
        return bounded

    def prune(self) -> None:
        """Forget what the vocabulary no longer has."""
        self.cells = {k: cell for k, cell in self.cells.items() if self.admit(k) == k}

    def describe(self) -> Iterator[Metric]:
        return iter(())


class Counter(Family[float]):
    def add(self, labels: Labels, amount: float = 1.0) -> None:
        cells = self.cells
        try:
            cells[labels] += amount
        except KeyError:
            labels = self.admit(labels)
            cells[labels] = cells.get(labels, 0.0) + amount

    def start(self, words: Iterable[str]) -> None:
        """Zero for each value of the one label, so that `rate()` sees the first."""
        for word in words:
            self.cells.setdefault(self.admit((word,)), 0.0)

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self.name.name, self.name.help, labels=self.name.labels)
        for labels, value in list(self.cells.items()):
            family.add_metric(labels, value)
        yield family


class Distribution:
    __slots__ = ("counts", "sum")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * (buckets + 1)
        self.sum = 0.0


class Histogram(Family[Distribution]):
    def __init__(self, name: Name, vocabulary: Vocabulary, limit: int = MAX_SERIES) -> None:
        super().__init__(name, vocabulary, limit)
        self._bounds = name.buckets
        self._texts = [*map(str, name.buckets), "+Inf"]

    def observe(self, labels: Labels, value: float, times: int = 1) -> None:
        cell = self.cells.get(labels)
        if cell is None:
            cell = self._cell(self.admit(labels))
        cell.counts[bisect_left(self._bounds, value)] += times
        cell.sum += value * times

    def observe_all(self, values: Iterable[tuple[str, float]]) -> None:
        """One observation for each value of the family's one label."""
        cells, bounds = self.cells, self._bounds
        for word, value in values:
            cell = cells.get((word,)) or self._cell(self.admit((word,)))
            cell.counts[bisect_left(bounds, value)] += 1
            cell.sum += value

    def _cell(self, labels: Labels) -> Distribution:
        return self.cells.setdefault(labels, Distribution(len(self._bounds)))

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self.name.name, self.name.help, labels=self.name.labels)
        for labels, cell in list(self.cells.items()):
            family.add_metric(labels, self._cumulated(cell), cell.sum)
        yield family

    def _cumulated(self, cell: Distribution) -> list[tuple[str, float]]:
        total, buckets = 0, []
        for text, count in zip(self._texts, cell.counts, strict=True):
            total += count
            buckets.append((text, float(total)))
        return buckets
