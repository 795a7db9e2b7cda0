from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pointsman.cache.cache import Bounds, Cache
from pointsman.cache.categories import Loosen
from pointsman.cache.entry import Entry, Hit
from pointsman.cache.store.base import Gone, Kept, Put, Use
from pointsman.cache.store.memory import MemoryStore
from tests.support.cached import cache, category, entry, query, vector

TEXT = "how do i reset my password please"
NEAR = "how do i reset my password now please"
NEGATED = "how do i not reset my password please"
FAR = "what is the weather in paris"


def similar(cache: Cache, text: str, **where: Any) -> Hit | None:
    return cache.similar(query(text, **where), vector(text))


def refusals(cache: Cache, text: str, **where: Any) -> list[str | None]:
    return [each.refusal for each in cache.neighbours(query(text, **where), vector(text), 4)]


def kept(*entries: Entry, **other: Any) -> Cache:
    made = cache(**other)
    for each in entries:
        assert made.insert(each, b"document")
    return made


class TestLookups:
    async def test_an_equal_text_has_its_document(self) -> None:
        made = kept(entry(TEXT))
        hit = made.exact(query(TEXT, now=7.0))
        assert hit is not None
        assert (hit.exact, hit.similarity, hit.age) == (True, 1.0, 7.0)
        assert await made.document(hit.entry) == b"document"
        assert made.exact(query(NEAR)) is None

    def test_a_similar_text_is_found_and_another_is_not(self) -> None:
        made = kept(entry(TEXT), entry(FAR))
        hit = similar(made, NEAR)
        assert hit is not None
        assert (hit.entry.text, hit.exact) == (TEXT, False)
        assert 0.8 <= hit.similarity < 1
        assert similar(made, "please tell me something else") is None

    def test_the_guard_keeps_the_negated_one_apart_and_the_next_is_taken(self) -> None:
        made = kept(entry(NEGATED), entry(TEXT))
        assert refusals(made, NEAR).count("one is negated") == 1
        hit = similar(made, NEAR)
        assert hit is not None
        assert hit.entry.text == TEXT
        only = kept(entry(TEXT))
        assert similar(only, NEGATED) is None
        assert only.stats(0.0)["general"].counts.refused == 1

    def test_the_guard_can_be_left_out(self) -> None:
        made = cache(category(guard=False))
        made.insert(entry(TEXT), b"document")
        assert similar(made, NEGATED) is not None

    def test_another_scope_is_another_world(self) -> None:
        made = kept(entry(TEXT))
        assert made.exact(query(TEXT, at="t")) is None
        assert similar(made, TEXT, at="t") is None

    def test_a_hash_alone_is_not_believed(self) -> None:
        """Two scopes whose hashes of a text meet do not share an answer."""
        made = kept(entry(TEXT))
        assert made.exact(query(TEXT, at="t")._replace(exact=query(TEXT).exact)) is None

    def test_without_a_threshold_only_equal_texts_are_found(self) -> None:
        made = cache(category(threshold=None))
        made.insert(entry(TEXT), b"document")
        assert similar(made, TEXT) is None
        assert made.exact(query(TEXT)) is not None

    def test_an_entry_without_a_vector_is_found_by_its_text_only(self) -> None:
        made = kept(entry(TEXT, vector=None))
        assert similar(made, TEXT) is None
        assert made.exact(query(TEXT)) is not None

    def test_vectors_of_another_encoder_are_left_alone(self) -> None:
        made = kept(entry(TEXT))
        assert made.similar(query(TEXT), vector(TEXT)[:8]) is None
        assert made.insert(entry(FAR, vector=entry(FAR).vector[:8]), b"document")  # type: ignore[index]
        assert made.exact(query(FAR)) is not None

    def test_a_category_that_there_is_not_has_nothing(self) -> None:
        made = cache()
        assert not made.insert(entry(TEXT, of="other"), b"document")
        assert made.exact(query(TEXT, of="other")) is None
        assert similar(made, TEXT, of="other") is None

    async def test_a_document_that_has_gone_takes_its_entry_along(self) -> None:
        store = MemoryStore()
        made = kept(entry(TEXT), store=store)
        hit = made.exact(query(TEXT))
        assert hit is not None
        store.delete([hit.entry.id])
        assert await made.document(hit.entry) is None
        assert made.exact(query(TEXT)) is None
        assert len(made) == 0

    async def test_what_is_purged_while_its_document_is_read_is_not_served(self) -> None:
        class Slow(MemoryStore):
            async def get(self, id: str) -> bytes | None:
                document = await super().get(id)
                await made.purge()
                return document

        made = kept(entry(TEXT), store=Slow())
        assert await made.document(entry(TEXT)) is None

    def test_looking_at_neighbours_counts_nothing(self) -> None:
        made = kept(entry(TEXT), entry(FAR))
        assert refusals(made, NEAR) == [None, "below the threshold"]
        assert refusals(made, NEAR, now=101.0) == ["too old", "too old"]
        assert made.stats(0.0)["general"].counts.lookups == 0


