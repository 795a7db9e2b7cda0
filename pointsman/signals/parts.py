"""`type: parts`: what kinds of content the messages carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, model_validator

from pointsman.signals.base import FALSE, TRUE, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts, Message
from pointsman.signals.options import RangeOptions, exactly_one

Part = Literal["text", "image", "audio", "file"]


class PartsOptions(RangeOptions):
    type: Literal["parts"]
    any: list[Part] | None = Field(None, min_length=1)
    count: Part | None = None

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        exactly_one(self, "any", "count")
        if self.any is not None and self.bounded:
            raise ValueError("`min` and `max` belong to `count`; remove them beside `any`")
        return self


class Parts(Signal[PartsOptions]):
    Options = PartsOptions

    def __init__(self, name: str, options: PartsOptions) -> None:
        super().__init__(name, options)
        self._counters = [_counter(part) for part in options.any or ()]

    @property
    def shape(self) -> Shape:
        return Shape.BOOL if self.options.any is not None else self.options.shape

    def evaluate(self, facts: Facts) -> SignalValue:
        if self.options.count is not None:
            counter = _counter(self.options.count)
            return self.options.measured(sum(map(counter, facts.messages)))
        return TRUE if any(counter(m) for m in facts.messages for counter in self._counters) else FALSE


def _counter(part: Part) -> Callable[[Message], int]:
    if part == "text":
        return lambda message: bool(message.text) and not message.text.isspace()
    return lambda message: message.parts.count(part)
