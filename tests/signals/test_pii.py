from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pointsman.signals.base import Signal, SignalValue
from pointsman.signals.encoder.encoding import MAX_CHARS, Encoding
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.pii.signal import Pii, PiiOptions
from pointsman.signals.readings import Readings

PIECE = re.compile(r"[\u4e00-\u9fff]|[^\W\d_]{1,4}|[0-9]{1,2}|[^\w\s]|_")
HEAD, TAIL = 44, 20  # tokens that are read


class Tagger:
    """Tags the words of persons and addresses that it knows, in pieces of four letters."""

    name, dimension = "tagger", 2

    def __init__(self, persons: Sequence[str] = (), addresses: Sequence[str] = (), sure: float = 0.9) -> None:
        self._known = [(value, 1) for value in persons] + [(value, 3) for value in addresses]
        self._sure = sure

    def encode(self, passages: Sequence[str]) -> list[Encoding]:
        return [self._encoding(passage) for passage in passages]

    def head(self, name: str) -> Any:
        raise NotImplementedError

    def _encoding(self, passage: str) -> Encoding:
        offsets = [(0, 0), *(found.span() for found in PIECE.finditer(passage)), (0, 0)]
        if len(offsets) > HEAD + TAIL:
            offsets = offsets[:HEAD] + offsets[-TAIL:]
        tags = np.zeros((len(offsets), 5), np.float16)
        tags[:, 0] = 1
        for value, column in self._known:
            for found in re.finditer(re.escape(value), passage):
                inside = [n for n, (start, end) in enumerate(offsets) if found.start() <= start < end <= found.end()]
                for place, n in enumerate(inside):
                    tags[n] = (1 - self._sure) / 4
                    tags[n, column + (place > 0)] = self._sure
        vector = np.ones(2, np.float32)
        return Encoding(vector, vector, np.zeros(0, np.int32), tags, np.asarray(offsets, np.int32))


def facts(*messages: Message | str) -> Facts:
    read = tuple(Message("user", one) if isinstance(one, str) else one for one in messages)
    return Facts(Route.CHAT, read_messages=lambda: read)


def asked(request: Facts, encoder: Tagger | None = None, **options: Any) -> tuple[SignalValue, list[str]]:
    """What it says, and the passages that it wanted."""
    signal = Pii("pii", PiiOptions.model_validate({"type": "pii", **options}))
    readings = Readings({"pii": signal}, request)
    try:
        return readings["pii"], []
    except NeedsEncoding as needs:
        passages = list(needs.passages)
        readings.encoded(dict(zip(passages, (encoder or Tagger()).encode(passages), strict=True)), 0)
        value = readings["pii"]
        assert not readings.failures
        return value, passages


def texts(request: Facts, value: SignalValue) -> list[tuple[str, str]]:
    return [(one.type, request.messages[one.message].text[one.start : one.end]) for one in value.spans]


def found(text: str, encoder: Tagger, **options: Any) -> list[tuple[str, str]]:
    request = facts(text)
    return texts(request, asked(request, encoder, **options)[0])


def test_types_that_are_not_wanted_or_allowed_are_not_told() -> None:
    text = "a@example.com from 10.0.0.1"
    assert found(text, Tagger(), types=["EMAIL"]) == [("EMAIL", "a@example.com")]
    assert found(text, Tagger(), allow=["EMAIL"]) == [("IP_ADDRESS", "10.0.0.1")]
    value, _ = asked(facts(text), types=["SSN"])
    assert (value.value, value.score, value.spans) == (False, 0.0, ())


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        ("@example.com", ["b@mail.example.com", "+1 212 555 0100"]),
        ("A@example.com", ["b@mail.example.com", "+1 212 555 0100"]),
        ("+1 (212) 555-0100", ["a@example.com", "b@mail.example.com"]),
        ("example.com", ["a@example.com", "b@mail.example.com", "+1 212 555 0100"]),
    ],
)
def test_values_that_are_allowed(allowed: str, left: list[str]) -> None:
    text = "a@example.com, b@mail.example.com, +1 212 555 0100"
    assert [value for _, value in found(text, Tagger(), allow=[allowed])] == left


