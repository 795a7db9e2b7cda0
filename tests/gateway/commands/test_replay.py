"""`pointsman replay`: what a policy's author sees before a reload, and what CI reads."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pytest
import yaml

from pointsman.gateway import cli
from pointsman.gateway.learning.lessons import Notebook
from pointsman.gateway.learning.store import Batch, Snapshot, Store
from pointsman.policies.select.sums import Sums
from tests.support.clients import chat
from tests.support.gateway import config, pool, serving
from tests.support.logged import Logged, write_policy
from tests.support.process import POINTSMAN, environment
from tests.support.upstream import Exchange, scripted

Captured = pytest.CaptureFixture[str]

SIGNALS: dict[str, Any] = {
    "urgent": {"type": "keyword", "any": ["urgent"]},
    "legal": {"type": "keyword", "any": ["contract"]},
}
POOLS = {
    "small": {"model": "s", "endpoints": ["http://127.0.0.1:9"], "price": {"input": 1.0, "output": 2.0}},
    "large": {"model": "l", "endpoints": ["http://127.0.0.1:9"], "price": {"input": 10.0, "output": 20.0}},
}
HURRY = {"name": "hurry", "when": "urgent", "models": ["small"]}
LAWYER = {"name": "lawyer", "when": "legal", "models": ["large"]}
REST = {"name": "rest", "when": True, "models": ["small"]}


def policy(*decisions: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"version": 1, "pools": POOLS, "signals": SIGNALS, "decisions": list(decisions), **parts}


OLD = policy(HURRY, LAWYER, REST)
NEW = policy({**LAWYER, "models": ["small"]}, REST)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten requests: three urgent, two about contracts, five others."""
    logged = Logged(tmp_path, OLD)
    for text in ("urgent", "a contract", "hello", "hello", "urgent", "hello", "a contract", "hello", "urgent", "hello"):
        logged.ask(text, tenant="team-a" if text == "urgent" else "team-b")
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(b"".join(logged.lines))
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write(tmp_path / "new.yaml", NEW)


def write(path: Path, policy: dict[str, Any]) -> Path:
    write_policy(path, policy)
    return path


def report(capsys: Captured, *arguments: object) -> dict[str, Any]:
    assert cli.run(["replay", *map(str, arguments), "--json"]) == 0
    form = json.loads(capsys.readouterr().out)
    assert isinstance(form, dict)
    return form


def test_what_would_change(log: Path, new: Path, capsys: Captured) -> None:
    assert cli.run(["replay", str(log), str(new)]) == 0
    assert capsys.readouterr() == (
        """\
10 requests, 2026-03-02T12:01:00Z to 2026-03-02T12:10:00Z
  changed                 5    50.0%  (3 of them to another decision, it cannot be told which)
  unchanged               5    50.0%
  cannot be told          0     0.0%
cost: $0.050000 then, $0.014000 now (-72.0%), if the answers have as many tokens as they had, without 3 requests of \
which it cannot be told

Decisions
then    now                   requests  share  examples
hurry   another one                  3  30.0%  r1 r5 r9
lawyer  lawyer, other models         2  20.0%  r2 r7
rest    rest                         5  50.0%  r3 r4 r6

Pools asked first
pool   then  now   change
large     2    0  -100.0%
small     5    7   +40.0%

Tenants
tenant  requests  changed  cannot be told  cost then   cost now
team-b         7        2               0  $0.050000  $0.014000
team-a         3        3               0      $0.00      $0.00

What was missing
signal  why                 needs  requests
legal   not evaluated then  text          3
""",
        "",
    )


