"""Kept answers of the large model as examples for the small one, as the upstreams and the clients see it."""

import json
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from pointsman.gateway.caching import reusing
from pointsman.gateway.config import examine
from tests.support.clients import call
from tests.support.gateway import config, pool, serving
from tests.support.upstream import completion, scripted

FIRST, SECOND = "Tell the hard story of iron", "Is his hard hit in this inn"
QUESTION = "Tell a story of a unit in the south"
RULE = {"from": ["large"], "into": ["small"], "share": "100%", "similarity": 0.5}
SYSTEM = {"role": "system", "content": "Be brief."}
KEYS = {f"KEY_{name}": f"key-{name}" for name in ("A", "B", "C")}


def user(text=QUESTION):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


async def small(x):
    """It cannot do what is hard."""
    if "hard" in last(x.request.json):
        await x.respond({"error": {"message": "too hard"}}, 500)
    elif x.request.json.get("stream"):
        await x.start_events()
        for event in ({"delta": {"content": "by small"}}, {"delta": {}, "finish_reason": "stop"}):
            await x.event({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, **event}]})
        await x.event("[DONE]")
        await x.end()
    else:
        await x.respond(completion("by small"))


async def large(x):
    await x.respond(completion(f"Large on {last(x.request.json)}"))


def last(body):
    said = body["messages"][-1]["content"]
    return said if isinstance(said, str) else said[0]["text"]


class Taught:
    def __init__(self, small, large, gateway):
        self.small, self.large, self.gateway = small, large, gateway

    @property
    def reusing(self):
        return self.gateway.gateway.reusing

    @property
    def seen(self):
        """What the small model was sent last."""
        return self.small.last.json["messages"]

    async def ask(self, text=QUESTION, headers=None, path="chat/completions", **body):
        said = body.pop("said", None) or {"messages": [user(text)]}
        answer = await call(
            "POST", f"{self.gateway.v1}/{path}", json={"model": "auto", **said, **body}, headers=headers
        )
        assert answer.status == 200, answer.body
        return answer

    async def learn(self, *texts, headers=None, **body):
        for text in texts or (FIRST,):
            answer = await self.ask(text, headers, **body)
            assert answer.headers["x-pointsman-pool"] == "large"
            assert "x-pointsman-examples" not in answer.headers

    async def feedback(self, answer, quality, headers=None):
        said = {"request_id": answer.headers["x-request-id"], "score": quality}
        told = await call("POST", f"{self.gateway.v1}/feedback", json=said, headers=headers)
        assert told.status == 200, told.body

    async def effects(self):
        told = await call("GET", f"{self.gateway.url}/admin/learning")
        return told.json["examples"]


@pytest.fixture
def taught(letters):
    @asynccontextmanager
    async def run(rule=None, category=None, script=small, small_pool=None, **extra):
        async with AsyncExitStack() as stack:
            ups = [await stack.enter_async_context(scripted(each)) for each in (script, large)]
            retry = {"retry": {"attempts": 1}}
            pools = {
                "small": pool(ups[0].url, **retry, **(small_pool or {})),
                "large": pool(ups[1].url, model="org/large", **retry),
            }
            decisions = [
                {
                    "name": "everything", "when": "true", "models": ["small", "large"], "cache": True,
                    "reuse": {**RULE, **(rule or {})},
                }
            ]  # fmt: skip
            cache = {"categories": {"general": {"threshold": 1.0, **(category or {})}}, **extra.pop("cache", {})}
            settings = config(pools, decisions, cache=cache, encoder={"budget": "1m"}, **extra)
            gateway = await stack.enter_async_context(serving(settings))
            yield Taught(*ups, gateway)

    return run


async def test_the_small_model_sees_what_the_large_one_has_answered(taught):
    async with taught() as it:
        await it.learn(said={"messages": [SYSTEM, user(FIRST)]})
        answer = await it.ask(said={"messages": [SYSTEM, user()]})
        assert answer.headers["x-pointsman-examples"] == "1"
        assert answer.headers["x-pointsman-pool"] == "small"
        assert it.seen == [SYSTEM, user(FIRST), assistant(f"Large on {FIRST}"), user()]


