"""The cache as clients meet it."""

import asyncio
import json

import pytest

from pointsman.signals.encoder.encoding import EncoderError
from tests.support.clients import call
from tests.support.upstream import answer_hello, chunk, completion

QUESTION = "How do magnets work?"
ALIKE = "how do magnets work"
OTHER = "Write a poem about rust on a ship"
SYSTEM = {"role": "system", "content": "Be brief."}


def user(text=QUESTION):
    return {"role": "user", "content": text}


async def test_an_equal_question_is_answered_without_the_model(caches):
    async with caches() as one:
        first, second = await one.ask(), await one.ask()
        assert one.asked == 1
    assert (first.headers["x-pointsman-cache"], second.headers["x-pointsman-cache"]) == ("miss", "exact")
    assert second.json["choices"] == first.json["choices"]
    assert second.json["usage"] == first.json["usage"]
    assert second.json["id"] != first.json["id"]
    assert "age" not in first.headers
    assert second.headers["age"] == "0"
    for name in ("decision", "model", "pool"):
        assert second.headers[f"x-pointsman-{name}"] == first.headers[f"x-pointsman-{name}"]
    assert float(second.headers["x-pointsman-overhead-ms"]) > 0


async def test_an_equal_question_needs_no_encoder(caches, letters):
    async with caches() as one:
        await one.ask()
        letters.asked.clear()
        assert await one.result() == "exact"
    assert letters.asked == []


async def test_a_similar_question_has_the_same_answer(caches):
    async with caches() as one:
        assert await one.result() == "miss"
        answer = await one.ask(ALIKE, headers={"x-pointsman-debug": "1"})
        assert answer.headers["x-pointsman-cache"] == "hit"
        assert 0.85 < float(answer.headers["x-pointsman-cache-score"]) <= 1
        trace = json.loads(answer.headers["x-pointsman-trace"])
        assert (trace["cache_category"], trace["selection"]["by"], trace["selection"]["choice"]) == (
            "general", "cache", None,
        )  # fmt: skip
        assert await one.result(OTHER) == "miss"
        assert one.asked == 2


async def test_the_guard_keeps_opposites_apart_and_says_why(caches):
    async with caches() as one:
        assert await one.result("How do I enable the two factor login?") == "miss"
        answer = await one.ask("How do I disable the two factor login?", headers={"x-pointsman-debug": "1"})
        assert answer.headers["x-pointsman-cache"] == "miss"
        assert float(answer.headers["x-pointsman-cache-score"]) > 0.85
        assert answer.headers["x-pointsman-cache-reason"]
        assert one.asked == 2


async def test_without_a_cache_key_nothing_is_cached(caches):
    decisions = [{"name": "everything", "when": "true", "models": ["small"]}]
    async with caches(decisions=decisions) as one:
        assert [await one.result() for _ in range(2)] == ["bypass"] * 2


@pytest.mark.parametrize("model", ["small", "org/small-7b"])
async def test_who_names_a_pool_gets_that_pools_answer(caches, model):
    async with caches() as one:
        assert [await one.result(model=model) for _ in range(2)] == ["bypass"] * 2
        assert await one.result() == "miss"
        assert one.asked == 3


async def test_answers_grow_old(caches):
    now = 1_700_000_000.0
    async with caches(category={"ttl": "60s"}) as one:
        one.caching.clock = lambda: now
        assert await one.result() == "miss"
        one.caching.clock = lambda: now + 59
        answer = await one.ask(ALIKE)
        assert (answer.headers["x-pointsman-cache"], answer.headers["age"]) == ("hit", "59")
        one.caching.clock = lambda: now + 61
        assert await one.result() == "miss"
        assert await one.result() == "exact"


KEYS = {f"KEY_{name}": f"key-{name}" for name in ("A", "B", "C")}


@pytest.fixture
def tenants(monkeypatch):
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    return {"keys": [{"key": f"env:KEY_{name.upper()}", "tenant": name} for name in ("a", "b", "c")]}


def as_tenant(name):
    return {"authorization": f"Bearer key-{name.upper()}"}


async def test_tenants_do_not_share(caches, tenants):
    async with caches(auth=tenants) as one:
        assert await one.result(headers=as_tenant("a")) == "miss"
        assert await one.result(headers=as_tenant("b")) == "miss"
        assert await one.result(ALIKE, headers=as_tenant("c")) == "miss"
        assert await one.result(headers=as_tenant("a")) == "exact"


