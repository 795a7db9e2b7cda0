"""`reask`: whether the user's turn asks once more what an earlier one has asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from pointsman.signals.base import FALSE, Shape, SignalOptions, SignalValue
from pointsman.signals.contrast import differ
from pointsman.signals.encoder.encoding import Encoding
from pointsman.signals.facts import Facts
from pointsman.signals.learned import Probability
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.turns import MAX_TURNS, user_turns


class ReaskOptions(SignalOptions):
    type: Literal["reask"]
    threshold: Probability = 0.6
    """The least similarity that counts."""
    turns: int = Field(1, ge=1, le=MAX_TURNS)
    """With how many earlier turns of the user it is compared."""


class Reask(NeuralSignal[ReaskOptions]):
    Options = ReaskOptions

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def passages(self, facts: Facts) -> Sequence[str]:
        turns = user_turns(facts, self.options.turns + 1)
        if len(turns) < 2 or not turns[0].strip():
            return ()
        return [turns[0], *(turn for turn in turns[1:] if turn.strip() and not differ(turns[0], turn))]

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if len(encodings) < 2:
            return FALSE
        asked, *earlier = encodings
        similarity = max(float(asked.vector @ encoding.vector) for encoding in earlier)
        return SignalValue(similarity >= self.options.threshold, min(max(similarity, 0.0), 1.0))