async def test_the_order_is_the_same_whoever_is_nearer(taught):
    async with taught({"similarity": 0.4}) as it:
        await it.learn(SECOND, FIRST)
        for text in (QUESTION, "Tell one story of iron"):
            assert (await it.ask(text)).headers["x-pointsman-examples"] == "2"
            assert [turn["content"] for turn in it.seen if turn["role"] == "user"] == [SECOND, FIRST, text]


async def test_a_stream_has_examples_too_and_its_answer_is_kept(taught):
    async with taught() as it:
        await it.learn()
        answer = await it.ask(stream=True)
        assert answer.headers["x-pointsman-examples"] == "1"
        assert len(it.seen) == 3
        again = await it.ask()
        assert again.headers["x-pointsman-cache"] == "exact"
        assert "x-pointsman-examples" not in again.headers


async def test_answers_of_the_small_model_are_no_examples(taught):
    async with taught() as it:
        await it.ask("Tell the soft story of iron")
        await it.ask()
        assert it.seen == [user()]


async def test_the_large_model_is_sent_what_the_client_said(taught):
    async with taught({"similarity": 0.4}) as it:
        await it.learn(FIRST, SECOND)
        assert len(it.seen) == 3
        assert it.large.last.json["messages"] == [user(SECOND)]


async def test_a_model_that_is_not_listed_sees_none(taught):
    async with taught({"from": ["small"], "into": ["large"]}) as it:
        await it.learn()
        await it.ask()
        assert it.seen == [user()]


@pytest.mark.parametrize(
    "other",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]},
        {"n": 2},
        {"said": {"messages": [user("Hello"), assistant("Hi"), user()]}},
        {"said": {"messages": [SYSTEM, user()]}},
        {"headers": {"x-pointsman-cache": "no-cache"}},
        {"headers": {"x-pointsman-cache": "no-store"}},
        {"model": "small"},
    ],
)
async def test_only_plain_first_questions_of_the_same_kind(taught, other):
    async with taught() as it:
        await it.learn()
        answer = await it.ask(**other)
        assert "x-pointsman-examples" not in answer.headers
        assert it.seen == other.get("said", {"messages": [user()]})["messages"]


async def test_never_with_earlier_turns_even_if_they_are_the_same(taught):
    before = [user("Hello"), assistant("Hi")]
    async with taught() as it:
        await it.learn(said={"messages": [*before, user(FIRST)]})
        await it.ask(said={"messages": [*before, user()]})
        assert it.seen == [*before, user()]


async def test_only_whole_examples_that_fit(taught):
    long = FIRST + " and of steel" * 40
    async with taught({"tokens": 60}) as it:
        await it.learn(long, SECOND)
        await it.ask()
        assert [turn["content"] for turn in it.seen] == [SECOND, f"Large on {SECOND}", QUESTION]


async def test_the_context_has_room_for_the_answer(taught):
    async with taught(small_pool={"context": 200}) as it:
        for max_tokens, shown in ((160, False), (40, True)):
            await it.learn(max_tokens=max_tokens)
            answer = await it.ask(max_tokens=max_tokens)
            assert ("x-pointsman-examples" in answer.headers) is shown


async def test_not_the_same_thing_twice(taught):
    async with taught() as it:
        await it.learn(FIRST, FIRST + "!", SECOND)
        await it.ask()
        assert len(it.seen) == 5


@pytest.fixture
def tenants(monkeypatch):
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    return {"keys": [{"key": f"env:KEY_{name.upper()}", "tenant": name} for name in ("a", "b", "c")]}


def as_tenant(name):
    return {"authorization": f"Bearer key-{name.upper()}"}


async def test_tenants_see_their_own_examples_only(taught, tenants):
    async with taught(auth=tenants, cache={"share": [["a", "b"]]}) as it:
        await it.learn(headers=as_tenant("a"))
        await it.ask(headers=as_tenant("c"))
        assert it.seen == [user()]
        answer = await it.ask(headers=as_tenant("b"))
        assert answer.headers["x-pointsman-examples"] == "1"


async def test_personal_data_is_never_an_example(taught):
    async with taught() as it:
        await it.learn(FIRST + " for ann.miller@mail.co")
        await it.ask()
        assert it.seen == [user()]


