"""Names and values of tests that nothing in the file answers to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pointsman.gateway.document import Keys
from pointsman.gateway.policy import Finding
from pointsman.gateway.schema.cases import COMPARISON, CaseConfig, ExpectConfig, Wanted
from pointsman.gateway.wording import quoted
from pointsman.policies.nearest import did_you_mean
from pointsman.policies.types import EXPLICIT
from pointsman.signals.base import Shape, Signal
from pointsman.signals.text import as_label


@dataclass(frozen=True, slots=True)
class Known:
    decisions: Collection[str]
    pools: Collection[str]
    signal_names: Collection[str]
    signals: Mapping[str, Signal[Any]]  # those that could be built


def check_tests(cases: Mapping[int, CaseConfig], known: Known) -> Iterator[Finding]:
    for index, case in cases.items():
        keys: Keys = ("tests", index)
        yield from _mapped("pool", case.pools, known.pools, (*keys, "pools"))
        yield from _values(case.signals, known, (*keys, "signals"), assumed=True)
        yield from _expected(case.expect, known, (*keys, "expect"))
        yield from _values(case.expect.signals, known, (*keys, "expect", "signals"), assumed=False)


def _expected(expect: ExpectConfig, known: Known, keys: Keys) -> Iterator[Finding]:
    decisions = {*known.decisions, EXPLICIT}
    if expect.decision is not None:
        yield from _name("decision", expect.decision, decisions, (*keys, "decision"))
    for index, name in enumerate(expect.not_decision):
        yield from _name("decision", name, decisions, (*keys, "not_decision", index))
    for index, name in enumerate(expect.models or ()):
        yield from _name("pool", name, known.pools, (*keys, "models", index))
    if expect.pool is not None:
        yield from _name("pool", expect.pool, known.pools, (*keys, "pool"))


def _mapped(kind: str, names: Iterable[str], known: Collection[str], keys: Keys) -> Iterator[Finding]:
    for name in names:
        for found in _name(kind, name, known, (*keys, name)):
            yield replace(found, at_key=True)


def _name(kind: str, name: str, known: Collection[str], keys: Keys) -> Iterator[Finding]:
    if name not in known:
        yield Finding(f"there is no {kind} {quoted(name)}{did_you_mean(name[:64], known)}", keys)


def _values(values: Mapping[str, Wanted], known: Known, keys: Keys, assumed: bool) -> Iterator[Finding]:
    yield from _mapped("signal", values, known.signal_names, keys)
    for name, value in values.items():
        if name in known.signals and value is not None:
            message = _misfit(known.signals[name], value, assumed)
            if message is not None:
                yield Finding(message, (*keys, name))


def _misfit(signal: Signal[Any], value: Wanted, assumed: bool) -> str | None:
    shown = quoted(signal.name)
    if signal.shape is Shape.BOOL:
        return None if isinstance(value, bool) else f"{shown} is true or false; write one of them, or null for unknown"
    if signal.shape is Shape.LABEL:
        return _misfit_label(signal, value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number or (not assumed and isinstance(value, str) and COMPARISON.fullmatch(value)):
        return None
    return f"{shown} is a number; write one" + ("" if assumed else ', or a comparison such as "> 8000"')


def _misfit_label(signal: Signal[Any], value: Wanted) -> str | None:
    known = signal.known_labels
    labels = [value] if isinstance(value, str) else value
    if not isinstance(labels, list):
        example = f", such as {min(known)}" if known else ""
        return f"{quoted(signal.name)} is a label; write one{example}, or a list of them"
    for label in labels:
        if known is not None and as_label(label) not in known:
            return f"{quoted(signal.name)} has no label {quoted(label)}{did_you_mean(label[:64], known)}"
    return None
