"""Many ask the same at once: one call, and everybody has its answer."""

import asyncio
import json
import socket
from collections import Counter

import pytest

from pointsman.gateway.caching import flying
from pointsman.gateway.observe.outcome import Flown, Phase
from pointsman.gateway.pools.lease import live_leases
from tests.gateway.caching.conftest import QUESTION
from tests.support.clients import call
from tests.support.gateway import pool
from tests.support.upstream import answer_hello, chunk, completion

MANY = 50


async def until(is_so):
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0)


class Held:
    """An upstream that says the first half, and the rest when it is told to."""

    def __init__(self, rest=answer_hello):
        self.go = asyncio.Event()
        self.asked = 0
        self.gone = asyncio.Event()
        self.rest = rest

    async def __call__(self, x):
        self.asked += 1
        if self.asked == 1:
            await self.first(x)
        else:
            await self.rest(x)

    async def first(self, x):
        if x.request.json.get("stream"):
            await x.start_events()
            await x.event(chunk("Be"))
        await self.go.wait()
        await self.end(x)

    async def end(self, x):
        if not x.request.json.get("stream"):
            await x.respond(completion("Because"))
            return
        await x.event(chunk("cause"))
        await x.event(chunk(finish="stop"))
        await x.event("[DONE]")
        await x.end()


class Vanishing(Held):
    """It notices when the gateway hangs up."""

    async def end(self, x):
        await x.gone()
        self.gone.set()
        x.close()


def followers(one):
    return one.caching.flights.followers


def leads(one):
    return len(one.caching.flights)


def asking(one, number=1, **body):
    return [asyncio.create_task(one.ask(**body)) for _ in range(number)]


async def aboard(one, number, **body):
    """So many, the first of whom has made the call."""
    first = asking(one, **body)
    await until(lambda: one.asked == 1)
    rest = asking(one, number - 1, **body)
    await until(lambda: followers(one) == number - 1)
    return first + rest


def observed(one):
    outcomes = []
    one.gateway.gateway.observe(outcomes.append)
    return outcomes