def test_a_person_can_be_allowed() -> None:
    tagger = Tagger(["Ada Lovelace", "Ann Lee"])
    assert found("Ada Lovelace met Ann Lee", tagger, allow=["ada lovelace"]) == [("PERSON", "Ann Lee")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allow": ["EMAILS"]}, "did you mean EMAIL"),
        ({"allow": ["--"]}, "no letter or digit"),
        ({"types": ["NAME"]}, "PERSON"),
        ({"types": []}, "at least 1"),
        ({"types": ["SSN"], "allow": ["SSN"]}, "nothing could be found"),
        ({"threshold": 0}, "greater than 0"),
    ],
)
def test_options_that_cannot_be_meant(declare: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=message):
        declare(type="pii", **options)


def test_spans_name_their_message() -> None:
    request = facts(
        Message("system", "Be kind. 😀 root@example.com"),
        Message("user", ""),
        Message("assistant", "What is your phone number?"),
        Message("user", "467 5395, and bob@example.com"),
    )
    value, _ = asked(request, types=["EMAIL", "PHONE"])
    assert [(one.message, one.type) for one in value.spans] == [(0, "EMAIL"), (3, "PHONE"), (3, "EMAIL")]
    assert [text for _, text in texts(request, value)] == ["root@example.com", "467 5395", "bob@example.com"]


@pytest.mark.parametrize(("scope", "names"), [("user", "d"), ("all", "abcd"), ("system", "a"), ("tool", "c")])
def test_scope(scope: str, names: str) -> None:
    roles = ["system", "user", "tool", "user"]
    request = facts(*(Message(role, f"{name}@x.org") for role, name in zip(roles, "abcd", strict=True)))
    value, _ = asked(request, **{"in": scope})
    assert [text for _, text in texts(request, value)] == [f"{name}@x.org" for name in names]


def test_without_learned_types_no_passage_is_wanted() -> None:
    assert asked(facts("My name is Ann Lee, a@b.org"), types=["EMAIL", "PHONE"])[1] == []
    assert asked(facts("My name is Ann Lee, a@b.org"), allow=["PERSON", "ADDRESS"])[1] == []
    assert asked(facts(""), types=["PERSON"])[1] == []
    assert asked(facts("My name is Ann Lee"), types=["PERSON"])[1] == ["My name is Ann Lee"]


def test_without_tags_only_patterns_work() -> None:
    request = facts("Ann Lee, a@b.org")
    signal = Pii("pii", PiiOptions(type="pii"))
    vector = np.ones(2, np.float32)
    value = signal.read(request, [Encoding(vector, vector, np.zeros(0, np.int32))])
    assert texts(request, value) == [("EMAIL", "a@b.org")]


@pytest.mark.parametrize(
    ("text", "tagged", "span"),
    [
        ("I met Katharina Oberhuber.", "Katharina Oberhuber", "Katharina Oberhuber"),
        ("I met Katharina's dog", "Katharina's", "Katharina"),
        ("(Ann O’Brien)", "(Ann O’Brien)", "Ann O’Brien"),
        ("by Ann L. today", "Ann L.", "Ann L."),
        ("by Ann Lee.", "Ann Lee.", "Ann Lee"),
        ("I met Katharina", "Katharin", "Katharina"),
        ("我叫王小明，你好", "王小明", "王小明"),
    ],
)
def test_a_span_is_of_whole_words(text: str, tagged: str, span: str) -> None:
    assert found(text, Tagger([tagged]), threshold=0.3) == [("PERSON", span)]


def test_an_address_over_lines_is_one() -> None:
    text = "Send it to 12 Oak Lane\nSpringfield, CO\n 64677 today"
    tagger = Tagger(addresses=["12 Oak Lane", "Springfield, CO", "64677"])
    assert found(text, tagger) == [("ADDRESS", "12 Oak Lane\nSpringfield, CO\n 64677")]


def test_two_persons_are_two() -> None:
    assert [text for _, text in found("Ann Lee and Bob Ray", Tagger(["Ann Lee", "Bob Ray"]))] == ["Ann Lee", "Bob Ray"]


def test_the_threshold_holds_for_learned_spans_only() -> None:
    text, tagger = "Ann Lee, a@b.org", Tagger(["Ann Lee"], sure=0.7)
    assert ("PERSON", "Ann Lee") in found(text, tagger, threshold=0.6)
    assert found(text, tagger, threshold=0.8) == [("EMAIL", "a@b.org")]
    value, _ = asked(facts("Ann Lee"), tagger, threshold=0.6)
    assert value.score == pytest.approx(0.775, abs=0.01)


