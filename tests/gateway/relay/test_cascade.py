"""Cascades as a client meets them: one whole answer, from the cheapest model whose answer will do."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import orjson
import pytest

from pointsman.gateway.observe.outcome import Phase, Result
from pointsman.gateway.pools.lease import live_leases
from pointsman.gateway.relay import capture, cascade
from tests.support.clients import anthropic_sdk, openai_sdk
from tests.support.gateway import config, serving
from tests.support.messages import answer_message
from tests.support.upstream import chunk, completion, scripted

MESSAGES = [{"role": "user", "content": "Which is the largest moon?"}]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
LOGPROB = {"accept": {"logprob": -0.8}}


def tokens(*logprobs):
    """Two words, the likelier of each two as sure as that."""
    tops = [{"token": "x", "logprob": -9.0, "bytes": None}]
    content = [
        {"token": t, "logprob": p, "bytes": None, "top_logprobs": [{"token": t, "logprob": p, "bytes": None}, *tops]}
        for t, p in zip(("Gany", "mede"), logprobs, strict=False)
    ]
    return {"content": content, "refusal": None}


def says(text="Ganymede", logprob=None, finish="stop", message=None, **extra):
    """Tells log-probabilities to those who ask, as vLLM does."""

    async def script(x):
        wanted = x.request.json
        told = tokens(logprob, logprob) if logprob is not None and wanted.get("logprobs") else None
        if wanted.get("stream"):
            await _stream(x, text, told, finish)
            return
        body = completion(text, **extra)
        body["choices"][0] |= {"logprobs": told, "finish_reason": finish}
        body["choices"][0]["message"] |= message or {}
        await x.respond(body)

    return script


async def _stream(x, text, told, finish):
    await x.start_events()
    half = len(text) // 2
    for number, part in enumerate((text[:half], text[half:])):
        event = chunk(part)
        event["choices"][0]["logprobs"] = told and {"content": told["content"][number : number + 1]}
        await x.event(event)
    await x.event(chunk(finish=finish))
    await x.event(chunk() | {"choices": [], "usage": USAGE})
    await x.event("[DONE]")
    await x.end()


def fails(status=500):
    async def script(x):
        await x.respond({"error": {"message": "no"}}, status)

    return script


async def silent(x):
    await x.gone()
    x.close()


async def breaks_off(x):
    await x.start_events()
    await x.event(chunk("half an ans"))
    x.close()


class Cascade:
    def __init__(self, served, ups, http):
        self.served, self.ups, self.v1, self.url, self._http = served, ups, served.v1, served.url, http
        self._outcomes = asyncio.Queue()
        served.gateway.observe(self._outcomes.put_nowait)

    async def ask(self, headers=None, path="/v1/chat/completions", **extra):
        body = {"model": "auto", "messages": MESSAGES, **extra}
        async with self._http.post(self.url + path, json=body, headers=headers) as answer:
            self.headers = answer.headers
            self.status = answer.status
            self.body = await answer.read()
        return self.body

    async def text(self, **extra):
        return orjson.loads(await self.ask(**extra))["choices"][0]["message"]["content"]

    async def outcome(self):
        return await self._outcomes.get()

    @property
    def told(self):
        return self.headers["x-pointsman-cascade"]

    def asked(self, name):
        return len(self.ups[name].requests)


@asynccontextmanager
async def gateway(small, large, select=LOGPROB, pools=None, models=None, **more):
    """`small` is the cheaper; `more` are scripts of further pools, or settings."""
    scripts = {"small": small, "large": large, **{name: more.pop(name) for name in list(more) if callable(more[name])}}
    async with AsyncExitStack() as stack:
        ups = {name: await stack.enter_async_context(scripted(script)) for name, script in scripts.items()}
        every = {}
        for price, (name, up) in enumerate(ups.items(), 1):
            usual = {"price": {"input": price, "output": 10 * price}, "retry": {"attempts": 1}}
            every[name] = {"model": f"org/{name}", "endpoints": [up.url], **usual, **(pools or {}).get(name, {})}
        models = models or ["small", "large"]
        decision = {"name": "all", "when": "true", "models": models, "select": {"by": "cascade", **select}}
        served = await stack.enter_async_context(serving(config(every, [decision], **more)))
        yield Cascade(served, ups, await stack.enter_async_context(aiohttp.ClientSession()))
    assert live_leases() == 0


def streamed(body):
    events = [orjson.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])


def steps(outcome):
    return [(step.pool, step.verdict.value, step.reason) for step in outcome.steps]


SURE, UNSURE, STRONG = says("Ganymede", -0.1), says("Titan", -1.5), says("Ganymede, of Jupiter")


async def test_a_sure_answer_of_the_cheap_model_is_the_answer():
    async with gateway(SURE, STRONG) as c:
        assert await c.text() == "Ganymede"
        outcome = await c.outcome()
    assert (c.told, c.headers["x-pointsman-pool"], c.asked("large")) == ("small=accepted", "small", 0)
    assert steps(outcome) == [("small", "accepted", "")]
    assert outcome.steps[0].measures == {"logprob": pytest.approx(-0.1)}
    assert outcome.cost == outcome.steps[0].cost == pytest.approx((3 * 1 + 2 * 10) / 1e6)
    assert outcome.extras == ()


async def test_an_unsure_one_is_replaced_by_the_strong_models():
    async with gateway(UNSURE, STRONG) as c:
        assert await c.text() == "Ganymede, of Jupiter"
        outcome = await c.outcome()
    assert c.told == "small=rejected(logprob -1.5);large=accepted"
    assert (c.headers["x-pointsman-pool"], c.headers["x-pointsman-model"]) == ("large", "org/large")
    assert (outcome.chosen.pool, outcome.usage.completion, len(outcome.attempts)) == ("large", 2, 2)
    assert outcome.cost == pytest.approx((3 * 1 + 2 * 10 + 3 * 2 + 2 * 20) / 1e6)
    assert [extra.pool for extra in outcome.extras] == ["small"]
    assert all(attempt.result is Result.OK for attempt in outcome.attempts)


async def test_all_answers_are_counted_where_they_were_given():
    async with gateway(UNSURE, STRONG) as c:
        await c.ask()
        await c.outcome()
        async with aiohttp.ClientSession() as http, http.get(f"{c.url}/metrics") as answer:
            page = await answer.text()
    assert 'pointsman_cascade_steps_total{decision="all",pool="small",verdict="rejected"} 1.0' in page
    assert 'pointsman_cascade_steps_total{decision="all",pool="large",verdict="accepted"} 1.0' in page
    assert 'pointsman_cost_usd_total{model="org/small",pool="small"} 2.3e-05' in page
    large = re.search(r'pointsman_cost_usd_total{model="org/large",pool="large"} (\S+)', page)
    assert large is not None
    assert float(large[1]) == pytest.approx(4.6e-05)
    assert 'pointsman_tokens_total{direction="completion",model="org/small",pool="small"} 2.0' in page


async def test_the_openai_sdk_gets_a_whole_answer_and_a_whole_stream():
    async with gateway(UNSURE, STRONG) as c, openai_sdk(c.v1) as client:
        whole = await client.chat.completions.create(model="auto", messages=MESSAGES)
        assert whole.choices[0].message.content == "Ganymede, of Jupiter"
        events = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
        parts = [event.choices[0].delta.content or "" async for event in events]
    assert "".join(parts) == "Ganymede, of Jupiter"


async def test_the_bytes_are_the_upstreams_but_for_what_nobody_asked_for():
    """Odd spacing, escapes, order and unknown members survive; the text may talk of logprobs."""
    said = (
        rb'{"id": "x",  "choices": [ {"logprobs" :  {"content":[{"token":"\u00e9","logprob":-0.10,'
        rb'"top_logprobs":[{"token":"\"logprobs\":{","logprob":-0.1}]}]} , "index": 0,'
        rb' "message": {"role":"assistant","content":"\"logprobs\": {1} \u00e9", "odd":1.50},'
        rb'"finish_reason":"stop"}], "model":"served","usage":null,"more":{"a":[1e2]}}'
    )

    async def script(x):
        assert x.request.json["logprobs"] is True
        assert x.request.json["top_logprobs"] == 2
        await x.respond(said)

    async with gateway(script, STRONG) as c:
        got = await c.ask()
    start, end = said.index(b'{"content":[{"token"'), said.index(b' , "index"')
    assert got == said[:start] + b"null" + said[end:]


async def test_a_stream_is_kept_until_it_is_judged_and_then_sent_as_it_came():
    said, release, sent = asyncio.Event(), asyncio.Event(), []

    async def script(x):
        await x.start_events({"x-extra": "1"})
        for event in (chunk("Gany"), chunk("mede"), chunk(finish="stop")):
            event["choices"][0]["logprobs"] = tokens(-0.1) if event["choices"][0]["delta"] else None
            sent.append(event)
            await x.event(event)
        said.set()
        await release.wait()
        await x.event("[DONE]")
        await x.end()

    async with gateway(script, STRONG) as c:
        asking = asyncio.create_task(c.ask(stream=True))
        await said.wait()
        assert not asking.done()
        release.set()
        got = await asking
        outcome = await c.outcome()
    for event in sent:
        event["choices"][0]["logprobs"] = None
    assert got == b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in sent) + b"data: [DONE]\n\n"
    assert (c.headers["x-extra"], c.told) == ("1", "small=accepted")
    assert (outcome.events, outcome.timings.ttft is not None) == (4, True)


async def test_a_rejected_stream_is_never_seen():
    async with gateway(UNSURE, STRONG) as c:
        got = await c.ask(stream=True)
    assert streamed(got) == "Ganymede, of Jupiter"
    assert got.count(b"[DONE]") == 1
    assert c.told == "small=rejected(logprob -1.5);large=accepted"


async def test_the_last_models_stream_is_sent_while_it_comes():
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(x):
        await x.start_events()
        await x.event(chunk("Gany"))
        await release.wait()
        await x.event(chunk("mede", "stop"))
        await x.event("[DONE]")
        await x.end()

    async with gateway(UNSURE, slow) as c, openai_sdk(c.v1) as client:
        events = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
        text = ""
        async for event in events:
            text += event.choices[0].delta.content or ""
            begun.set()
            release.set()
        outcome = await c.outcome()
    assert begun.is_set()
    assert text == "Ganymede"
    assert steps(outcome) == [("small", "rejected", "logprob -1.5"), ("large", "accepted", "last")]


async def test_clients_that_ask_for_probabilities_keep_them():
    async with gateway(says("Ganymede", -0.5), STRONG) as c:
        answer = orjson.loads(await c.ask(logprobs=True))
        assert "top_logprobs" not in c.ups["small"].last.json
    assert answer["choices"][0]["logprobs"]["content"][0]["logprob"] == -0.5
    assert c.told == "small=accepted"


async def test_text_completions_are_judged_too():
    def text(said, logprob):
        async def script(x):
            told = {"tokens": ["a"], "token_logprobs": [logprob], "top_logprobs": [{"a": logprob, "b": -9.0}]}
            asked = x.request.json.get("logprobs") == 2
            choice = {"index": 0, "text": said, "finish_reason": "stop", "logprobs": told if asked else None}
            await x.respond({"id": "c", "object": "text_completion", "choices": [choice], "usage": USAGE})

        return script

    async with gateway(text("Titan", -2.0), text("Ganymede", -2.0), {"accept": {"margin": 0.5}}) as c:
        answer = orjson.loads(await c.ask(path="/v1/completions", prompt="The largest moon is"))
    assert (answer["choices"][0]["text"], answer["choices"][0]["logprobs"]) == ("Ganymede", None)
    assert c.told == "small=rejected(margin 0.135);large=accepted"


@pytest.mark.parametrize(
    ("accept", "small", "reason"),
    [
        ({}, says("Tit", finish="length"), "finish length"),
        ({}, says(""), "empty"),
        ({"min_chars": 10}, says("Titan"), "min_chars 5"),
        ({"max_chars": 4}, says("Titan"), "max_chars 5"),
        ({"logprob": -0.8}, says("Titan"), "unmeasured"),
    ],
)
async def test_evidence_that_rejects(accept, small, reason):
    async with gateway(small, STRONG, {"accept": accept}) as c:
        assert await c.text() == "Ganymede, of Jupiter"
    assert c.told == f"small=rejected({reason});large=accepted"


async def test_what_could_not_be_measured_is_counted():
    async with gateway(says("Titan"), STRONG) as c:
        await c.ask()
        outcome = await c.outcome()
    assert outcome.steps[0].unmeasured == ("logprob",)


@pytest.mark.parametrize(("arguments", "pool"), [('{"moon": 1}', "small"), ('{"moon": ', "large")])
async def test_calls_of_tools_are_accepted_if_they_parse(arguments, pool):
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    calls = says(None, -3.0, "tool_calls", {"tool_calls": [call]})
    async with gateway(calls, STRONG) as c:
        await c.ask(tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])
    assert c.headers["x-pointsman-pool"] == pool


def checks(score):
    """Answers the client's question with Titan, and one about that answer with a score."""

    async def script(x):
        about = "Titan" in str(x.request.json["messages"])
        await x.respond(completion(score if about else "Titan"))

    return script


