"""The policies that the gateway is measured with: a trivial one, and one of 20 heuristic signals and 50 decisions.

None of the 50 but the last fits the prompt of `canned.py`, and no signal is spared: the dearest case of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pointsman.bench import canned

SIGNALS, DECISIONS = 20, 50

SECRETS = {"POINTSMAN_BENCH_KEY": "sk-bench-0123456789abcdef"}
"""Environment of the gateway."""
CLIENT = {"authorization": f"Bearer {SECRETS['POINTSMAN_BENCH_KEY']}"}
"""Headers of its clients."""

_WORDS = {
    "code": "python javascript typescript rust golang java kotlin swift function class method variable compile "
    "debug debugger stacktrace exception segfault refactor unittest docker kubernetes terraform api endpoint json yaml "
    "regex algorithm recursion pointer thread mutex async await schema migration",
    "legal": "contract lawsuit attorney lawyer clause liability plaintiff defendant statute jurisdiction tort patent "
    "trademark copyright licence subpoena affidavit litigation arbitration settlement injunction negligence custody "
    "probate deposition verdict appeal notary lease tenancy eviction compliance",
    "medical": "diagnosis symptom symptoms dosage prescription antibiotic insulin diabetes asthma cancer tumour biopsy "
    "vaccine allergy migraine hypertension cardiologist surgeon anaesthetic radiology pregnancy paediatric therapy "
    "chemotherapy infection fever rash nausea seizure stroke",
    "finance": "invoice mortgage dividend portfolio equity bond bonds yield hedge futures option options audit "
    "ledger depreciation amortization tax taxes deduction payroll pension annuity inflation interest credit debit "
    "overdraft refinance collateral liquidity volatility",
}
_URGENT = ["urgent", "asap", "right now", "immediately", "as soon as possible", "emergency", "production is down",
           "can not wait", "deadline today", "before noon", "top priority", "drop everything"]  # fmt: skip
_TOPICS = ("code", "legal", "medical", "finance", "urgent")
_PATTERNS = ("account", "secret", "sql")


def signals() -> dict[str, dict[str, Any]]:
    keywords = {name: {"type": "keyword", "any": words.split()} for name, words in _WORDS.items()}
    return keywords | {
        "urgent": {"type": "keyword", "any": _URGENT},
        "account": {"type": "regex", "pattern": r"(?i)\b(?:account|customer|order)[ #:-]*\d{5,12}\b"},
        "secret": {"type": "regex", "pattern": r"\b(?:sk|pk|ghp|xoxb)[-_][A-Za-z0-9]{16,}\b"},
        "sql": {
            "type": "regex",
            "pattern": r"(?i)\b(?:select\s.+\sfrom|insert\s+into|update\s.+\sset|delete\s+from)\b",
        },
        "lang": {"type": "language"},
        "size": {"type": "context"},
        "words": {"type": "structure", "count": "words"},
        "blocks": {"type": "structure", "count": "code_blocks"},
        "questions": {"type": "structure", "count": "questions"},
        "turns": {"type": "conversation", "count": "turns"},
        "image": {"type": "parts", "any": ["image"]},
        "tools": {"type": "tools_offered"},
        "app": {"type": "header", "name": "x-app"},
        "team": {"type": "tenant"},
        "admin": {"type": "role", "any": ["admin", "operator"]},
        "night": {"type": "schedule", "hours": "03:59-04:00"},
    }


def _conditions() -> Iterator[str]:
    """Without end; of two to five conditions each, and none holds for the prompt."""
    number = 0
    while True:
        topic, other = _TOPICS[number % 5], _TOPICS[(number + 1) % 5]
        pattern = _PATTERNS[number % 3]
        yield f"lang.en and questions > 0 and size < {4000 + number} and {topic}"
        yield f"not {topic} and words < {500 + number} and turns > {4 + number}"
        yield f"({topic} or {other}) and size > {200 + number} and not admin"
        yield f"app.crawler{number} or ({pattern} and not lang.de)"
        yield f"not blocks > {number} and (image or tools) and not {topic} and not night"
        yield f"(team.team_{number + 1} or lang.de) and not blocks > {number} and size > {20 + number}"
        yield f"(night or words > {3 + number % 10}) and {pattern} and not {topic} and lang.en"
        number += 1


def _decisions() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = [
        {"name": f"rule-{number}", "when": when, "models": ["small", "large"]}
        for number, when in enumerate(islice(_conditions(), DECISIONS - 1), 1)
    ]
    return [*rules, _everything()]


def _everything() -> dict[str, Any]:
    return {"name": "everything", "when": "true", "models": ["small", "large"]}


def _config(upstream: str, **parts: Any) -> dict[str, Any]:
    pool = {"model": canned.MODEL, "endpoints": [upstream]}
    return {"version": 1, "pools": {"small": pool, "large": dict(pool)}, **parts}


def trivial(upstream: str, folder: Path) -> dict[str, Any]:
    return _config(upstream, decisions=[_everything()])


def heuristic(upstream: str, folder: Path) -> dict[str, Any]:
    key = {"key": "env:POINTSMAN_BENCH_KEY", "tenant": "team-0", "roles": ["basic"]}
    return _config(upstream, auth={"keys": [key]}, signals=signals(), decisions=_decisions())


def logged(upstream: str, folder: Path) -> dict[str, Any]:
    return heuristic(upstream, folder) | {"log": {"decisions": {"path": str(folder / "decisions.jsonl")}}}
