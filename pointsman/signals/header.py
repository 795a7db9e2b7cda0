"""`type: header`: what a header of the request says."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from pointsman.signals.base import FALSE, TRUE, UNKNOWN, Cost, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.text import as_label

_SECRET = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"})


class HeaderOptions(SignalOptions):
    type: Literal["header"]
    name: str = Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
    any: list[str] | None = Field(None, min_length=1)
    present: bool = False

    @field_validator("name")
    @classmethod
    def _no_secret(cls, name: str) -> str:
        name = name.lower()
        if name in _SECRET:
            raise ValueError(f"{name} carries credentials, which signals never show; use a tenant or role signal")
        return name

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if self.any is not None and self.present:
            raise ValueError("`any` and `present` are two questions; use two signals")
        return self


class Header(Signal[HeaderOptions]):
    Options = HeaderOptions
    cost = Cost.FREE

    def __init__(self, name: str, options: HeaderOptions) -> None:
        super().__init__(name, options)
        self._header, self._present = options.name, options.present
        self._values = None if options.any is None else frozenset(_plain(value) for value in options.any)

    @property
    def shape(self) -> Shape:
        return Shape.LABEL if self._values is None and not self.options.present else Shape.BOOL

    def evaluate(self, facts: Facts) -> SignalValue:
        value = facts.headers.get(self._header)
        if self._present:
            return FALSE if value is None else TRUE
        if self._values is not None:
            return TRUE if value is not None and _plain(value) in self._values else FALSE
        label = as_label(value) if value is not None else ""
        return SignalValue(label) if label else UNKNOWN


def _plain(value: str) -> str:
    return value.strip().casefold()