@pytest.mark.parametrize(("said", "pool"), [("90", "small"), ("12", "large"), ("yes.", "small"), ("well", "large")])
async def test_the_model_may_be_asked_about_its_own_answer(said, pool):
    async with gateway(checks(said), STRONG, {"accept": {"self_check": 0.6}}) as c:
        await c.ask()
        outcome = await c.outcome()
        assert c.asked("small") == 2
        assert MESSAGES[0]["content"] in str(c.ups["small"].last.json)
    assert c.headers["x-pointsman-pool"] == pool
    paid = [1, 1] if pool == "small" else [1, 1, 2]
    assert outcome.cost == pytest.approx(sum(price * 23 for price in paid) / 1e6)
    assert outcome.steps[0].cost == pytest.approx(46e-6)


@pytest.mark.parametrize(("said", "pool"), [("8", "small"), ("8/10", "small"), ("3", "large")])
async def test_a_judge_of_another_pool(said, pool):
    accept = {"accept": {"judge": {"pool": "judge", "score": 7}}}
    async with gateway(says("Titan"), STRONG, accept, judge=says(said)) as c:
        await c.ask()
        outcome = await c.outcome()
        assert c.asked("judge") == 1
    assert c.headers["x-pointsman-pool"] == pool
    assert "judge" in [extra.pool for extra in outcome.extras]
    assert [attempt.pool for attempt in outcome.attempts][:2] == ["small", "judge"]


