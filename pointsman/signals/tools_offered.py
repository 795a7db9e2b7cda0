"""`type: tools_offered`: whether the request offers tools, and which."""

from __future__ import annotations

from typing import Literal

from pointsman.signals.base import FALSE, TRUE, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import AnyOptions, RangeOptions


class ToolsOfferedOptions(RangeOptions, AnyOptions):
    type: Literal["tools_offered"]


class ToolsOffered(Signal[ToolsOfferedOptions]):
    Options = ToolsOfferedOptions

    def __init__(self, name: str, options: ToolsOfferedOptions) -> None:
        super().__init__(name, options)
        self._names = None if options.any is None else frozenset(options.any)
        self._measured = options.measure() if options.bounded else None

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def evaluate(self, facts: Facts) -> SignalValue:
        names = self._names
        fitting = facts.tools if names is None else [tool for tool in facts.tools if tool in names]
        if self._measured is not None:
            return self._measured(len(fitting))
        return TRUE if fitting else FALSE
