"""`type: context`: how many tokens the request holds."""

from __future__ import annotations

from typing import Literal

from pointsman.signals.base import COUNT, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import RangeOptions


class ContextOptions(RangeOptions):
    type: Literal["context"]


class Context(Signal[ContextOptions]):
    Options = ContextOptions
    numbers = COUNT

    def __init__(self, name: str, options: ContextOptions) -> None:
        super().__init__(name, options)
        self._measured = options.measure()

    @property
    def shape(self) -> Shape:
        return self.options.shape

    def evaluate(self, facts: Facts) -> SignalValue:
        return self._measured(facts.prompt_tokens)
