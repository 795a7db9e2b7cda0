"""`type: parts`: what kinds of content the messages carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, model_validator

from pointsman.signals.base import COUNT, FALSE, TRUE, Shape, Signal, SignalValue
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
    numbers = COUNT

    def __init__(self, name: str, options: PartsOptions) -> None:
        super().__init__(name, options)
        self._any = [_counter(part) for part in options.any or ()]
        self._count = None if options.count is None else _counter(options.count)
        self._measured = options.measure()

    @property
    def shape(self) -> Shape:
        return Shape.BOOL if self.options.any is not None else self.options.shape

    def evaluate(self, facts: Facts) -> SignalValue:
        if self._count is not None:
            return self._measured(sum(map(self._count, facts.messages)))
        for message in facts.messages:
            for holds in self._any:
                if holds(message):
                    return TRUE
        return FALSE


def _counter(part: Part) -> Callable[[Message], int]:
    if part == "text":
        return lambda message: bool(message.text) and not message.text.isspace()
    return lambda message: message.parts.count(part)