async def test_a_judge_that_fails_is_none():
    accept = {"accept": {"judge": {"pool": "judge", "score": 7}}}
    async with gateway(says("Titan"), STRONG, accept, judge=fails()) as c:
        await c.ask()
    assert c.told == "small=rejected(unmeasured);large=accepted"


async def test_the_gate_spares_the_judge():
    accept = {"accept": {"gate": 1.0, "judge": {"pool": "judge", "score": 7}}}
    async with gateway(says("Titan"), STRONG, accept, judge=fails()) as c:
        assert await c.text() == "Titan"
        assert c.asked("judge") == 0


async def test_a_prompt_that_needs_the_strong_model_begins_there():
    async with gateway(SURE, STRONG, {"skip": 0.0, **LOGPROB}) as c:
        assert await c.text() == "Ganymede, of Jupiter"
        outcome = await c.outcome()
        assert c.asked("small") == 0
    assert c.told == "skip"
    assert steps(outcome) == [("large", "accepted", "skip")]


async def test_a_model_that_fails_is_passed_over():
    async with gateway(fails(), STRONG) as c:
        assert await c.text() == "Ganymede, of Jupiter"
        outcome = await c.outcome()
    assert c.told == "small=failed(status 500);large=accepted"
    assert (outcome.status, outcome.error_code) == (200, None)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("large", [fails(), silent])