class TestAge:
    def test_past_its_time_an_entry_is_never_used(self) -> None:
        for now, found in [(100.0, True), (100.1, False)]:
            made = kept(entry(TEXT))
            assert (made.exact(query(TEXT, now=now)) is not None) is found
            assert (similar(made, NEAR, now=now) is not None) is found

    def test_an_entry_from_the_future_has_no_age_that_could_be_trusted(self) -> None:
        assert kept(entry(TEXT, created=3.0)).exact(query(TEXT)) is not None
        assert kept(entry(TEXT, created=3600.0)).exact(query(TEXT)) is None

    def test_under_load_more_is_taken_and_older_and_then_no_longer(self) -> None:
        made = cache(category(threshold=0.95, loosen=Loosen(0.2, 2.0)))
        made.insert(entry(TEXT), b"document")
        assert similar(made, NEAR, now=50.0) is None
        made.told_load("general", 1.0, 50.0)
        assert similar(made, NEAR, now=50.0) is not None
        made.told_load("general", 1.0, 150.0)
        assert made.exact(query(TEXT, now=150.0)) is not None
        made.told_load("general", 0.0, 198.0)
        assert made.exact(query(TEXT, now=198.0)) is None
        assert made.stats(198.0)["general"].threshold == 0.95

    def test_expired_ones_are_swept_away_step_by_step(self) -> None:
        made = kept(*(entry(f"question {n}") for n in range(50)))
        made.sweep(50.0, 100)
        assert len(made) == 50
        made.sweep(101.0, 20)
        assert len(made) == 30
        for _ in range(3):
            made.sweep(101.0, 20)
        assert len(made) == 0
        assert made.stats(101.0)["general"].counts.expired == 50


