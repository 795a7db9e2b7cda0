"""What operators see and do of the cache."""

from __future__ import annotations

import json

import pytest

from tests.gateway.caching.conftest import QUESTION, caches, letters
from tests.support.clients import call
from tests.support.redis import RedisServer

__all__ = ["caches", "letters"]  # fixtures

ALIKE = "how do magnets work"
OTHER = "Write a poem about rust on a ship"
TWO = [
    {"name": "ships", "when": "ship", "models": ["small"], "cache": "docs"},
    {"name": "everything", "when": "true", "models": ["small"], "cache": True},
]
SHIP = {"ship": {"type": "keyword", "any": ["ship"]}}
AUTH = {"keys": [{"key": f"env:KEY_{name}", "tenant": name} for name in "AB"]}


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    for name in "AB":
        monkeypatch.setenv(f"KEY_{name}", f"secret-{name}")
    monkeypatch.setenv("ADMIN", "secret-admin")


async def admin(one, method="GET", path="", body=None, status=200, **options):
    if isinstance(body, str):
        options["data"] = body
    elif body is not None:
        options["json"] = body
    answer = await call(method, f"{one.url}/admin/cache{path}", **options)
    assert answer.status == status, answer.body
    return answer.json


async def look(one, prompt=QUESTION, **body):
    return await admin(one, "POST", "/lookup", ({"prompt": prompt} if prompt else {}) | body)


async def purge(one, **body):
    return (await admin(one, "POST", "/purge", body))["entries"]


async def general(one):
    return (await admin(one))["categories"]["general"]


def as_tenant(name):
    return {"authorization": f"Bearer secret-{name}"}


class TestStats:
    async def test_a_category_is_told_with_its_hits_and_its_worth(self, caches):
        async with caches() as one:
            for text in (QUESTION, QUESTION, ALIKE, "What is the weather today?"):
                await one.ask(text)
            found = await admin(one)
            told = found["categories"]["general"]
        assert (found["store"]["kind"], found["store"]["up"], found["entries"]) == ("memory", True, 1)
        assert (told["entries"], told["hits"]) == (1, {"exact": 1, "similar": 1})
        assert told["lookups"] >= 3
        assert told["bytes"] == found["bytes"] > 0
        assert told["hit_rate"]["rate"] == pytest.approx(2 / 3)
        assert told["break_even"]["pays"] in ("yes", "no", "unknown")
        assert told["break_even"]["rate"] > 0
        assert told["refused"] == {"volatile": 1}
        assert (told["threshold"], told["loosening"], told["off"], told["wrong_hits"]) == (0.85, 0.0, False, None)

    async def test_what_the_guard_kept_apart_is_told(self, caches):
        async with caches() as one:
            await one.ask("How do I enable the two factor login?")
            await one.ask("How do I disable the two factor login?")
            assert (await general(one))["found_but"]["guard"] == 1

    async def test_where_hits_are_verified_their_wrong_ones_are_estimated(self, caches):
        async with caches(category={"verify": {"error": 0.02}}) as one:
            assert (await general(one))["wrong_hits"] == {"share": None, "low": 0.0, "high": 1.0, "labels": 0}

    async def test_it_needs_the_admin_key(self, caches):
        async with caches(admin={"keys": ["env:ADMIN"]}) as one:
            assert (await admin(one, status=401))["error"]["type"]
            await admin(one, "POST", "/purge", {"all": True}, status=401)
            assert (await admin(one, headers=as_tenant("admin")))["entries"] == 0


