"""Feedback as clients give it, and what comes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from structlog.testing import capture_logs

from pointsman.gateway.learning import learner
from tests.support.clients import openai_sdk
from tests.support.gateway import Served, config, serving
from tests.support.process import pointsman
from tests.support.scene import until
from tests.support.upstream import Exchange, answer_hello, chunk, completion, scripted

GREEDY = {
    "by": "linucb", "alpha": 0, "explore": 0, "stay": 0, "weights": {"quality": 1, "cost": 0, "latency": 0},
}  # fmt: skip
STATIC = {"name": "plain", "when": "plain", "models": ["small", "large"]}
PLAIN = {"plain": {"type": "keyword", "any": ["plain"]}}
FIRST = {"name": "all", "when": "true", "models": ["small", "large"]}
"""A decision that learns nothing, and takes no encoder."""
KEYS = {"KEY_A": "sk-team-a-key", "KEY_B": "sk-team-b-key"}
AUTH = {"keys": [{"key": "env:KEY_A", "tenant": "team-a"}, {"key": "env:KEY_B", "tenant": "team-b"}]}


def learning(**select: Any) -> dict[str, Any]:
    return {"name": "all", "when": "true", "models": ["small", "large"], "select": GREEDY | select}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing counts before somebody looks."""
    monkeypatch.setattr(learner, "INTERVAL", 3600.0)


class It:
    def __init__(self, served: Served, settings: dict[str, Any]) -> None:
        self.served, self.settings = served, settings
        self.http = httpx2.AsyncClient(base_url=served.url)

    async def ask(self, *said: str, key: str = "any", **extra: Any) -> tuple[str, str]:
        """The request's id, and the pool that answered."""
        roles = ("user", "assistant")
        messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(said or ("Say hello",))]
        async with openai_sdk(self.served.v1, key) as sdk:
            answer = await sdk.chat.completions.with_raw_response.create(model="auto", messages=messages, **extra)  # type: ignore[arg-type]
        answer.parse()
        return answer.headers["x-request-id"], answer.headers["x-pointsman-pool"]

    async def feed(
        self, request: str, key: str | None = None, path: str = "/v1/feedback", **said: Any
    ) -> httpx2.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return await self.http.post(path, json={"request_id": request, **said}, headers=headers)

    async def learned(self) -> dict[str, Any]:
        """By decision; what was told counts from then on."""
        answer = (await self.http.get("/admin/learning")).raise_for_status().json()
        return {found["decision"]: found for found in answer["decisions"]}

    async def metric(self, name: str) -> float:
        text = (await self.http.get("/metrics")).text
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


@asynccontextmanager
async def gateway(
    answer: Any = answer_hello, small: Any = None, decision: dict[str, Any] | None = None, **extra: Any
) -> AsyncIterator[It]:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(scripted(small or answer))
        other = await stack.enter_async_context(scripted(answer))
        pools = {
            "small": {"model": "org/small", "endpoints": [one.url], "quality": {"default": 0.7}},
            "large": {"model": "org/large", "endpoints": [other.url], "quality": {"default": 0.65}},
        }
        settings = config(pools, [STATIC, decision or learning()], **{"signals": PLAIN, **extra})
        served = await stack.enter_async_context(serving(settings))
        it = It(served, settings)
        await stack.enter_async_context(it.http)
        yield it


async def test_a_selector_changes_its_mind_after_feedback() -> None:
    async with gateway() as it:
        for _ in range(4):
            request, pool = await it.ask()
            assert pool == "small"
            assert (await it.feed(request, verdict="bad")).json() == {"status": "recorded"}
        found = (await it.learned())["all"]
        assert (await it.ask())[1] == "large"
        assert found["by"] == "linucb"
        assert found["outcomes"] == 4
        assert found["arms"] == {"small": {"outcomes": 4, "weight": 4.0, "reward": 0.0, "mean_reward": 0.0}}
        assert found["quality"]["small"] < 0.7
        explained = (await it.http.post("/admin/explain", json={"prompt": "Say hello"})).json()
        assert explained["selection"]["choice"] == "large"
        assert explained["selection"]["quality"]["large"] > explained["selection"]["quality"]["small"]


async def test_what_is_told_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "INTERVAL", 0.001)
    async with gateway() as it:
        request, _ = await it.ask()
        await it.feed(request, verdict="bad")
        [notebook] = [found for found in it.served.gateway.learner.notebooks() if found.subject[0] == "all"]
        await until(lambda: notebook.sums.count)


