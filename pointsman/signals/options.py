"""Options that several signals share."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import inf
from typing import Annotated, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from pointsman.signals.base import FALSE, TRUE, Shape, SignalOptions, SignalValue
from pointsman.signals.facts import Scope

Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]


class TextOptions(SignalOptions):
    """A signal that reads text."""

    scope: Scope = Field(Scope.USER, alias="in")


class AnyOptions(SignalOptions):
    """A signal that compares with a list, or without one gives what it would compare."""

    any: list[Text] | None = Field(None, min_length=1)

    @property
    def shape(self) -> Shape:
        return Shape.LABEL if self.any is None else Shape.BOOL


class RangeOptions(SignalOptions):
    """A signal that measures: a number, or with bounds whether it lies within them."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; no number lies between them")
        return self

    @property
    def bounded(self) -> bool:
        return self.min is not None or self.max is not None

    @property
    def shape(self) -> Shape:
        return Shape.BOOL if self.bounded else Shape.NUMBER

    def measure(self) -> Callable[[int], SignalValue]:
        """From a number to the signal's value."""
        if not self.bounded:
            return _number
        low, high = -inf if self.min is None else self.min, inf if self.max is None else self.max
        return lambda number: TRUE if low <= number <= high else FALSE


@lru_cache(maxsize=4096)
def _number(number: int) -> SignalValue:
    return SignalValue(number)


def exactly_one(options: SignalOptions, *names: str) -> None:
    """ValueError unless one of these options is given."""
    given = [name for name in names if getattr(options, name) is not None]
    if len(given) != 1:
        choice = " or ".join(f"`{name}`" for name in names)
        raise ValueError(f"a {options.type} signal needs {choice}, one of them; it has {len(given)}")