class TestLookup:
    async def test_an_equal_and_a_similar_text_would_hit_and_nothing_is_counted(self, caches):
        async with caches() as one:
            await one.ask()
            before = await admin(one)
            equal, similar = await look(one), await look(one, ALIKE)
            assert await admin(one) == before
            assert one.asked == 1
        assert (equal["result"], equal["reason"], equal["neighbours"][0]["exact"]) == ("exact", None, True)
        [near] = similar["neighbours"]
        assert (similar["result"], near["text"], near["refusal"]) == ("hit", QUESTION, None)
        assert 0.85 < near["similarity"] <= 1
        assert (similar["decision"], similar["category"], similar["threshold"]) == ("everything", "general", 0.85)

    async def test_it_says_what_keeps_a_near_text_from_it(self, caches):
        async with caches() as one:
            await one.ask("How do I enable the two factor login?")
            guarded = await look(one, "How do I disable the two factor login?")
            far = await look(one, "uuu sss aaa")
        assert (guarded["result"], far["result"]) == ("miss", "miss")
        assert "enable" in guarded["reason"]
        assert guarded["reason"] == guarded["neighbours"][0]["refusal"]
        assert far["neighbours"][0]["refusal"] == "below the threshold"

    async def test_another_tenants_entry_is_elsewhere(self, caches):
        async with caches(auth=AUTH) as one:
            await one.ask(headers=as_tenant("A"))
            own, others = await look(one, tenant="A"), await look(one, tenant="B")
        assert (own["result"], others["result"], others["reason"]) == ("exact", "miss", "nothing near")
        assert [each["tenant"] for each in others["elsewhere"]] == ["A"]

    async def test_a_whole_request_has_its_own_scope(self, caches):
        async with caches() as one:
            await one.ask()
            body = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]}
            found = await look(one, None, request=body)
            assert (found["result"], found["elsewhere"][0]["text"]) == ("miss", QUESTION)
            found = await look(one, None, request={"messages": body["messages"][1:], "stream": True})
            assert found["result"] == "exact"

    async def test_what_is_not_looked_up_says_why(self, caches):
        async with caches() as one:
            found = await look(one, "What is the weather today?")
        assert (found["result"], found["reason"]) == ("bypass", "volatile")

    async def test_a_decision_that_does_not_cache(self, caches):
        async with caches(decisions=[{"name": "all", "when": "true", "models": ["small"]}]) as one:
            found = await look(one)
        assert (found["result"], found["reason"], found["decision"]) == ("bypass", "the decision does not cache", "all")

    async def test_a_decision_may_be_named(self, caches):
        async with caches(decisions=TWO, signals=SHIP) as one:
            assert (await look(one, "a ship"))["decision"] == "ships"
            assert (await look(one, "a ship", decision="everything"))["category"] == "general"
            error = await admin(one, "POST", "/lookup", {"prompt": "a", "decision": "ship"}, status=404)
            assert "Did you mean" in error["error"]["message"] or "ships" in error["error"]["message"]

    async def test_of_an_answer_that_is_not_shared_yet(self, caches):
        async with caches(category={"askers": 2}) as one:
            await one.ask(user="anna")
            found = await look(one)
            assert (found["result"], found["reason"]) == ("miss", "not shared yet")

    async def test_where_hits_are_verified_a_first_one_is_not_served(self, caches):
        async with caches(category={"verify": {"error": 0.02}}) as one:
            await one.ask()
            found = await look(one, ALIKE)
            assert (found["result"], found["reason"][:20]) == ("miss", "wrong with a chance ")
            assert (await look(one))["result"] == "exact"

    @pytest.mark.parametrize(
        "body",
        [{}, {"prompt": "a", "request": {}}, {"prompt": "a", "promt": 1}, {"prompt": "a", "path": "/v1/embeddings"}],
    )
    async def test_what_cannot_be_looked_up(self, caches, body):
        async with caches() as one:
            assert (await admin(one, "POST", "/lookup", body, status=400))["error"]["message"]