def test_one_object_for_programs(log: Path, new: Path, capsys: Captured) -> None:
    form = report(capsys, log, new)
    assert (form["logs"], form["config"], form["first"]) == ([str(log)], str(new), "2026-03-02T12:01:00Z")
    assert [form[key] for key in ("requests", "changed", "changed_elsewhere", "unchanged", "cannot_tell")] == [
        10, 5, 3, 5, 0,
    ]  # fmt: skip
    assert (form["changed_share"], form["cannot_tell_share"]) == (0.5, 0.0)
    assert form["cost_usd"] == {"then": pytest.approx(0.05), "now": pytest.approx(0.014), "unpriced": 0}
    assert form["left_out"] == {"undecided": 0, "broken_lines": 0}
    assert form["matrix"][0] == {
        "then": "hurry", "now": None, "changed": True, "requests": 3, "share": 0.3, "examples": ["r1", "r5", "r9"],
    }  # fmt: skip
    assert form["pools"] == {"large": {"then": 2, "now": 0}, "small": {"then": 5, "now": 7}}
    assert [(tenant["tenant"], tenant["changed"]) for tenant in form["tenants"]] == [("team-b", 2), ("team-a", 3)]
    assert form["missing"] == [{"name": "legal", "why": "not evaluated then", "needs": "text", "requests": 3}]


def test_the_requests_that_change(log: Path, new: Path, capsys: Captured) -> None:
    assert cli.run(["replay", str(log), str(new), "--changed"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "2026-03-02T12:01:00Z  r1  hurry → another one  small → –",
        "2026-03-02T12:02:00Z  r2  lawyer → lawyer, other models  large → small",
    ]
    assert cli.run(["replay", str(log), str(new), "--changed", "--json"]) == 0
    *changed, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [each["id"] for each in changed] == ["r1", "r2", "r5", "r7", "r9"]
    assert changed[1] == {
        "id": "r2", "time": "2026-03-02T12:02:00Z", "tenant": "team-b", "then": "lawyer", "now": "lawyer",
        "pool_then": "large", "pool_now": "small", "cost_usd_then": 0.02, "cost_usd_now": 0.002,
    }  # fmt: skip
    assert summary["changed"] == 5


@pytest.mark.parametrize(("limit", "status"), [("50%", 0), ("49.9%", 1), ("0%", 1), ("100%", 0)])
def test_a_limit_for_ci(log: Path, new: Path, limit: str, status: int, capsys: Captured) -> None:
    assert cli.run(["replay", str(log), str(new), "--max-changed", limit]) == status
    said = capsys.readouterr().err
    assert said == (
        f"pointsman replay: 50.00% of the requests that can be told change; --max-changed is {float(limit[:-1]):.2f}%\n"
        if status
        else ""
    )


def test_where_nothing_can_be_told_no_limit_holds(log: Path, tmp_path: Path, capsys: Captured) -> None:
    unheard = tmp_path / "headless.jsonl"
    unheard.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[1:2]))
    same = write(tmp_path / "same.yaml", OLD)
    assert cli.run(["replay", str(unheard), str(same), "--max-changed", "100%"]) == 1
    assert capsys.readouterr().err == "pointsman replay: of no request it can be told whether it changes\n"


def test_several_files_and_stretches_of_time(log: Path, new: Path, tmp_path: Path, capsys: Captured) -> None:
    head, *entries = log.read_bytes().splitlines(keepends=True)
    older, newer = tmp_path / "decisions.jsonl.1.gz", tmp_path / "newer.jsonl"
    older.write_bytes(gzip.compress(head + b"".join(entries[:4])))
    newer.write_bytes(head + b"".join(entries[4:]))
    whole = report(capsys, log, new)
    assert {**report(capsys, older, newer, new), "logs": None} == {**whole, "logs": None}
    part = report(capsys, log, new, "--since", "2026-03-02T12:03", "--until", "2026-03-02T13:05:00+01:00")
    assert (part["requests"], part["first"], part["last"]) == (2, "2026-03-02T12:03:00Z", "2026-03-02T12:04:00Z")
    assert report(capsys, log, new, "--until", "2026-03-02")["requests"] == 0