async def test_once_is_enough_and_another_verdict_takes_its_place() -> None:
    async with gateway() as it:
        request, _ = await it.ask()
        said = [(await it.feed(request, **what)).json()["status"] for what in ({"score": 0}, {"verdict": "down"})]
        assert said == ["recorded", "unchanged"]
        assert (await it.feed(request, path="/feedback", score=1.0)).json() == {"status": "recorded"}
        assert (await it.learned())["all"]["arms"]["small"] == {
            "outcomes": 1, "weight": 1.0, "reward": 1.0, "mean_reward": 1.0,
        }  # fmt: skip
        assert await it.metric('pointsman_feedback_total{result="recorded"}') == 2
        assert await it.metric('pointsman_feedback_total{result="unchanged"}') == 1
        assert await it.metric("pointsman_rewards_total{") == 2
        assert await it.metric("pointsman_reward_quality_total{") == 1


async def test_the_sdk_can_tell() -> None:
    async with gateway(decision=FIRST) as it:
        request, _ = await it.ask()
        async with openai_sdk(it.served.v1) as sdk:
            body = {"request_id": request, "verdict": "good"}
            assert await sdk.post("/feedback", body=body, cast_to=object) == {"status": "recorded"}


async def test_a_failover_blames_nobody_and_praises_who_answered() -> None:
    async def fail(exchange: Exchange) -> None:
        await exchange.respond({"error": {"message": "no"}}, 500)

    async with gateway(small=fail) as it:
        request, pool = await it.ask()
        assert pool == "large"
        await it.feed(request, score=1)
        arms = (await it.learned())["all"]["arms"]
        assert {name: told["mean_reward"] for name, told in arms.items()} == {"large": 1.0}


async def test_feedback_that_comes_with_the_answers_last_byte() -> None:
    async with gateway() as it:
        body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        async with it.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            request = answer.headers["x-request-id"]
            assert (await it.feed(request, score=0.5)).status_code == 200
            await answer.aread()
        assert (await it.learned())["all"]["outcomes"] == 1


async def test_where_nothing_learns_it_is_counted_and_logged(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    async with gateway(decision=FIRST, log={"decisions": {"path": str(path)}}) as it:
        request, _ = await it.ask("plain and simple")
        await it.feed(request, score=0.25)
        named, _ = await it.ask("plain")
        await it.feed(named, verdict="good")
        assert (await it.learned())["plain"]["arms"] == {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    rewards = [line for line in lines if line.get("event") == "reward"]
    assert [(r["id"], r["decision"], r["pool"], r["source"], r["reward"], r["weight"]) for r in rewards] == [
        (request, "plain", "small", "feedback", 0.25, 1.0),
        (named, "plain", "small", "feedback", 1.0, 1.0),
    ]
    assert all(line["v"] == 1 for line in rewards)
    assert [line["finish"] for line in lines if line.get("id") == request and "event" not in line] == ["stop"]


async def test_a_request_that_names_its_pool() -> None:
    async with gateway(decision=FIRST) as it:
        answer = await it.http.post("/v1/chat/completions", json={"model": "large", "messages": []})
        told = await it.feed(answer.headers["x-request-id"], score=1)
        assert told.json() == {"status": "recorded"}
        assert await it.metric('pointsman_rewards_total{decision="explicit",pool="large",source="feedback"}') == 1


async def test_answers_that_cannot_be_compared() -> None:
    async with gateway(decision=FIRST) as it:
        request, _ = await it.ask()
        body = {"model": "large", "messages": [{"role": "user", "content": "hi"}]}
        named = (await it.http.post("/v1/chat/completions", json=body)).headers["x-request-id"]
        other = await it.feed(named, preferred_over=request)
        assert other.json()["status"] == "unchanged"
        assert "different decisions" in other.json()["note"]
        again, _ = await it.ask()
        assert "both answers are of the pool small" in (await it.feed(again, preferred_over=request)).json()["note"]


async def test_a_preference_teaches_both_sides() -> None:
    async with gateway() as it:
        first, pool = await it.ask()
        for _ in range(4):
            worse, _ = await it.ask()
            await it.feed(worse, score=0)
        await it.learned()
        second, other = await it.ask()
        assert (pool, other) == ("small", "large")
        before = await it.learned()
        assert (await it.feed(second, preferred_over=first)).json() == {"status": "recorded"}
        assert (await it.feed(second, preferred_over=first)).json() == {"status": "unchanged"}
        after = await it.learned()
        assert after["all"]["quality"]["large"] > before["all"]["quality"]["large"]
        assert after["all"]["arms"]["large"]["mean_reward"] > 0.5


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "request_id"),
    ({"request_id": 7, "score": 1}, "request_id"),
    ({"request_id": "r"}, "Say one of"),
    ({"request_id": "r", "score": 1, "verdict": "good"}, "Say one of"),
    ({"request_id": "r", "score": 1.5}, "from 0"),
    ({"request_id": "r", "score": True}, "from 0"),
    ({"request_id": "r", "score": "1"}, "from 0"),
    ({"request_id": "r", "verdict": "meh"}, '"good" or "bad"'),
    ({"request_id": "r", "preferred_over": "r"}, "another request"),
    ({"request_id": "r", "verdict": "good", "comment": "x" * 5000}, "4096"),
    ({"request_id": "r", "verdikt": "good"}, "verdict"),
]


