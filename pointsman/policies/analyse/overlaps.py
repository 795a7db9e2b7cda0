"""Decisions of which the file's order chooses one, and answers of the policy that a decision before them prevents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from pointsman.policies.analyse.finding import MOST, Finding, code, listed
from pointsman.policies.analyse.model import Model
from pointsman.policies.types import Decision

_COUNTED: Final = 10
"""Decisions that one finding looks for: only some of them are named."""


def overlapping(model: Model) -> Iterator[Finding]:
    told = 0
    for first, decision in enumerate(model.decisions):
        if len(model.tiers[first]) > 1 or not model.is_reached[first]:
            continue  # of a tier the surest decision wins, wherever it stands
        others = list(islice(_overlapped(model, first), _COUNTED if told < MOST else 1))
        if others:
            such = _such(model, model.wins[first], model.conditions[others[0]]) if told < MOST else ""
            yield _overlap(model, decision, others, such)
            told += 1


def defeated(model: Model) -> Iterator[Finding]:
    told = 0
    for guard, decision in enumerate(model.decisions):
        if decision.respond is None or not model.is_reached[guard]:
            continue
        others = list(islice(_defeating(model, guard), _COUNTED if told < MOST else 1))
        if others:
            such = _such(model, model.wins[others[0]], model.conditions[guard]) if told < MOST else ""
            yield _defeat(model, decision, others, such)
            told += 1


def _overlapped(model: Model, first: int) -> Iterator[int]:
    """Later decisions of equal priority that would win some requests of this one if they stood before it. An answer
    of the policy belongs before what goes to a model: `defeated` says where it does not stand there."""
    wins, decision = model.wins[first], model.decisions[first]
    for index in range(first + 1, len(model.decisions)):
        other = model.decisions[index]
        if other.priority != decision.priority:
            return
        if _outcome(other) == _outcome(decision) or bool(other.respond) is not bool(decision.respond):
            continue
        condition = model.conditions[index]
        # A special case stands before the general one, on purpose. What always follows is never reached.
        if model.is_reached[index] and _partly(model, wins, condition):
            yield index


def _defeating(model: Model, guard: int) -> Iterator[int]:
    """Decisions that can send to a model what the guard would answer. An exception to the guard repeats its
    condition and is left alone."""
    for index in range(model.tiers[guard].stop):
        if model.decisions[index].respond is None and _partly(model, model.wins[index], model.conditions[guard]):
            yield index


def _partly(model: Model, wins: int, condition: int) -> bool:
    return model.possible(wins, condition) and model.possible(wins, -condition)


def _outcome(decision: Decision) -> object:
    selector = decision.selector
    return decision.models, decision.respond, type(selector), selector.options if selector else None


def _names(model: Model, indices: Sequence[int]) -> str:
    return listed([model.decisions[index].name for index in indices])


def _such(model: Model, *literals: int) -> str:
    example = model.example(*literals)
    return f", such as {example}" if example else ""


def _overlap(model: Model, decision: Decision, others: Sequence[int], such: str) -> Finding:
    name, second = code(decision.name), code(model.decisions[others[0]].name)
    also = f"; likewise {_names(model, others[1:])}" if len(others) > 1 else ""
    message = (
        f"decisions {name} and {second} have the same priority and some requests in common{such}: "
        f"{name} takes them because it stands first in the file{also}"
    )
    return Finding("info", message, decision.name)


def _defeat(model: Model, guard: Decision, others: Sequence[int], such: str) -> Finding:
    name = code(guard.name)
    message = (
        f"decision {name} does not answer all requests that it holds for: {_names(model, others)} "
        f"can take some{such}; give {name} a higher priority"
    )
    return Finding("warning", message, guard.name)
