"""Where requests go: by name, by rule, by load."""

import asyncio
import json
from collections import Counter

import openai
import pytest

from tests.support.clients import MESSAGES, chat, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, completion, scripted

DEAD = "http://127.0.0.1:9"
SIGNALS = {
    "urgent": {"type": "keyword", "any": ["urgent"]},
    "bad": {"type": "keyword", "any": ["bomb"]},
}


def say(text):
    return [{"role": "user", "content": text}]


def two(url, **extra):
    return {"small": pool(url, **extra), "large": pool(url, model="org/large-72b", **extra)}


def where(answer):
    assert answer.status == 200, answer.body
    return answer.headers["x-pointsman-decision"], answer.headers["x-pointsman-pool"]


@pytest.mark.parametrize("model", ["auto", "gpt-4o", None])
async def test_aliases_and_no_model_let_the_policy_choose(model):
    decisions = [
        {"name": "hurry", "priority": 1, "when": "urgent", "models": ["large"]},
        {"name": "rest", "when": "true", "models": ["small"]},
    ]
    async with scripted(answer_hello) as up:
        settings = config(two(up.url), decisions, signals=SIGNALS, aliases=["gpt-4o"])
        async with serving(settings) as gateway:
            assert where(await chat(gateway.url, model)) == ("rest", "small")
            assert where(await chat(gateway.url, model, messages=say("This is URGENT!"))) == ("hurry", "large")
    assert [request.json["model"] for request in up.requests] == ["org/small-7b", "org/large-72b"]


@pytest.mark.parametrize("model", ["large", "org/large-72b"])
async def test_a_pools_name_or_its_models_goes_there_whatever_the_rules_say(model):
    async with scripted(answer_hello) as up, serving(config(two(up.url))) as gateway:
        answer = await chat(gateway.url, model)
    assert where(answer) == ("explicit", "large")
    assert answer.headers["x-pointsman-model"] == "org/large-72b"
    assert up.last.json["model"] == "org/large-72b"


async def test_a_pool_without_decisions_is_reached_by_name():
    async with scripted(answer_hello) as up:
        settings = config({"small": pool(up.url)})
        async with serving(settings | {"decisions": []}) as gateway:
            assert where(await chat(gateway.url, "small")) == ("explicit", "small")
            assert (await chat(gateway.url)).error["code"] == "no_route"


async def test_several_pools_of_one_model_share_and_stand_in_for_each_other():
    started, release = asyncio.Event(), asyncio.Event()

    async def hold(x):
        started.set()
        await release.wait()
        await x.respond(completion())

    async with scripted(hold) as one, scripted(answer_hello) as other:
        pools = {"a": pool(one.url), "b": pool(other.url), "c": pool(DEAD, retry={"attempts": 1})}
        async with serving(config(pools)) as gateway:
            first = asyncio.create_task(chat(gateway.url, "org/small-7b"))
            await started.wait()
            assert where(await chat(gateway.url, "org/small-7b")) == ("explicit", "b")  # a has more to do
            release.set()
            assert where(await first) == ("explicit", "a")


async def test_a_dead_pool_of_the_model_is_passed_over():
    async with scripted(answer_hello) as up:
        pools = {"a": pool(DEAD, retry={"attempts": 1}), "b": pool(up.url)}
        async with serving(config(pools)) as gateway:
            assert where(await chat(gateway.url, "org/small-7b")) == ("explicit", "b")
            assert (await chat(gateway.url, "a")).status == 502  # this one was named


@pytest.mark.parametrize(("asked", "hint"), [("larg", "large"), ("org/large-7b", "org/large-72b"), ("atuo", "auto")])
async def test_an_unknown_model_is_a_404_with_the_nearest_name(asked, hint):
    async with serving(config(two(DEAD))) as gateway, openai_sdk(gateway.v1) as client:
        with pytest.raises(openai.NotFoundError, match=f"`{hint}`") as caught:
            await client.chat.completions.create(model=asked, messages=MESSAGES)
    assert caught.value.code == "model_not_found"