async def test_what_cannot_be_understood_is_told() -> None:
    async with gateway(decision=FIRST) as it:
        for body, why in BAD:
            answer = await it.http.post("/v1/feedback", json=body)
            assert answer.status_code == 400, body
            assert why in answer.json()["error"]["message"]
        assert (await it.http.post("/v1/feedback", content=b"{")).status_code == 400
        assert (await it.http.post("/v1/feedback", json={"comment": "x" * 70_000})).status_code == 413
        wrong = await it.http.get("/v1/feedback")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        assert await it.metric('pointsman_feedback_total{result="invalid"}') == len(BAD) + 2


async def test_an_id_that_nobody_remembers() -> None:
    async with gateway(decision=FIRST) as it:
        answer = await it.feed("req_0", verdict="good")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_request")
        assert "x-request-id" in answer.json()["error"]["message"]
        request, _ = await it.ask()
        other = await it.feed(request, preferred_over="req_0")
        assert (other.status_code, other.json()["error"]["param"]) == (404, "preferred_over")
        assert await it.metric('pointsman_feedback_total{result="unknown"}') == 2


async def test_another_tenants_request_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    async with gateway(decision=FIRST, auth=AUTH) as it:
        request, _ = await it.ask(key=KEYS["KEY_A"])
        assert (await it.feed(request, verdict="bad")).status_code == 401
        assert (await it.feed(request, KEYS["KEY_B"], verdict="bad")).status_code == 404
        assert (await it.feed(request, KEYS["KEY_A"], verdict="bad")).status_code == 200


async def test_an_answer_that_nobody_gave_has_no_feedback() -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.respond({"error": {"message": "no"}}, 400)

    async with gateway(refuse, decision=FIRST) as it:
        answer = await it.http.post("/v1/chat/completions", json={"model": "auto", "messages": []})
        assert answer.status_code == 400
        assert (await it.feed(answer.headers["x-request-id"], score=0)).status_code == 404


async def test_failures_and_cut_answers_count_against_a_model() -> None:
    async def cut(exchange: Exchange) -> None:
        answer = completion()
        answer["choices"][0]["finish_reason"] = "length"
        await exchange.respond(answer)

    async with gateway(small=cut) as it:
        assert (await it.ask())[1] == "small"
        assert (await it.ask(max_tokens=5))[1] == "small"
        arms = (await it.learned())["all"]["arms"]
        assert arms["small"] == {"outcomes": 1, "weight": 0.2, "reward": 0.06, "mean_reward": 0.3}
        assert await it.metric('pointsman_rewards_total{decision="all",pool="small",source="measured"}') == 1


async def test_what_the_next_turn_says_of_an_answer() -> None:
    async with gateway() as it:
        await it.ask("What is the capital of France?")
        _, pool = await it.ask("What is the capital of France?", "hello", "No, that is wrong, you did not answer me.")
        assert pool == "small"
        arms = (await it.learned())["all"]["arms"]
        assert arms["small"]["outcomes"] == 1
        assert arms["small"]["mean_reward"] < 0.5
        assert await it.metric("""pointsman_rewards_total{decision="all",pool="small",source="implicit"}""") == 1


async def test_implicit_outcomes_can_be_switched_off() -> None:
    async with gateway(learning={"implicit": False}) as it:
        await it.ask("What is the capital of France?")
        await it.ask("What is the capital of France?", "hello", "No, that is wrong, you did not answer me.")
        assert (await it.learned())["all"]["arms"] == {}