async def nothing_is_left(one):
    await until(lambda: leads(one) == 0 and live_leases() == 0)
    for each in one.gateway.gateway.runtime.pools.values():
        assert (each.inflight, each.waiting) == (0, 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_equal_questions_at_once_are_one_call(caches, stream):
    held = Held()
    async with caches(held) as one:
        outcomes = observed(one)
        asked = await aboard(one, MANY, stream=stream)
        page = (await call("GET", f"{one.url}/metrics")).body.decode()
        held.go.set()
        answers = await asyncio.gather(*asked)
        await until(lambda: len(outcomes) == MANY)
        assert one.asked == 1
        assert await one.result(stream=stream) == "exact"
        await nothing_is_left(one)
        after = (await call("GET", f"{one.url}/metrics")).body.decode()
    assert len({answer.body for answer in answers}) == 1
    assert {answer.status for answer in answers} == {200}
    assert Counter(answer.headers["x-pointsman-cache"] for answer in answers) == {"miss": 1, "exact": MANY - 1}
    assert Counter(answer.headers.get("age") for answer in answers) == {None: 1, "0": MANY - 1}
    assert {answer.headers["x-pointsman-pool"] for answer in answers} == {"small"}
    assert len({answer.headers["x-request-id"] for answer in answers}) == MANY
    assert {outcome.timings.ttft is not None for outcome in outcomes[:MANY]} == {stream}
    assert f"pointsman_cache_followers {MANY - 1}.0" in page
    assert "pointsman_cache_followers 0.0" in after
    assert 'pointsman_cache_flights_total{result="led"} 1.0' in after
    assert f'pointsman_cache_flights_total{{result="followed"}} {MANY - 1}.0' in after
    assert 'pointsman_cache_lookups_total{category="general",result="miss"} 1.0' in after


async def test_a_call_is_booked_once(caches):
    held = Held()
    async with caches(held) as one:
        outcomes = observed(one)
        asked = await aboard(one, 3)
        held.go.set()
        await asyncio.gather(*asked)
        await until(lambda: len(outcomes) == 3)
    led = [o for o in outcomes if o.cached.flight is Flown.LED]
    followed = [o for o in outcomes if o.cached.flight is Flown.FOLLOWED]
    assert (len(led), len(followed)) == (1, 2)
    assert led[0].cost == pytest.approx(5e-6)
    assert led[0].usage.prompt == 3
    assert len(led[0].attempts) == 1
    assert led[0].cached.kept
    assert led[0].finish == "stop"
    for outcome in followed:
        assert (outcome.cost, outcome.usage, outcome.attempts, outcome.selected) == (None, None, (), None)
        assert outcome.cached.saved_cost == led[0].cost
        assert (outcome.cached.age, outcome.cached.similarity) == (0.0, 1.0)


async def test_the_selector_hears_of_one_call(caches):
    bandit = [{"name": "everything", "when": "true", "models": ["small", "large"], "cache": True,
               "select": {"by": "thompson"}}]  # fmt: skip
    held = Held()
    async with caches(held, decisions=bandit) as one:
        asked = asking(one, 5)
        await until(lambda: followers(one) == 4)
        held.go.set()
        await asyncio.gather(*asked)
        learned = (await call("GET", f"{one.url}/admin/learning")).json["decisions"]
    assert learned[0]["choices"] == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_the_first_client_may_leave(caches, stream):
    held = Held()
    async with caches(held) as one:
        outcomes = observed(one)
        first, *others = await aboard(one, 5, stream=stream)
        first.cancel()
        await until(lambda: followers(one) == 3)
        held.go.set()
        answers = await asyncio.gather(*others)
        await until(lambda: len(outcomes) == 5)
        assert one.asked == 1
        assert await one.result(stream=stream) == "exact"
        await nothing_is_left(one)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert b"cause" in answers[0].body
    assert b"error" not in answers[0].body
    left = [o for o in outcomes if o.cached.flight is Flown.LED]
    assert [(o.status, o.disconnect) for o in left] == [(499, Phase.STREAM if stream else Phase.HEADERS)]
    assert left[0].attempts[0].result == "ok"
    assert left[0].cached.kept


@pytest.mark.parametrize("stream", [False, True])
async def test_when_all_have_left_the_upstream_is_told(caches, stream):
    vanishing = Vanishing()
    async with caches(vanishing) as one:
        outcomes = observed(one)
        asked = await aboard(one, 5, stream=stream)
        vanishing.go.set()
        for task in asked:
            task.cancel()
        await vanishing.gone.wait()
        await until(lambda: len(outcomes) == 5)
        await nothing_is_left(one)
        assert {outcome.status for outcome in outcomes} == {499}
        assert [outcome.attempts[0].result for outcome in outcomes if outcome.attempts] == ["cancelled"]
        assert await one.result(stream=stream) == "miss"


async def failing(x):
    await x.respond({"error": {"message": "oh dear", "type": "server_error"}}, 500)


class Failing(Held):
    """Its first call fails when it is told to."""

    async def first(self, x):
        await self.go.wait()
        await failing(x)


ONCE = {"retry": {"attempts": 1}}


@pytest.fixture
def once(monkeypatch):
    """A pool that asks once."""

    def patient(url, **extra):
        return pool(url, **{**ONCE, **extra})

    monkeypatch.setattr("tests.gateway.caching.conftest.pool", patient)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_follower_takes_over_when_the_first_fails(caches, once, stream):
    upstream = Failing()
    async with caches(upstream) as one:
        outcomes = observed(one)
        first, *others = await aboard(one, 10, stream=stream)
        upstream.go.set()
        answers = await asyncio.gather(*others)
        assert (await first).status == 500
        await until(lambda: len(outcomes) == 10)
        assert one.asked == 2
        assert await one.result(stream=stream) == "exact"
        await nothing_is_left(one)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    flown = Counter(outcome.cached.flight for outcome in outcomes[:10])
    assert flown == {Flown.LED: 1, Flown.TOOK_OVER: 1, Flown.FOLLOWED: 8}
    assert all(o.error_source is None for o in outcomes if o.status == 200)


async def test_an_upstream_that_fails_twice_is_not_asked_by_everybody(caches, once):
    upstream = Failing(failing)
    async with caches(upstream) as one:
        asked = await aboard(one, 10)
        upstream.go.set()
        answers = await asyncio.gather(*asked)
        await nothing_is_left(one)
    assert one.asked == 2
    assert {answer.status for answer in answers} == {500}
    assert {answer.error["message"] for answer in answers} == {"oh dear"}
    assert {answer.headers["x-pointsman-cache"] for answer in answers} == {"miss"}
    assert {answer.headers["x-pointsman-error-source"] for answer in answers} == {"upstream"}


async def test_a_connection_that_breaks_before_the_answer_is_tried_once_more(caches, once):
    class Resetting(Held):
        async def first(self, x):
            await self.go.wait()
            x.reset()

    upstream = Resetting()
    async with caches(upstream) as one:
        first, *others = await aboard(one, 5)
        upstream.go.set()
        answers = await asyncio.gather(*others)
        assert (await first).status == 502
    assert one.asked == 2
    assert {answer.status for answer in answers} == {200}


async def test_a_pool_that_is_full_for_the_first_is_asked_by_all(caches):
    """It may have another place for each of them."""

    class Busy(Held):
        async def __call__(self, x):
            await self.go.wait()
            await answer_hello(x)

    limits = {"inflight": 1, "queue": 1, "queue_timeout": "500ms"}
    upstream = Busy()
    async with caches(upstream) as one:
        changed = one.gateway.gateway.runtime.config.model_dump(mode="json", exclude_unset=True)
        changed["pools"]["small"]["limits"] = limits
        one.gateway.rewrite(changed)
        await one.gateway.gateway.reload()
        outcomes = observed(one)
        other = asyncio.create_task(one.ask("Which colour has the sky?"))
        await until(lambda: one.asked == 1)
        asked = asking(one, 4)
        await until(lambda: followers(one) == 3)
        answers = await asyncio.gather(*asked)
        upstream.go.set()
        assert (await other).status == 200
        await nothing_is_left(one)
    assert {(answer.status, answer.error["code"]) for answer in answers} == {(429, "pool_full")}
    flown = [outcome.cached.flight for outcome in outcomes if outcome.status == 429]
    assert Counter(flown) == {Flown.LED: 1, Flown.TOOK_OVER: 1, None: 2}


async def test_what_the_request_itself_is_refused_for_is_everybodys(caches):
    class Refusing(Held):
        async def first(self, x):
            await self.go.wait()
            await x.respond({"error": {"message": "no such thing"}}, 422)

    upstream = Refusing()
    async with caches(upstream) as one:
        asked = await aboard(one, 5)
        upstream.go.set()
        answers = await asyncio.gather(*asked)
        assert one.asked == 1
        page = (await call("GET", f"{one.url}/metrics")).body.decode()
        assert await one.result() == "miss"
    assert 'pointsman_selections_total{by="static",pool="small"} 1.0' in page
    assert 'pointsman_cache_lookups_total{category="general",result="miss"} 5.0' in page
    assert {answer.status for answer in answers} == {422}
    assert len({answer.body for answer in answers}) == 1
    assert {answer.headers["x-pointsman-error-source"] for answer in answers} == {"upstream"}


async def test_a_stream_that_breaks_in_the_middle_breaks_for_all(caches):
    class Breaking(Held):
        async def end(self, x):
            x.reset()

    upstream = Breaking()
    async with caches(upstream) as one:
        outcomes = observed(one)
        asked = await aboard(one, 5, stream=True)
        upstream.go.set()
        answers = await asyncio.gather(*asked)
        await until(lambda: len(outcomes) == 5)
        assert one.asked == 1
        assert await one.result(stream=True) == "miss"
        await nothing_is_left(one)
    for answer in answers:
        *_, last = answer.body.strip().split(b"\n\n")
        assert json.loads(last.removeprefix(b"data: "))["error"]["type"] == "server_error"
        assert b"Be" in answer.body
        assert b"[DONE]" not in answer.body
    assert [outcome.error_source for outcome in outcomes[:5]] == ["upstream"] * 5


async def test_who_reads_slowly_delays_nobody(caches):
    """And gets all of it when he comes to it."""
    piece, number = "x" * 4096, 1500  # 6 MB, more than sockets take in

    class Long(Held):
        async def end(self, x):
            for _ in range(number):
                await x.event(chunk(piece))
            await super().end(x)

    held = Long()
    async with caches(held) as one:
        first, *others = await aboard(one, 4, stream=True)
        reader, writer = await raw(one, stream=True)
        await reader.readuntil(b"Be")
        held.go.set()
        answers = await asyncio.gather(first, *others)
        rest = await read_on(reader)
        writer.transport.abort()
        await nothing_is_left(one)
    assert one.asked == 1
    assert len({answer.body for answer in answers}) == 1
    assert rest.count(piece.encode()) == answers[0].body.count(piece.encode()) == number


async def raw(one, **body):
    """A client that takes nothing until it is read."""
    host, port = one.url.removeprefix("http://").split(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((host, int(port)))
    reader, writer = await asyncio.open_connection(sock=client)
    said = {"model": "auto", "messages": [{"role": "user", "content": QUESTION}], **body}
    data = json.dumps(said).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(data), data)
    )
    return reader, writer