async def test_a_named_pool_is_still_under_the_policys_own_answers():
    decisions = [
        {"name": "block", "priority": 9, "when": "bad", "respond": {"status": 403, "message": "No."}},
        {"name": "rest", "when": "true", "models": ["small"]},
    ]
    async with scripted(answer_hello) as up, serving(config(two(up.url), decisions, signals=SIGNALS)) as gateway:
        refused = await chat(gateway.url, "large", messages=say("build a bomb"))
        fine = await chat(gateway.url, "large")
    assert (refused.status, refused.headers["x-pointsman-decision"]) == (403, "block")
    assert where(fine) == ("explicit", "large")
    assert len(up.requests) == 1


async def test_a_last_decision_that_answers_itself_holds_only_where_the_rules_would_come_to_it():
    decisions = [
        {"name": "hurry", "when": "urgent", "models": ["small"]},
        {"name": "rest", "when": "true", "respond": {"status": 404, "message": "Urgent things only."}},
    ]
    async with scripted(answer_hello) as up, serving(config(two(up.url), decisions, signals=SIGNALS)) as gateway:
        assert where(await chat(gateway.url, "large", messages=say("urgent"))) == ("explicit", "large")
        assert (await chat(gateway.url, "large")).status == 404


async def test_a_named_pool_is_still_under_its_limits():
    started, release = asyncio.Event(), asyncio.Event()

    async def hold(x):
        started.set()
        await release.wait()
        await x.respond(completion())

    async with scripted(hold) as up, serving(config(two(up.url, limits={"inflight": 1, "queue": 0}))) as gateway:
        first = asyncio.create_task(chat(gateway.url, "small"))
        await started.wait()
        full = await chat(gateway.url, "small")
        release.set()
        await first
    assert (full.status, full.error["code"]) == (429, "pool_full")
    assert full.headers["x-pointsman-decision"] == "explicit"
    assert int(full.headers["retry-after"]) >= 1


async def test_rules_can_send_what_a_busy_pool_cannot_take_elsewhere():
    started, release = asyncio.Event(), asyncio.Event()

    async def hold(x):
        started.set()
        await release.wait()
        await x.respond(completion())

    decisions = [
        {"name": "overflow", "priority": 1, "when": "pool.small.load >= 0.5", "models": ["large"]},
        {"name": "usual", "when": "true", "models": ["small"]},
    ]
    async with scripted(hold) as slow, scripted(answer_hello) as up:
        pools = {"small": pool(slow.url, limits={"inflight": 2}), "large": pool(up.url, model="org/large")}
        async with serving(config(pools, decisions)) as gateway:
            first = asyncio.create_task(chat(gateway.url))
            await started.wait()
            assert where(await chat(gateway.url)) == ("overflow", "large")
            release.set()
            assert where(await first) == ("usual", "small")
            assert where(await chat(gateway.url)) == ("usual", "small")


async def test_static_tries_the_next_when_the_first_is_full_or_fails():
    started, release = asyncio.Event(), asyncio.Event()

    async def hold(x):
        started.set()
        await release.wait()
        await x.respond(completion())

    decisions = [{"name": "all", "when": "true", "models": ["dead", "busy", "free"]}]
    async with scripted(hold) as slow, scripted(answer_hello) as up:
        pools = {
            "dead": pool(DEAD, retry={"attempts": 1}),
            "busy": pool(slow.url, model="org/busy", limits={"inflight": 1, "queue": 5}),
            "free": pool(up.url, model="org/free"),
        }
        async with serving(config(pools, decisions)) as gateway:
            first = asyncio.create_task(chat(gateway.url))
            await started.wait()
            assert where(await chat(gateway.url)) == ("all", "free")
            release.set()
            assert where(await first) == ("all", "busy")


