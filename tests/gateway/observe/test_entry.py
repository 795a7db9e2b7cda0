from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from pointsman.gateway.fingerprint import Fingerprints
from pointsman.gateway.observe.entry import MAX_PARTS, MAX_TEXT, MAX_VALUE, encode, encode_compared, encode_config
from pointsman.gateway.observe.outcome import Cached, ErrorSource, Labelled, Outcome, Selected
from pointsman.gateway.observe.told import Compared
from pointsman.policies.select.context import Context, Previous
from pointsman.policies.types import Choice
from pointsman.signals.base import SignalValue, Span
from pointsman.signals.facts import Facts, Message, PoolLoad, Route
from pointsman.signals.prompt import FEATURES, Prompt

MakeOutcome = Callable[..., Outcome]
PAGE = Path(__file__).parents[3] / "docs" / "decision-log.md"


def entry(outcome: Outcome, text: bool = False) -> dict[str, Any]:
    line = encode(outcome, text)
    assert line.count(b"\n") == 1
    assert line.endswith(b"}\n")
    parsed = orjson.loads(line)
    assert isinstance(parsed, dict)
    return parsed


def test_an_entry(make_outcome: MakeOutcome) -> None:
    assert entry(make_outcome()) == {
        "v": 1,
        "time": "2023-11-14T22:13:20.250000Z",
        "id": "req-1",
        "route": "chat/completions",
        "stream": True,
        "tenant": "team-a",
        "status": 200,
        "error": None,
        "disconnect": None,
        "decision": "hard-math",
        "config": "0123456789abcdef",
        "facts": {
            "model": "auto",
            "bytes": 321,
            "messages": 2,
            "tools": 1,
            "choices": 1,
            "max_tokens": 64,
            "prompt_tokens": 11,
        },
        "signals": {
            "urgent": {"value": True, "score": 1.0, "ms": 0.01},
            "zh": {"value": False, "score": 0.0, "ms": None},
            "late": {"value": None, "score": None, "ms": None},
            "size": {"value": 9, "score": None, "ms": None},
            "domain": {"value": "math", "score": 0.9, "ms": 2.0, "labels": {"math": 0.9}},
        },
        "pools": {"small": {"load": 0.5, "queue": 2, "inflight": 3, "kv": None, "healthy": True}},
        "candidates": ["small", "large"],
        "choice": {"pool": "large", "model": "Qwen-72B", "endpoint": "a", "by": "static", "propensity": 1.0},
        "selection": None,
        "attempts": [
            {"pool": "small", "endpoint": "a", "result": "connect", "ms": 10.0, "cause": "first"},
            {"pool": "small", "endpoint": "b", "result": "timeout", "ms": 200.0, "cause": "retry"},
            {"pool": "large", "endpoint": "a", "result": "ok", "ms": 1200.0, "cause": "failover"},
        ],
        "steps": [
            {
                "pool": "small",
                "verdict": "rejected",
                "reason": "logprob -1",
                "measures": {"logprob": -1.0},
                "unmeasured": ["judge"],
                "ms": 200.0,
                "cost_usd": 0.00001,
            },
            {
                "pool": "large",
                "verdict": "accepted",
                "reason": "last",
                "measures": {},
                "unmeasured": [],
                "ms": 0.0,
                "cost_usd": None,
            },
        ],
        "cache": "bypass",
        "lookup": None,
        "timings": {
            "total_ms": 1500.0,
            "overhead_ms": 0.2,
            "upstream_ms": 1499.8,
            "ttft_ms": 300.0,
            "stages_ms": {"decide": 0.04},
        },
        "events": 5,
        "gap_ms": 20.0,
        "usage": {"prompt": 10, "completion": 20, "cached": 4},
        "cost_usd": 0.000027,
        "finish": "stop",
    }


def test_a_hit_says_what_it_was_answered_with(make_outcome: MakeOutcome) -> None:
    guard = '"enable" is not "disable"'
    cached = Cached("math", entry="e1", similarity=0.93456, age=60.06, guard=guard, seconds=0.0001)
    hit = make_outcome(cache="hit", cached=cached)
    assert entry(hit)["lookup"] == {
        "category": "math", "refused": None, "kept": False, "flight": None, "entry": "e1", "similarity": 0.9346,
        "age_s": 60.1, "guard": None, "ms": 0.1, "examples": None,
    }  # fmt: skip
    assert entry(hit, text=True)["lookup"]["guard"] == guard  # it quotes


