from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as Reference
from prometheus_client.exposition import generate_latest

from pointsman.gateway.observe.families import Counter, Histogram, Vocabulary
from pointsman.gateway.observe.names import Kind, Name

WORDS = Vocabulary({"pool": frozenset({"a", "b"})})
COUNTS = Name("pointsman_x_total", Kind.COUNTER, "X.", ("pool",))
TIMES = Name("pointsman_y_seconds", Kind.HISTOGRAM, "Y.", ("pool",), (0.001, 0.01, 0.1))


def exposed(*families: Counter | Histogram) -> list[str]:
    registry = CollectorRegistry()
    for family in families:
        registry.register(family)
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_counter() -> None:
    counter = Counter(COUNTS, WORDS)
    counter.start(["a", "b"])
    counter.add(("a",))
    counter.add(("a",), 2.5)
    counter.add(("stranger",))
    counter.add(("stranger again",))
    assert exposed(counter) == [
        'pointsman_x_total{pool="a"} 3.5',
        'pointsman_x_total{pool="b"} 0.0',
        'pointsman_x_total{pool="other"} 2.0',
    ]


@given(st.lists(st.floats(0, 1) | st.sampled_from(TIMES.buckets)))
def test_histogram_exposes_what_prometheus_clients_own_does(values: list[float]) -> None:
    ours, registry = Histogram(TIMES, WORDS), CollectorRegistry()
    theirs = Reference(TIMES.name, TIMES.help, TIMES.labels, buckets=TIMES.buckets, registry=registry).labels("a")
    ours.observe(("a",), 0.5)
    theirs.observe(0.5)
    for value in values:
        ours.observe(("a",), value)
        theirs.observe(value)
    reference = generate_latest(registry).decode().splitlines()
    assert exposed(ours) == [x for x in reference if not x.startswith("#") and "_created" not in x]


def test_several_at_once_are_several() -> None:
    once, often = Histogram(TIMES, WORDS), Histogram(TIMES, WORDS)
    for _ in range(4):
        once.observe(("a",), 0.25)
    often.observe(("a",), 0.25, 4)
    assert exposed(once) == exposed(often)


def test_label_sets_are_bounded() -> None:
    many = Vocabulary({"pool": frozenset(map(str, range(100)))})
    counter, histogram = Counter(COUNTS, many, limit=10), Histogram(TIMES, many, limit=10)
    for number in range(100):
        counter.add((str(number),))
        histogram.observe((str(number),), 0.1)
    assert len(counter.cells) == len(histogram.cells) == 11
    assert counter.cells["other",] == 90
    assert sum(counter.cells.values()) == 100


def test_prune_forgets_what_is_no_longer_known() -> None:
    words = Vocabulary({"pool": frozenset({"a", "b"})})
    counter = Counter(COUNTS, words)
    for pool in ("a", "b", "none", "c"):
        counter.add((pool,))
    words.replace({"pool": frozenset({"b", "c"})})
    counter.prune()
    assert set(counter.cells) == {("b",), ("none",), ("other",)}
