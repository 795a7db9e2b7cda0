"""Which kept answers are shown as examples."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache import examples
from pointsman.cache.cache import Bounds, Cache
from pointsman.cache.categories import Category
from pointsman.cache.entry import Entry, Query
from pointsman.cache.examples import Example, Past, ranked
from pointsman.cache.guard import compare
from pointsman.cache.index import quantised
from pointsman.cache.store.memory import MemoryStore

NOW = 1_700_000_000.0


def vector(degrees, around=0.0):
    """The first of four numbers is the cosine to 0°; those of other `around` differ in the rest."""
    angle, turn = np.radians(degrees), np.radians(around)
    found = np.array([np.cos(angle), np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), 0.0], np.float32)
    return found / np.linalg.norm(found)


def entry(name, degrees=30, around=0.0, **other):
    plain = {
        "scope": b"s", "exact": name.encode(), "category": "general", "tenant": None, "text": name,
        "vector": quantised(vector(degrees, around)), "created": NOW, "size": 400, "pool": "large",
    }  # fmt: skip
    return Entry(**{"id": name, **plain, **other})


def example(name, degrees=30, around=0.0, **other):
    made = entry(name, degrees, around, **other)
    return Example(made._replace(vector=None), float(np.cos(np.radians(degrees))), made.vector)


def names(found):
    return [each.entry.id for each in found]


# Ranking


def test_the_nearest_comes_first():
    found = [example("far", 40), example("near", 20, 90), example("middle", 30, 180)]
    assert names(ranked(found, Past(), 1000)) == ["near", "middle", "far"]


def test_near_duplicates_are_left_out():
    found = [example("one", 30), example("again", 31), example("other", 32, 180)]
    assert names(ranked(found, Past(), 1000)) == ["one", "other"]


def test_of_equally_near_ones_the_shorter():
    found = [example("long", 30, size=4000), example("short", 30, 180, size=100)]
    assert names(ranked(found, Past(), 1000)) == ["short", "long"]


def test_what_helped_before_comes_first():
    past = Past()
    for _ in range(5):
        past.add("bad", 1.0, 0.1)
        past.add("good", 1.0, 0.9)
    found = [example("bad", 28), example("new", 30, 120), example("good", 32, 240)]
    assert names(ranked(found, past, 1000)) == ["good", "new", "bad"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 1), st.floats(0, 1)), max_size=12))
def test_what_is_taken_back_no_longer_counts(said):
    past = Past()
    past.add("a", 1.0, 0.8)
    before = past.mean("a")
    for name, weight, reward in said:
        past.add(name, weight, reward)
    for name, weight, reward in said:
        past.add(name, -weight, reward)
    assert abs(past.mean("a") - before) < 1e-9
    assert 0.0 <= before <= 1.0


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(examples, "ENTRIES", 10)
    past = Past()
    for number in range(100):
        past.add(str(number), 1.0, 1.0)
    assert len(past) == 10


# From the cache


def cache(*entries, **category):
    made = Cache(
        MemoryStore(), {"general": Category("general", 0.99, 3600.0, 1.0, **category)}, Bounds(100, 10**6), compare,
        4,
    )  # fmt: skip
    for each in entries:
        assert made.insert(each, b"x" * each.size)
    return made


def asked(made, at_least=0.5, scope=b"s", exact=b"q", now=NOW, pools=("large",), asker=None):
    query = Query(scope, exact, "general", "q", now, asker)
    return names(made.examples(query, vector(0), at_least, pools))


def test_answers_of_the_pools_that_are_near_enough():
    made = cache(entry("near", 20), entry("far", 70), entry("small", 20, 90, pool="small"))
    assert asked(made) == ["near"]
    assert asked(made, at_least=0.3) == ["near", "far"]
    assert asked(made, pools=("small",)) == ["small"]


def test_never_of_another_scope_nor_of_the_same_text():
    made = cache(entry("near", 20))
    assert asked(made, scope=b"other") == []
    assert asked(made, exact=b"near") == []


def test_never_old_ones():
    made = cache(entry("near", 20))
    assert asked(made, now=NOW + 3500) == ["near"]
    assert asked(made, now=NOW + 3700) == []


def test_never_those_that_are_not_shared_yet():
    made = cache(entry("near", 20, asker="ann"), askers=2)
    assert asked(made, asker="bob") == []
    assert asked(made, asker="ann") == ["near"]
