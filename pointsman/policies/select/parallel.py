"""Several models answer the same request: a judge picks one of their answers, or rounds of synthesis make one of all.

Synthesis is ReMoM of the vLLM Semantic Router (2603.04444): a schedule of breadths that ends with one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, Strict, model_validator

from pointsman.policies.nearest import did_you_mean
from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.types import Choice, Procedure

if TYPE_CHECKING:
    from random import Random

MOST = 16
"""Answers in one round."""

Number = Annotated[float, Strict()]
Count = Annotated[int, Strict(), Field(ge=1, le=MOST)]
Rounds = Annotated[list[Count], Field(min_length=2, max_length=8)]


class ParallelOptions(SelectOptions):
    by: Literal["parallel"]
    """Several models at once, and one answer of theirs."""
    breadth: Count | dict[str, Count] | None = None
    """How many answers are asked for at first, or how many of each model; by default one of each."""
    pick: Literal["best", "synthesize"] = "best"
    """`best`: the judge picks one of the answers; `synthesize`: further rounds write new ones from them."""
    judge: str | None = None
    """The pool that picks; without it the first of `models`."""
    rounds: Rounds | None = None
    """Answers in each round of a synthesis, the last is 1; by default the breadth, then 1."""
    max_cost: Number = Field(ge=0)
    """USD that all answers together may cost; a call that could exceed it is not made."""
    max_seconds: Number = Field(default=120.0, gt=0)
    """Time for all rounds; what is best so far is the answer then."""
    max_tokens: int = Field(default=4096, strict=True, ge=1)
    """Longest answer that a model is asked for, whatever more the client allows: costs are counted by it beforehand."""
    min_answers: Count = 1
    """Answers that the first round must have; with fewer the models are asked one after the other, as usual."""

    def asks(self) -> Mapping[tuple[str, ...], str]:
        return {} if self.judge is None else {("judge",): self.judge}

    @model_validator(mode="after")
    def _together(self) -> ParallelOptions:
        if self.rounds is not None:
            self._schedule(self.rounds)
        if self.judge is not None and self.pick == "synthesize":
            raise ValueError("a synthesis has no judge; leave `judge` out, or write pick: best")
        return self

    def _schedule(self, rounds: list[int]) -> None:
        if self.pick != "synthesize":
            raise ValueError("`rounds` are those of a synthesis; write pick: synthesize, or `breadth` instead")
        if rounds[-1] != 1:
            raise ValueError("the last of `rounds` must be 1: its answer is what the client gets")
        if isinstance(self.breadth, int):
            raise ValueError("`rounds` say how many answers the first has; leave `breadth` out")
        if self.breadth is not None and sum(self.breadth.values()) != rounds[0]:
            raise ValueError("the first of `rounds` must be the sum of `breadth`")


@dataclass(frozen=True, slots=True)
class Panel(Procedure):
    members: tuple[str, ...]  # pools of the first round; one may be in it more than once
    later: tuple[tuple[str, ...], ...]  # those of each further round; none: the judge picks
    judge: str
    max_cost: float
    max_seconds: float
    max_tokens: int
    min_answers: int


class Parallel(Selector[ParallelOptions]):
    Options = ParallelOptions

    def __init__(self, options: ParallelOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        members = self._members(options)
        if len(members) < options.min_answers:
            raise ValueError(f"`min_answers` is more than the {len(members)} that are asked")
        if len(members) < 2 and options.pick == "best":
            raise ValueError("there is nothing to pick from one answer; give `models` or `breadth` more")
        later = () if options.pick == "best" else tuple(map(self._of, (options.rounds or [0, 1])[1:]))
        self._choice = Choice(
            self.models,
            "parallel",
            reason=f"{len(members)} answers at once, {options.pick}",
            procedure=Panel(
                members,
                later,
                options.judge or self.models[0],
                options.max_cost,
                options.max_seconds,
                options.max_tokens,
                options.min_answers,
            ),
        )

    def choose(self, context: Context, view: None, random: Random | None) -> Choice:
        return self._choice

    def _members(self, options: ParallelOptions) -> tuple[str, ...]:
        breadth = options.breadth
        if not isinstance(breadth, dict):
            return self._of(options.rounds[0] if options.rounds else breadth or len(self.models))
        for name in breadth:
            if name not in self.models:
                raise ValueError(f"`breadth` names `{name}`, which is not in `models`{did_you_mean(name, self.models)}")
        members = tuple(name for name, count in breadth.items() for _ in range(count))
        if len(members) > MOST:
            raise ValueError(f"`breadth` asks for {len(members)} answers; {MOST} is the most")
        return members

    def _of(self, count: int) -> tuple[str, ...]:
        return tuple(islice(cycle(self.models), count))
