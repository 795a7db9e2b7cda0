"""A policy that is tried beside the one that serves."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
import yaml
from structlog.testing import capture_logs

from tests.support.clients import call, chat, openai_sdk
from tests.support.encoders import LetterEncoder, head
from tests.support.gateway import config, pool, serving
from tests.support.scene import until
from tests.support.upstream import answer_hello, scripted

SIGNALS = {"urgent": {"type": "keyword", "any": ["urgent"]}}
LIVE = [
    {"name": "hurry", "when": "urgent", "models": ["large"]},
    {"name": "rest", "when": "true", "models": ["small"]},
]
NEXT = [
    {"name": "greeting", "when": "hello", "models": ["large"]},
    {"name": "hurry", "when": "urgent", "models": ["large"]},
    {"name": "rest", "when": "true", "models": ["small"]},
]
HELLO = {"hello": {"type": "keyword", "any": ["hello"]}}


def settings(url, decisions=LIVE, signals=SIGNALS, **extra):
    pools = {"small": pool(url), "large": pool(url, model="org/large-72b")}
    return config(pools, decisions, signals=signals, **extra)


class Standing:
    """A gateway, and what a candidate for it looks like."""

    def __init__(self, served, upstream, settings):
        self.served, self.upstream, self.settings = served, upstream, settings
        self.gateway, self.url = served.gateway, served.url

    def next(self, decisions=NEXT, signals=None, **extra):
        signals = SIGNALS | HELLO if signals is None else signals
        return yaml.safe_dump({**self.settings, "decisions": decisions, "signals": signals, **extra})

    async def post(self, body="", **parameters):
        return await call("POST", f"{self.url}/admin/candidate", data=body, params=parameters)

    async def show(self):
        return (await call("GET", f"{self.url}/admin/candidate")).json

    async def ask(self, text, **headers):
        return await chat(self.url, messages=[{"role": "user", "content": text}], headers=headers)

    async def compared(self, count):
        report = await self.show()
        async with asyncio.timeout(10):
            while report["compared"] + sum(report["skipped"].values()) < count:
                report = await self.show()
        return report

    async def metrics(self):
        page = (await call("GET", f"{self.url}/metrics")).body.decode()
        found = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in found}


@asynccontextmanager
async def standing(script=answer_hello, **extra):
    async with scripted(script) as up:
        own = settings(up.url, **extra)
        async with serving(own) as served:
            yield Standing(served, up, own)


def pairs(report):
    return {(each["decision"], each["candidate"]): each["count"] for each in report["matrix"]}


# Shadow


async def test_a_shadow_is_compared_and_changes_no_answer():
    async with standing() as gateway:
        answer = await gateway.post(gateway.next())
        assert (answer.status, answer.json["mode"], answer.json["sample"]) == (200, "shadow", "100%")
        assert [each["text"] for each in answer.json["changes"]] == [
            "decision `greeting`: added: when: hello, models: [large]",
            "signal `hello`: added: type: keyword, any: [hello]",
        ]
        async with openai_sdk(f"{gateway.url}/v1") as client:
            for text in ("hello", "hello, urgent", "bye"):
                raw = await client.chat.completions.with_raw_response.create(
                    model="auto", messages=[{"role": "user", "content": text}], extra_headers={"x-request-id": text[:5]}
                )
                wanted = "hurry" if "urgent" in text else "rest"
                assert raw.headers["x-pointsman-decision"] == wanted
                assert raw.parse().choices[0].message.content == "hello"
        report = await gateway.compared(3)
        assert pairs(report) == {("hurry", "greeting"): 1, ("rest", "greeting"): 1, ("rest", "rest"): 1}
        assert (report["compared"], report["disagreed"], report["disagreement"]) == (3, 2, 0.666667)
        assert report["matrix"][0]["examples"] == ["hello"]
        metrics = await gateway.metrics()
        assert metrics['pointsman_candidate_decisions_total{candidate="greeting",decision="rest"}'] == 1
        live, other = gateway.gateway.runtime.digest, report["config"]
        assert metrics[f'pointsman_config_info{{config="{live}",role="live",source="file"}}'] == 1
        assert metrics[f'pointsman_config_info{{config="{other}",role="shadow",source="admin"}}'] == 1
        assert metrics['pointsman_decisions_total{decision="rest"}'] == 2
        assert not any("pointsman_decisions_total" in name and "greeting" in name for name in metrics)


async def test_what_the_live_policy_answers_with_404_and_explicit_requests_are_compared_too():
    async with standing(decisions=LIVE[:1]) as gateway:
        await gateway.post(gateway.next(decisions=[{"name": "block", "when": "hello", "respond": {"message": "No."}}]))
        assert (await gateway.ask("hello")).error["code"] == "no_route"
        named = await chat(gateway.url, "small", messages=[{"role": "user", "content": "hello"}])
        assert named.headers["x-pointsman-decision"] == "explicit"
        assert pairs(await gateway.compared(2)) == {("none", "block"): 1, ("explicit", "block"): 1}


async def test_it_sees_the_pools_as_they_were_and_does_not_wait_for_the_answer():
    release = asyncio.Event()

    async def script(x):
        await release.wait()
        await answer_hello(x)

    busy = [{"name": "busy", "when": "pool.small.inflight > 0", "models": ["large"]}, *LIVE]
    async with standing(script) as gateway:
        await gateway.post(gateway.next(decisions=busy, signals=SIGNALS))
        first = asyncio.create_task(gateway.ask("one"))
        assert pairs(await gateway.compared(1)) == {("rest", "rest"): 1}
        second = asyncio.create_task(gateway.ask("two"))
        assert pairs(await gateway.compared(2)) == {("rest", "rest"): 1, ("rest", "busy"): 1}
        assert not first.done()
        release.set()
        assert {(await first).status, (await second).status} == {200}


async def test_signals_with_the_same_declaration_are_evaluated_once(monkeypatch):
    from pointsman.signals.keyword import Keyword

    asked, evaluate = [], Keyword.evaluate
    monkeypatch.setattr(Keyword, "evaluate", lambda self, facts: asked.append(self.name) or evaluate(self, facts))
    async with standing() as gateway:
        await gateway.post(gateway.next())
        await gateway.ask("nothing")
        await gateway.compared(1)
    assert sorted(asked) == ["hello", "urgent"]


async def test_only_a_sample_is_compared():
    async with standing() as gateway:
        await gateway.post(gateway.next(), sample="0%")
        await gateway.ask("hello")
        answer = await gateway.post(sample="100%")  # the counts go on
        assert (answer.status, answer.json["sample"], answer.json["compared"]) == (200, "100%", 0)
        await gateway.ask("hello")
        assert (await gateway.compared(1))["compared"] == 1


async def test_a_long_body_is_compared_beside_the_loop():
    async with standing() as gateway:
        await gateway.post(gateway.next())
        await gateway.ask("hello " * 20_000)
        assert pairs(await gateway.compared(1)) == {("rest", "greeting"): 1}


async def test_a_candidate_that_fails_is_counted_and_harms_nobody(monkeypatch):
    def fails(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("pointsman.gateway.shadow.decision_of", fails)
    async with standing() as gateway:
        await gateway.post(gateway.next())
        with capture_logs() as logs:
            for _ in range(3):
                assert (await gateway.ask("hello")).status == 200
            report = await gateway.compared(3)
        assert report["skipped"]["failed"] == 3
        assert [line["event"] for line in logs].count("candidate_failed") == 1
        assert (await gateway.metrics())['pointsman_candidate_skipped_total{reason="failed"}'] == 3


@pytest.mark.parametrize("bound", ["MAX_WAITING", "MAX_BYTES"])
async def test_what_waits_is_bounded(monkeypatch, bound):
    monkeypatch.setattr(f"pointsman.gateway.shadow.{bound}", 0)
    async with standing() as gateway:
        await gateway.post(gateway.next())
        assert (await gateway.ask("hello")).status == 200
        assert (await gateway.show())["skipped"]["busy"] == 1


# Neural signals


@pytest.fixture
def letters(monkeypatch):
    encoder = LetterEncoder({"domain": head(["math", "law"], ["a", "e"]), "fact_check": head(["yes"], ["s"])})
    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", lambda config: encoder)
    yield encoder
    encoder.gate.set()


DOMAIN, FACTUAL = {"domain": {"type": "domain"}}, {"factual": {"type": "fact_check"}}
LAWYER = [{"name": "lawyer", "when": "domain.law", "models": ["large"]}, *LIVE]
PATIENT = {"budget": "1m"}


async def test_the_encoder_is_asked_for_a_shadow_only_if_it_may_be(letters):
    async with standing(encoder=PATIENT) as gateway:
        candidate = gateway.next(decisions=LAWYER, signals=SIGNALS | DOMAIN)
        await gateway.post(candidate)
        await gateway.ask("eleven green trees")
        report = await gateway.compared(1)
        assert (report["compared"], report["skipped"]["neural"], letters.asked) == (0, 1, [])
        assert (await gateway.post(neural="true")).json["neural"] is True
        await gateway.ask("eleven green trees")
        assert pairs(await gateway.compared(2)) == {("rest", "lawyer"): 1}


async def test_what_the_live_policy_had_encoded_costs_nothing(letters):
    factual = [{"name": "factual", "when": "factual", "models": ["large"]}, *LIVE]
    async with standing(encoder=PATIENT, decisions=factual, signals=SIGNALS | FACTUAL) as gateway:
        await gateway.post(gateway.next(decisions=LAWYER, signals=SIGNALS | DOMAIN))
        await gateway.ask("eleven green trees")
        assert pairs(await gateway.compared(1)) == {("rest", "lawyer"): 1}
        assert len(letters.asked) == 1


# Canary


async def by_whom(gateway, count=40):
    """The sessions that the candidate decides for."""
    asked = {f"s{number}": await gateway.ask("hello", **{"x-session-id": f"s{number}"}) for number in range(count)}
    assert {answer.status for answer in asked.values()} == {200}
    return {name for name, answer in asked.items() if answer.headers["x-pointsman-decision"] == "greeting"}


async def test_a_canary_serves_its_share_of_the_sessions_and_keeps_them():
    async with standing() as gateway:
        answer = await gateway.post(gateway.next(), mode="canary", share="25%")
        assert (answer.status, answer.json["mode"], answer.json["share"]) == (200, "canary", "25%")
        quarter = await by_whom(gateway)
        assert 0 < len(quarter) < 25
        assert await by_whom(gateway) == quarter
        await gateway.post(share="60%")
        more = await by_whom(gateway)
        assert quarter < more
        await gateway.post(share="100%")
        assert len(await by_whom(gateway)) == 40
        report = await gateway.show()
        assert report["served"] == 2 * len(quarter) + len(more) + 40
        assert report["compared"] == 0
        metrics = await gateway.metrics()
        assert metrics['pointsman_config_requests_total{role="canary",status="200"}'] == report["served"]
        assert metrics['pointsman_config_requests_total{role="live",status="200"}'] == 160 - report["served"]
        assert metrics['pointsman_decisions_total{decision="greeting"}'] == report["served"]
        await gateway.post(mode="shadow")
        assert await by_whom(gateway) == set()


async def test_which_configuration_served_is_said_to_those_who_ask(tmp_path):
    path = tmp_path / "decisions.jsonl"
    async with standing(log={"decisions": {"path": str(path)}}) as gateway:
        live = gateway.gateway.runtime.digest
        debug = {"x-pointsman-debug": "1"}
        assert (await gateway.ask("hello", **debug)).headers["x-pointsman-config"] == live
        canary = (await gateway.post(gateway.next(), mode="canary", share="100%")).json["config"]
        assert (await gateway.ask("hello", **debug)).headers["x-pointsman-config"] == canary != live
        assert "x-pointsman-config" not in (await gateway.ask("hello")).headers
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["config"] for line in lines if "decision" in line] == [live, canary, canary]
    assert {live, canary} <= {line["config"] for line in lines if line.get("event") == "config"}


async def test_where_a_canary_has_no_decision_or_fails_the_live_policy_decides(monkeypatch):
    async with standing() as gateway:
        candidate = gateway.next(decisions=[{"name": "never", "when": "false", "models": ["large"]}])
        await gateway.post(candidate, mode="canary", share="100%")
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "rest"

        def fails(*_):
            raise ZeroDivisionError

        candidate = gateway.gateway.trial.candidate
        monkeypatch.setattr(candidate.runtime.policy, "decide", fails)
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "rest"
        report = await gateway.show()
        assert (report["served"], report["skipped"]["no_route"], report["skipped"]["failed"]) == (0, 1, 1)


# Its end


async def test_it_is_dropped():
    async with standing() as gateway:
        await gateway.post(gateway.next(), mode="canary", share="100%")
        answer = await call("DELETE", f"{gateway.url}/admin/candidate")
        assert (answer.status, answer.json["status"]) == (200, "dropped")
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "rest"
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/promote"), ("POST", "?share=5%25")):
            gone = await call(method, f"{gateway.url}/admin/candidate{path}")
            assert (gone.status, gone.error["code"]) == (404, "not_found")
        metrics = await gateway.metrics()
        assert not any(name.startswith("pointsman_config_info") and "canary" in name for name in metrics)


async def test_it_is_promoted_until_the_file_is_reloaded():
    async with standing() as gateway:
        pools = gateway.gateway.runtime.pools
        tried = (await gateway.post(gateway.next())).json["config"]
        with capture_logs() as logs:
            answer = await call("POST", f"{gateway.url}/admin/candidate/promote")
        assert (answer.status, answer.json["status"], answer.json["config"]) == (200, "promoted", tried)
        assert answer.json["changes"][0] == "decision `greeting`: added: when: hello, models: [large]"
        assert "next reload takes this back" in answer.json["note"]
        assert "promoted" in [line["event"] for line in logs]
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "greeting"
        assert gateway.gateway.runtime.pools is pools
        assert (await call("GET", f"{gateway.url}/admin/candidate")).status == 404
        promoted = f'pointsman_config_info{{config="{tried}",role="live",source="admin"}}'
        assert (await gateway.metrics())[promoted] == 1

        with capture_logs() as logs:
            await call("POST", f"{gateway.url}/admin/reload")
        assert "promotion_replaced" in [line["event"] for line in logs]
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "rest"


async def test_the_file_that_says_the_same_takes_nothing_back():
    async with standing() as gateway:
        await gateway.post(gateway.next())
        await call("POST", f"{gateway.url}/admin/candidate/promote")
        gateway.served.path.write_text(gateway.next())
        with capture_logs() as logs:
            answer = await call("POST", f"{gateway.url}/admin/reload")
        assert answer.json["changes"] == []
        assert "promotion_replaced" not in [line["event"] for line in logs]
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "greeting"


async def test_a_reload_keeps_it_unless_what_both_share_has_changed():
    async with standing() as gateway:
        await gateway.post(gateway.next(), mode="canary", share="100%")
        gateway.served.rewrite({**gateway.settings, "decisions": LIVE[1:]})
        await call("POST", f"{gateway.url}/admin/reload")
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "greeting"
        gateway.served.rewrite(settings(gateway.upstream.url, server={"max_body": "1MB"}))
        with capture_logs() as logs:
            await call("POST", f"{gateway.url}/admin/reload")
        assert [line["reason"] for line in logs if line["event"] == "candidate_dropped"] == [
            "the file has another `server` now"
        ]
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "rest"


async def test_a_reload_of_what_was_tried_ends_the_trial():
    async with standing() as gateway:
        await gateway.post(gateway.next())
        gateway.served.path.write_text(gateway.next())
        await call("POST", f"{gateway.url}/admin/reload")
        assert (await call("GET", f"{gateway.url}/admin/candidate")).status == 404
        assert (await gateway.ask("hello")).headers["x-pointsman-decision"] == "greeting"


async def test_an_encoder_that_only_a_candidate_needs_goes_with_it(letters, monkeypatch):
    from pointsman.signals.encoder.batcher import Batcher

    closed, close = [], Batcher.close
    monkeypatch.setattr(Batcher, "close", lambda self: closed.append(self) or close(self))
    async with standing(encoder=PATIENT) as gateway:
        for path in ("", "/promote"):
            await gateway.post(gateway.next(decisions=LAWYER, signals=SIGNALS | DOMAIN))
            own = gateway.gateway.trial.candidate.runtime.encoder
            await call("POST" if path else "DELETE", f"{gateway.url}/admin/candidate{path}")
            assert (own in closed) == (path == "")
        assert (await gateway.ask("eleven green trees")).headers["x-pointsman-decision"] == "lawyer"


# What cannot be tried


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"mode": "canray"}, "`mode` must be one of: shadow, canary"),
        ({"mode": "canary"}, "needs the `share`"),
        ({"mode": "canary", "share": "5"}, "`share`: a share is a percentage"),
        ({"mode": "canary", "sample": "5%"}, "takes `share`, not `sample`"),
        ({"share": "5%"}, "takes `sample`, not `share`"),
        ({"neural": "yes"}, "`neural` must be true or false"),
        ({"smaple": "5%"}, "no parameter `smaple`; did you mean `sample`?"),
        ({"path": "next.yaml"}, "either a body or `path`"),
    ],
)
async def test_parameters_that_are_wrong(parameters, says):
    async with standing() as gateway:
        answer = await gateway.post(gateway.next(), **parameters)
        assert answer.status == 400
        assert says in answer.error["message"]
        assert (await call("GET", f"{gateway.url}/admin/candidate")).status == 404


async def test_configurations_that_are_wrong():
    async with standing() as gateway:
        wrong = await gateway.post(gateway.next(signals=SIGNALS))
        assert (wrong.status, wrong.error["code"]) == (400, "invalid_config")
        assert "there is no signal `hello`" in wrong.error["message"]
        assert "candidate:" in wrong.error["message"]
        for body, says in (
            (gateway.next(include=["more.yaml"]), "write everything here"),
            (b"\xff\xfe\xfd", "not UTF-8"),
            (gateway.next(log={"level": "debug"}, server={"drain": "1s"}), "may not differ in `server`, `log`"),
            (gateway.next(pools={"small": pool("http://127.0.0.1:9"), "large": pool("http://127.0.0.1:9")}), "`pools`"),
        ):
            answer = await gateway.post(body)
            assert answer.status == 400
            assert says in answer.error["message"]
        same = await gateway.post(gateway.next(decisions=LIVE, signals=SIGNALS))
        assert (same.status, same.error["code"]) == (409, "conflict")


async def test_a_file_beside_the_live_one():
    async with standing() as gateway:
        gateway.served.path.with_name("next.yaml").write_text(gateway.next())
        assert (await gateway.post(path="next.yaml")).status == 200
        await gateway.ask("hello")
        assert pairs(await gateway.compared(1)) == {("rest", "greeting"): 1}
        for path in ("/etc/passwd", "../next.yaml", "\0"):
            answer = await gateway.post(path=path)
            assert (answer.status, answer.error["param"]) == (400, "path")
        assert (await gateway.post(path="gone.yaml")).error["code"] == "invalid_config"


# What a reload would do


async def test_a_dry_run_says_what_a_reload_would_change_and_changes_nothing():
    async with standing() as gateway:
        before = gateway.gateway.runtime
        gateway.served.path.write_text(gateway.next(decisions=NEXT[:1]))
        answer = await call("POST", f"{gateway.url}/admin/reload?dry_run=1")
        assert (answer.status, answer.json["status"], answer.json["decisions"]) == (200, "checked", 1)
        assert "decision `rest`: removed" in [each["text"] for each in answer.json["changes"]]
        warnings = [each for each in answer.json["findings"] if each["severity"] == "warning"]
        assert warnings
        assert warnings[0]["file"] == str(gateway.served.path)
        assert gateway.gateway.runtime is before
        metrics = await gateway.metrics()
        assert metrics['pointsman_reloads_total{result="success"}'] == 0

        gateway.served.path.write_text("version: 1\n")
        bad = await call("POST", f"{gateway.url}/admin/reload?dry_run=true")
        assert (bad.status, bad.error["code"]) == (400, "invalid_config")
        assert (await gateway.metrics())['pointsman_reloads_total{result="failure"}'] == 0
        assert (await call("POST", f"{gateway.url}/admin/reload?dryrun=1")).status == 400


async def test_a_reload_logs_what_it_changed_and_what_it_finds():
    async with standing() as gateway:
        started = (await gateway.metrics())["pointsman_reload_success_timestamp_seconds"]
        gateway.served.path.write_text(gateway.next(decisions=NEXT[:1]))
        with capture_logs() as logs:
            await gateway.gateway.reload()
        (done,) = (line for line in logs if line["event"] == "reloaded")
        assert "decision `rest`: removed" in done["changes"]
        assert done["config"] == gateway.gateway.runtime.digest
        (found,) = (line for line in logs if line["event"] == "reload_warnings")
        assert found["problems"]
        metrics = await gateway.metrics()
        assert metrics["pointsman_reload_success_timestamp_seconds"] > started
        assert metrics['pointsman_reloads_total{result="success"}'] == 1


async def test_a_shadow_that_waits_for_the_encoder_ends_with_its_trial(letters):
    async with standing(encoder=PATIENT) as gateway:
        before = asyncio.all_tasks()
        await gateway.post(gateway.next(decisions=LAWYER, signals=SIGNALS | DOMAIN), neural="true")
        letters.gate.clear()
        assert (await gateway.ask("eleven green trees")).status == 200
        await until(lambda: letters.asked)
        await call("DELETE", f"{gateway.url}/admin/candidate")
        await until(lambda: not [each for each in asyncio.all_tasks() - before if "Shadow" in repr(each)])
        letters.gate.set()