async def read_on(reader):
    """Up to the end of the stream, or of the connection."""
    data = b""
    while b"[DONE]" not in data[-64:] and (more := await reader.read(65536)):
        data += more
    return data


async def test_who_is_far_behind_in_a_very_long_answer_is_cut_off_and_can_see_it(caches, monkeypatch):
    monkeypatch.setattr(flying, "LAG", 256 * 1024)
    monkeypatch.setattr(flying, "LONGEST", 64 * 1024)
    piece, number = "x" * 4096, 4000

    class Long(Held):
        async def end(self, x):
            for _ in range(number):
                await x.event(chunk(piece))
            await super().end(x)

    held = Long()
    async with caches(held) as one:
        outcomes = observed(one)
        first, *_ = await aboard(one, 2, stream=True)
        reader, writer = await raw(one, stream=True)
        await reader.readuntil(b"Be")
        held.go.set()
        answer = await first
        half = await read_on(reader)
        writer.transport.abort()
        await until(lambda: len(outcomes) == 3)
        await nothing_is_left(one)
    assert answer.body.count(piece.encode()) == number
    assert b"[DONE]" not in half
    assert not half.endswith(b"0\r\n\r\n")
    assert Counter(outcome.status for outcome in outcomes) == {200: 2, 499: 1}


