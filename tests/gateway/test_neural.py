"""Neural signals in the running gateway, with an encoder that tests see through."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import asynccontextmanager

import pytest

from pointsman.gateway.errors import ConfigError
from pointsman.signals.encoder import batcher
from pointsman.signals.encoder.encoding import MAX_CHARS, EncoderError
from tests.support.clients import call, chat, openai_sdk
from tests.support.encoders import LetterEncoder, head
from tests.support.gateway import config, pool, serving
from tests.support.scene import until
from tests.support.upstream import answer_hello, scripted

MATH, LAW, FACTS = "a data bazaar", "eleven green trees", "sssssss"
PATIENT, HASTY = {"budget": "1m"}, {"budget": "10ms"}

SIGNALS = {
    "urgent": {"type": "keyword", "any": ["urgent"]},
    "domain": {"type": "domain"},
    "factual": {"type": "fact_check"},
}
DECISIONS = [
    {"name": "hurry", "priority": 9, "when": "urgent", "models": ["small"]},
    {"name": "lawyer", "priority": 5, "when": "domain.law", "models": ["large"]},
    {"name": "rest", "when": "true", "models": ["small"]},
]
GUARDED = [
    {"name": "guard", "priority": 99, "when": "factual", "respond": {"status": 403, "message": "No."}},
    *DECISIONS,
]


def letters():
    return LetterEncoder({"domain": head(["math", "law"], ["a", "e"]), "fact_check": head(["yes"], ["s"])})


class Loads:
    """Stands for `build_encoder`."""

    def __init__(self):
        self.encoders = []
        self.configs = []
        self.error = None

    def __call__(self, config):
        if self.error is not None:
            raise self.error
        self.configs.append(config)
        self.encoders.append(letters())
        return self.encoders[-1]


@pytest.fixture
def loads(monkeypatch):
    loads = Loads()
    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", loads)
    yield loads
    for encoder in loads.encoders:
        encoder.gate.set()


def settings(url, decisions=DECISIONS, encoder=PATIENT, **extra):
    pools = {"small": pool(url), "large": pool(url, model="org/large-72b")}
    return config(pools, decisions, **{"signals": SIGNALS, "encoder": encoder, **extra})


@asynccontextmanager
async def standing(*given, **options):
    async with scripted(answer_hello) as up, serving(settings(up.url, *given, **options)) as gateway:
        yield gateway


def say(text):
    return [{"role": "user", "content": text}]


async def ask(gateway, text, model="auto", **options):
    return await chat(gateway.url, model, messages=say(text), **options)


def where(answer):
    return answer.status, answer.headers["x-pointsman-decision"], answer.headers.get("x-pointsman-pool")


async def metric(gateway, sample):
    page = (await call("GET", f"{gateway.url}/metrics")).body.decode()
    found = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(f"{sample} ")]
    return float(found[0]) if found else 0.0


# Where requests go


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_goes_where_the_encoder_says(loads, stream):
    async with standing() as gateway, openai_sdk(gateway.v1) as client:
        for text, expected in ((MATH, ("rest", "small")), (LAW, ("lawyer", "large"))):
            create = client.chat.completions.with_raw_response.create
            answer = await create(model="auto", messages=say(text), stream=stream)
            assert (answer.headers["x-pointsman-decision"], answer.headers["x-pointsman-pool"]) == expected
            told = answer.parse()
            if stream:
                said = "".join([c.choices[0].delta.content or "" async for c in told if c.choices])
            else:
                said = told.choices[0].message.content
            assert said == "hello"


async def test_the_encoder_is_not_asked_where_cheaper_signals_decide(loads):
    decisions = [
        {"name": "both", "priority": 10, "when": "domain.law and urgent", "models": ["large"]},
        *DECISIONS[::2],
    ]
    async with standing(decisions) as gateway:
        assert where(await ask(gateway, LAW)) == (200, "rest", "small")
        assert loads.encoders[0].asked == []
        assert where(await ask(gateway, f"urgent: {LAW}")) == (200, "both", "large")
        assert loads.encoders[0].asked == [[f"urgent: {LAW}"]]
        assert await metric(gateway, 'pointsman_encoder_lookups_total{result="miss"}') == 1


async def test_one_pass_serves_every_signal_and_the_same_text_again(loads):
    async with standing(GUARDED) as gateway:
        for _ in range(3):
            assert where(await ask(gateway, LAW)) == (200, "lawyer", "large")
        assert loads.encoders[0].asked == [[LAW]]
        assert await metric(gateway, 'pointsman_encoder_lookups_total{result="hit"}') == 2
        assert await metric(gateway, "pointsman_encoder_seconds_count") == 1
        assert await metric(gateway, "pointsman_encoder_batch_passages_sum") == 1


async def test_requests_at_once_are_read_together_and_each_has_its_own_answer(loads):
    async with standing() as gateway:
        encoder = loads.encoders[0]
        encoder.gate.clear()
        first = asyncio.create_task(ask(gateway, MATH))
        await until(lambda: encoder.asked)
        others = [asyncio.create_task(ask(gateway, f"{text} {n}")) for n in range(5) for text in (MATH, LAW)]
        await until(lambda: gateway.gateway.runtime.encoder.waiting == 11)
        assert await metric(gateway, "pointsman_encoder_queue") == 11
        encoder.gate.set()
        assert where(await first) == (200, "rest", "small")
        answers = [where(await other) for other in others]
        assert await metric(gateway, "pointsman_encoder_queue") == 0
    assert answers == [(200, "rest", "small"), (200, "lawyer", "large")] * 5
    assert [len(passages) for passages in encoder.asked] == [1, 10]


async def test_others_are_served_while_the_encoder_works(loads):
    async with standing() as gateway:
        encoder = loads.encoders[0]
        encoder.gate.clear()
        waiting = asyncio.create_task(ask(gateway, LAW))
        await until(lambda: encoder.asked)
        assert where(await ask(gateway, "urgent")) == (200, "hurry", "small")
        assert (await call("GET", f"{gateway.url}/readyz")).status == 200
        assert not waiting.done()
        encoder.gate.set()
        assert where(await waiting) == (200, "lawyer", "large")


@pytest.mark.parametrize("text", [LAW + " " * 100_000 + LAW, MATH * 10 + "e" * 200_000 + LAW * 10])
async def test_of_large_bodies_a_bounded_part_is_read(loads, text):
    async with standing() as gateway:
        assert where(await ask(gateway, text))[0] == 200
    ((passage,),) = loads.encoders[0].asked
    assert len(passage) <= MAX_CHARS
    assert text.startswith(passage[:500])
    assert text.endswith(passage[-400:])


# Requests that name a pool


@pytest.mark.parametrize("size", [0, 100_000])
async def test_a_neural_guard_holds_for_requests_that_name_a_pool(loads, size):
    async with standing(GUARDED) as gateway:
        assert where(await ask(gateway, FACTS + " " * size, "large"))[:2] == (403, "guard")
        assert where(await ask(gateway, MATH + " " * size, "large")) == (200, "explicit", "large")


async def test_without_a_guard_a_named_pool_needs_no_encoder(loads):
    async with standing() as gateway:
        assert where(await ask(gateway, LAW, "small")) == (200, "explicit", "small")
    assert loads.encoders[0].asked == []


# An encoder that does not answer


@pytest.mark.parametrize("stream", [False, True])
async def test_past_the_budget_a_request_is_served_as_if_nothing_were_known(loads, stream):
    async with standing(encoder=HASTY) as gateway:
        loads.encoders[0].gate.clear()
        assert where(await ask(gateway, LAW, stream=stream)) == (200, "rest", "small")
        assert await metric(gateway, 'pointsman_encoder_unknown_total{reason="late"}') == 1
        assert await metric(gateway, 'pointsman_signal_values_total{signal="domain",value="unknown"}') == 1


@pytest.mark.parametrize("model", ["auto", "large"])
@pytest.mark.parametrize(("on_unknown", "status"), [(True, 403), (False, 200)])
async def test_a_guard_says_itself_what_unknown_means(loads, model, on_unknown, status):
    signals = SIGNALS | {"factual": {"type": "fact_check", "on_unknown": on_unknown}}
    async with standing(GUARDED, HASTY, signals=signals) as gateway:
        loads.encoders[0].gate.clear()
        assert (await ask(gateway, MATH, model)).status == status


async def test_more_than_may_wait_is_unknown_at_once(loads, monkeypatch):
    monkeypatch.setattr(batcher, "MAX_WAITING", 1)
    async with standing() as gateway:
        encoder = loads.encoders[0]
        encoder.gate.clear()
        waiting = asyncio.create_task(ask(gateway, LAW))
        await until(lambda: encoder.asked)
        assert where(await ask(gateway, f"{LAW} again")) == (200, "rest", "small")
        assert await metric(gateway, 'pointsman_encoder_unknown_total{reason="busy"}') == 1
        encoder.gate.set()
        assert where(await waiting) == (200, "lawyer", "large")


@pytest.mark.parametrize("error", [EncoderError("it is gone"), RuntimeError("it is gone")])
async def test_a_failing_encoder_fails_no_request_and_is_logged(loads, error, capsys):
    async with standing() as gateway:
        encoder = loads.encoders[0]
        encoder.error = error
        assert where(await ask(gateway, LAW)) == (200, "rest", "small")
        assert await metric(gateway, 'pointsman_encoder_unknown_total{reason="failed"}') == 1
        encoder.error = None
        assert where(await ask(gateway, LAW)) == (200, "lawyer", "large")
    captured = capsys.readouterr()
    told = [line for line in (captured.out + captured.err).splitlines() if "encoder_failed" in line]
    assert len(told) == 1
    assert "it is gone" in told[0]


async def test_a_client_that_leaves_is_nothing_to_the_encoder(loads):
    async with standing() as gateway:
        encoder = loads.encoders[0]
        encoder.gate.clear()
        leaving = asyncio.create_task(ask(gateway, LAW))
        await until(lambda: encoder.asked)
        leaving.cancel()
        encoder.gate.set()
        assert where(await ask(gateway, f"{LAW} 2")) == (200, "lawyer", "large")
        await until(lambda: gateway.gateway.runtime.encoder.waiting == 0)


# What is told of it


async def test_the_debug_headers_have_labels_and_the_time_of_the_encoder(loads):
    debug = {"x-pointsman-debug": "1"}
    async with standing() as gateway:
        asked, spared = await ask(gateway, LAW, headers=debug), await ask(gateway, "urgent", headers=debug)
    domain = json.loads(asked.headers["x-pointsman-signals"])["domain"]
    assert domain["value"] == "law"
    assert domain["labels"].keys() == {"math", "law"}
    assert domain["score"] == max(domain["labels"].values())
    trace, other = (json.loads(answer.headers["x-pointsman-trace"]) for answer in (asked, spared))
    assert 0 < trace["encoder_ms"] <= trace["overhead_ms"]
    assert trace["skipped"] == ["factual"]
    assert other["encoder_ms"] == 0
    assert other["skipped"] == ["domain", "factual"]


# Reloads


async def test_a_reload_with_the_same_encoder_keeps_it_and_what_it_remembers(loads):
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        await ask(gateway, LAW)
        gateway.rewrite(settings(up.url, [DECISIONS[2], DECISIONS[1] | {"name": "other", "models": ["small"]}]))
        await gateway.gateway.reload()
        assert where(await ask(gateway, LAW)) == (200, "other", "small")
    assert len(loads.encoders) == 1
    assert loads.encoders[0].asked == [[LAW]]


async def test_a_reload_with_another_encoder_replaces_it_and_lets_requests_finish(loads):
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        old = loads.encoders[0]
        old.gate.clear()
        waiting = asyncio.create_task(ask(gateway, LAW))
        await until(lambda: old.asked)
        gateway.rewrite(settings(up.url, encoder=PATIENT | {"model": "elsewhere"}))
        await gateway.gateway.reload()
        assert where(await ask(gateway, f"{LAW} 2")) == (200, "lawyer", "large")
        old.gate.set()
        assert where(await waiting) == (200, "lawyer", "large")
    assert [given.model for given in loads.configs] == [None, "elsewhere"]
    assert (old.asked, loads.encoders[1].asked) == ([[LAW]], [[f"{LAW} 2"]])
    await until(lambda: not [thread for thread in threading.enumerate() if thread.name == "encoder"])


async def test_a_reload_whose_encoder_cannot_be_loaded_leaves_the_old_one_serving(loads):
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        loads.error = EncoderError("The encoder x cannot be loaded.")
        gateway.rewrite(settings(up.url, DECISIONS[2:], encoder={"model": "x"}, signals=SIGNALS))
        with pytest.raises(ConfigError, match=r"The encoder x cannot be loaded\."):
            await gateway.gateway.reload()
        answer = await call("POST", f"{gateway.url}/admin/reload")
        assert (answer.status, "The encoder x" in answer.error["message"]) == (400, True)
        assert where(await ask(gateway, LAW)) == (200, "lawyer", "large")
        assert await metric(gateway, 'pointsman_reloads_total{result="failure"}') == 2


async def test_a_head_that_is_missing_is_told_with_the_signal_and_leaves_the_old_ones(loads):
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        decisions = [{"name": "new", "when": "kind.text", "models": ["small"]}, *DECISIONS]
        gateway.rewrite(settings(up.url, decisions, signals=SIGNALS | {"kind": {"type": "modality"}}))
        with pytest.raises(ConfigError, match="signal `kind`: no head modality"):
            await gateway.gateway.reload()
        assert where(await ask(gateway, LAW)) == (200, "lawyer", "large")


async def test_the_encoder_comes_and_goes_with_the_signals_that_need_it(loads):
    plain = {"urgent": SIGNALS["urgent"]}
    async with scripted(answer_hello) as up, serving(settings(up.url, DECISIONS[::2], signals=plain)) as gateway:
        assert loads.encoders == []
        assert where(await ask(gateway, LAW)) == (200, "rest", "small")
        gateway.rewrite(settings(up.url))
        await gateway.gateway.reload()
        assert where(await ask(gateway, LAW)) == (200, "lawyer", "large")
        gateway.rewrite(settings(up.url, DECISIONS[::2], signals=plain))
        await gateway.gateway.reload()
        assert where(await ask(gateway, LAW)) == (200, "rest", "small")
        assert gateway.gateway.runtime.encoder is None
        assert await metric(gateway, "pointsman_encoder_queue") == 0
    assert len(loads.encoders) == 1
