from __future__ import annotations

from typing import Any

import pytest

from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.regex import Regex


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        (r"\b\d{3}-\d{2}-\d{4}\b", "my number is 123-45-6789.", True),
        (r"\b\d{3}-\d{2}-\d{4}\b", "1123-45-67890", False),
        (r"(?i)hello", "HeLLo", True),
        (r"^\pL+$", "привет", True),
        (r"紧急|👍", "很紧急", True),
        (r"a.c", "a\ud800c", True),
        (r"x", "", False),
    ],
)
def test_search(ask: Any, pattern: str, text: str, value: bool) -> None:
    found = ask(text, type="regex", pattern=pattern)
    assert (found.value, found.score) == (value, float(value))


def test_scope(ask: Any) -> None:
    talk = (Message("tool", "AKIA0123456789ABCDEF"), Message("user", "hello"))
    assert ask(messages=talk, type="regex", pattern="AKIA[0-9A-Z]{16}", **{"in": "tool"}).value is True
    assert ask(messages=talk, type="regex", pattern="AKIA[0-9A-Z]{16}").value is False


def test_a_pattern_that_is_slow_elsewhere(ask: Any) -> None:
    assert ask("a" * 200_000, type="regex", pattern="(a*)*b").value is False


@pytest.mark.parametrize(("pattern", "reason"), [("(", "missing \\)"), ("(?=a)b", "Look-around"), (r"(a)\1", "\\\\1")])
def test_a_bad_pattern_says_why(declare: Any, capfd: pytest.CaptureFixture[str], pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        declare(type="regex", pattern=pattern)
    assert capfd.readouterr() == ("", "")


PATTERNS = [r"(?i)hello", "hello", r"(?P<n>\d{3})", r"(?P<n>[a-z]\d)", r"\Qa|b", "^x", r"y\z", "ü+"]


@pytest.mark.parametrize(
    "text", ["", "HELLO", "hello", "123", "a1", "a|b", "xy", "yx", "ü", "nothing", "hello 123 " * 999]
)
@pytest.mark.parametrize("first", range(len(PATTERNS)))
def test_patterns_that_are_looked_for_together_find_what_each_finds_alone(declare: Any, text: str, first: int) -> None:
    patterns = PATTERNS[first:] + PATTERNS[:first]
    alone, joined = ([declare(type="regex", pattern=pattern) for pattern in patterns] for _ in range(2))
    Regex.join(joined[: len(joined) // 2])
    Regex.join(joined[len(joined) // 2 :])
    facts = Facts(Route.CHAT, read_messages=lambda: (Message("user", text),))
    assert [signal.evaluate(facts) for signal in joined] == [signal.evaluate(facts) for signal in alone]