async def test_what_others_may_not_be_given_they_are_not_shown(taught):
    async with taught(category={"askers": 2}) as it:
        await it.learn(user="ann")
        await it.ask(user="bob")
        assert it.seen == [user()]
        await it.ask(user="ann")
        assert len(it.seen) == 3


async def test_an_answer_that_is_to_be_compared_with_a_kept_one_is_made_without_it(taught):
    async with taught(category={"threshold": 0.6, "guard": False, "verify": {"error": 0.02}}) as it:
        await it.learn()
        answer = await it.ask(headers={"x-pointsman-debug": "1"})
        assert answer.headers["x-pointsman-cache-reason"] == "explored"
        assert it.seen == [user()]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("messages", lambda text: {"messages": [user(text)], "system": "Be brief.", "max_tokens": 50}),
        ("responses", lambda text: {"input": text, "instructions": "Be brief."}),
        ("responses", lambda text: {"input": [user(text)], "instructions": "Be brief."}),
    ],
)
async def test_in_every_wire(taught, path, said):
    async with taught() as it:
        await it.learn(said=said(FIRST), path=path)
        answer = await it.ask(said=said(QUESTION), path=path)
        assert answer.headers["x-pointsman-examples"] == "1"
        system, *turns = it.seen
        assert system == SYSTEM
        assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
        assert f"Large on {FIRST}" in json.dumps(turns[1])
        assert QUESTION in json.dumps(turns[2])


async def test_at_a_share_of_none_all_is_as_it_was(taught):
    async with taught({"share": "0%"}) as it:
        await it.learn()
        answer = await it.ask()
        assert "x-pointsman-examples" not in answer.headers
        assert it.seen == [user()]


async def test_chance_decides_and_the_log_has_its_propensity(taught, tmp_path):
    log = tmp_path / "log.jsonl"
    draws = [0.1, 0.9]
    async with taught({"share": "25%"}, log={"decisions": {"path": str(log)}}) as it:
        it.reusing.random.random = lambda: draws.pop(0)
        await it.learn()
        shown, plain = await it.ask(), await it.ask("Tell a tale of a unit in the south")
        assert "x-pointsman-examples" in shown.headers
        assert "x-pointsman-examples" not in plain.headers
        counted = dict(it.gateway.gateway.metrics.reused.cells)
        assert counted == {
            ("everything", "small", "given"): 1,
            ("everything", "small", "withheld"): 1,
        }
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    found = {line["id"]: line["lookup"]["examples"] for line in lines if "lookup" in line}
    one, other = (found[answer.headers["x-request-id"]] for answer in (shown, plain))
    assert (one["given"], one["propensity"], one["pool"]) == (True, 0.25, "small")
    assert (other["given"], other["propensity"], other["entries"]) == (False, 0.75, one["entries"])
    assert one["tokens"] > 0
    assert [each for each in found.values() if each is None] == [None]


# The file


@pytest.mark.parametrize(
    ("rule", "others", "expected"),
    [
        ({"from": ["huge"]}, {}, "error: `huge` is none of the decision's `models`"),
        ({"into": ["other"]}, {}, "error: `other` is none of the decision's `models`"),
        ({"into": ["small", "large"]}, {}, "error: `large` would learn from itself"),
        ({}, {"cache": False}, "error: examples are kept answers to similar questions; add `cache: true`"),
        ({}, {"cache": "exact"}, "error: examples are kept answers to similar questions"),
        ({"auto": True}, {}, "error: `auto` compares answers with and without examples"),
        ({}, {"select": {"by": "cascade"}}, "warning: with `cascade` no model is shown examples"),
        ({"share": "50%", "auto": True}, {}, None),
    ],
)
def test_check_says_what_is_wrong_with_it(tmp_path, rule, others, expected):
    pools = {name: pool(f"http://127.0.0.1:{port}") for port, name in enumerate(("small", "large", "other"), 8001)}
    decision = {"name": "all", "when": "true", "models": ["small", "large"], "cache": True, "reuse": {**RULE, **rule}}
    path = tmp_path / "policy.yaml"
    path.write_text(
        json.dumps(config(pools, [decision | others], cache={"categories": {"exact": {"semantic": False}}}))
    )
    unused = ("no decision has `cache: exact`", "pool `other` is in no decision")
    found = [f"{one.severity}: {one.message}" for one in examine(path).problems if not one.message.startswith(unused)]
    assert len(found) == (expected is not None), found
    assert expected is None or found[0].startswith(expected)


