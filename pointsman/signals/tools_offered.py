"""`type: tools_offered`: whether the request offers tools, and which."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pointsman.signals.base import FALSE, TRUE, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import RangeOptions, Text


class ToolsOfferedOptions(RangeOptions):
    type: Literal["tools_offered"]
    any: list[Text] | None = Field(None, min_length=1)


class ToolsOffered(Signal[ToolsOfferedOptions]):
    Options = ToolsOfferedOptions

    def __init__(self, name: str, options: ToolsOfferedOptions) -> None:
        super().__init__(name, options)
        self._names = None if options.any is None else frozenset(options.any)

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def evaluate(self, facts: Facts) -> SignalValue:
        fitting = [tool for tool in facts.tools if self._names is None or tool in self._names]
        if self.options.bounded:
            return self.options.measured(len(fitting))
        return TRUE if fitting else FALSE
