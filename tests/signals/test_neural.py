"""Neural signals through `Readings`, as the gateway asks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pointsman.signals.base import Shape, SignalValue
from pointsman.signals.encoder.encoding import MAX_CHARS, Encoding, excerpt
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.neural import NeedsEncoding, NeuralSignal
from pointsman.signals.options import TextOptions
from pointsman.signals.readings import Readings
from tests.support.encoders import LetterEncoder


class ReaderOptions(TextOptions):
    type: str = "reader"
    extra: tuple[str, ...] = ()


class Reader(NeuralSignal[ReaderOptions]):
    """Says how many texts it was given."""

    Options = ReaderOptions

    @property
    def shape(self) -> Shape:
        return Shape.NUMBER

    def passages(self, facts: Facts) -> Sequence[str]:
        text = facts.user_text
        return [*([excerpt(text)] if text else []), *self.options.extra]

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if facts.user_text == "break":
            raise ZeroDivisionError
        return SignalValue(len(encodings))


def readings(text: str, **extra: tuple[str, ...]) -> Readings:
    signals: dict[str, Any] = {name: Reader(name, ReaderOptions(extra=more)) for name, more in extra.items()}
    return Readings(signals, Facts(Route.CHAT, read_messages=lambda: (Message("user", text),)))


def supply(found: Readings, needed: NeedsEncoding) -> None:
    encodings = LetterEncoder().encode(needed.passages)
    found.encoded(dict(zip(needed.passages, encodings, strict=True)), 0.5)


def test_a_signal_asks_for_its_passages_and_then_reads_them():
    found = readings("hello", one=())
    with pytest.raises(NeedsEncoding) as raised:
        found["one"]
    assert raised.value.passages == ["hello"]
    supply(found, raised.value)
    assert (found["one"].value, found.encoder_seconds) == (1, 0.5)


def test_a_passage_that_another_signal_had_encoded_is_not_asked_for_again():
    found = readings("hello", one=(), two=("more",))
    with pytest.raises(NeedsEncoding) as raised:
        found["one"]
    supply(found, raised.value)
    with pytest.raises(NeedsEncoding) as raised:
        found["two"]
    assert raised.value.passages == ["more"]


def test_without_passages_nothing_is_encoded():
    assert readings("", one=())["one"].value == 0


def test_if_the_encoder_cannot_the_signals_that_wait_are_unknown_and_others_are_not():
    found = readings("hello", one=(), two=("more",))
    with pytest.raises(NeedsEncoding) as raised:
        found["one"]
    supply(found, raised.value)
    with pytest.raises(NeedsEncoding) as raised:
        found["two"]
    found.unencoded(raised.value.passages, "too late", 0.25)
    assert (found["two"].value, found["one"].value) == (None, 1)
    assert (found.missed, found.failures, found.encoder_seconds) == ({"two": "too late"}, {}, 0.75)


def test_a_signal_that_breaks_on_an_encoding_is_unknown_and_told():
    found = readings("break", one=())
    with pytest.raises(NeedsEncoding) as raised:
        found["one"]
    supply(found, raised.value)
    assert found["one"].value is None
    assert found.failures == {"one": "ZeroDivisionError: "}


def test_reading_large_bodies_ahead_chooses_passages_but_encodes_nothing():
    found = readings("hello", one=())
    found.read_texts()
    assert found.values == {}
    with pytest.raises(NeedsEncoding):
        found["one"]


@pytest.mark.parametrize("length", [0, 1, MAX_CHARS, MAX_CHARS + 1, 100_000])
def test_a_passage_is_bounded_and_keeps_both_ends(length):
    text = "".join(chr(97 + n % 26) for n in range(length))
    passage = excerpt(text)
    assert len(passage) <= MAX_CHARS
    assert text.startswith(passage[:400])
    assert text.endswith(passage[-400:] if passage else "")