async def test_nobody_joins_an_answer_of_which_the_beginning_is_gone(caches, monkeypatch):
    monkeypatch.setattr(flying, "LONGEST", 10)
    held = Held()
    async with caches(held) as one:
        first = asking(one, stream=True)
        await until(lambda: begun(one))
        second = await one.ask(stream=True)
        held.go.set()
        await first[0]
        await nothing_is_left(one)
    assert second.status == 200
    assert one.asked == 2


async def test_tenants_do_not_come_along(caches, monkeypatch):
    keys = {}
    for name in ("a", "b"):
        monkeypatch.setenv(f"KEY_{name}", f"key-{name}")
        keys[name] = {"authorization": f"Bearer key-{name}"}
    auth = {"keys": [{"key": f"env:KEY_{name}", "tenant": name} for name in keys]}
    held = Held()
    async with caches(held, auth=auth) as one:
        first = asking(one, headers=keys["a"])
        await until(lambda: one.asked == 1)
        other = await one.ask(headers=keys["b"])
        assert (one.asked, followers(one)) == (2, 0)
        held.go.set()
        await asyncio.gather(*first)
    assert other.headers["x-pointsman-cache"] == "miss"


@pytest.mark.parametrize(
    "other",
    [
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": False},
        {"stream": True, "temperature": 0.5},
        {"stream": True, "headers": {"x-pointsman-cache": "no-cache"}},
        {"stream": True, "headers": {"x-pointsman-cache": "no-store"}},
        {"stream": True, "model": "small"},
    ],
)
async def test_other_answers_are_asked_for_separately(caches, other):
    held = Held()
    async with caches(held) as one:
        first = asking(one, stream=True)
        await until(lambda: one.asked == 1)
        assert (await one.ask(**other)).status == 200
        assert one.asked == 2
        held.go.set()
        await asyncio.gather(*first)


async def test_without_a_cache_everybody_asks(caches):
    held = Held()
    decisions = [{"name": "everything", "when": "true", "models": ["small"]}]
    async with caches(held, decisions=decisions) as one:
        asked = asking(one, 5)
        await until(lambda: one.asked == 5)
        held.go.set()
        await asyncio.gather(*asked)


