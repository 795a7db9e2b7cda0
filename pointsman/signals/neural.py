"""Signals that read a text's encoding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from pointsman.signals.base import UNKNOWN, Cost, OptionsT, Signal, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding
from pointsman.signals.facts import Facts


class NeedsEncoding(Exception):
    """Raised where a signal is asked whose passages are not encoded yet: encode them, then ask again."""

    def __init__(self, passages: Sequence[str]) -> None:
        super().__init__(f"{len(passages)} passages")
        self.passages = passages


class NeuralSignal(Signal[OptionsT]):
    """In two steps, because between them others may be served: which passages, and what their encodings say."""

    cost = Cost.NEURAL
    plain = False

    def prepare(self, encoder: Encoder) -> None:
        """Called once, before the first request: take heads, encode examples. EncoderError if that fails."""
        return

    @abstractmethod
    def passages(self, facts: Facts) -> Sequence[str]:
        """Texts of at most `MAX_CHARS`; none if the answer needs no encoder."""

    @abstractmethod
    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        """`encodings` are those of `passages`, in their order."""

    def unread(self, facts: Facts) -> SignalValue:
        """What it says after `passages`, if the encoder could not read them."""
        return UNKNOWN

    def evaluate(self, facts: Facts) -> SignalValue:
        raise NotImplementedError("Readings ask for the passages first")