# What comes of it


async def rated(it, qualities, given, start=0):
    """New questions, all of them with or all without examples."""
    it.reusing.random.random = lambda: 0.0 if given else 0.99
    for number, quality in enumerate(qualities, start):
        answer = await it.ask(f"Tell story {number} of a unit in the south")
        assert ("x-pointsman-examples" in answer.headers) is given
        await it.feedback(answer, quality)


async def test_the_rewards_with_and_without_are_compared(taught):
    async with taught({"share": "50%"}) as it:
        await it.learn()
        await rated(it, [1.0, 0.5], given=True)
        (effect,) = await it.effects()
        assert (effect["decision"], effect["pool"], effect["difference"]) == ("everything", "small", None)
        await rated(it, [0.5, 0.25], given=False, start=10)
        (effect,) = await it.effects()
        assert effect["given"] == {"rewards": 2, "mean": pytest.approx(0.75)}
        assert effect["withheld"] == {"rewards": 2, "mean": pytest.approx(0.375)}
        assert effect["difference"]["estimate"] == pytest.approx(0.375)
        assert effect["difference"]["low"] < 0.375 < effect["difference"]["high"]
        metrics = await call("GET", f"{it.gateway.url}/metrics")
        told = 'pointsman_cache_reuse_effect{bound="estimate",decision="everything",pool="small"} 0.375'
        assert told in metrics.body.decode()


async def test_who_thinks_again_counts_once(taught):
    async with taught({"share": "50%"}) as it:
        await it.learn()
        it.reusing.random.random = lambda: 0.0
        answer = await it.ask()
        for quality in (0.0, 1.0):
            await it.feedback(answer, quality)
        (effect,) = await it.effects()
        assert effect["given"] == {"rewards": 1, "mean": pytest.approx(1.0)}


async def test_what_was_learned_can_be_forgotten(taught):
    async with taught({"share": "50%"}) as it:
        await it.learn()
        await rated(it, [1.0], given=True)
        gone = await call("DELETE", f"{it.gateway.url}/admin/learning/everything")
        assert gone.status == 200
        assert await it.effects() == []


async def test_examples_that_do_harm_are_left_out_for_a_while(taught, monkeypatch):
    monkeypatch.setattr("pointsman.cache.effect.ENOUGH", 4)
    async with taught({"share": "50%", "auto": True}) as it:
        now = it.reusing.clock()
        it.reusing.clock = lambda: now
        await it.learn()
        await rated(it, [1.0] * 6, given=False)
        await rated(it, [0.0] * 4, given=True, start=10)
        (effect,) = await it.effects()
        assert effect["difference"]["high"] < 0
        assert effect["off_for"] == reusing.REST
        assert "x-pointsman-examples" not in (await it.ask()).headers
        it.reusing.clock = lambda: now + reusing.REST
        assert (await it.ask("Tell one more story of a unit")).headers["x-pointsman-examples"] == "1"
        (effect,) = await it.effects()
        assert (effect["given"]["rewards"], effect["off_for"]) == (0, 0)


async def test_without_auto_nothing_stops_them(taught, monkeypatch):
    monkeypatch.setattr("pointsman.cache.effect.ENOUGH", 4)
    async with taught({"share": "50%"}) as it:
        await it.learn()
        await rated(it, [1.0] * 6, given=False)
        await rated(it, [0.0] * 6, given=True, start=10)


async def test_what_is_remembered_is_bounded(taught, monkeypatch):
    monkeypatch.setattr(reusing, "REQUESTS", 3)
    monkeypatch.setattr(reusing, "STUDIES", 1)
    async with taught() as it:
        await it.learn()
        for number in range(6):
            await it.ask(f"Tell story {number} of a unit in the south")
        assert len(it.reusing._asked) == 3
        assert len(it.reusing._studies) == 1