def test_a_request_that_could_not_be_read_has_the_same_keys(make_outcome: MakeOutcome) -> None:
    outcome = make_outcome(
        status=400,
        facts=None,
        decision=None,
        chosen=None,
        candidates=(),
        usage=None,
        cost=None,
        attempts=(),
        steps=(),
        signals={},
        events=0,
        error_source=ErrorSource.GATEWAY,
        error_code="invalid_json",
    )
    found = entry(outcome)
    assert list(found) == list(entry(make_outcome()))
    assert found["error"] == {"source": "gateway", "code": "invalid_json"}
    assert [k for k, v in found.items() if v is None] == [
        "disconnect", "decision", "facts", "choice", "selection", "lookup", "gap_ms", "usage", "cost_usd",
    ]  # fmt: skip
    assert entry(outcome, text=True)["messages"] == []


def selected(**told: Any) -> Selected:
    choice = Choice(
        ("large", "small"), "linucb", 0.75, {"small": 0.123456, "large": 0.5}, "it is best",
        {"small": 0.5, "large": np.float64(0.8)}, {"small": 0.25, "large": 0.75}, 0.6,
    )  # fmt: skip
    return Selected(choice, Context(Facts(Route.CHAT), **told))


def test_what_a_selector_said_and_what_it_was_told(make_outcome: MakeOutcome) -> None:
    domains = {"math": 0.7, "law": 0.15, "history": 0.1, "other": 0.05}
    prompt = Prompt(0.6, 0.41234567, domains, np.arange(FEATURES) / 7, np.ones(4, np.float32))
    told = selected(prompt=prompt, turn=3, previous=Previous("small", 2, 900, 4.5), budget=0.01)
    found = entry(make_outcome(selected=told))["selection"]
    assert found == {
        "first": "large",
        "propensity": 0.75,
        "scores": {"small": 0.1235, "large": 0.5},
        "quality": {"small": 0.5, "large": 0.8},
        "strong": 0.6,
        "stayed": False,
        "turn": 3,
        "shares": {"small": 0.25, "large": 0.75},
        "features": [round(n / 7, 4) for n in range(FEATURES)],
        "need": 0.6,
        "difficulty": 0.4123,
        "domains": {"math": 0.7, "law": 0.15, "history": 0.1},
        "previous": {"pool": "small", "turns": 2, "tokens": 900, "seconds": 4.5, "tool_loop": False},
        "budget": 0.01,
    }
    rows = re.findall(r"^\| `selection\.(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == list(found)


def test_of_a_choice_that_was_certain_and_knew_no_prompt_there_is_less(make_outcome: MakeOutcome) -> None:
    choice = Choice(("small",), "static", shares={"small": 1.0})
    found = entry(make_outcome(selected=Selected(choice, Context(Facts(Route.CHAT)))))["selection"]
    assert list(found) == ["first", "propensity", "scores", "quality", "strong", "stayed", "turn"]


def test_text_is_there_only_if_asked_for(make_outcome: MakeOutcome) -> None:
    assert b"Prove" not in encode(make_outcome(), text=False)
    assert entry(make_outcome(), text=True)["messages"] == [
        {"role": "system", "text": "Be brief."},
        {"role": "user", "text": "Prove it. 证明"},
    ]


def test_what_else_a_message_held_is_there_with_the_text(make_outcome: MakeOutcome) -> None:
    messages = [
        Message("user", "Look", ("image", "file")),
        Message("assistant", "", (), 2),
        Message("user", "all", ("image",) * 1000),
    ]
    outcome = make_outcome(facts=Facts(Route.CHAT, read_messages=lambda: messages))
    look, calls, many = entry(outcome, text=True)["messages"]
    assert look == {"role": "user", "text": "Look", "parts": ["image", "file"]}
    assert calls == {"role": "assistant", "text": "", "tool_calls": 2}
    assert many["parts"] == ["image"] * MAX_PARTS


def test_a_line_of_its_own_says_what_a_configuration_declared() -> None:
    line = encode_config(Fingerprints("c", {"urgent": "s"}, {"all": "d"}, "e"))
    assert line.endswith(b"}\n")
    assert orjson.loads(line) == {
        "v": 1, "event": "config", "config": "c", "signals": {"urgent": "s"}, "decisions": {"all": "d"}, "encoder": "e",
    }  # fmt: skip


def test_headers_are_never_there(make_outcome: MakeOutcome) -> None:
    assert b"sk-client-secret" not in encode(make_outcome(), text=True)


def test_long_text_is_cut_from_the_front(make_outcome: MakeOutcome) -> None:
    messages = [
        Message("user", "first"),
        Message("assistant", "a" * (MAX_TEXT - 10)),
        Message("user", "b" * 10),
    ]
    kept = entry(make_outcome(facts=Facts(Route.CHAT, read_messages=lambda: messages)), text=True)["messages"]
    assert [m["role"] for m in kept] == ["assistant", "user"]
    assert sum(len(m["text"]) for m in kept) == MAX_TEXT
    huge = [Message("user", "c" * (MAX_TEXT * 2))]
    assert len(encode(make_outcome(facts=Facts(Route.CHAT, read_messages=lambda: huge)), text=True)) < MAX_TEXT + 2000


def test_what_clients_write_is_bounded(make_outcome: MakeOutcome) -> None:
    facts = Facts(Route.CHAT, model="m" * 10_000)
    found = entry(make_outcome(facts=facts, signals={"header": SignalValue("h" * 10_000)}))
    assert len(found["facts"]["model"]) == len(found["signals"]["header"]["value"]) == MAX_VALUE


def test_spans_say_where_and_not_what(make_outcome: MakeOutcome) -> None:
    found = entry(make_outcome(signals={"pii": SignalValue(True, 0.9, spans=(Span(3, 9, "EMAIL", 0.9, 1),))}))
    assert found["signals"]["pii"]["spans"] == [{"start": 3, "end": 9, "type": "EMAIL", "score": 0.9, "message": 1}]


def test_several_labels_are_a_list(make_outcome: MakeOutcome) -> None:
    assert entry(make_outcome(signals={"tools": SignalValue(("a", "b"))}))["signals"]["tools"]["value"] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize("value", ["\ud800", 10**30])
def test_what_json_cannot_hold_is_a_type_error(make_outcome: MakeOutcome, value: Any) -> None:
    with pytest.raises(TypeError):
        encode(make_outcome(signals={"x": SignalValue(value)}), text=False)


def test_the_page_documents_every_key_in_order(make_outcome: MakeOutcome) -> None:
    found = entry(make_outcome(cached=Cached("math")), text=True)
    paths = []
    for key, value in found.items():
        paths.append(key)
        if key in ("facts", "choice", "lookup", "timings", "usage"):
            paths.extend(f"{key}.{inner}" for inner in value)
        if key in ("attempts", "steps"):
            paths.extend(f"{key}[].{inner}" for inner in value[0])
        if key == "messages":
            paths.extend(f"{key}[].{inner}" for inner in value[0])
    rows = re.findall(r"^\| `([\w.\[\]]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    nested = ("error.", "signals.", "pools.", "selection.", "timings.stages_ms.", "lookup.examples.")
    optional = {"messages[].parts", "messages[].tool_calls"}
    assert [row for row in rows if not row.startswith(nested) and row not in optional] == paths
    assert [row for row in rows if row.startswith("pools.")] == [f"pools.NAME.{field}" for field in PoolLoad._fields]
    assert {
        "error.source",
        "error.code",
        "signals.NAME.value",
        "signals.NAME.labels",
        "signals.NAME.spans",
    } <= set(rows)


def test_a_pair_of_the_cache_has_its_texts_only_if_they_are_wanted() -> None:
    compared = Compared(0.0, "general", Labelled.JUDGE, True, 0.91234, "9c1f", "asked", "kept")
    line = orjson.loads(encode_compared(compared, text=False))
    assert line == {
        "v": 1, "event": "cache", "time": "1970-01-01T00:00:00Z", "category": "general", "entry": "9c1f",
        "similarity": 0.9123, "source": "judge", "same": True,
    }  # fmt: skip
    assert orjson.loads(encode_compared(compared, text=True)) == line | {"a": "kept", "b": "asked"}