async def test_if_the_strong_model_fails_the_rejected_answer_is_the_answer(large, stream):
    timeouts = {"large": {"timeouts": {"first_token": "50ms"}}} if stream else {}
    async with gateway(UNSURE, large, {**LOGPROB, "max_seconds": 0.5}, timeouts) as c:
        got = await c.ask(stream=stream)
        assert (streamed(got) if stream else orjson.loads(got)["choices"][0]["message"]["content"]) == "Titan"
        outcome = await c.outcome()
    assert (c.status, c.headers["x-pointsman-pool"]) == (200, "small")
    assert c.told.startswith("small=rejected(logprob -1.5);large=failed(")
    assert (outcome.error_code, outcome.usage.completion, outcome.chosen.pool) == (None, 2, "small")


async def test_a_stream_that_breaks_off_unseen_is_a_failure_like_any_other():
    async with gateway(breaks_off, STRONG) as c:
        got = await c.ask(stream=True)
    assert b"half" not in got
    assert c.told == "small=failed(upstream_error);large=accepted"


async def test_if_all_fail_the_client_gets_the_last_failure():
    async with gateway(fails(500), fails(503)) as c:
        await c.ask()
        outcome = await c.outcome()
    assert (c.status, orjson.loads(c.body)["error"]["message"]) == (503, "no")
    assert (c.headers["x-pointsman-error-source"], outcome.error_source) == ("upstream", "upstream")
    assert c.told == "small=failed(status 500);large=failed(status 503)"