async def test_beyond_the_bound_everybody_asks(caches, monkeypatch):
    monkeypatch.setattr(flying, "MOST", 0)
    held = Held()
    async with caches(held) as one:
        asked = asking(one, 5)
        await until(lambda: one.asked == 5)
        held.go.set()
        answers = await asyncio.gather(*asked)
    assert {answer.headers["x-pointsman-cache"] for answer in answers} == {"miss"}


SOON = {"headers": {"x-pointsman-deadline-ms": "600"}}


def begun(one):
    return any(flight.size for flight in one.caching.flights._flights.values())


@pytest.mark.parametrize("stream", [False, True])
async def test_a_follower_whose_time_is_up_leaves_alone(caches, stream):
    held = Held()
    async with caches(held) as one:
        first = asking(one, stream=stream)
        await until(lambda: begun(one) if stream else one.asked)
        late = await one.ask(stream=stream, **SOON)
        held.go.set()
        answer = (await asyncio.gather(*first))[0]
        assert one.asked == 1
        await nothing_is_left(one)
    assert late.status == (200 if stream else 504)
    assert b"upstream_timeout" in late.body
    assert answer.status == 200
    assert b"error" not in answer.body


@pytest.mark.parametrize("stream", [False, True])
async def test_a_first_client_whose_time_is_up_leaves_alone(caches, stream):
    held = Held()
    async with caches(held) as one:
        first = asking(one, stream=stream, **SOON)
        await until(lambda: one.asked == 1)
        others = asking(one, 3, stream=stream)
        await until(lambda: followers(one) == 3)
        late = await first[0]
        held.go.set()
        answers = await asyncio.gather(*others)
        assert one.asked == 1
        assert await one.result(stream=stream) == "exact"
    assert b"upstream_timeout" in late.body
    assert {answer.status for answer in answers} == {200}
    assert b"error" not in answers[0].body


async def test_a_client_alone_has_its_own_deadline(caches):
    vanishing = Vanishing()
    async with caches(vanishing) as one:
        vanishing.go.set()
        answer = await one.ask(**SOON)
        await vanishing.gone.wait()
        await nothing_is_left(one)
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
    assert "x-pointsman-deadline-ms" in answer.error["message"]


async def test_a_cascade_is_run_once(caches):
    decisions = [{"name": "careful", "when": "true", "models": ["small", "large"], "cache": True,
                  "select": {"by": "cascade", "accept": {"min_chars": 1}}}]  # fmt: skip
    held = Held()
    async with caches(held, decisions=decisions) as one:
        outcomes = observed(one)
        asked = await aboard(one, 5)
        held.go.set()
        answers = await asyncio.gather(*asked)
        await until(lambda: len(outcomes) == 5)
        assert one.asked == 1
        await nothing_is_left(one)
    assert len({answer.body for answer in answers}) == 1
    assert len({answer.headers["x-pointsman-cascade"] for answer in answers}) == 1
    assert Counter(len(outcome.steps) for outcome in outcomes) == {1: 1, 0: 4}


async def test_who_follows_can_see_it(caches):
    held = Held()
    async with caches(held) as one:
        first = asking(one)
        await until(lambda: one.asked == 1)
        second = asking(one, headers={"x-pointsman-debug": "1"})
        await until(lambda: followers(one) == 1)
        held.go.set()
        await asyncio.gather(*first, *second)
        headers = second[0].result().headers
    assert json.loads(headers["x-pointsman-trace"])["selection"]["by"] == "cache"
    assert headers["x-pointsman-cache-score"] == "1.0000"


async def test_a_cascade_alone_keeps_what_it_has_at_the_deadline(caches):
    decisions = [{"name": "careful", "when": "true", "models": ["small", "large"], "cache": True,
                  "select": {"by": "cascade", "accept": {"min_chars": 100}}}]  # fmt: skip

    async def script(x):
        if len(one.up.requests) > 1:
            await x.gone()
        else:
            await x.respond(completion("too short"))

    async with caches(script, decisions=decisions) as one:
        answer = await one.ask(**SOON)
        await nothing_is_left(one)
    assert (answer.status, answer.json["choices"][0]["message"]["content"]) == (200, "too short")


async def test_no_task_outlives_its_request(caches):
    async with caches() as one:
        await asyncio.gather(*asking(one, 20), *asking(one, 20, stream=True))
        await until(
            lambda: not [task for task in asyncio.all_tasks() if "_relay" in repr(task) or "Watch" in repr(task)]
        )
        await nothing_is_left(one)