async def test_tenants_of_a_group_do(caches, tenants):
    async with caches(auth=tenants, cache={"share": [["a", "b"]]}) as one:
        assert await one.result(headers=as_tenant("a")) == "miss"
        assert await one.result(headers=as_tenant("b")) == "exact"
        assert await one.result(ALIKE, headers=as_tenant("b")) == "hit"
        assert await one.result(headers=as_tenant("c")) == "miss"


@pytest.mark.parametrize(
    "other",
    [
        {"messages": [SYSTEM, user()]},
        {"messages": [user("a"), {"role": "assistant", "content": "b"}, user()]},
        {"temperature": 0.5},
        {"seed": 7},
        {"max_tokens": 5},
        {"response_format": {"type": "json_object"}},
        {"stop": ["x"]},
    ],
)
async def test_what_is_asked_otherwise_is_another_question(caches, other):
    async with caches() as one:
        assert await one.result() == "miss"
        assert await one.result(**other) == "miss"
        assert await one.result(**other) == "exact"


async def test_other_candidates_are_another_question(caches):
    decisions = [
        {"name": "strong", "when": "hard", "models": ["large"], "cache": True},
        {"name": "rest", "when": "true", "models": ["small"], "cache": True},
    ]
    signals = {"hard": {"type": "header", "name": "x-hard", "any": ["1"]}}
    async with caches(decisions=decisions, signals=signals) as one:
        assert await one.result() == "miss"
        assert await one.result(headers={"x-hard": "1"}) == "miss"
        assert await one.result(headers={"x-hard": "1"}) == "exact"


async def test_no_store_is_neither_answered_from_the_cache_nor_kept(caches):
    async with caches() as one:
        for headers in ({"x-pointsman-cache": "no-store"}, {"cache-control": "no-store"}):
            assert await one.result(headers=headers) == "bypass"
        assert await one.result() == "miss"
        assert await one.result(headers={"x-pointsman-cache": "no-store"}) == "bypass"


async def test_no_cache_replaces_what_was_kept(caches):
    texts = iter(["old", "new", "never"])

    async def script(x):
        await x.respond(completion(next(texts)))

    async with caches(script) as one:
        await one.ask()
        assert await one.result(headers={"x-pointsman-cache": "no-cache"}) == "bypass"
        answer = await one.ask()
        similar = await one.ask(ALIKE)
    assert answer.headers["x-pointsman-cache"] == "exact"
    assert similar.json["choices"][0]["message"]["content"] == answer.json["choices"][0]["message"]["content"] == "new"


@pytest.mark.parametrize(
    "body",
    [
        {"n": 2},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"text": "What is the weather in Paris?"},
        {"text": "Where is my order?"},
        {"text": "Write to ann.smith@gmail.com"},
        {"temperature": 1.5},
        {"logprobs": True},
    ],
)
async def test_what_must_not_be_cached_is_not(caches, body):
    async with caches() as one:
        assert [await one.result(**body) for _ in range(2)] == ["bypass"] * 2
        assert one.asked == 2


async def test_what_a_guard_signal_has_flagged_is_not_cached(caches):
    signals = {"private": {"type": "pii", "types": ["IP_ADDRESS"]}}
    decisions = [
        {"name": "private", "priority": 1, "when": "private", "models": ["small"], "cache": True},
        {"name": "rest", "when": "true", "models": ["small"], "cache": True},
    ]
    async with caches(signals=signals, decisions=decisions) as one:
        assert [await one.result("What is 192.168.0.1 for?") for _ in range(2)] == ["bypass"] * 2
        assert [await one.result() for _ in range(2)] == ["miss", "exact"]


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def finishing(finish="stop", **message):
    choice = {"index": 0, "message": {"role": "assistant", "content": "Because", **message}, "finish_reason": finish}
    return completion(choices=[choice])


@pytest.mark.parametrize(
    "answer",
    [
        finishing("length"),
        finishing("content_filter"),
        finishing("tool_calls", content=None, tool_calls=[CALL]),
        finishing(content=""),
        finishing(content="Mail her: ann.smith@gmail.com"),
        finishing(content="I'm sorry, but I can't help with that."),
    ],
)
async def test_answers_that_nobody_else_should_have_are_not_kept(caches, answer):
    async def script(x):
        await x.respond(answer)

    async with caches(script) as one:
        assert [await one.result() for _ in range(2)] == ["miss"] * 2