class TestRoom:
    def test_a_category_keeps_to_its_share_of_the_entries(self) -> None:
        made = cache(category(quota=0.5), category("code", quota=0.5), entries=10)
        for number in range(20):
            made.insert(entry(f"question {number}", created=float(number)), b"d")
        made.insert(entry("some code", of="code"), b"d")
        stats = made.stats(20.0)
        assert (stats["general"].entries, stats["code"].entries) == (5, 1)
        assert stats["general"].counts.evicted == 15

    def test_and_of_the_bytes(self) -> None:
        made = cache(category(quota=0.5), size=1000)
        for number in range(10):
            made.insert(entry(f"question {number}"), b"d" * 200)
        assert made.stats(0.0)["general"].bytes == 400
        assert not made.insert(entry("too large"), b"d" * 501)
        assert made.stats(0.0)["general"].bytes == 400

    def test_what_is_asked_often_is_dear_and_small_stays(self) -> None:
        made = cache(entries=3)
        often, dear, cheap = entry("often"), entry("dear", cost=1.0), entry("cheap", cost=0.0001, seconds=0.0)
        for each in (often, dear, cheap):
            made.insert(each, b"d")
        made.touch(Hit(often, 1.0, True, 0.0), 1.0)
        made.insert(entry("new", created=1.0), b"d")
        assert made.exact(query("cheap")) is None
        assert all(made.exact(query(text, now=1.0)) for text in ("often", "dear", "new"))
        made.insert(entry("large", created=1.0), b"d" * 1000)
        made.insert(entry("newer", created=1.0), b"d")
        assert made.exact(query("large", now=1.0)) is None

    def test_what_was_hit_outlives_what_is_younger_and_was_not(self) -> None:
        made = cache(entries=2)
        often = entry("often")
        made.insert(often, b"d")
        made.touch(Hit(often, 1.0, True, 0.0), 1.0)
        made.insert(entry("idle", created=2.0), b"d")
        made.insert(entry("new", created=3.0), b"d")
        assert made.exact(query("often", now=3.0)) is not None
        assert made.exact(query("idle", now=3.0)) is None

    def test_lru_forgets_what_was_not_used_for_longest(self) -> None:
        made = cache(category(evict="lru"), entries=2)
        first, second = entry("first", created=0.0), entry("second", created=1.0, cost=9.0)
        made.insert(first, b"d")
        made.insert(second, b"d")
        made.touch(Hit(first, 1.0, True, 0.0), 2.0)
        made.insert(entry("third", created=3.0), b"d")
        assert made.exact(query("first", now=3.0)) is not None
        assert made.exact(query("second", now=3.0)) is None

    def test_a_newer_answer_takes_the_place_of_the_older(self) -> None:
        made = kept(entry(TEXT), entry(TEXT, created=5.0))
        hit = made.exact(query(TEXT, now=6.0))
        assert hit is not None
        assert hit.age == 1.0
        assert len(made) == 1

    def test_a_reload_with_less_room_and_fewer_categories_tidies_up(self) -> None:
        made = cache(category(quota=0.5), category("code", quota=0.5))
        for number in range(40):
            made.insert(entry(f"question {number}"), b"d")
            made.insert(entry(f"code {number}", of="code"), b"d")
        made.configure({"general": category()}, Bounds(10, 1000))
        assert made.exact(query("code 1", of="code", now=1.0)) is None
        assert made.exact(query("question 1", now=1.0)) is not None
        for _ in range(20):
            made.sweep(1.0, 10)
        stats = made.stats(1.0)
        assert (stats["general"].entries, stats["code"].entries) == (10, 0)
        assert not made.insert(entry("code", of="code"), b"d")


class TestAskers:
    """Two others must have wanted to know it before a third one has the answer."""

    @pytest.fixture
    def made(self) -> Cache:
        made = cache(category(askers=2))
        made.insert(entry(TEXT, asker="ann"), b"of ann")
        return made

    def found(self, made: Cache, text: str, asker: str | None) -> str | None:
        hit = made.exact(query(text, asker=asker)) or similar(made, text, asker=asker)
        return None if hit is None else hit.entry.asker

    def test_who_it_was_made_for_has_it(self, made: Cache) -> None:
        assert self.found(made, TEXT, "ann") == "ann"
        assert self.found(made, NEAR, "ann") == "ann"

    def test_the_second_does_not_have_it_however_often_he_asks_and_the_third_does(self, made: Cache) -> None:
        assert [self.found(made, TEXT, "bob") for _ in range(3)] == [None, None, None]
        assert made.exact(query(TEXT, asker="cid")) is not None
        assert made.stats(0.0)["general"].counts.unshared >= 3

    def test_nobody_is_no_asker(self, made: Cache) -> None:
        assert [self.found(made, TEXT, None) for _ in range(3)] == [None, None, None]
        assert self.found(made, TEXT, "bob") is None

    def test_nearly_the_same_question_counts(self, made: Cache) -> None:
        assert self.found(made, NEAR, "bob") is None
        assert self.found(made, TEXT, "cid") == "ann"

    def test_another_question_does_not(self, made: Cache) -> None:
        assert self.found(made, NEGATED, "bob") is None
        assert self.found(made, TEXT, "cid") is None

    def test_each_has_his_own_answer_meanwhile(self, made: Cache) -> None:
        made.insert(entry(TEXT, asker="bob", created=1.0), b"of bob")
        assert self.found(made, TEXT, "ann") == "ann"
        assert self.found(made, TEXT, "bob") == "bob"
        assert self.found(made, TEXT, "cid") in ("ann", "bob")

    def test_the_answer_to_a_shared_question_is_shared(self, made: Cache) -> None:
        made.insert(entry(TEXT, created=1.0), b"for all")
        assert len(made) == 1
        assert made.exact(query(TEXT, asker="zoe", now=1.0)) is not None

    def test_of_many_who_wanted_it_anew_there_is_one_answer_for_all(self, made: Cache) -> None:
        for number in range(20):
            made.insert(entry(TEXT, asker=f"of {number}", created=number / 10), b"d")
        assert len(made) == 1
        assert self.found(made, TEXT, "zoe") == "of 19"

    def test_who_is_not_asked_for_askers_shares_at_once(self) -> None:
        made = kept(entry(TEXT, asker="ann"))
        assert self.found(made, TEXT, "bob") == "ann"