class TestPurge:
    async def test_all_and_nothing_by_mistake(self, caches):
        async with caches() as one:
            await one.ask()
            await one.ask(OTHER)
            for body in ({}, {"all": True, "tenant": "A"}):
                await admin(one, "POST", "/purge", body, status=400)
            assert await purge(one, all=True) == 2
            assert await one.result() == "miss"
            assert (await general(one))["gone"]["purged"] == 2

    async def test_by_category(self, caches):
        async with caches(decisions=TWO, signals=SHIP) as one:
            await one.ask()
            await one.ask("What is a ship made of?")
            assert await purge(one, category="docs") == 1
            assert await one.result() == "exact"
            await admin(one, "POST", "/purge", {"category": "doc"}, status=404)

    async def test_by_tenant(self, caches):
        async with caches(auth=AUTH) as one:
            for name in "AB":
                await one.ask(headers=as_tenant(name))
            assert await purge(one, tenant="A") == 1
            results = [await one.result(headers=as_tenant(name)) for name in "AB"]
            assert results == ["miss", "exact"]

    async def test_by_age(self, caches):
        async with caches() as one:
            now = one.caching.clock()
            one.caching.clock = lambda: now
            await one.ask()
            one.caching.clock = lambda: now + 3000
            await one.ask(OTHER)
            assert await purge(one, older="1h") == 0
            assert await purge(one, older="40m") == 1
            assert await one.result(OTHER) == "exact"
            await admin(one, "POST", "/purge", {"older": "soon"}, status=400)

    async def test_by_likeness(self, caches):
        async with caches() as one:
            await one.ask()
            await one.ask(OTHER)
            assert await purge(one, similar={"text": ALIKE, "at_least": 0.95}) == 1
            assert await one.result(OTHER) == "exact"

    async def test_by_id(self, caches):
        async with caches() as one:
            await one.ask()
            id = (await look(one))["neighbours"][0]["id"]
            assert (await admin(one, "DELETE", f"/{id}"))["entries"] == 1
            await admin(one, "DELETE", f"/{id}", status=404)
            await one.ask()
            assert await purge(one, ids=[(await look(one))["neighbours"][0]["id"], "no such"]) == 1

    async def test_of_a_file_it_is_written_at_once(self, caches, tmp_path):
        place = f"sqlite:{tmp_path}/cache.db"
        async with caches(cache={"store": place}) as one:
            await one.ask()
            assert (await admin(one, "POST", "/purge", {"all": True}))["saved"] is True
        async with caches(cache={"store": place}) as one:
            assert await one.result() == "miss"

    async def test_of_redis_it_reaches_every_gateway(self, caches, tmp_path):
        redis = RedisServer(tmp_path)
        redis.start()
        try:
            async with caches(cache={"store": redis.url}) as one:
                await one.ask()
                assert (await admin(one, "POST", "/purge", {"all": True}))["saved"] is True
            async with caches(cache={"store": redis.url}) as other:
                assert await other.result() == "miss"
        finally:
            redis.kill()


class TestWarm:
    async def test_an_answer_that_was_told_is_served_without_the_model(self, caches):
        line = json.dumps({"prompt": QUESTION, "answer": "By spin."})
        async with caches() as one:
            assert await admin(one, "POST", "/warm", line) == {"stored": 1, "refused": {}, "failed": 0, "errors": []}
            whole, similar = await one.ask(), await one.ask(ALIKE)
            assert one.asked == 0
        assert whole.headers["x-pointsman-cache"] == "exact"
        assert whole.json["choices"][0]["message"]["content"] == "By spin."
        assert whole.json["model"] == "org/small-7b"
        assert similar.headers["x-pointsman-cache"] == "hit"

    async def test_whole_requests_and_answers_in_another_wire(self, caches):
        request = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": QUESTION}]}
        line = json.dumps({"path": "/v1/messages", "request": request, "answer": "By spin."})
        async with caches() as one:
            assert (await admin(one, "POST", "/warm", line))["stored"] == 1
            answer = await one.ask(path="messages", max_tokens=9)
            assert answer.headers["x-pointsman-cache"] == "exact"
            assert answer.json["content"][0]["text"] == "By spin."

    async def test_what_would_not_be_kept_of_a_client_is_not_kept_either(self, caches):
        lines = [
            {"prompt": "What is the weather today?", "answer": "Fine."},
            {"prompt": QUESTION, "answer": "Write to anna.schmidt@firma.de."},
            {"prompt": QUESTION, "answer": "I'm sorry, but I can't help with that."},
            {"prompt": QUESTION, "answer": "Old.", "created": 1.0},
        ]
        async with caches() as one:
            told = await admin(one, "POST", "/warm", "\n".join(map(json.dumps, lines)))
            assert told["refused"] == {"volatile": 1, "personal": 1, "refused": 1, "too_old": 1}
            assert (await admin(one))["entries"] == 0

    async def test_a_bad_line_hinders_no_other(self, caches):
        lines = ["{", json.dumps({"prompt": "a"}), "", json.dumps({"prompt": QUESTION, "answer": "By spin."})]
        async with caches() as one:
            told = await admin(one, "POST", "/warm", "\n".join(lines))
        assert (told["stored"], told["failed"], [each["line"] for each in told["errors"]]) == (1, 2, [1, 2])

    async def test_for_a_tenant_alone(self, caches):
        line = json.dumps({"prompt": QUESTION, "answer": "By spin.", "tenant": "A"})
        async with caches(auth=AUTH) as one:
            await admin(one, "POST", "/warm", line)
            results = [await one.result(headers=as_tenant(name)) for name in "BA"]
            assert results == ["miss", "exact"]