async def test_round_robin_takes_turns():
    decisions = [{"name": "all", "when": "true", "models": ["small", "large"], "select": {"by": "round_robin"}}]
    async with scripted(answer_hello) as up, serving(config(two(up.url), decisions)) as gateway:
        pools = [where(await chat(gateway.url))[1] for _ in range(6)]
    assert pools in (["small", "large"] * 3, ["large", "small"] * 3)


async def test_weighted_heeds_its_weights():
    select = {"by": "weighted", "weights": {"small": 9, "large": 1}}
    decisions = [{"name": "all", "when": "true", "models": ["small", "large"], "select": select}]
    async with scripted(answer_hello) as up, serving(config(two(up.url), decisions)) as gateway:
        counted = Counter([where(await chat(gateway.url))[1] for _ in range(200)])
    assert counted["small"] > 150  # 180 expected, standard deviation 4.2
    assert counted["large"] > 0


async def test_requests_that_fit_no_window_of_the_first_go_to_a_larger_one():
    decisions = [{"name": "all", "when": "true", "models": ["small", "large"]}]
    async with scripted(answer_hello) as up:
        pools = two(up.url)
        pools["small"]["context"] = 100
        async with serving(config(pools, decisions)) as gateway:
            long = say("one two three four five " * 50)
            assert where(await chat(gateway.url)) == ("all", "small")
            assert where(await chat(gateway.url, messages=long)) == ("all", "large")
            assert where(await chat(gateway.url, max_tokens=4000)) == ("all", "large")


async def test_pools_of_one_model_with_different_windows():
    async with scripted(answer_hello) as up:
        pools = {"a": pool(up.url, context=100), "b": pool(up.url, context=100_000)}
        async with serving(config(pools)) as gateway:
            assert where(await chat(gateway.url, "org/small-7b")) == ("explicit", "a")
            assert where(await chat(gateway.url, "org/small-7b", max_tokens=4000)) == ("explicit", "b")


@pytest.mark.parametrize("given", ["0", "-5", "1.5", "soon", "", "9" * 12])
async def test_a_deadline_that_is_none_is_a_400(given):
    async with serving(config(two(DEAD))) as gateway:
        answer = await chat(gateway.url, headers={"x-pointsman-deadline-ms": given})
    assert answer.status == 400
    assert "x-pointsman-deadline-ms" in answer.error["message"]


async def test_a_deadline_ends_the_wait_and_no_other_attempt_follows():
    async def hang(x):
        await x.gone()
        x.close()

    async with scripted(hang) as up:
        settings = pool(up.url, up.url.replace("127.0.0.1", "localhost"), retry={"attempts": 5})
        async with serving(config({"small": settings})) as gateway:
            answer = await chat(gateway.url, headers={"x-pointsman-deadline-ms": "80"})
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
    assert len(up.requests) == 1


async def test_a_long_deadline_changes_nothing():
    async with scripted(answer_hello) as up, serving(config(two(up.url))) as gateway:
        assert (await chat(gateway.url, headers={"x-pointsman-deadline-ms": "60000"})).status == 200
    assert "x-pointsman-deadline-ms" not in up.last.headers


async def test_a_named_pool_costs_no_signals_where_no_decision_answers_itself():
    decisions = [{"name": "all", "when": "urgent or bad", "models": ["small"]}]
    async with scripted(answer_hello) as up, serving(config(two(up.url), decisions, signals=SIGNALS)) as gateway:
        answer = await chat(gateway.url, "large", headers={"x-pointsman-debug": "1"})
    assert json.loads(answer.headers["x-pointsman-signals"]) == {}
    assert sorted(json.loads(answer.headers["x-pointsman-trace"])["skipped"]) == ["bad", "urgent"]


@pytest.mark.parametrize("model", ["auto", "small"])
async def test_a_long_document_is_read_to_its_end(model):
    decisions = [
        {"name": "block", "priority": 1, "when": "bad", "respond": {"status": 403, "message": "no"}},
        {"name": "rest", "when": "true", "models": ["small"]},
    ]
    document = "The bridge was built in spring. " * 10_000
    async with scripted(answer_hello) as up, serving(config(two(up.url), decisions, signals=SIGNALS)) as gateway:
        fine = await chat(gateway.url, model, messages=say(document))
        blocked = await chat(gateway.url, model, messages=say(document + "bomb"))
    assert (fine.status, blocked.status) == (200, 403)


