"""What became of tests: lines for people, one object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten, wrap
from typing import Any

from pointsman.gateway.policy_tests.run import Mismatch, Result
from pointsman.gateway.policy_tests.values import shown
from pointsman.gateway.schema.cases import CaseConfig
from pointsman.gateway.schema.config import Config

_TITLE = 70  # characters
_CONDITION = 160
_WIDTH = 110
_INDENT = " " * 6


@dataclass(frozen=True, slots=True)
class Tested:
    """A test with its place in the file, and what became of it."""

    title: str
    file: str
    line: int
    column: int
    assumed: frozenset[str]  # signals
    result: Result


def title(case: CaseConfig, index: int) -> str:
    """On one line."""
    request = case.request
    text = case.name or case.prompt or (request if isinstance(request, str) else _last_message(request or {}))
    plain = "".join(character if character.isprintable() else " " for character in text)
    return shorten(plain, _TITLE, placeholder=" …") or f"test {index + 1}"


def _last_message(body: Mapping[str, Any]) -> str:
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    return content if isinstance(content, str) else ""


def conditions(config: Config) -> dict[str, str]:
    """By decision, each on one line."""
    return {d.name: shorten(d.when, _CONDITION, placeholder=" …") for d in config.all_decisions}


def lines(tested: Iterable[Tested], whens: Mapping[str, str]) -> Iterator[str]:
    for test in tested:
        yield f"{'ok  ' if test.result.passed else 'FAIL'}  {test.file}:{test.line}  {test.title}"
        if not test.result.passed:
            yield from details(test, whens)


def details(test: Tested, whens: Mapping[str, str]) -> Iterator[str]:
    width = max([len("signals"), *(len(mismatch.what) for mismatch in test.result.mismatches)])
    for mismatch in test.result.mismatches:
        expected, got = _sides(mismatch, whens)
        yield f"{_INDENT}{mismatch.what:<{width}}  expected  {expected}"
        yield f"{_INDENT}{'':<{width}}  got       {got}"
    for name, why in test.result.failures.items():
        yield f"{_INDENT}{'signals':<{width}}  `{name}` could not be evaluated: {why}"
    read = ", ".join(_read(test))
    margin = f"{_INDENT}{'':<{width}}  "
    if read:
        first = f"{_INDENT}{'signals':<{width}}  "
        yield from wrap(read, _WIDTH, initial_indent=first, subsequent_indent=margin, break_on_hyphens=False)


def _sides(mismatch: Mismatch, whens: Mapping[str, str]) -> tuple[str, str]:
    """With their conditions, if they are decisions."""
    if mismatch.what != "decision":
        return mismatch.expected, mismatch.got
    sides = (mismatch.expected, mismatch.got)
    expected, got = (f"{side}, when {whens[side]}" if side in whens else side for side in sides)
    return expected, got


def _read(test: Tested) -> Iterator[str]:
    """What the decision was made of."""
    for name, signal in test.result.form.get("signals", {}).items():
        known = "assumed" if name in test.assumed else _score(signal)
        yield f"{name} {shown(signal['value'])}{f' ({known})' if known else ''}"


def _score(signal: Mapping[str, Any]) -> str:
    score = signal["score"]
    return "" if score is None or score in (0, 1) else f"{score:.2f}"


def summary(config: str, tested: Sequence[Tested], all_of_them: int) -> str:
    failed = sum(not test.result.passed for test in tested)
    counts = [f"{failed} failed"] if failed else []
    counts.append(f"{len(tested) - failed} passed")
    if len(tested) < all_of_them:
        counts.append(f"{all_of_them - len(tested)} left out")
    return f"{config}: {', '.join(counts)}"


def form(config: str, tested: Sequence[Tested]) -> dict[str, Any]:
    failed = sum(not test.result.passed for test in tested)
    return {"config": config, "passed": len(tested) - failed, "failed": failed, "tests": [*map(_form, tested)]}


def _form(test: Tested) -> dict[str, Any]:
    mismatches = [{"what": m.what, "expected": m.expected, "got": m.got} for m in test.result.mismatches]
    return {
        "name": test.title,
        "file": test.file,
        "line": test.line,
        "column": test.column,
        "passed": test.result.passed,
        "mismatches": mismatches,
        "failures": dict(test.result.failures),
        "got": test.result.form,
    }