class TestPurge:
    @pytest.fixture
    def made(self) -> Cache:
        made = cache(category(quota=0.5), category("code", quota=0.5))
        made.insert(entry(TEXT, tenant="a"), b"d")
        made.insert(entry(FAR, at="t", tenant="b", created=50.0), b"d")
        made.insert(entry("sort a list", of="code", tenant="a", created=50.0), b"d")
        return made

    @pytest.mark.parametrize(
        ("what", "left"),
        [
            ({}, set()),
            ({"category": "code"}, {TEXT, FAR}),
            ({"tenant": "a"}, {FAR}),
            ({"before": 10.0}, {FAR, "sort a list"}),
            ({"tenant": "a", "before": 10.0}, {FAR, "sort a list"}),
            ({"similar": (vector(NEAR), 0.8)}, {FAR, "sort a list"}),
            ({"similar": (vector(FAR), 0.8), "tenant": "a"}, {TEXT, FAR, "sort a list"}),
        ],
    )
    async def test_what_is_meant_goes_with_its_documents(
        self, made: Cache, what: dict[str, Any], left: set[str]
    ) -> None:
        before = [kept.entry for kept in made.entries()]
        assert await made.purge(**what) == 3 - len(left)
        assert {kept.entry.text for kept in made.entries()} == left
        documents = [await made.store.get(each.id) for each in before]
        assert len([each for each in documents if each]) == len(left)


class TestWorth:
    def test_a_category_that_does_not_pay_is_switched_off_if_wished(self) -> None:
        made = cache(category(quota=0.5, auto=True), category("code", quota=0.5))
        for name in ("general", "code"):
            made.insert(entry(TEXT, of=name, seconds=0.1), b"d")
            for _ in range(500):
                made.looked(name, 0.01)
        assert made.is_off("general", 0.0)
        assert not made.is_off("code", 0.0)
        assert made.stats(0.0)["code"].worth.pays == "no"
        assert not made.is_off("general", 3600.0)

    def test_hits_save_what_the_answer_took(self) -> None:
        made = kept(entry(TEXT, seconds=2.0, cost=0.5))
        hit = made.exact(query(TEXT))
        assert hit is not None
        made.looked("general", 0.001)
        made.touch(hit, 1.0)
        stats = made.stats(1.0)["general"]
        assert (stats.saved_seconds, stats.saved_usd, stats.worth.rate) == (2.0, 0.5, 1.0)
        assert (stats.counts.lookups, stats.counts.exact, stats.counts.similar) == (1, 1, 0)


class TestShared:
    def test_what_others_make_and_delete(self) -> None:
        class Followed(MemoryStore):
            def follow(self, take: Any) -> None:
                self.take = take

        store = Followed()
        made = cache(store=store)
        store.take(Put(Kept(entry(TEXT), Use(used=0.0))))
        hit = similar(made, NEAR)
        assert hit is not None
        store.take(Put(Kept(entry(TEXT), Use(used=0.0))))
        assert len(made) == 1
        store.take(Gone([hit.entry.id, "never heard of"]))
        assert similar(made, NEAR) is None

    def test_what_was_kept_comes_back_but_for_what_is_too_old(self) -> None:
        first = kept(entry(TEXT), entry(FAR, created=90.0))

        class Full(MemoryStore):
            deleted: tuple[str, ...] = ()

            def entries(self) -> list[Kept]:
                return list(first.entries())

            def delete(self, ids: Any) -> None:
                self.deleted += tuple(ids)

        store = Full()
        made = cache(store=store)
        made.load(150.0)
        assert similar(made, FAR, now=150.0) is not None
        assert made.exact(query(TEXT, now=150.0)) is None
        assert store.deleted == (entry(TEXT).id,)