# Virtual models

STOP = {"name": "stop", "when": "bad", "respond": {"status": 403, "message": "No."}}
REST = {"name": "rest", "when": "true", "models": ["small"]}
SUPPORT = {
    "decisions": [
        {"name": "support-urgent", "when": "urgent", "models": ["large"]},
        {"name": "support", "when": "true", "models": ["small"]},
    ]
}


def with_virtual(url, decisions=(STOP, REST), **extra):
    virtual = {"support-bot": SUPPORT | extra}
    return config(two(url), list(decisions), signals=SIGNALS) | {"virtual_models": virtual}


async def test_a_virtual_model_has_decisions_of_its_own():
    async with scripted(answer_hello) as up, serving(with_virtual(up.url)) as gateway:
        assert where(await chat(gateway.url, "support-bot")) == ("support", "small")
        assert where(await chat(gateway.url, "support-bot", messages=say("urgent"))) == ("support-urgent", "large")
        assert where(await chat(gateway.url, "auto", messages=say("urgent"))) == ("rest", "small")
        async with openai_sdk(gateway.v1) as client:
            assert "support-bot" in {model.id for model in (await client.models.list()).data}
            assert (await client.models.retrieve("support-bot")).owned_by == "pointsman"
    assert [request.json["model"] for request in up.requests] == ["org/small-7b", "org/large-72b", "org/small-7b"]


async def test_the_main_lists_own_answers_hold_for_virtual_models():
    async with scripted(answer_hello) as up, serving(with_virtual(up.url)) as gateway:
        answer = await chat(gateway.url, "support-bot", messages=say("urgent: a bomb"))
    assert (answer.status, answer.headers["x-pointsman-decision"]) == (403, "stop")


async def test_a_virtual_model_can_do_without_them():
    async with scripted(answer_hello) as up, serving(with_virtual(up.url, guards=False)) as gateway:
        assert where(await chat(gateway.url, "support-bot", messages=say("a bomb"))) == ("support", "small")
        assert (await chat(gateway.url, "small", messages=say("a bomb"))).status == 403


async def test_the_main_lists_routes_do_not_hold_for_virtual_models():
    last = {"name": "last", "when": "true", "respond": {"status": 400, "message": "Ask otherwise."}}
    async with scripted(answer_hello) as up, serving(with_virtual(up.url, [REST, last])) as gateway:
        assert where(await chat(gateway.url, "support-bot")) == ("support", "small")


async def test_a_virtual_model_without_a_fitting_decision_has_no_route():
    settings = with_virtual(DEAD, decisions=SUPPORT["decisions"][:0])
    settings["virtual_models"]["support-bot"] = {"decisions": [{**REST, "name": "never", "when": "urgent"}]}
    async with serving(settings) as gateway:
        assert (await chat(gateway.url, "support-bot")).error["code"] == "no_route"
        assert "support-bot" in (await chat(gateway.url, "suport-bot")).error["message"]


async def test_the_surest_of_the_decisions_that_hold():
    decisions = [
        {"name": "some", "when": "urgent", "models": ["small"]},
        {"name": "most", "when": "bad", "models": ["large"]},
    ]
    signals = {
        "urgent": {"type": "keyword", "any": ["urgent", "asap"]},  # one of two
        "bad": {"type": "keyword", "any": ["bomb"]},
    }
    async with scripted(answer_hello) as up:
        settings = config(two(up.url), decisions, signals=signals)
        for strategy, expected in (("priority", "some"), ("confidence", "most")):
            async with serving(settings | {"strategy": strategy}) as gateway:
                answer = await chat(gateway.url, messages=say("Urgent: a bomb!"))
                assert where(answer)[0] == expected
