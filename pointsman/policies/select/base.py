"""The interface of a selector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from random import Random
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from pointsman.policies.types import Choice
from pointsman.signals.facts import PoolLoad


class SelectOptions(BaseModel):
    """The YAML of one selector. Each narrows `by` to a Literal and adds its options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str


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

    def greedy(self, loads: Callable[[str], PoolLoad]) -> Choice:
        """The choice without exploration or side effect, for `explain`."""
        return self.choose(loads, Random(0))