TEXTS = ("reset my password", "reset my password please", "not reset my password", "weather in paris", "sort a list")
NAMES = ("general", "code")
THRESHOLD, TTL = 0.8, 10.0


class AgainstNaive(RuleBasedStateMachine):
    """A list of all that was kept, and the rules read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = cache(
            category(quota=0.5, ttl=TTL, loosen=Loosen(0.1, 2.0)), category("code", quota=0.25, evict="lru", ttl=TTL),
            entries=16, size=1000,
        )  # fmt: skip
        self.now, self.count = 0.0, 0
        self.documents: dict[str, tuple[Entry, bytes]] = {}

    scopes = st.sampled_from("st")
    texts = st.sampled_from(TEXTS)
    names = st.sampled_from(NAMES)

    @rule(text=texts, at=scopes, of=names, size=st.integers(1, 300))
    def insert(self, text: str, at: str, of: str, size: int) -> None:
        self.count += 1
        made = entry(text, at=at, created=self.now, of=of, id=str(self.count))
        document = str(self.count).encode().ljust(size, b".")
        if self.cache.insert(made, document):
            self.documents[made.id] = made, document
            assert self.cache.exact(query(text, at=at, now=self.now, of=of)) is not None

    @rule(seconds=st.floats(0, 8))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(load=st.floats(0, 1.5))
    def load(self, load: float) -> None:
        self.cache.told_load("general", load, self.now)

    @rule(text=texts, at=scopes, of=names)
    def look(self, text: str, at: str, of: str) -> None:
        asked = query(text, at=at, now=self.now, of=of)
        stats = self.cache.stats(self.now)[of]
        for hit in (self.cache.exact(asked), self.cache.similar(asked, vector(text))):
            if hit is None:
                continue
            made, document = self.documents[hit.entry.id]
            assert (made.scope, made.category) == (asked.scope, of)
            assert self.now - made.created <= stats.ttl <= 2 * TTL
            assert hit.exact == (made.exact == asked.exact) or not hit.exact
            assert hit.exact or hit.similarity >= (stats.threshold or 0) >= THRESHOLD - 0.1 - 1e-9
            assert ("not" in made.text.split()) == ("not" in text.split())
            assert asyncio.run(self.cache.document(hit.entry)) == document
            self.cache.touch(hit, self.now)

    @rule(text=texts, at=scopes, of=names)
    def nothing_is_missed(self, text: str, at: str, of: str) -> None:
        asked = query(text, at=at, now=self.now, of=of)
        ttl = self.cache.stats(self.now)[of].ttl
        there = [k.entry for k in self.cache.entries() if k.entry.exact == asked.exact and k.entry.category == of]
        usable = [each for each in there if self.now - each.created <= ttl]
        assert (self.cache.exact(asked) is not None) == bool(usable)

    @rule(steps=st.integers(1, 5))
    def sweep(self, steps: int) -> None:
        self.cache.sweep(self.now, steps)

    @precondition(lambda self: self.count)
    @rule(before=st.floats(0, 50))
    def purge(self, before: float) -> None:
        asyncio.run(self.cache.purge(before=before))
        assert all(each.entry.created >= before for each in self.cache.entries())

    @invariant()
    def quotas_hold(self) -> None:
        count, size = Counter[str](), Counter[str]()
        for each in self.cache.entries():
            count[each.entry.category] += 1
            size[each.entry.category] += each.entry.size
        for name, stats in self.cache.stats(self.now).items():
            assert (stats.entries, stats.bytes) == (count[name], size[name])
            assert (count[name] <= stats.max_entries, size[name] <= stats.max_bytes) == (True, True)
        assert count["general"] <= 8
        assert count["code"] <= 4
        assert size["general"] <= 500


TestAgainstNaive = AgainstNaive.TestCase
TestAgainstNaive.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