async def test_a_conversation_stays_with_its_model() -> None:
    async with gateway() as it:
        it.settings["decisions"][1] = learning(stay=50)
        it.served.rewrite(it.settings)
        (await it.http.post("/admin/reload")).raise_for_status()
        assert (await it.ask("Tell me a story"))[1] == "small"
        for _ in range(4):
            request, _ = await it.ask("And then?")
            await it.feed(request, score=0)
        await it.learned()
        assert (await it.ask("And then?"))[1] == "large"
        body = {"model": "auto", "messages": [
            {"role": "user", "content": "Tell me a story"}, {"role": "assistant", "content": "hello"},
            {"role": "user", "content": "And then?"},
        ]}  # fmt: skip
        explained = (await it.http.post("/admin/explain", json={"request": body})).json()["selection"]
        assert explained["choice"] == "small"
        assert "the conversation stays with small" in explained["reason"]
        assert (await it.ask("Tell me a story", "hello", "And then?"))[1] == "small"


async def test_what_was_learned_outlives_a_restart(tmp_path: Path) -> None:
    kept = {"learning": {"path": str(tmp_path / "learned.db")}}
    async with gateway(**kept) as it:
        for _ in range(4):
            request, _ = await it.ask()
            await it.feed(request, verdict="bad")
        late, _ = await it.ask()
        policy = tmp_path / "policy.yaml"
        policy.write_text(yaml.safe_dump(it.settings))
    explained = await asyncio.to_thread(pointsman, "explain", "--json", policy, "Say hello")
    assert json.loads(explained.stdout)["selection"]["choice"] == "large"
    async with gateway(**kept) as it:
        assert (await it.ask())[1] == "large"
        assert (await it.feed(late, verdict="good")).json() == {"status": "recorded"}
        assert (await it.feed(request, verdict="bad")).json() == {"status": "unchanged"}
        assert (await it.learned())["all"]["outcomes"] == 5


async def test_a_canary_learns_from_what_is_told_of_the_others_answers() -> None:
    async with gateway() as it:
        canary = {**it.settings, "decisions": [STATIC, learning(alpha=0.001)]}
        posted = await it.http.post(
            "/admin/candidate", params={"mode": "canary", "share": "50%"}, content=yaml.safe_dump(canary)
        )
        posted.raise_for_status()
        for _ in range(4):
            request, _ = await it.ask()
            await it.feed(request, verdict="bad")
        await it.learned()
        (await it.http.post("/admin/candidate/promote")).raise_for_status()
        assert (await it.ask())[1] == "large"
        assert (await it.learned())["all"]["outcomes"] == 4


async def test_a_reload_keeps_what_was_learned_and_takes_over_new_limits(tmp_path: Path) -> None:
    async with gateway() as it:
        for _ in range(4):
            request, _ = await it.ask()
            await it.feed(request, verdict="bad")
        it.settings["decisions"][1] = learning(alpha=0.001)
        it.settings["learning"] = {"requests": 1, "path": str(tmp_path / "learned.db")}
        it.served.rewrite(it.settings)
        with capture_logs() as logs:
            (await it.http.post("/admin/reload")).raise_for_status()
        assert ["learning.path" in line["reason"] for line in logs if line["event"] == "restart_needed"] == [True]
        assert (await it.learned())["all"]["outcomes"] == 4
        last, pool = await it.ask()
        assert pool == "large"
        assert (await it.feed(request, verdict="good")).status_code == 404
        assert (await it.feed(last, verdict="good")).status_code == 200
        assert await it.metric("pointsman_forgotten_requests_total") == 4
        assert await it.metric("pointsman_remembered_requests") == 1


async def test_an_answer_that_was_stopped_can_still_be_judged() -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.start_events()
        await exchange.event(chunk("hel"))
        await exchange.gone()

    async with gateway(talk) as it:
        body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        async with it.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            request = answer.headers["x-request-id"]
            async for _ in answer.aiter_bytes():
                break
        await until(lambda: it.served.gateway.metrics.disconnects.cells.get(("stream",)))
        assert (await it.learned())["all"]["arms"] == {}
        assert (await it.feed(request, verdict="bad")).json() == {"status": "recorded"}


async def test_having_it_forgotten() -> None:
    async with gateway() as it:
        for _ in range(4):
            request, _ = await it.ask()
            await it.feed(request, verdict="bad")
        await it.learned()
        assert (await it.http.delete("/admin/learning/all")).json() == {"status": "forgotten", "decision": "all"}
        assert (await it.ask())[1] == "small"
        missing = await it.http.delete("/admin/learning/al")
        assert missing.status_code == 404
        assert "all" in missing.json()["error"]["message"]