async def test_if_nobody_can_be_reached_there_is_an_error_of_our_own():
    async with gateway(SURE, STRONG) as c:
        for up in c.ups.values():
            await up.refuse()
        await c.ask(stream=True)
    assert c.status == 502
    assert c.told == "small=failed(upstream_error);large=failed(upstream_error)"


async def test_a_bad_request_is_asked_once_more_without_what_was_added_and_then_refused():
    async with gateway(fails(400), STRONG) as c:
        await c.ask()
        assert c.status == 400
        first, second = [request.json for request in c.ups["small"].requests]
        assert "logprobs" in first
        assert "logprobs" not in second
        assert c.asked("large") == 0


async def test_a_pool_that_does_not_know_probabilities_is_not_asked_for_them_again():
    async def old(x):
        if "logprobs" in x.request.json:
            await x.respond({"error": {"message": "unknown parameter"}}, 400)
        else:
            await x.respond(completion("Titan"))

    async with gateway(old, STRONG) as c:
        for _ in range(2):
            assert await c.text() == "Ganymede, of Jupiter"
        assert c.asked("small") == 3
    assert c.told == "small=rejected(unmeasured);large=accepted"


@pytest.mark.parametrize(
    ("select", "why"), [({"max_cost": 0.00005}, "max_cost"), ({"max_seconds": 0.0001}, "max_seconds")]
)
async def test_caps_end_a_cascade_with_what_is_there(select, why):
    async with gateway(UNSURE, STRONG, LOGPROB | select) as c:
        assert await c.text() == "Titan"
        outcome = await c.outcome()
        assert c.asked("large") == 0
    assert c.told == f"small=rejected(logprob -1.5);large=skipped({why})"
    assert outcome.cost == pytest.approx(23e-6)