async def test_failures_are_not_kept(caches):
    async def script(x):
        await x.respond({"error": {"message": "no"}}, 422)

    async with caches(script) as one:
        for _ in range(2):
            answer = await one.ask()
            assert (answer.status, answer.headers["x-pointsman-cache"]) == (422, "miss")
            assert "age" not in answer.headers


async def test_a_stream_that_breaks_off_is_not_kept(caches):
    async def script(x):
        await x.start_events()
        await x.event(chunk("Because"))
        x.reset()

    async with caches(script) as one:
        for _ in range(2):
            answer = await one.ask(stream=True)
            assert answer.headers["x-pointsman-cache"] == "miss"
            assert b"error" in answer.body


async def test_an_answer_can_be_had_as_soon_as_its_last_byte_was_sent(caches):
    async with caches() as one:
        for number in range(20):
            body = {"messages": [user(f"Prove theorem number {number} of Euclid")]}
            assert await one.result(**body, stream=bool(number % 2)) in ("miss", "hit")
            assert await one.result(**body, stream=bool(number % 2)) == "exact"


async def test_a_broken_document_is_a_miss(caches):
    async with caches() as one:
        await one.ask()
        documents = one.caching.cache.store._documents
        for id, document in documents.items():
            documents[id] = document[: len(document) // 2]
        assert await one.result() == "miss"
        assert await one.result() == "exact"
        documents.clear()
        assert await one.result(ALIKE) == "miss"
        assert one.asked == 3


async def test_without_its_encoder_only_equal_questions_are_found(caches, letters):
    async with caches() as one:
        letters.error = EncoderError("no")
        assert await one.result() == "miss"
        assert await one.result() == "exact"
        assert await one.result(ALIKE) == "miss"


async def test_a_category_without_similar_texts_loads_no_encoder(caches, letters):
    async with caches(category={"semantic": False}) as one:
        assert [await one.result(text) for text in (QUESTION, QUESTION, ALIKE)] == ["miss", "exact", "miss"]
    assert letters.asked == []


async def test_the_selector_hears_of_no_request_that_it_was_not_asked_for(caches):
    bandit = [{"name": "everything", "when": "true", "models": ["small", "large"], "cache": True,
               "select": {"by": "thompson"}}]  # fmt: skip
    async with caches(decisions=bandit) as one:
        for _ in range(5):
            await one.ask()
        learned = (await call("GET", f"{one.url}/admin/learning")).json["decisions"]
        metrics = (await call("GET", f"{one.url}/metrics")).body.decode()
    assert learned[0]["choices"] == 1
    assert 'pointsman_cache_lookups_total{category="general",result="exact"} 4.0' in metrics
    assert 'pointsman_cache_entries{category="general"} 1.0' in metrics
    assert 'pointsman_cache_store_up{store="memory"} 1.0' in metrics
    assert sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("pointsman_selections")) == 1


async def test_a_reload_keeps_what_is_cached(caches, letters):
    async with caches() as one:
        await one.ask()
        changed = one.gateway.gateway.runtime.config.model_dump(mode="json", exclude_unset=True)
        changed["decisions"][0]["name"] = "all"
        changed["cache"] = {"categories": {"general": {"ttl": "1h"}}}
        one.gateway.rewrite(changed)
        await one.gateway.gateway.reload()
        answer = await one.ask()
        assert (answer.headers["x-pointsman-cache"], answer.headers["x-pointsman-decision"]) == ("exact", "all")


async def test_a_client_that_leaves_halfway_leaves_nothing_behind(caches):
    gone = asyncio.Event()

    async def script(x):
        if len(one.up.requests) > 1:
            await answer_hello(x)
            return
        await x.start_events()
        await x.event(chunk("Because"))
        await x.gone()
        gone.set()

    async with caches(script) as one:
        reader, writer = await asyncio.open_connection(*one.url.removeprefix("http://").split(":"))
        body = json.dumps({"messages": [user()], "stream": True}).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await reader.readuntil(b"Because")
        writer.close()
        await gone.wait()
        assert await one.result(stream=True) == "miss"
        assert await one.result() == "exact"
