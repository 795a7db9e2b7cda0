"""`pointsman explain` as a process: stdout is what was asked for, everything else is on stderr."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import POINTSMAN, environment, pointsman

POLICY = """\
version: 1
auth:
  keys:
    - {key: env:TEAM_KEY, tenant: team-a, roles: [premium]}
pools:
  small: {model: s-7b, endpoints: [http://127.0.0.1:9], context: 400, quality: {default: 0.5}}
  large: {model: l-72b, endpoints: [http://127.0.0.1:9]}
signals:
  blocked: {type: keyword, any: [forbidden]}
  urgent:  {type: keyword, any: [urgent, 紧急]}
  asks:    {type: structure, count: questions}
  odd:     {type: regex, pattern: '\\x{FFFD}'}
  batch:   {type: header, name: x-workload, any: [batch]}
  premium: {type: role, any: [premium]}
  tools:   {type: tools_offered}
decisions:
  - {name: block, priority: 9, when: blocked, respond: {status: 403, message: No.}}
  - {name: hurry, priority: 5, when: urgent, models: [small, large]}
  - {name: questions, priority: 4, when: asks >= 2 or odd, models: [large]}
  - {name: night, priority: 3, when: batch or premium or tools, models: [large, small]}
  - {name: short, priority: 2, when: pool.large.load == 0 and pool.large.healthy and not asks > 0, models: [small]}
"""


REASONS = {"winner", "runner_up", "decisions", "skipped_because", "would_change"}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def explain(policy: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return pointsman("explain", policy, *arguments, env=environment(TEAM_KEY="k-123"))


def explained(policy: Path, *arguments: object) -> dict[str, Any]:
    done = explain(policy, *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    form: dict[str, Any] = json.loads(done.stdout)
    return form


def test_the_form(policy: Path) -> None:
    form = explained(policy, "This is urgent")
    milliseconds = [form.pop("overhead_ms"), *(signal.pop("ms") for signal in form["signals"].values())]
    assert all(isinstance(ms, float) and ms >= 0 for ms in milliseconds)
    assert isinstance(form.pop("id"), str)
    reasons = {name: form.pop(name) for name in REASONS}
    assert form == {
        "decision": "hurry",
        "models": ["small", "large"],
        "cache_category": None,
        "signals": {"blocked": {"value": False, "score": 0.0}, "urgent": {"value": True, "score": 0.5}},
        "skipped": ["asks", "odd", "batch", "premium", "tools"],
        "selection": {
            "by": "static",
            "choice": "small",
            "propensity": 1.0,
            "scores": {},
            "quality": {"small": 0.5},
            "reason": "first of the listed models",
        },
        "encoder_ms": 0.0,
    }
    assert (reasons["winner"], reasons["runner_up"]) == ("hurry", "short")
    assert [(d["name"], d["asked"], d["holds"]) for d in reasons["decisions"]] == [
        ("block", True, False), ("hurry", True, True), ("short", False, True),
    ]  # fmt: skip
    assert reasons["decisions"][1] == {
        "name": "hurry",
        "priority": 5,
        "asked": True,
        "guard": False,
        "holds": True,
        "condition": "urgent",
        "tree": {
            "text": "urgent",
            "holds": True,
            "kind": "signal",
            "signal": "urgent",
            "value": True,
            "score": 0.5,
            "source": "heuristic",
        },
    }
    assert reasons["skipped_because"] == {
        "asks": "`hurry` won before `questions` was asked",
        "odd": "`hurry` won before `questions` was asked",
        "batch": "`hurry` won before `night` was asked",
        "premium": "`hurry` won before `night` was asked",
        "tools": "`hurry` won before `night` was asked",
    }
    assert reasons["would_change"] == {
        "decision": "block",
        "changes": [{"signal": "blocked", "from": False, "to": True, "text": "blocked: false → true"}],
        "complete": True,
        "at_most": 3,
    }


def test_the_tree_of_a_condition(policy: Path) -> None:
    form = explained(policy, "nothing of note", "--header", "x-workload=other")
    assert (form["decision"], form["runner_up"]) == ("short", None)
    tree = form["decisions"][-1]["tree"]
    assert (tree["kind"], tree["holds"]) == ("and", True)
    load, healthy, negated = tree["operands"]
    assert load == {
        "text": "pool.large.load == 0",
        "holds": True,
        "kind": "pool",
        "pool": "large",
        "field": "load",
        "value": 0.0,
        "source": "pool load",
    }
    assert (healthy["field"], healthy["value"]) == ("healthy", True)
    assert (negated["kind"], negated["holds"], negated["operands"][0]["holds"]) == ("not", True, False)
    (night,) = (decision for decision in form["decisions"] if decision["name"] == "night")
    assert [operand["source"] for operand in night["tree"]["operands"]] == ["header", "role", "heuristic"]


def test_a_signal_that_cannot_tell(policy: Path) -> None:
    text = policy.read_text().replace("{type: tools_offered}", "{type: language, on_unknown: true}")
    policy.write_text(text.replace("or tools,", "or tools.zh,"))
    form = explained(policy, "12 34")
    tools = form["decisions"][-1]["tree"] if form["decision"] != "night" else form["decisions"][3]["tree"]
    atom = tools["operands"][2]
    assert (form["decision"], atom["value"], atom["holds"]) == ("night", None, True)
    assert (atom["source"], atom["on_unknown"]) == ("unknown", True)


@pytest.mark.parametrize(
    ("to", "changes"),
    [
        ("hurry", []),
        ("block", ["blocked: false → true"]),
        ("questions", ["urgent: true → false", "asks: 0 → >= 2"]),
        ("short", ["urgent: true → false"]),
    ],
)
def test_what_would_lead_to_a_decision(policy: Path, to: str, changes: list[str]) -> None:
    there = explained(policy, "This is urgent", "--to", to)["to"]
    assert (there["decision"], [change["text"] for change in there["changes"]]) == (to, changes)
    assert there["complete"]


def test_a_decision_that_cannot_be_reached(policy: Path) -> None:
    policy.write_text(policy.read_text() + "  - {name: never, when: 'true and false', models: [small]}\n")
    there = explained(policy, "This is urgent", "--to", "never")["to"]
    assert there == {"decision": "never", "changes": None, "complete": True, "at_most": 3}
    assert "for never: no change of up to 3 signals does" in explain(policy, "urgent", "--to", "never").stdout


def test_a_request_that_no_decision_takes_says_which_is_nearest(policy: Path) -> None:
    done = explain(policy, "Really?")
    assert done.stderr.endswith("The nearest is `block`: blocked: false → true.\n")


def test_a_request_that_names_its_pool_is_held_against_guards_only(policy: Path, tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_text(json.dumps({"model": "large", "messages": []}))
    form = explained(policy, "--request", path)
    assert (form["decision"], form["winner"], form["runner_up"]) == ("explicit", None, None)
    assert [(decision["name"], decision["guard"]) for decision in form["decisions"]] == [("block", True)]
    assert form["would_change"]["decision"] == "block"
    assert form["skipped_because"]["urgent"]
    done = explain(policy, "--request", path, "--to", "short")
    assert (done.returncode, done.stdout) == (1, "")
    assert "This request is not held against a decision 'short'" in done.stderr


def test_a_batch_has_no_reasons(policy: Path, tmp_path: Path) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_text(json.dumps({"id": 1, "text": "urgent"}) + "\n")
    assert not set(json.loads(explain(policy, "--batch", batch).stdout)) & REASONS


def test_all_signals(policy: Path) -> None:
    form = explained(policy, "This is urgent", "--all-signals")
    assert form["decision"] == "hurry"
    assert set(form["signals"]) == {"blocked", "urgent", "asks", "odd", "batch", "premium", "tools"}
    assert form["skipped"] == []


def test_a_decision_that_answers_itself(policy: Path) -> None:
    form = explained(policy, "forbidden and urgent")
    assert (form["decision"], form["models"], form["selection"]["choice"]) == ("block", [], None)


def test_text_for_people(policy: Path) -> None:
    done = explain(policy, "这很紧急")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert ["decision", "hurry"] in lines
    assert ["models", "small,", "large"] in lines
    assert ["choice", "small", "(by", "static:", "first", "of", "the", "listed", "models)"] in lines
    assert any(line[:2] == ["urgent", "true"] for line in lines)
    assert any(line[:2] == ["skipped", "asks,"] for line in lines)
    assert ["✗", "block", "(priority", "9)"] in lines
    assert ["✗", "blocked", "false", "0.00,", "heuristic"] in lines
    assert ["✓", "hurry", "(winner,", "priority", "5)"] in lines
    assert ["✓", "short", "(runner-up,", "priority", "2)"] in lines
    assert ["✓", "pool.large.load", "==", "0", "0,", "pool", "load"] in lines
    assert ["✓", "not", "asks", ">", "0", "0,", "heuristic,", "not", "read:", "`hurry`", "won", "before"] in lines
    assert done.stdout.endswith("\nwould change: blocked: false → true gives `block`\n")
    assert "\x1b" not in done.stdout


def test_colours_only_where_they_are_seen(policy: Path) -> None:
    plain = explain(policy, "urgent").stdout
    coloured = pointsman("explain", policy, "urgent", env=environment(TEAM_KEY="k", FORCE_COLOR="1"))
    assert "\x1b[32m✓\x1b[0m" in coloured.stdout
    assert "\x1b" not in plain


def test_pools_count_as_idle_and_healthy(policy: Path) -> None:
    assert explained(policy, "nothing of note")["decision"] == "short"


def test_a_pool_that_would_look_its_endpoints_up_counts_as_healthy_too(policy: Path) -> None:
    text = policy.read_text()
    assert "endpoints: [http://127.0.0.1:9]" in text
    policy.write_text(text.replace("endpoints: [http://127.0.0.1:9]", "discover: {dns: 'http://nowhere.invalid'}"))
    assert explained(policy, "nothing of note")["decision"] == "short"


@pytest.mark.parametrize("header", ["x-workload=batch", "X-Workload = batch", "authorization=Bearer k-123"])
def test_headers(policy: Path, header: str) -> None:
    assert explained(policy, "nothing of note", "--header", header)["decision"] == "night"


def test_a_request(policy: Path, tmp_path: Path) -> None:
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": "What is the time?"}],
        "tools": [{"type": "function", "function": {"name": "clock", "parameters": {}}}],
    }
    path = tmp_path / "body.json"
    path.write_text(json.dumps(body))
    assert explained(policy, "--request", path)["decision"] == "night"


def test_a_pool_whose_window_is_too_small_is_not_chosen(policy: Path, tmp_path: Path) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_text(json.dumps({"id": "long", "text": "urgent " * 1000}) + "\n")
    (line,) = explain(policy, "--batch", batch).stdout.splitlines()
    form = json.loads(line)
    assert (form["decision"], form["models"]) == ("hurry", ["small", "large"])
    assert form["selection"]["choice"] == "large"
    assert form["selection"]["reason"] == "the context window of small is too small"


def test_bytes_that_are_no_text_are_no_punctuation_either(policy: Path) -> None:
    done = subprocess.run(
        [POINTSMAN, "explain", policy, b"odd \xff\xff bytes", "--json"],
        capture_output=True,
        env=environment(TEAM_KEY="k-123"),
        check=True,
    )
    form = json.loads(done.stdout)
    assert (form["decision"], form["signals"]["asks"]["value"]) == ("questions", 0)
    assert form["signals"]["odd"]["value"] is True


BATCH = [
    (b'{"id": 1, "text": "urgent"}', {"id": 1, "decision": "hurry"}),
    (b"no json", {"id": None, "error": "not valid JSON"}),
    (b"", None),
    (b'["list"]', {"id": None, "error": "must be a JSON object"}),
    (b'{"id": "a"}', {"id": "a", "error": 'needs "text"'}),
    (b'{"id": {}, "text": "x"}', {"id": None, "error": '"id" must be a string or a number'}),
    (b'{"id": "surrogate", "text": "\\ud800"}', {"id": None, "error": "not valid JSON"}),
    (b'{"id": "\xff"}', {"id": None, "error": "not valid JSON"}),
    (b'{"id": "b", "request": {"messages": 1}}', {"id": "b", "error": "`messages` must be a list"}),
    (b'{"id": "c", "request": {"messages": [], "model": "nobody"}}', {"id": "c", "error": "'nobody' does not exist"}),
    (b'{"id": "d", "text": "Really?"}', {"id": "d", "error": "No decision of the gateway's policy matches"}),
    (b'{"id": "deep", "text": ' + b"[" * 999 + b"]" * 999 + b"}", {"id": None, "error": "nested too deeply"}),
    (b'{"id": "e", "request": {"messages": [], "model": "large"}}', {"id": "e", "decision": "explicit"}),
    (b'{"id": 2.5, "text": "urgent"}', {"id": 2.5, "decision": "hurry"}),
]


def test_a_batch_answers_each_line_in_order(policy: Path, tmp_path: Path) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_bytes(b"\n".join(line for line, _ in BATCH))
    done = explain(policy, "--batch", batch)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    expected = [answer for _, answer in BATCH if answer is not None]
    for answer, want in zip(answers, expected, strict=True):
        assert answer["id"] == want["id"]
        if "error" in want:
            assert set(answer) == {"id", "error"}
            assert want["error"] in answer["error"]
        else:
            assert answer["decision"] == want["decision"]


def test_a_batch_answers_each_line_as_it_comes(policy: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "batch"
    os.mkfifo(fifo)
    with subprocess.Popen(
        [POINTSMAN, "explain", policy, "--batch", fifo], stdout=subprocess.PIPE, env=environment(TEAM_KEY="k")
    ) as process:
        assert process.stdout is not None
        with fifo.open("wb", buffering=0) as writer:
            for number in range(3):
                writer.write(b'{"id": %d, "text": "urgent"}\n' % number)
                assert json.loads(process.stdout.readline())["id"] == number
        assert process.stdout.read() == b""
    assert process.returncode == 0


def test_ten_thousand_lines(policy: Path, tmp_path: Path) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_text("".join(f'{{"id": {n}, "text": "line {n} is urgent"}}\n' for n in range(10_000)))
    answers = [json.loads(line) for line in explain(policy, "--batch", batch).stdout.splitlines()]
    assert [answer["id"] for answer in answers] == list(range(10_000))
    assert {answer["decision"] for answer in answers} == {"hurry"}


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ([], 2, "give one of PROMPT, --request FILE and --batch FILE"),
        (["hello", "--batch", "x"], 2, "give one of PROMPT, --request FILE and --batch FILE"),
        (["hello", "--header", "x-workload"], 2, "write NAME=VALUE"),
        (["--batch", "x", "--to", "hurry"], 2, "--to goes with PROMPT or --request FILE"),
        (["hello", "--to", "hury"], 1, "This request is not held against a decision 'hury'; did you mean `hurry`?"),
        (["--request", "no-such-file"], 1, "cannot read no-such-file: No such file or directory"),
        (["--batch", "no-such-file"], 1, "cannot read no-such-file: No such file or directory"),
        (["--request", "/dev/null"], 1, "The request body is empty"),
        (["Really?"], 1, "No decision of the gateway's policy matches"),
        (["hello", "--header", "authorization=Bearer wrong"], 1, "key"),
    ],
)
def test_what_goes_wrong_is_one_line_on_stderr(policy: Path, arguments: list[str], status: int, says: str) -> None:
    done = explain(policy, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_secrets_must_be_set_as_for_serve(policy: Path) -> None:
    env = {name: value for name, value in environment().items() if name != "TEAM_KEY"}
    done = pointsman("explain", policy, "hello", env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{policy}:4:13: error: the environment variable TEAM_KEY is not set")
