from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pointsman.signals.base import Signal
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.keyword import Keyword, KeywordOptions
from pointsman.signals.text import phrase, tokens


@pytest.mark.parametrize(
    ("phrases", "text"),
    [
        (["urgent"], "This is URGENT!"),
        (["right now"], "do it right\n\t now, please"),
        (["c++"], "a C++ compiler"),
        (["node.js"], "in Node.js?"),
        ([".net"], "ASP.NET"),
        (["café"], "au CAFE\u0301"),
        (["urgent"], "ｕｒｇｅｎｔ"),
        (["紧急"], "这是紧急情况"),
        (["緊急"], "緊急です"),
        (["긴급"], "긴급하게 부탁해요"),
        (["ด่วน"], "งานด่วนมาก"),
        (["عاجل"], "هذا أمر عاجل جدا"),
        (["срочно"], "СРОЧНО помогите"),
        (["हिन्दी"], "मुझे हिन्दी आती है"),
        (["👍"], "great👍🏽👍"),
        (["python 教程"], "求Python教程"),
        (["don't"], "DON’T do it"),
        (["urgent", "c++"], "is there a C++ compiler?"),
        (["urgent", "!!!"], "now!!!"),
        (["紧急", "urgent"], "This is urgent!"),
        (["snake_case"], "in snake_case, please"),
    ],
)
def test_found(ask: Any, phrases: list[str], text: str) -> None:
    assert ask(text, type="keyword", any=phrases).value is True


@pytest.mark.parametrize(
    ("phrases", "text"),
    [
        (["cat"], "concatenate"),
        (["now"], "know snow"),
        (["right now"], "right, now"),
        (["right now"], "now is right"),
        (["c++"], "C is no C#"),
        (["case"], "snake_case"),
        (["हिन्द"], "मुझे हिन्दी आती है"),
        (["срочно"], "несрочно"),
        (["عاجل"], "معاجلة"),
        (["caf"], "café"),
        (["urgent"], ""),
        (["👍"], "👎"),
    ],
)
def test_not_found(ask: Any, phrases: list[str], text: str) -> None:
    assert ask(text, type="keyword", any=phrases).value is False


@pytest.mark.parametrize(
    ("text", "value", "score"),
    [
        ("red green", True, 0.5),
        ("red blue green", True, 0.75),
        ("green", False, 0.25),
        ("red", False, 0.25),
        ("red green black", False, 0.0),
        ("", False, 0.0),
    ],
)
def test_any_all_and_none_hold_together(ask: Any, text: str, value: bool, score: float) -> None:
    found = ask(text, type="keyword", any=["green", "blue", "teal"], all=["red"], none=["black"])
    assert (found.value, found.score) == (value, score)


def test_none_alone_holds_where_nothing_is_found(ask: Any) -> None:
    assert (ask("hello", type="keyword", none=["spam"]).value, ask("spam", type="keyword", none=["spam"]).value) == (
        True,
        False,
    )


def test_case_matters_if_asked_for(ask: Any) -> None:
    assert ask("an IT job", type="keyword", any=["IT"], case=True).value is True
    assert ask("do it", type="keyword", any=["IT"], case=True).value is False


@pytest.mark.parametrize(
    ("text", "typos", "value"),
    [
        ("this is ugrent", 1, True),
        ("this is urgnt", 1, True),
        ("this is ugrent", 0, False),
        ("imediatly!", 2, True),
        ("imediatly!", 1, False),
        ("credti cadr number", 1, False),  # four letters have to be right
        ("credti card number", 1, True),
        ("紧记", 2, False),
    ],
)
def test_typos(ask: Any, text: str, typos: int, value: bool) -> None:
    phrases = ["urgent", "immediately", "credit card", "紧急情况报告"]
    assert ask(text, type="keyword", any=phrases, typos=typos).value is value


def test_an_exact_word_is_not_corrected(ask: Any) -> None:
    assert ask("a contact", type="keyword", any=["contract"], none=["contact"], typos=1).value is False


@pytest.mark.parametrize(("scope", "value"), [("user", False), ("all", True), ("system", True), ("tool", False)])
def test_scope(ask: Any, scope: str, value: bool) -> None:
    talk = (Message("system", "secret plan"), Message("user", "hello"))
    assert ask(messages=talk, type="keyword", any=["secret"], **{"in": scope}).value is value


def test_words_across_the_pieces_of_a_long_text(ask: Any) -> None:
    for filler in ("lorem, ipsum. ", "你好，", "x" * 50):
        text = filler * (200_000 // len(filler))
        assert ask(f"{text} right now {text}", type="keyword", all=["right now"]).value is True
        assert ask(f"{text} right {text} now", type="keyword", all=["right now"]).value is False


@given(st.text("ab_ +?\n\x1cé你", max_size=20), st.lists(st.text("ab_ +é", min_size=1, max_size=4), min_size=1))
def test_a_phrase_is_found_where_its_tokens_are(text: str, phrases: list[str]) -> None:
    visible = tuple(p for p in phrases if p.strip())
    if not visible:
        return
    signals = [Keyword(f"k{n}", KeywordOptions(type="keyword", any=(p,))) for n, p in enumerate(visible)]
    Keyword.join(signals)
    facts = Facts(Route.CHAT, read_messages=lambda: (Message("user", text),))
    assert [signal.evaluate(facts).value for signal in signals] == [phrase(tokens(p)) in tokens(text) for p in visible]


@given(st.text(st.characters(codec=None)), st.lists(st.text("ab é你👍+", min_size=1), min_size=1))
def test_nothing_raises_and_every_phrase_is_found_in_itself(text: str, phrases: list[str]) -> None:
    visible = [phrase for phrase in phrases if phrase.strip()]
    if not visible:
        return
    signal: Signal[Any] = Keyword("k", KeywordOptions(type="keyword", all=tuple(visible), typos=2))
    for content, expected in ((text, None), (" ".join(visible), True)):
        message = Message("user", content)
        value = signal.evaluate(Facts(Route.CHAT, read_messages=lambda message=message: (message,))).value
        assert expected is None or value is expected


def test_a_signal_without_words_is_refused(declare: Any) -> None:
    with pytest.raises(ValidationError, match="give it a list `any`, `all` or `none`"):
        declare(type="keyword")


def test_an_invisible_phrase_is_refused(declare: Any) -> None:
    with pytest.raises(ValueError, match="no visible character"):
        declare(type="keyword", any=["ok", " \u200b "])
