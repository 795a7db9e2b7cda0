from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pointsman.bench.quality.asking import Asker, chat
from pointsman.signals.base import Shape, SignalOptions, SignalValue
from pointsman.signals.encoder.encoding import Encoding
from pointsman.signals.facts import Facts
from pointsman.signals.neural import NeuralSignal


class Recorder:
    """An encoder whose vectors are the lengths of the passages."""

    name, dimension = "recorder", 1

    def __init__(self) -> None:
        self.passages: list[str] = []

    def encode(self, passages: Sequence[str]) -> list[Encoding]:
        self.passages.extend(passages)
        return [
            Encoding(np.array([len(text)], np.float32), np.zeros(1, np.float32), np.zeros(0, np.int32))
            for text in passages
        ]

    def head(self, name: str) -> Any:
        raise NotImplementedError


class Lengths(NeuralSignal[SignalOptions]):
    """The lengths of all messages; it fails on the word `fail`, and needs no encoder without words."""

    Options = SignalOptions

    @property
    def shape(self) -> Shape:
        return Shape.NUMBER

    def passages(self, facts: Facts) -> Sequence[str]:
        return [message.text for message in facts.messages if message.text]

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if facts.user_text == "fail":
            raise ValueError("cannot")
        return SignalValue(int(sum(encoding.vector[0] for encoding in encodings)))


def lengths() -> Lengths:
    return Lengths("lengths", SignalOptions(type="lengths"))


def test_requests_are_answered_in_their_order_and_passages_encoded_once() -> None:
    encoder = Recorder()
    asker = Asker(encoder)
    bodies = [chat("abc"), chat("ab"), chat("abc"), chat(""), chat("a", ("assistant", "ab"))]
    assert [value.value for value in asker.ask(lengths(), bodies * 100)] == [3, 2, 3, 0, 3] * 100
    assert sorted(encoder.passages) == ["a", "ab", "abc"]
    asker.ask(lengths(), [chat("abc")])
    assert len(encoder.passages) == 3


def test_a_signal_that_fails_is_unknown_and_counted() -> None:
    asker = Asker(Recorder())
    assert [value.value for value in asker.ask(lengths(), [chat("fail"), chat("ok"), chat("fail")])] == [None, 2, None]
    assert asker.failures == {"lengths: ValueError: cannot": 2}


def test_signals_are_built_from_what_the_yaml_says() -> None:
    values = Asker(Recorder()).ask_texts(["refund please", "hello"], type="keyword", any=["refund"])
    assert [value.value for value in values] == [True, False]