async def test_the_clients_deadline_is_kept_with_what_is_there():
    async with gateway(UNSURE, silent) as c:
        answer = await c.ask(headers={"x-pointsman-deadline-ms": "400"})
    assert (c.status, orjson.loads(answer)["choices"][0]["message"]["content"]) == (200, "Titan")
    assert c.told == "small=rejected(logprob -1.5);large=failed(too slow)"


@pytest.mark.parametrize(("ttft", "pool"), [(0.01, "large"), (30.0, "small")])
async def test_a_strong_pool_is_asked_only_if_it_can_begin_before_the_deadline(ttft, pool):
    async with gateway(UNSURE, STRONG) as c:
        c.served.gateway.runtime.pools["large"].outlook.began(ttft)
        await c.ask(headers={"x-pointsman-deadline-ms": "20000"})
    assert c.headers["x-pointsman-pool"] == pool
    assert c.told.endswith("large=accepted" if pool == "large" else "large=skipped(too late)")


async def test_a_strong_pool_that_is_down_is_not_waited_for():
    async with gateway(UNSURE, STRONG, pools={"large": {"health": {"eject": {"failures": 1, "for": "1h"}}}}) as c:
        (endpoint,) = c.served.gateway.runtime.pools["large"].endpoints
        endpoint.draining = True
        c.served.gateway.runtime.pools["large"].regroup()
        c.served.gateway.runtime.pools["large"]._refresh(0.0)
        assert await c.text() == "Titan"
        assert c.asked("large") == 0
    assert c.told == "small=rejected(logprob -1.5);large=skipped(unavailable)"


async def test_a_full_cheap_pool_sends_to_the_next_at_once():
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(x):
        begun.set()
        await release.wait()
        await x.respond(completion("Ganymede"))

    pools = {"small": {"limits": {"inflight": 1}}}
    async with gateway(slow, STRONG, {"accept": {"min_chars": 1}}, pools) as c:
        first = asyncio.create_task(c.text())
        await begun.wait()
        assert await c.text() == "Ganymede, of Jupiter"
        assert c.told == "small=failed(pool_full);large=accepted"
        release.set()
        assert await first == "Ganymede"


async def test_a_strong_pool_that_stays_full_is_not_waited_for_forever():
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(x):
        begun.set()
        await release.wait()
        await x.respond(completion("Ganymede, of Jupiter"))

    pools = {"large": {"limits": {"inflight": 1, "queue_timeout": "50ms"}}}
    async with gateway(UNSURE, slow, pools=pools) as c:
        first = asyncio.create_task(c.text(model="large"))
        await begun.wait()
        assert await c.text() == "Titan"
        assert c.told == "small=rejected(logprob -1.5);large=failed(pool_full)"
        release.set()
        assert await first == "Ganymede, of Jupiter"


@pytest.mark.parametrize("small", [silent, UNSURE])
async def test_when_the_time_is_up_nobody_else_is_asked(small):
    """The total is that of the pool with the longest; nothing was answered, or what was answered is delivered."""
    pools = {name: {"timeouts": {"total": "200ms"}} for name in ("small", "large")}
    async with gateway(small, silent, pools=pools) as c:
        await c.ask()
        assert c.asked("large") == (small is UNSURE)
    assert (c.status, c.headers["x-pointsman-pool"]) == (504 if small is silent else 200, "small")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["small", "large", "judge"])
