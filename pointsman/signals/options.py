"""Options that several signals share."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from pointsman.signals.base import FALSE, TRUE, Shape, SignalOptions, SignalValue
from pointsman.signals.facts import Scope

Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]


class TextOptions(SignalOptions):
    """A signal that reads text."""

    scope: Scope = Field(Scope.USER, alias="in")


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

    def measured(self, number: int) -> SignalValue:
        if not self.bounded:
            return SignalValue(number)
        above = self.min is None or number >= self.min
        return TRUE if above and (self.max is None or number <= self.max) else FALSE


def exactly_one(options: SignalOptions, *names: str) -> None:
    """ValueError unless one of these options is given."""
    given = [name for name in names if getattr(options, name) is not None]
    if len(given) != 1:
        choice = " or ".join(f"`{name}`" for name in names)
        raise ValueError(f"a {options.type} signal needs {choice}, one of them; it has {len(given)}")
