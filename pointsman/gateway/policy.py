"""From a configuration to what decides: signals, and decisions with parsed conditions and selectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pointsman.gateway.document import Keys
from pointsman.gateway.errors import ConfigError, Problem
from pointsman.gateway.schema import Config, DecisionConfig
from pointsman.policies import resolve
from pointsman.policies.decide import Policy
from pointsman.policies.expr import Expr, ExprError, Place, SignalRef, parse, references
from pointsman.policies.select import registry as selectors
from pointsman.policies.select.base import Selector
from pointsman.policies.types import Decision, Respond
from pointsman.signals import registry
from pointsman.signals.base import Signal, SignalOptions

Signals = Mapping[str, Signal[Any]]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the value under `keys`, `offset` characters into its text."""

    message: str
    keys: Keys
    at_key: bool = False
    offset: int = 0
    severity: str = "error"


@dataclass(slots=True)
class Build:
    """What could be built, and why the rest could not."""

    signals: dict[str, Signal[Any]] = field(default_factory=dict)
    decisions: dict[int, Decision] = field(default_factory=dict)  # by their index in the file
    findings: list[Finding] = field(default_factory=list)


def build_policy(config: Config) -> tuple[Signals, Policy]:
    """Raises ConfigError, without positions: `config.load` has found all of it before."""
    decisions = dict(enumerate(config.decisions))
    conditions = {index: decision.when for index, decision in decisions.items()}
    built = build(config.signals, decisions, conditions, config.pools, config.signals)
    if built.findings:
        raise ConfigError([Problem(finding.message) for finding in built.findings])
    return built.signals, Policy(built.decisions.values(), built.signals)


def build(
    signals: Mapping[str, SignalOptions],
    decisions: Mapping[int, DecisionConfig],
    conditions: Mapping[int, str],
    pools: Collection[str],
    declared: Collection[str],
) -> Build:
    """`decisions` and `signals` are those that are right in themselves; `conditions` are of all decisions,
    and `declared` are all signals of the file."""
    built = Build()
    for name, options in signals.items():
        try:
            built.signals[name] = registry.build(name, options)
        except ValueError as error:
            built.findings.append(Finding(str(error), ("signals", name), at_key=True))
    registry.join(built.signals.values())
    broken = set(declared) - set(built.signals)
    for index, text in conditions.items():
        when = _condition(text, index, built, pools, broken)
        if index in decisions:
            selector = _selector(decisions[index], index, built, pools)
            if when is not None:
                built.decisions[index] = _decision(decisions[index], when, selector)
    return built


def _condition(text: str, index: int, built: Build, pools: Collection[str], broken: set[str]) -> Expr | None:
    keys = ("decisions", index, "when")
    try:
        when = parse(text)
    except ExprError as error:
        built.findings.append(Finding(error.message, keys, offset=offset_of(error, text)))
        return None
    if any(isinstance(ref, SignalRef) and ref.name in broken for ref in references(when)):
        return None  # one complaint about the signal is enough
    errors = resolve.problems(when, built.signals, pools)
    built.findings += [Finding(error.message, keys, offset=offset_of(error, text)) for error in errors]
    return None if errors else when


def offset_of(place: Place | ExprError, text: str) -> int:
    return sum(len(line) + 1 for line in text.split("\n")[: place.line - 1]) + place.column - 1


def _selector(decision: DecisionConfig, index: int, built: Build, pools: Collection[str]) -> Selector[Any] | None:
    if not decision.models or any(model not in pools for model in decision.models):
        return None
    try:
        return selectors.build(decision.select, decision.models)
    except ValueError as error:
        built.findings.append(Finding(str(error), ("decisions", index, "select")))
        return None


def _decision(config: DecisionConfig, when: Expr, selector: Selector[Any] | None) -> Decision:
    respond = Respond(config.respond.status, config.respond.message) if config.respond else None
    return Decision(config.name, when, config.priority, tuple(config.models), selector, respond)
