"""Connects the signals that are made of others, and says what is wrong with what they name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pointsman.policies.nearest import did_you_mean
from pointsman.signals.base import Shape, Signal
from pointsman.signals.derived import Derived, Input

Signals = dict[str, Signal[Any]]


@dataclass(frozen=True, slots=True)
class InputError:
    message: str
    signal: str
    keys: tuple[str, ...]


def connect(signals: Signals, declared: Collection[str]) -> list[InputError]:
    """Removes those that cannot be connected; no complaint about inputs that are `declared` but broken themselves."""
    derived = {name: signal for name, signal in signals.items() if isinstance(signal, Derived)}
    errors = [error for name, signal in derived.items() for error in _wrong(name, signal, signals, declared)]
    wrong = {error.signal for error in errors}
    graph = {name: {found.name for found in signal.inputs} for name, signal in derived.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        errors.append(_cycle(error.args[1], derived))
        order, wrong = [], set(derived)
    for name in wrong:
        del signals[name]
    for name in order:
        if name in derived and name in signals:
            if graph[name] <= signals.keys():
                derived[name].connect(signals)
            else:
                del signals[name]
    return errors


def _wrong(name: str, signal: Derived[Any], signals: Signals, declared: Collection[str]) -> Iterator[InputError]:
    for found in signal.inputs:
        if found.name in signals:
            message = _misread(found, signals[found.name])
        elif found.name not in declared:
            message = f"there is no signal `{found.name[:64]}`{did_you_mean(found.name[:64], declared)}"
        else:
            continue
        if message is not None:
            yield InputError(message, name, found.keys)


def _misread(found: Input, signal: Signal[Any]) -> str | None:
    name, known = found.name, signal.known_labels
    if signal.shape is not Shape.LABEL:
        kind = "a number" if signal.shape is Shape.NUMBER else "true or false"
        return None if found.label is None else f"`{name}` is {kind} and has no labels; write `{name}` alone"
    if not found.label:
        return f"`{name}` is a label; say which one, as in `{name}.{min(known) if known else 'label'}`"
    if known is not None and found.label not in known:
        return f"`{name}` has no label `{found.label[:64]}`{did_you_mean(found.label[:64], known)}"
    return None


def _cycle(names: list[str], derived: dict[str, Derived[Any]]) -> InputError:
    """graphlib names each after the one that needs it, the first one twice."""
    path = list(reversed(names))
    first = path[0]
    keys = next(found.keys for found in derived[first].inputs if found.name == path[1])
    shown = " → ".join(f"`{name}`" for name in path[:8])
    return InputError(f"`{first}` depends on itself: {shown}{' → …' if len(path) > 8 else ''}", first, keys)
