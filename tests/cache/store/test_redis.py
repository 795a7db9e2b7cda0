"""Several caches over a real Redis, and what happens to them when it is in trouble."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from pointsman.cache.cache import Cache
from pointsman.cache.entry import Entry
from pointsman.cache.store.base import Away, Change
from pointsman.cache.store.redis.link import Patience
from pointsman.cache.store.redis.scripts import TAG
from pointsman.cache.store.redis.store import RedisStore
from tests.support.cached import cache, category, entry, query, vector
from tests.support.redis import PATIENCE, RedisServer

USUAL = Patience(budget=5.0, again=0.01, answer=5.0, connect=5.0, block=0.02, checked=0.0, start=5.0)
HASTY = USUAL._replace(budget=0.05, answer=0.5)


class Watched(RedisStore):
    """Tells the test whenever something has happened."""

    def __init__(self, place: str, patience: Patience, now: float) -> None:
        super().__init__(place, patience, lambda: now)
        self._happened = asyncio.Event()
        for name in ("trouble", "fine", "complain"):
            setattr(self.link, name, self._telling(getattr(self.link, name)))

    def take(self, change: Change) -> None:
        super().take(change)
        self._happened.set()

    def take_key(self, key: bytes) -> None:
        super().take_key(key)
        self._happened.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._happened.clear()
                await self._happened.wait()

    def _telling(self, what: Callable[..., None]) -> Callable[..., None]:
        def told(*arguments: Any) -> None:
            what(*arguments)
            self._happened.set()

        return told


class Replica:
    def __init__(self, store: Watched, cache: Cache) -> None:
        self.store, self.cache = store, cache

    @property
    def texts(self) -> set[str]:
        return {kept.entry.text for kept in self.cache.entries()}

    async def insert(self, *entries: Entry) -> None:
        for each in entries:
            assert self.cache.insert(each, each.text.encode() * 10)
        await self.store.flush()

    async def knows(self, *texts: str) -> None:
        await self.store.until(lambda: self.texts == set(texts))

    async def caught_up(self) -> None:
        assert self.store.follower is not None
        await asyncio.wait_for(self.store.follower.caught_up.wait(), PATIENCE)

    async def answer(self, text: str) -> bytes | None:
        hit = self.cache.exact(query(text))
        return None if hit is None else await self.cache.document(hit.entry)

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.store.health().counts)


@asynccontextmanager
async def joined(
    server: RedisServer | str, patience: Patience = USUAL, now: float = 0.0, **other: Any
) -> AsyncIterator[Replica]:
    store = Watched(server if isinstance(server, str) else server.url, patience, now)
    replica = Replica(store, cache(*other.pop("categories", ()), store=store, **other))
    await store.start()
    try:
        yield replica
    finally:
        await store.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path)
    made.start()
    yield made
    made.kill()


def key(name: str) -> str:
    return f"{TAG}:{name}"


class TestTogether:
    async def test_what_one_keeps_another_serves(self, server: RedisServer) -> None:
        async with joined(server) as one, joined(server) as other:
            assert one.store.key == other.store.key
            await one.insert(entry("how do i reset my password please", cost=0.25, asker="a", pool="small"))
            await other.knows("how do i reset my password please")
            assert await other.answer("how do i reset my password please") == b"how do i reset my password please" * 10
            text = "how do i reset my password now please"
            hit = other.cache.similar(query(text), vector(text))
            assert hit is not None
            assert hit.entry == next(one.cache.entries()).entry._replace(vector=None)

    async def test_what_one_deletes_nobody_has(self, server: RedisServer) -> None:
        async with joined(server) as one, joined(server) as other:
            await one.insert(entry("a"), entry("b", tenant="t"))
            await other.knows("a", "b")
            assert await other.answer("b") is not None
            assert await other.cache.purge(tenant="t") == 1
            await other.store.flush()
            await one.knows("a")
            assert await one.answer("b") is None
            with server.client() as client:
                assert list(client.scan_iter(key("d:*"))) == [key(f"d:{entry('a').id}").encode()]
                assert client.hgetall(key("b")) == {b"general": b"10"}

    async def test_who_comes_late_has_all_and_once(self, server: RedisServer) -> None:
        async with joined(server) as one:
            texts = [f"text{n}" for n in range(400)]
            await one.insert(*(entry(text) for text in texts[:300]))
            async with joined(server) as late:
                for text in texts[300:]:  # while it reads
                    one.cache.insert(entry(text), b"document")
                    one.cache.drop([entry(f"text{int(text[4:]) - 300}").id])
                    await asyncio.sleep(0)
                await late.knows(*texts[100:])
                assert len(late.cache) == 300
                assert late.counts["resyncs"] == 1
                assert late.counts["foreign"] == 0

    async def test_hits_and_askers_are_not_lost(self, server: RedisServer) -> None:
        shared = category(askers=2)
        async with joined(server, categories=[shared]) as one, joined(server, categories=[shared]) as other:
            await one.insert(entry("a", asker="1"))
            await other.knows("a")
            assert other.cache.exact(query("a", asker="2")) is None
            await other.store.flush()
            await one.store.until(lambda: [set(kept.use.askers or ()) for kept in one.cache.entries()] == [{"1", "2"}])
            assert one.cache.exact(query("a", asker="4")) is not None
            hit = other.cache.exact(query("a", asker="4"))
            assert hit is not None
            other.cache.touch(hit, 7.0)
            await other.store.flush()
            async with joined(server, categories=[shared]) as late:
                await late.knows("a")
                [kept] = late.cache.entries()
                assert (kept.use.hits, kept.use.used) == (1, 7.0)
                assert set(kept.use.askers or ()) == {"1", "2"}

    async def test_past_its_time_a_document_is_no_longer_in_redis(self, server: RedisServer) -> None:
        async with joined(server, now=40.0) as one:
            await one.insert(entry("a"))
            await one.insert(entry("older", created=-70.0))
            with server.client() as client:
                document = key(f"d:{entry('a').id}")
                assert 50_000 < client.pttl(document) <= 60_000
                assert not client.hexists(key("e"), entry("older", created=-70.0).id)
                client.zadd(key("x:general"), {entry("a").id: 1.0})
                await one.insert(entry("b"))
                assert client.hkeys(key("e")) == [entry("b").id.encode()]
                assert not client.exists(document)

    async def test_a_new_version_of_a_policy_has_its_own_time(self, server: RedisServer) -> None:
        async with joined(server) as one:
            await one.insert(entry("a"))
            async with joined(server, now=90.0, categories=[category(ttl=80.0)]) as late:
                await late.store.until(lambda: late.counts["resyncs"] == 1)
                await one.insert(entry("b", created=20.0))
                await late.knows("b")


class TestRoom:
    async def test_together_they_keep_the_quota(self, server: RedisServer) -> None:
        async with joined(server, entries=40) as one, joined(server, entries=40) as other:
            for number in range(60):
                for replica in (one, other):
                    replica.cache.insert(entry(f"{id(replica)} {number}"), b"x" * 50)
            await asyncio.gather(one.store.flush(), other.store.flush())
            with server.client() as client:
                ids = {id.decode() for id in client.hkeys(key("e"))}
                assert len(ids) == 40 == client.zcard(key("x:general"))
                assert client.hget(key("b"), "general") == b"2000"
                assert len(list(client.scan_iter(key("d:*")))) == 40
            for replica in (one, other):
                await replica.store.until(lambda: {kept.entry.id for kept in replica.cache.entries()} == ids)  # noqa: B023

    async def test_bytes_are_bounded_too(self, server: RedisServer) -> None:
        async with joined(server, size=1000) as one, joined(server, size=1000) as other:
            for number in range(9):
                await one.insert(entry(f"one {number}"))
                await other.insert(entry(f"other {number}"))
            with server.client() as client:
                sizes = [int(client.hget(key("b"), "general") or 0), sum(_sizes(one)), sum(_sizes(other))]
                assert 800 < sizes[0] <= 1000

    async def test_all_categories_together_are_bounded(self, server: RedisServer) -> None:
        both = [category("big"), category("small")]
        async with joined(server, categories=both, entries=8) as one:
            await one.insert(*(entry(f"s{number}", of="small") for number in range(2)))
            for number in range(12):
                await one.insert(entry(f"b{number}", of="big"))
            with server.client() as client:
                assert client.hlen(key("e")) == 8
                assert client.zcard(key("x:small")) == 2

    @pytest.mark.parametrize(("evict", "stays"), [("value", "popular"), ("lru", "recent")])
    async def test_what_others_use_stays(self, server: RedisServer, evict: Any, stays: str) -> None:
        kind = [category(evict=evict)]
        same: dict[str, Any] = {"categories": kind, "entries": 8}
        async with joined(server, **same) as one, joined(server, **same) as other:
            first = ["popular", "recent", *(f"first{number}" for number in range(6))]
            await one.insert(*(entry(text) for text in first))
            await other.knows(*first)
            for text, times, now in (("popular", 9, 1.0), ("recent", 1, 90.0)):
                hit = other.cache.exact(query(text))
                assert hit is not None
                for _ in range(times):
                    other.cache.touch(hit, now)
            await other.store.flush()
            for number in range(20):
                await one.insert(entry(f"later{number}", created=2.0 + number, cost=0.0011))
                await one.store.until(lambda: len(one.cache) <= 8)
            assert stays in one.texts


class TestTrouble:
    async def test_without_redis_all_goes_on_and_afterwards_it_is_made_up_for(self, server: RedisServer) -> None:
        with capture_logs() as logs:
            async with joined(server) as one, joined(server) as other:
                await one.insert(entry("before"))
                await other.knows("before")
                server.kill()
                await other.store.until(lambda: not other.store.health().up)
                assert await other.answer("before") is None
                assert await other.answer("before") is None
                assert other.texts == {"before"}  # it may well be there
                assert other.cache.stats(0.0)["general"].counts.away == 2
                assert await one.answer("before") == b"before" * 10  # its own
                assert one.cache.insert(entry("meanwhile"), b"made without Redis")
                assert await one.answer("meanwhile") == b"made without Redis"
                server.start()
                await other.knows("meanwhile")
                await one.knows("meanwhile")
                for replica in (one, other):
                    await replica.store.until(lambda: replica.store.health().up)  # noqa: B023
                assert await other.answer("meanwhile") == b"made without Redis"
                assert one.store.key == other.store.key
        assert [log["event"] for log in logs].count("cache_store_away") == 2
        assert [log["event"] for log in logs].count("cache_store_back") == 2

    async def test_after_a_restart_with_its_data_nothing_is_missing(self, tmp_path: Path) -> None:
        server = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
        server.start()
        try:
            async with joined(server) as one, joined(server) as other:
                await one.insert(entry("a"), entry("b"))
                await other.knows("a", "b")
                server.kill()
                await one.store.until(lambda: not one.store.health().up)
                one.cache.drop([entry("a").id])
                server.start()
                await other.knows("b")
                await other.store.until(lambda: other.store.health().up)
                assert await other.answer("b") == b"b" * 10
                assert one.texts == {"b"}
        finally:
            server.kill()

    async def test_a_slow_redis_costs_no_more_than_the_budget_and_then_nothing(self, server: RedisServer) -> None:
        async with joined(server) as one, joined(server, HASTY) as other:
            await one.insert(entry("a"))
            await other.store.until(lambda: "a" in other.texts and other.store.health().up)
            server.freeze()
            [kept] = other.cache.entries()
            for _ in range(HASTY.failures):
                with pytest.raises(Away):
                    await other.store.get(kept.entry.id)
            assert other.counts["late"] + other.counts["failed"] >= 1
            await other.store.until(lambda: not other.store.health().up)
            away = other.counts["away"]
            assert await other.answer("a") is None
            assert other.counts["away"] > away
            server.thaw()
            await other.store.until(lambda: other.store.health().up)
            answers = [await other.answer("a") for _ in range(20)]  # some may be late on a busy machine
            assert b"a" * 10 in answers
            assert other.texts == {"a"}

    async def test_a_full_redis_keeps_what_it_has(self, server: RedisServer) -> None:
        async with joined(server) as one, joined(server) as other:
            await one.insert(entry("a"), entry("b"))
            await other.knows("a", "b")
            with server.client() as client:
                client.config_set("maxmemory", "1000000")
                client.set("ballast", b"x" * 500_000) if client.info("memory")["used_memory"] < 1_000_000 else None
                client.config_set("maxmemory", "500000")
                await one.insert(entry("c"))
                assert one.counts["full"] == 1
                assert await one.answer("c") is not None
                assert await other.answer("a") == b"a" * 10
                other.cache.drop([entry("b").id])
                await other.store.flush()
                assert not client.hexists(key("e"), entry("b").id)
                assert not client.exists(key(f"d:{entry('b').id}"))
                client.config_set("maxmemory", "0")
            await one.knows("a", "c")
            await one.insert(entry("d"))
            await other.knows("a", "d")
            assert one.store.health().up

    async def test_who_comes_before_redis_takes_its_key_later(self, server: RedisServer) -> None:
        async with joined(server) as one:
            await one.insert(entry("a"))
            server.freeze()
            async with joined(server, HASTY._replace(start=0.01)) as early:
                assert early.store.key != one.store.key
                early.cache.insert(entry("under another key"), b"document")
                server.thaw()
                await early.knows("a")
                assert early.store.key == one.store.key

    async def test_a_flushed_redis_is_noticed(self, server: RedisServer) -> None:
        async with joined(server) as one, joined(server) as other:
            await one.insert(entry("a"))
            await other.knows("a")
            with server.client() as client:
                client.flushall()
            await one.knows()
            await other.knows()
            await one.insert(entry("b"))
            await other.knows("b")
            with server.client() as client:
                assert client.get(key("key")) == one.store.key == other.store.key

    async def test_a_wrong_password_is_told_without_it(self, tmp_path: Path) -> None:
        server = RedisServer(tmp_path, "--requirepass", "right:p@ss/word")
        server.start()
        url = server.url.replace("//", "//:{}@")
        try:
            with capture_logs() as logs:
                async with joined(url.format("wrong-secret"), USUAL._replace(start=0.01)) as one:
                    await one.store.until(lambda: not one.store.health().up)
                    assert one.cache.insert(entry("a"), b"document")
                    assert await one.answer("a") == b"document"
            assert "WRONGPASS" in str(logs) or "invalid" in str(logs)
            assert "wrong-secret" not in str(logs)
            url = url.format("right%3Ap%40ss%2Fword")
            async with joined(url) as one, joined(url) as other:
                await one.insert(entry("a"))
                await other.knows("a")
        finally:
            server.kill()

    async def test_what_the_docs_allow_is_enough(self, server: RedisServer) -> None:
        page = Path(__file__).parents[3] / "docs" / "cache.md"
        [told] = re.findall(r"^An ACL has to allow .*?\.", page.read_text(), re.DOTALL | re.MULTILINE)
        rules = [rule for quoted in re.findall(r"`([^`]+)`", told) for rule in quoted.split()]
        with server.client() as client:
            client.execute_command("ACL SETUSER", "gateway", "on", ">secret", "resetkeys", "-@all", *rules)
        url = server.url.replace("//", "//gateway:secret@")
        shared = category(askers=2)
        async with joined(url, categories=[shared], entries=8) as one, joined(url, categories=[shared]) as other:
            await one.insert(*(entry(f"text{number}", asker="1") for number in range(10)))
            await other.store.until(lambda: len(other.texts) == 8)
            text = next(iter(other.texts))
            assert await other.answer(text) is None
            await other.store.flush()
            assert await one.answer(text) is None
            other.cache.drop([kept.entry.id for kept in other.cache.entries()])
            await one.knows()
            assert one.counts == other.counts | {"resyncs": 1}
            assert one.counts["failed"] == one.counts["dropped"] == 0


class TestBroken:
    @pytest.mark.parametrize("how", ["cut", "changed", "of another", "foreign", "empty"])
    async def test_a_document_that_is_not_what_was_written_is_none(self, server: RedisServer, how: str) -> None:
        async with joined(server) as one, joined(server) as other:
            await one.insert(entry("a"), entry("b"))
            await other.knows("a", "b")
            with server.client() as client:
                name = key(f"d:{entry('a').id}")
                value = client.get(name)
                assert isinstance(value, bytes)
                broken = {
                    "cut": value[:-1], "changed": value[:-1] + b"?", "foreign": b"somebody else's", "empty": b"",
                    "of another": client.get(key(f"d:{entry('b').id}")),
                }[how]  # fmt: skip
                client.set(name, broken or b"")
            assert await other.answer("a") is None
            assert other.counts["foreign"] == 1
            assert other.texts == {"b"}
            assert await other.answer("b") == b"b" * 10

    async def test_foreign_entries_and_events_are_left_alone(self, server: RedisServer) -> None:
        async with joined(server) as one:
            await one.insert(entry("a"))
            with server.client() as client:
                client.hset(key("e"), "foreign", b"\x01nothing of ours")
                client.hset(key("e"), "other version", b"\x02" + b"x" * 100)
                for event in ({"p": "x", "m": "y"}, {"g": "["}, {"g": "{}"}, {"unknown": "1"}, {"a": "x", "m": "1"}):
                    client.xadd(key("s"), event)
                async with joined(server) as late:
                    await late.caught_up()
                    assert late.texts == {"a"}
                    assert late.counts["foreign"] == 2
                    await one.store.until(lambda: one.texts == {"a"})
                    await late.insert(entry("b"))
                    await one.knows("a", "b")
                    assert one.counts["foreign"] == 5

    async def test_a_key_that_somebody_else_has_made_stops_nothing(self, server: RedisServer) -> None:
        with server.client() as client:
            client.set(key("e"), "not a hash")
        async with joined(server) as one:
            assert one.cache.insert(entry("a"), b"document")
            await one.store.flush()
            assert await one.answer("a") == b"document"
            assert one.counts["dropped"] == 1
            with server.client() as client:
                client.delete(key("e"))
            await one.store.until(lambda: one.store.health().up)
            await one.insert(entry("b"))
            with server.client() as client:
                assert client.hkeys(key("e")) == [entry("b").id.encode()]


def _sizes(replica: Replica) -> list[int]:
    return [kept.entry.size for kept in replica.cache.entries()]
