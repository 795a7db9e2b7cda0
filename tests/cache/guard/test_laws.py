"""What holds of any two texts."""

from __future__ import annotations

import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache.guard import compare
from pointsman.cache.guard.reading import read

_WORDS = [
    "how",
    "what",
    "why",
    "do",
    "i",
    "you",
    "not",
    "no",
    "the",
    "a",
    "enable",
    "disable",
    "three",
    "3",
    "5",
    "km",
    "mile",
    "france",
    "spain",
    "in",
    "to",
    "from",
    "than",
    "python",
    "git",
    "`ls`",
    "'x'",
    "first",
    "last",
    "my",
    "your",
    "is",
    "was",
    "price",
    "cost",
    "all",
    "only",
    "log",
    "turn",
    "on",
    "off",
    "hundred",
    "and",
    "10:30",
    "a@b.c",
    "--force",
    "may",
]
requests = st.lists(st.sampled_from(_WORDS), max_size=9).map(" ".join)
texts = st.one_of(requests, st.text(max_size=60))
cosines = st.floats(-1, 1)


@given(texts, texts, cosines)
def test_it_does_not_matter_which_text_is_which(a: str, b: str, near: float) -> None:
    assert compare(a, b, near).same == compare(b, a, near).same


@given(texts, texts, cosines)
def test_a_refusal_has_a_reason_and_nothing_else_has(a: str, b: str, near: float) -> None:
    verdict = compare(a, b, near)

    assert verdict.same == (verdict.reason is None)


@given(texts, cosines)
def test_a_text_is_the_same_as_itself(text: str, near: float) -> None:
    assert compare(text, text, near).same


@given(requests.filter(lambda text: "`" not in text and "'" not in text), cosines)
def test_case_spaces_and_the_last_sign_do_not_count(text: str, near: float) -> None:
    assert compare(f"  {text.upper()} ?", text.replace(" ", "  "), near).same


@given(texts, st.sampled_from(["4711", "X-99", "/etc/hosts", "a_b", "--all", "#ff00aa", "kim@example.com"]))
def test_what_is_literal_is_never_overlooked(text: str, literal: str) -> None:
    assert not compare(text, f"{text} {literal}", 1.0).same or literal in text


@given(texts, texts)
def test_a_nearer_pair_is_not_refused_where_a_farther_one_passes(a: str, b: str) -> None:
    assert compare(a, b, 0.95).same >= compare(a, b, 0.75).same


def test_nothing_is_the_same_as_nothing_alone() -> None:
    assert compare("", "", 1.0).same
    assert compare("", " ?! ", 1.0).same
    assert not compare("", "osmosis", 1.0).same


@pytest.mark.parametrize(
    "unit",
    [
        "why is the sky blue and not green on 3 May? ",
        "from Paris to Rome than ",
        "hi, please ",
        "two hundred and ",
        "don't `turn ",
        "天气不好",
        "e\u0301\u0301",
        "'((\"",
        "a.b/c-d_e@f ",
    ],
)
def test_long_texts_take_time_in_proportion_to_their_length(unit: str) -> None:
    short, long = (_calls(unit * count, f"{unit * count} osmosis") for count in (50, 400))

    assert long < 12 * max(short, 300)


def _calls(a: str, b: str) -> int:
    """Functions entered, which no busy machine makes more of."""
    read.cache_clear()
    count = 0

    def entered(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(entered)
    try:
        compare(a, b, 0.9)
    finally:
        sys.setprofile(before)
    return count