async def test_when_the_client_leaves_everything_stops(where, stream):
    begun, left = asyncio.Event(), asyncio.Event()

    async def waits(x):
        begun.set()
        await x.gone()
        left.set()
        x.close()

    scripts = {"small": UNSURE, "large": STRONG, "judge": says("1")} | {where: waits}
    accept = {"accept": {"judge": {"pool": "judge"}} if where == "judge" else {"logprob": -0.8}}
    async with gateway(scripts["small"], scripts["large"], accept, judge=scripts["judge"]) as c:
        asking = asyncio.create_task(c.ask(stream=stream))
        await begun.wait()
        asking.cancel()
        await left.wait()
        outcome = await c.outcome()
        assert all(pool.inflight == 0 for pool in c.served.gateway.runtime.pools.values())
    assert (outcome.status, outcome.disconnect) == (499, Phase.HEADERS)
    spent = 23e-6 if where != "small" else None
    assert outcome.cost == (spent and pytest.approx(spent))


async def test_an_answer_too_long_to_keep_goes_through(monkeypatch):
    monkeypatch.setattr(cascade, "HELD", 300)
    assert capture.HELD > 300
    async with gateway(UNSURE, STRONG) as c:
        got = await c.ask(stream=True)
        outcome = await c.outcome()
    assert got.count(b"[DONE]") == 1
    assert b'"top_logprobs"' not in got
    assert streamed(got) == "Titan"
    assert steps(outcome) == [("small", "accepted", "too long to judge")]
    assert c.told == "small=accepted"
    assert outcome.cost == pytest.approx(23e-6)


async def test_optimistic_streams_begin_at_once_and_are_never_changed():
    async with gateway(UNSURE, STRONG, {**LOGPROB, "stream": "optimistic"}) as c:
        assert streamed(await c.ask(stream=True)) == "Titan"
        outcome = await c.outcome()
        assert c.told == "optimistic"
        assert steps(outcome) == [("small", "accepted", "optimistic")]
        assert "logprobs" not in c.ups["small"].last.json
        assert await c.text() == "Ganymede, of Jupiter"  # what is no stream is judged


async def test_optimistic_streams_fall_back_before_anything_was_promised():
    async with gateway(fails(), STRONG, {**LOGPROB, "stream": "optimistic"}) as c:
        assert b"[DONE]" in await c.ask(stream=True)
    assert c.headers["x-pointsman-pool"] == "large"


async def test_several_choices_are_the_first_models():
    async with gateway(UNSURE, STRONG) as c:
        await c.ask(n=2)
        assert "x-pointsman-cascade" not in c.headers
        assert (c.headers["x-pointsman-pool"], c.asked("large")) == ("small", 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_anthropic_clients_get_their_own_kind_of_answer(stream):
    """Their wire has no probabilities, so only what the text shows can be judged."""
    accept = {"accept": {"min_chars": 6}}
    async with gateway(says("Titan"), says("Ganymede"), accept) as c, anthropic_sdk(c.url) as client:
        ask = {"model": "auto", "max_tokens": 50, "messages": MESSAGES}
        if stream:
            async with client.messages.stream(**ask) as events:
                text = await events.get_final_text()
        else:
            text = (await client.messages.create(**ask)).content[0].text
    assert text == "Ganymede"


async def test_a_pool_of_the_messages_wire_may_be_in_it():
    pools = {"large": {"provider": "anthropic"}}
    async with gateway(UNSURE, answer_message, pools=pools) as c:
        assert await c.text() == "hello"


@pytest.mark.parametrize("stream", [False, True])
async def test_clients_of_the_responses_wire_too(stream):
    async with gateway(says("Titan"), says("Ganymede"), {"accept": {"min_chars": 6}}) as c, openai_sdk(c.v1) as client:
        if stream:
            events = await client.responses.create(model="auto", input="Largest moon?", stream=True)
            last = [event async for event in events][-1]
            text = last.response.output_text
        else:
            text = (await client.responses.create(model="auto", input="Largest moon?")).output_text
    assert text == "Ganymede"


async def test_three_models():
    async with gateway(UNSURE, says("Ganymede, of Jupiter", -0.2), models=["small", "large", "huge"], huge=SURE) as c:
        assert await c.text() == "Ganymede, of Jupiter"
        assert c.asked("huge") == 0