@pytest.mark.parametrize(
    ("text", "tagger", "spans"),
    [
        ("Ann ann@lee.org", Tagger(["Ann ann@lee.org"]), [("PERSON", "Ann"), ("EMAIL", "ann@lee.org")]),
        (
            "to 03262 24379 rue Haute, Lyon",
            Tagger(addresses=["03262 24379 rue Haute, Lyon"]),
            [("ADDRESS", "03262 24379 rue Haute, Lyon")],
        ),
        (
            "to 5 Elm Road, +44 7700 900123",
            Tagger(addresses=["5 Elm Road, +44 7700 900123"]),
            [("ADDRESS", "5 Elm Road"), ("PHONE", "+44 7700 900123")],
        ),
    ],
)
def test_patterns_and_learned_spans_that_overlap(text: str, tagger: Tagger, spans: list[tuple[str, str]]) -> None:
    assert found(text, tagger) == spans


def test_a_long_text_is_searched_for_names() -> None:
    text = f"{'the grass is green and ' * 400}my name is Anna Smith and {'so it goes on ' * 400}"
    request = facts(text)
    value, passages = asked(request, Tagger(["Anna Smith"]))
    assert texts(request, value) == [("PERSON", "Anna Smith")]
    assert len(passages) <= 2
    assert all(len(passage) <= 220 for passage in passages)


@pytest.mark.parametrize(
    ("hint", "address"),
    [
        ("we live at 12 Oak Lane, Springfield now", "12 Oak Lane, Springfield"),
        ("sie wohnt in der Lindenstraße 12, 50674 Köln", "Lindenstraße 12, 50674 Köln"),
        ("elle habite 3 rue Haute, 69001 Lyon", "3 rue Haute, 69001 Lyon"),
    ],
)
def test_a_long_text_is_searched_for_addresses(hint: str, address: str) -> None:
    filler = "the grass is green and so on, " * 300
    assert found(f"{filler}{hint} {filler}", Tagger(addresses=[address])) == [("ADDRESS", address)]


def test_a_long_text_without_any_hint_asks_for_nothing() -> None:
    assert asked(facts("the grass is green and so on, " * 1000))[1] == []


def test_names_in_other_messages_are_found_beside_a_short_question() -> None:
    request = facts(
        Message("tool", f"{'nothing here, ' * 200}contact: Anna Smith, {'and so on, ' * 200}"), "who is bob ray?"
    )
    value, passages = asked(request, Tagger(["Anna Smith", "bob ray"]))
    assert texts(request, value) == [("PERSON", "Anna Smith"), ("PERSON", "bob ray")]
    assert passages[0] == "who is bob ray?"


@given(st.integers(1, 3000))
def test_what_an_excerpt_ends_with_is_found_in_the_text(length: int) -> None:
    text = f"My name is Ann Lee. {'x ' * length} Yours, Bob Ray"
    request = facts(text)
    value, passages = asked(request, Tagger(["Ann Lee", "Bob Ray"]))
    assert texts(request, value) == [("PERSON", "Ann Lee"), ("PERSON", "Bob Ray")]
    assert all(len(passage) <= MAX_CHARS for passage in passages)


def test_nothing_is_joined_over_what_the_encoder_left_out() -> None:
    text = "Ann Lee " + "x, " * 60 + "Bob Ray"
    assert len(text) <= 240
    assert [span for _, span in found(text, Tagger([text]), threshold=0.4)] != [text]


def test_a_window_cuts_no_word() -> None:
    text = "pneumonoultramicroscopic " * 50 + "signed by Maria Delgado " + "pneumonoultramicroscopic " * 50
    _, passages = asked(facts(text))
    assert passages
    assert set(" ".join(passages).split()) <= set(text.split())


@given(st.lists(st.text(st.sampled_from("Ab 1.,\n:@é王\ud800")), max_size=4), st.sampled_from(["user", "all", "tool"]))
def test_no_text_makes_it_fail(contents: list[str], scope: str) -> None:
    request = facts(*(Message("user", content) for content in contents))
    value, _ = asked(request, Tagger(["A"], ["1"]), **{"in": scope})
    for one in value.spans:
        assert 0 <= one.start < one.end <= len(request.messages[one.message].text)


def test_signals_of_one_request_share_the_scan() -> None:
    request = facts("a@b.org and 10.0.0.1")
    signals: dict[str, Signal[Any]] = {
        kind: Pii(kind, PiiOptions.model_validate({"type": "pii", "types": [kind]}))
        for kind in ("EMAIL", "IP_ADDRESS", "SSN")
    }
    readings = Readings(signals, request)
    assert [readings[kind].value for kind in signals] == [True, True, False]