def test_broken_lines_are_skipped_and_counted(log: Path, new: Path, capsys: Captured) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    form = orjson.loads(lines[3])
    broken = [
        b"\xff\xfe\n", b"[1]\n", b"{}\n", b'{"v": 1, "event": "config"}\n', lines[3][:200] + b"\n", b"null\n",
        orjson.dumps({**form, "signals": {"legal": {"value": [1, {}]}, "urgent": {"value": {}}}}) + b"\n",
        orjson.dumps({**form, "facts": {**form["facts"], "prompt_tokens": "many"}}) + b"\n",
    ]  # fmt: skip
    other = [orjson.dumps({**form, "decision": None, "facts": None}) + b"\n"]
    log.write_bytes(b"".join([*lines[:5], *broken, *other, *lines[5:]]) + lines[1][:100])
    found = report(capsys, log, new)
    assert (found["requests"], found["left_out"]) == (10, {"undecided": 1, "broken_lines": len(broken) + 1})
    assert cli.run(["replay", str(log), str(new)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "left out: 1 request that came to no decision" in shown
    assert "left out: 9 broken lines" in shown


def test_what_a_terminal_would_obey_is_not_printed(log: Path, new: Path, capsys: Captured) -> None:
    log.write_bytes(log.read_bytes().replace(b'"team-a"', b'"team\\u001b[2J"').replace(b'"r1"', b'"r\\u0007"'))
    assert cli.run(["replay", str(log), str(new), "--changed"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "team·[2J" in out


def test_an_empty_log(new: Path, tmp_path: Path, capsys: Captured) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert cli.run(["replay", str(empty), str(new), "--max-changed", "0%"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "0 requests"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["{log}", "{new}", "--since", "noon"], 2, "--since 'noon': a time is written as 2026-03-02"),
        (["{log}", "{new}", "--max-changed", "5"], 2, "--max-changed '5': a share is a percentage"),
        (["missing.jsonl", "{new}"], 1, "cannot read missing.jsonl: No such file or directory"),
        (["{log}", "missing.yaml"], 2, "missing.yaml"),
        (["{log}"], 2, "Missing argument"),
        (["{log}", "{new}", "--learn"], 2, "--learn, --state and --clip are of --select"),
        (["{log}", "{new}", "--select", "rst={{by: static}}"], 2, "no such decision; did you mean `rest`?"),
        (["{log}", "{new}", "--select", "--state", "missing.db"], 1, "cannot read missing.db"),
        (["{log}", "{new}", "--select", "--clip", "0"], 2, "--clip"),
    ],
)
def test_bad_usage(arguments: list[str], status: int, said: str, log: Path, new: Path, capsys: Captured) -> None:
    given = [argument.format(log=log, new=new) for argument in arguments]
    assert cli.run(["replay", *given]) == status
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_on_a_terminal_the_tables_are_set_in_its_width(log: Path, new: Path) -> None:
    master, slave = pty.openpty()
    command = [POINTSMAN, "replay", log, new]
    shell = environment(COLUMNS="100", TERM="xterm")
    done = subprocess.run(command, stdout=slave, stderr=subprocess.PIPE, env=shell, check=False)
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 65536):
            shown += piece
    except OSError:  # the other side is closed
        pass
    os.close(master)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b[1m" in shown
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", shown).decode()
    assert re.search(r"^lawyer +lawyer, other models +2 +20\.0% +r2 r7 *\r?$", plain, re.MULTILINE)


# Selectors


@pytest.fixture
def explored(tmp_path: Path) -> Path:
    """Four hundred requests, half of them to each pool, all of them rewarded; `large` is better."""
    halves = {**REST, "models": ["small", "large"], "select": {"by": "weighted", "weights": {"small": 1, "large": 1}}}
    logged, random = Logged(tmp_path, policy(halves)), Random(0)
    for _ in range(400):
        form = logged.ask(random=random)
        logged.reward(form["id"], float(random.random() < (0.9 if form["choice"]["pool"] == "large" else 0.4)))
    path = tmp_path / "explored.jsonl"
    path.write_bytes(b"".join(logged.lines))
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return write(tmp_path / "large.yaml", policy({**REST, "models": ["large", "small"]}))


def test_what_the_selectors_of_a_file_would_have_been_worth(explored: Path, large: Path, capsys: Captured) -> None:
    assert cli.run(["replay", str(explored), str(large), "--select"]) == 0
    out = capsys.readouterr().out
    _, _, told = out.partition("rest: static, where the log has weighted 400\n")
    table, notes = told.splitlines()[:6], told.splitlines()[6:]
    assert table[0].split("  ")[0] == ""
    assert re.search(
        r"^quality +400 +\d+ +0\.6\d+ \[0\.\d+, 0\.\d+\]( +0\.\d+ \[0\.\d+, [01]\.?\d*\]){3} +\+0\.\d+ .* better$",
        table[2],
    )
    assert table[3].startswith("cost, USD per 1,000")
    assert table[3].endswith("worse")
    assert notes[0] == "  400 requests; 100.0% with a reward"
    assert notes[2].startswith("  utility = 0.6 quality - 0.3 cost / 20 - 0.1 latency / 1")
    form = report(capsys, explored, large, "--select")
    [found] = form["selection"]
    assert (found["decision"], found["by"], found["then"], found["evaluated"], found["left_out"]) == (
        "rest", "static", {"weighted": 400}, 400, {},
    )  # fmt: skip
    quality = found["measures"]["quality"]
    assert (quality["verdict"], quality["why"], quality["known"]) == ("better", None, 400)
    assert quality["dr"]["low"] < 0.9 < quality["dr"]["high"]
    assert quality["difference"]["low"] > 0
    assert found["overlap"]["largest_weight"] == pytest.approx(2)
    assert "selection" not in report(capsys, explored, large)


def test_another_selector_without_another_file(explored: Path, large: Path, capsys: Captured) -> None:
    what_if = "rest={by: weighted, weights: {small: 1}}"
    for arguments in (["--select", what_if, explored, large], [explored, large, f"--select={what_if}"]):
        [found] = report(capsys, *arguments)["selection"]
        assert found["by"] == "weighted"
        assert found["measures"]["quality"]["verdict"] == "worse"
        assert found["measures"]["cost"]["verdict"] == "better"


def test_what_was_learned_before(explored: Path, tmp_path: Path, capsys: Captured) -> None:
    notebook = Notebook(("rest", "elo"), 0.0)
    notebook.sums = Sums(3, {"wins/small": np.ones(2)})
    store = Store(tmp_path / "learned.db")
    store.save(Batch({notebook.subject: Snapshot.of(notebook)}, {}))
    store.close(10)
    read = {**REST, "models": ["large", "small"], "select": {"by": "elo"}}
    new = write(tmp_path / "elo.yaml", policy(read))
    [found] = report(capsys, explored, new, "--select", "--state", tmp_path / "learned.db")["selection"]
    assert found["by"] == "elo"
    assert found["evaluated"] + sum(found["left_out"].values()) == 400
    assert any("very outcomes" in note for note in found["notes"])


def test_only_the_decisions_that_are_named(explored: Path, tmp_path: Path, capsys: Captured) -> None:
    new = write(tmp_path / "two.yaml", policy(HURRY, {**REST, "models": ["large", "small"]}))
    whole = [one["decision"] for one in report(capsys, explored, new, "--select")["selection"]]
    one = [one["decision"] for one in report(capsys, explored, new, "--select", "rest={by: static}")["selection"]]
    both = report(capsys, explored, new, "--select", "rest={by: static}", "--select")["selection"]
    assert (whole, one, [one["decision"] for one in both]) == (["hurry", "rest"], ["rest"], ["hurry", "rest"])


def test_where_it_cannot_tell_it_says_why(log: Path, tmp_path: Path, capsys: Captured) -> None:
    new = write(tmp_path / "larger.yaml", policy(HURRY, LAWYER, {**REST, "models": ["large", "small"]}))
    assert cli.run(["replay", str(log), str(new), "--select", "rest={by: static}"]) == 0
    out = capsys.readouterr().out
    assert "  cannot tell utility, quality: no outcomes are known\n" in out
    why = "the log left nothing to chance, and 100% of its choices were never tried"
    assert f"  cannot tell cost, latency, failed: {why}\n" in out


# With the gateway itself


async def answer(exchange: Exchange) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    await exchange.respond({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})


async def test_a_gateways_own_log_has_what_estimates_need(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "decisions.jsonl"
    halves = {**REST, "models": ["small", "large"], "select": {"by": "weighted", "weights": {"small": 1, "large": 1}}}
    async with scripted(answer) as up:
        pools = {
            name: pool(up.url, model=name, price={"input": price, "output": price})
            for name, price in (("small", 1.0), ("large", 10.0))
        }
        policy = config(pools, [halves], log={"decisions": {"path": str(path)}})
        async with serving(policy) as gateway:
            for _ in range(24):
                await chat(gateway.url)
            await chat(gateway.url, "large")
    _, *entries = map(orjson.loads, path.read_bytes().splitlines())
    chosen = [entry["selection"] for entry in entries[:24]]
    assert {each["first"] for each in chosen} == {"small", "large"}
    assert all(each["shares"] == {"small": 0.5, "large": 0.5} and each["propensity"] == 0.5 for each in chosen)
    assert [each["turn"] for each in chosen] == [*range(24)]
    assert entries[24]["selection"] is None
    new = tmp_path / "new.yaml"
    new.write_text(yaml.safe_dump({**policy, "decisions": [{**halves, "select": {"by": "static"}}]}))
    capsys.readouterr()
    [found] = report(capsys, path, new, "--select")["selection"]
    assert (found["evaluated"], found["overlap"]["outside"]) == (24, 0)
    assert found["measures"]["cost"]["snips"]["value"] == pytest.approx(1.5)
    assert found["measures"]["cost"]["why"].startswith("too few effective samples")


async def test_a_gateways_own_log_after_a_reload(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "decisions.jsonl"
    logs = {"decisions": {"path": str(path)}}
    async with scripted(answer) as up:
        pools = {name: pool(up.url, model=name, price={"input": 1.0, "output": 2.0}) for name in ("small", "large")}
        old = config(pools, [HURRY, LAWYER], signals=SIGNALS, log=logs)
        async with serving(old) as gateway:
            for text in ("urgent", "a contract", "hello"):
                await chat(gateway.url, messages=[{"role": "user", "content": text}])
            await chat(gateway.url, "large")
            loaded = {**HURRY, "when": "urgent and pool.small.load < 0.9"}
            gateway.rewrite(
                {
                    **old,
                    "decisions": [loaded, LAWYER, REST],
                    "signals": {**SIGNALS, "legal": {"type": "keyword", "any": ["lawsuit"]}},
                }
            )
            await gateway.gateway.reload()
            for text in ("urgent", "a lawsuit", "hello"):
                await chat(gateway.url, messages=[{"role": "user", "content": text}])
        new = tmp_path / "new.yaml"
        new.write_text(
            yaml.safe_dump({**old, "decisions": [{**HURRY, "when": "urgent and pool.small.load < 0.5"}, LAWYER, REST]})
        )
    capsys.readouterr()  # what the gateway said of the reload
    found = report(capsys, path, new)
    assert {(cell["then"], cell["now"], cell["changed"]): cell["requests"] for cell in found["matrix"]} == {
        ("hurry", "hurry", False): 1,  # with the load that was logged
        ("hurry", None, None): 1,  # before the reload no load was read
        ("lawyer", "lawyer", False): 1,
        ("404 no_route", "rest", True): 1,
        ("explicit", "explicit", False): 1,
        ("lawyer", None, None): 1,  # for another word
        ("rest", None, None): 1,
    }
    assert {(m["name"], m["why"]) for m in found["missing"]} == {
        ("pool.small", "not read then"), ("legal", "not evaluated then"), ("legal", "declared otherwise"),
    }  # fmt: skip
    assert found["cost_usd"]["then"] == pytest.approx(0.006)
