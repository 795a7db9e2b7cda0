"""What categories allow, and what is told of lookups."""

import json

from tests.support.clients import call
from tests.support.gateway import config, pool, serving
from tests.support.scene import until
from tests.support.upstream import answer_hello, completion, scripted

QUESTION = "How do magnets work?"
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]


async def test_where_everybody_has_his_own_answers(caches):
    async with caches(category={"private": True}) as one:
        text = "My address is ann.smith@gmail.com. What is its domain?"
        assert await one.result(text, user="ann") == "miss"
        assert await one.result(text, user="ann") == "exact"
        assert await one.result(text, user="bob") == "miss"
        assert await one.result(text, headers={"x-session-id": "ann2"}) == "miss"
        assert await one.result(text) == "bypass"


async def test_an_answer_for_one_is_shared_once_two_others_have_asked(caches):
    async with caches(category={"askers": 2}) as one:
        assert await one.result(user="ann") == "miss"
        assert await one.result(user="ann") == "exact"
        assert await one.result(user="bob") == "miss"
        assert await one.result(user="cid") == "exact"


async def test_volatile_questions_where_the_category_wants_them(caches):
    async with caches(category={"volatile": True}) as one:
        assert [await one.result("What is the weather in Rome?") for _ in range(2)] == ["miss", "exact"]


async def test_tools_where_the_category_wants_them_and_the_text_is_equal(caches):
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]

    async def script(x):
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        await x.respond(completion(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}]))

    async with caches(script, category={"tools": True}) as one:
        assert [await one.result(tools=TOOLS) for _ in range(2)] == ["miss", "exact"]
        assert await one.result("how do magnets work", tools=TOOLS) == "miss"
        whole = (await one.ask(tools=TOOLS)).json["choices"][0]
        assert (whole["message"]["tool_calls"], whole["finish_reason"]) == (calls, "tool_calls")
        events = (await one.ask(tools=TOOLS, stream=True)).body.split(b"\n\n")
        deltas = [json.loads(event[6:])["choices"][0]["delta"] for event in events[:-2]]
        assert [call for delta in deltas for call in delta.get("tool_calls", ())] == [{"index": 0, **calls[0]}]


async def test_busy_models_make_do_with_less_similar_questions(caches):
    loosen = {"threshold": 0.2, "ttl": 10}
    async with caches(category={"ttl": "60s", "loosen": loosen}) as one:
        clock = one.caching.clock
        await one.ask()
        one.caching.clock = lambda: clock() + 120
        one.gateway.gateway.runtime.pools["small"].snapshot = lambda: type(
            "Busy", (), {"load": 2.0, "healthy": True, "queue": 0, "inflight": 0, "kv": None}
        )()
        assert await one.result() == "exact"  # it would be too old


async def test_the_decision_log_says_how_it_was(caches, tmp_path):
    path = tmp_path / "decisions.jsonl"
    async with caches(log={"decisions": {"path": str(path)}}) as one:
        for text in (QUESTION, QUESTION, "What is the weather?"):
            await one.ask(text)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    miss, hit, volatile = [line for line in lines if "event" not in line]
    assert (miss["cache"], miss["lookup"]["kept"], miss["choice"]["by"]) == ("miss", True, "static")
    assert (hit["cache"], hit["choice"]["by"], hit["selection"], hit["attempts"], hit["usage"], hit["cost_usd"]) == (
        "exact", "cache", None, [], None, None,
    )  # fmt: skip
    assert (hit["lookup"]["category"], len(hit["lookup"]["entry"])) == ("general", 32)
    assert hit["lookup"]["age_s"] >= 0
    assert hit["timings"]["stages_ms"].keys() == {"parse", "decide", "cache"}
    assert (volatile["cache"], volatile["lookup"]["refused"], volatile["lookup"]["kept"]) == (
        "bypass",
        "volatile",
        False,
    )


async def test_the_shipped_encoder_knows_a_question_in_other_words():
    async with scripted(answer_hello) as up:
        decisions = [{"name": "everything", "when": "true", "models": ["small"], "cache": "faq"}]
        cache = {"categories": {"faq": {"threshold": 0.8}}}
        settings = config({"small": pool(up.url)}, decisions, cache=cache, encoder={"budget": "1m"})
        async with serving(settings) as gateway:

            async def ask(text):
                body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
                answer = await call("POST", f"{gateway.v1}/chat/completions", json=body)
                return answer.headers["x-pointsman-cache"]

            assert await ask("How do I reset my password?") == "miss"
            assert await ask("How can I reset my password?") == "hit"
            assert await ask("How do I reset my router?") == "miss"
            assert await ask("What is the capital of France?") == "miss"


async def test_long_answers_are_read_beside_the_event_loop_and_very_long_ones_not_kept(caches):
    async def script(x):
        await x.respond(completion("word " * (600_000 if b"very" in x.request.body else 20_000)))

    async with caches(script) as one:
        assert await one.result("Tell a long story") == "miss"
        await until(lambda: len(one.caching.cache) == 1)
        answer = await one.ask("Tell a long story")
        assert answer.headers["x-pointsman-cache"] == "exact"
        assert answer.json["choices"][0]["message"]["content"] == "word " * 20_000
        assert [await one.result("Recite the very big novel") for _ in range(2)] == ["miss"] * 2


async def test_the_reason_is_told_to_those_who_ask(caches):
    async with caches() as one:
        answer = await one.ask("What is the weather?", headers={"x-pointsman-debug": "1"})
        plain = await one.ask("What is the weather?")
    assert answer.headers["x-pointsman-cache-reason"] == "volatile"
    assert "x-pointsman-cache-reason" not in plain.headers


async def test_what_was_kept_while_now_was_cached_is_not_told_after(caches):
    async with caches(category={"volatile": True}) as one:
        assert [await one.result("What is the weather?") for _ in range(2)] == ["miss", "exact"]
        changed = one.gateway.gateway.runtime.config.model_dump(mode="json", exclude_unset=True)
        changed["cache"] = {"categories": {"general": {"volatile": False}}}
        one.gateway.rewrite(changed)
        await one.gateway.gateway.reload()
        assert await one.result("What is the weather?") == "bypass"


async def test_another_model_in_the_pool_starts_afresh(caches):
    async with caches() as one:
        assert await one.result() == "miss"
        changed = one.gateway.gateway.runtime.config.model_dump(mode="json", exclude_unset=True)
        changed["pools"]["small"]["model"] = "org/small-8b"
        one.gateway.rewrite(changed)
        await one.gateway.gateway.reload()
        assert await one.result() == "miss"
