"""`POST /admin/explain`: the live configuration and the live pools, and no backend is called."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.support.clients import Answered, call, chat
from tests.support.encoders import LetterEncoder, head
from tests.support.gateway import Served, config, pool, serving
from tests.support.scene import until
from tests.support.upstream import answer_hello, scripted

DEAD = "http://127.0.0.1:9"
SIGNALS = {
    "urgent": {"type": "keyword", "any": ["urgent"]},
    "long": {"type": "context", "min": 100},
    "batch": {"type": "header", "name": "x-workload", "any": ["batch"]},
}
DECISIONS = [
    {"name": "night", "priority": 9, "when": "batch", "models": ["large"]},
    {"name": "busy", "priority": 8, "when": "pool.small.inflight > 0", "models": ["large"]},
    {"name": "hurry", "priority": 5, "when": "urgent", "models": ["small"]},
    {"name": "rest", "when": "not urgent and not long", "models": ["small"]},
]


def settings(url: str = DEAD, decisions: list[dict[str, Any]] = DECISIONS, **extra: Any) -> dict[str, Any]:
    pools = {"small": pool(url), "large": pool(url, model="org/large-72b")}
    return config(pools, decisions, **{"signals": SIGNALS, **extra})


async def ask(gateway: Served, question: object = None, **more: Any) -> Answered:
    data = more.pop("data", None) or json.dumps(question).encode()
    headers = {"content-type": "application/json", **more.pop("headers", {})}
    return await call("POST", f"{gateway.url}/admin/explain", data=data, headers=headers)


async def test_the_answer_has_the_form_of_the_command_and_nobody_is_called() -> None:
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        answer = await ask(gateway, {"prompt": "This is urgent", "to": "rest"})
        assert up.requests == []
    form = answer.json
    assert answer.status == 200
    assert (form["id"], form["decision"], form["models"]) == ("request", "hurry", ["small"])
    assert (form["winner"], form["runner_up"], form["selection"]["choice"]) == ("hurry", None, "small")
    assert [decision["name"] for decision in form["decisions"]] == ["night", "busy", "hurry"]
    assert form["signals"]["urgent"]["value"] is True
    assert form["skipped"] == ["long"]
    assert form["skipped_because"] == {"long": "`hurry` won before `rest` was asked"}
    assert [change["text"] for change in form["to"]["changes"]] == ["urgent: true → false"]
    assert form["would_change"]["decision"] == "night"


async def test_a_whole_request_with_headers() -> None:
    body = {"messages": [{"role": "user", "content": "a " * 300}]}
    async with serving(settings()) as gateway:
        answer = await ask(gateway, {"request": body, "headers": {"X-Workload": "batch"}, "all_signals": True})
    assert (answer.json["decision"], answer.json["skipped"]) == ("night", [])
    assert answer.json["signals"]["long"]["value"] is True


async def test_pools_are_as_they_are_now() -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(x: Any) -> None:
        begun.set()
        await end.wait()
        await answer_hello(x)

    async with scripted(slow) as up, serving(settings(up.url)) as gateway:
        assert (await ask(gateway, {"prompt": "hello"})).json["decision"] == "rest"
        running = asyncio.create_task(chat(gateway.url))
        await begun.wait()
        form = (await ask(gateway, {"prompt": "hello"})).json
        end.set()
        assert (await running).status == 200
    assert form["decision"] == "busy"
    assert form["decisions"][-2]["tree"] == {
        "text": "pool.small.inflight > 0",
        "holds": True,
        "kind": "pool",
        "pool": "small",
        "field": "inflight",
        "value": 1,
        "source": "pool load",
    }
    assert form["would_change"]["changes"][0]["text"] == "batch: false → true"


async def test_a_reload_is_what_it_explains() -> None:
    async with serving(settings()) as gateway:
        gateway.rewrite(settings(decisions=[{"name": "new", "when": "true", "models": ["small"]}]))
        await gateway.gateway.reload()
        assert (await ask(gateway, {"prompt": "urgent"})).json["decision"] == "new"


async def test_a_virtual_model_is_held_against_guards_then_its_own_decisions() -> None:
    guard = {"name": "guard", "priority": 99, "when": "urgent", "respond": {"status": 403, "message": "No."}}
    own = [
        {"name": "own-long", "when": "long", "models": ["large"]},
        {"name": "own", "when": "true", "models": ["small"]},
    ]
    virtual = {"careful": {"decisions": own}}
    async with serving(settings(decisions=[guard, *DECISIONS], virtual_models=virtual)) as gateway:
        body = {"model": "careful", "messages": [{"role": "user", "content": "hello"}]}
        form = (await ask(gateway, {"request": body, "to": "own-long"})).json
        answer = await ask(gateway, {"request": body, "to": "hurry"})
    assert [(decision["name"], decision["guard"]) for decision in form["decisions"]] == [
        ("guard", True), ("own-long", False), ("own", False),
    ]  # fmt: skip
    assert (form["winner"], form["runner_up"]) == ("own", None)
    assert [change["text"] for change in form["to"]["changes"]] == ["long: false → true"]
    assert form["would_change"]["decision"] == "own-long"
    assert (answer.status, answer.error["param"]) == (400, "to")


@pytest.mark.parametrize(
    ("question", "status", "code", "says"),
    [
        ({}, 400, "invalid_request", 'one of "prompt"'),
        ({"prompt": "a", "request": {"messages": []}}, 400, "invalid_request", 'one of "prompt"'),
        ({"prompt": 1}, 400, "invalid_request", "`prompt`"),
        ({"prompt": "a", "headers": {"x": 1}}, 400, "invalid_request", "`headers.x`"),
        ({"promt": "a"}, 400, "invalid_request", "did you mean `prompt`?"),
        ({"prompt": "a", "to": "hury"}, 400, "invalid_request", "did you mean `hurry`?"),
        ({"request": {"messages": 1}}, 400, "invalid_request", "`messages` must be a list"),
        ({"request": {"messages": [], "model": "nobody"}}, 404, "model_not_found", "does not exist"),
        ({"prompt": "a " * 300}, 404, "no_route", "The nearest is `night`: batch: false → true."),
        ([], 400, "invalid_request", "must be a JSON object"),
    ],
)
async def test_errors(question: object, status: int, code: str, says: str) -> None:
    async with serving(settings()) as gateway:
        answer = await ask(gateway, question)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert says in answer.error["message"]


async def test_a_body_is_bounded() -> None:
    async with serving(settings(server={"max_body": "1KB"})) as gateway:
        answer = await ask(gateway, {"prompt": "a" * 2000})
        assert (answer.status, answer.error["code"]) == (413, "request_too_large")
        answer = await ask(gateway, data=b"{")
        assert (answer.status, answer.error["code"]) == (400, "invalid_json")


async def test_an_admin_key_is_needed_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN", "sk-admin")
    async with serving(settings(admin={"keys": ["env:ADMIN"]})) as gateway:
        assert (await ask(gateway, data=b"{")).status == 401
        key = {"authorization": "Bearer sk-admin"}
        assert (await ask(gateway, {"prompt": "urgent"}, headers=key)).json["decision"] == "hurry"


async def test_neural_signals_are_asked_beside_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = LetterEncoder({"domain": head(["math", "law"], ["a", "e"])})
    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", lambda config: letters)
    signals = {**SIGNALS, "domain": {"type": "domain"}}
    decisions = [*DECISIONS[2:3], {"name": "lawyer", "when": "domain.law", "models": ["large"]}, *DECISIONS[3:]]
    async with serving(settings(decisions=decisions, signals=signals, encoder={"budget": "1m"})) as gateway:
        letters.gate.clear()
        waiting = asyncio.create_task(ask(gateway, {"prompt": "eleven green trees"}))
        await until(lambda: letters.asked)
        assert (await call("GET", f"{gateway.url}/readyz")).status == 200
        letters.gate.set()
        form = (await waiting).json
        hurried = (await ask(gateway, {"prompt": "urgent green trees"})).json
    assert (form["decision"], form["runner_up"]) == ("lawyer", "rest")
    atom = form["decisions"][1]["tree"]
    assert (atom["source"], atom["value"], atom["holds"]) == ("neural", "law", True)
    assert hurried["skipped_because"]["domain"] == "`hurry` won before `lawyer` was asked"
    assert (hurried["encoder_ms"], hurried["runner_up"]) == (0.0, "lawyer")


async def test_an_encoder_that_is_late_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = LetterEncoder({"domain": head(["math", "law"], ["a", "e"])})
    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", lambda config: letters)
    signals = {**SIGNALS, "domain": {"type": "domain"}}
    decisions = [{"name": "lawyer", "priority": 9, "when": "domain.law", "models": ["large"]}, *DECISIONS[2:]]
    async with serving(settings(decisions=decisions, signals=signals, encoder={"budget": "10ms"})) as gateway:
        letters.gate.clear()
        form = (await ask(gateway, {"prompt": "eleven green trees"})).json
        letters.gate.set()
    assert form["decision"] == "rest"
    atom = form["decisions"][0]["tree"]
    assert (atom["holds"], atom["value"], atom["source"], atom["on_unknown"]) == (False, None, "unknown", False)
    assert "longer than its budget" in atom["why"]
