"""The interface of a selector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from pointsman.policies.types import Choice
from pointsman.signals.facts import PoolLoad

if TYPE_CHECKING:
    from random import Random


class SelectOptions(BaseModel):
    """The YAML of one selector. Each narrows `by` to a Literal and adds its options."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    by: str
    """Name of the selector."""


OptionsT = TypeVar("OptionsT", bound=SelectOptions)


class Selector(ABC, Generic[OptionsT]):
    """Built once per reload for one decision's `models`; raises ValueError if the options do not fit them."""

    Options: ClassVar[type[SelectOptions]]

    def __init__(self, options: OptionsT, models: Sequence[str]) -> None:
        self.options = options
        self.models = tuple(models)

    @abstractmethod
    def choose(self, loads: Callable[[str], PoolLoad], random: Random) -> Choice:
        """Order `self.models`; every model appears once, so that a failure finds the next."""

    @abstractmethod
    def greedy(self, loads: Callable[[str], PoolLoad]) -> Choice:
        """The choice without exploration or side effect, for `explain`."""
