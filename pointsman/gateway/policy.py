"""From a configuration to what decides: signals, and decisions with parsed conditions and selectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

from pointsman.gateway.document import Keys
from pointsman.gateway.errors import ConfigError, Problem
from pointsman.gateway.schema.config import Config
from pointsman.gateway.schema.decisions import DecisionConfig
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.policies import inputs, resolve
from pointsman.policies.conditions import cycle, used, written_out
from pointsman.policies.decide import Policy
from pointsman.policies.expr import Expr, ExprError, Place, SignalRef, parse, references
from pointsman.policies.select import registry as selectors
from pointsman.policies.select.base import Selector
from pointsman.policies.select.context import Candidate
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


@dataclass(frozen=True, slots=True)
class Written:
    """An expression as the file has it, where named conditions still are names."""

    text: str
    expr: Expr

    def found(self, message: str, keys: Keys, place: Place | ExprError, severity: str = "error") -> Finding:
        return Finding(message, keys, offset=offset_of(place, self.text), severity=severity)


@dataclass(slots=True)
class Build:
    """What could be built, and why the rest could not. Decisions are known by their keys in the file."""

    signals: dict[str, Signal[Any]] = field(default_factory=dict)
    conditions: dict[str, Expr] = field(default_factory=dict)
    decisions: dict[Keys, Decision] = field(default_factory=dict)
    written: dict[Keys, Written] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def listed(self, keys: Keys) -> list[Decision]:
        """The decisions of one list."""
        return [decision for key, decision in self.decisions.items() if key[:-1] == keys]


MAIN: Keys = ("decisions",)
"""The keys of the main list."""


def virtual_keys(name: str) -> Keys:
    """The keys of a virtual model's list."""
    return ("virtual_models", name, "decisions")


class Policies(NamedTuple):
    signals: Signals
    main: Policy
    virtual: Mapping[str, Policy]

    @property
    def reads_prompts(self) -> bool:
        """Whether some selector does."""
        decisions = [d for policy in (self.main, *self.virtual.values()) for d in policy.decisions]
        return any(d.selector is not None and d.selector.reads_prompt for d in decisions)


def build_policy(config: Config) -> Policies:
    """Raises ConfigError, without positions: `config.load` has found all of it before."""
    lists = {MAIN: config.decisions}
    lists |= {virtual_keys(name): virtual.decisions for name, virtual in config.virtual_models.items()}
    decisions = {(*keys, index): d for keys, listed in lists.items() for index, d in enumerate(listed)}
    whens = {keys: decision.when for keys, decision in decisions.items()}
    declared = Declared(config.signals, config.conditions, config.pools)
    built = build(config.signals, config.conditions, decisions, whens, declared, config.pools)
    if built.findings:
        raise ConfigError([Problem(finding.message) for finding in built.findings])
    main = Policy(built.listed(MAIN), built.signals, config.strategy)
    virtual = {
        name: Policy(built.listed(virtual_keys(name)), built.signals, model.strategy)
        for name, model in config.virtual_models.items()
    }
    return Policies(built.signals, main, virtual)


@dataclass(frozen=True, slots=True)
class Declared:
    """The names of everything in the file, right or not."""

    signals: Collection[str]
    conditions: Collection[str]
    pools: Collection[str]


def build(
    signals: Mapping[str, SignalOptions],
    conditions: Mapping[str, str],
    decisions: Mapping[Keys, DecisionConfig],
    whens: Mapping[Keys, str],
    declared: Declared,
    pools: Mapping[str, PoolConfig],
) -> Build:
    """`decisions`, `signals` and `pools` are those that are right in themselves; `whens` are of all decisions."""
    built = Build()
    for name, options in signals.items():
        try:
            built.signals[name] = registry.build(name, options)
        except ValueError as error:
            built.findings.append(Finding(str(error), ("signals", name), at_key=True))
    registry.join(built.signals.values())
    for wrong in inputs.connect(built.signals, declared.signals):
        at_key = wrong.keys[0] == "weights"
        built.findings.append(Finding(wrong.message, ("signals", wrong.signal, *wrong.keys), at_key=at_key))
    _build_conditions(conditions, built, declared)
    for keys, text in whens.items():
        when = _expression(text, (*keys, "when"), built, declared)
        if when is not None:
            when = _written_out(when, (*keys, "when"), built, declared)
        if keys in decisions:
            selector = _selector(decisions[keys], keys, built, declared, pools)
            if when is not None:
                built.decisions[keys] = _decision(decisions[keys], when, selector)
    return built


def _build_conditions(texts: Mapping[str, str], built: Build, declared: Declared) -> None:
    parsed: dict[str, Expr] = {}
    for name, text in texts.items():
        expr = _expression(text, ("conditions", name), built, declared)
        if expr is not None:
            parsed[name] = expr
    while circle := cycle(parsed):
        names = [ref.name for ref in circle]
        keys: Keys = ("conditions", names[-1])
        shown = " → ".join(f"`{name}`" for name in (names[-1], *names)[:8])
        message = f"the condition depends on itself: {shown}{' → …' if len(names) > 7 else ''}"
        built.findings.append(built.written[keys].found(message, keys, circle[0].place))
        for name in names:
            del parsed[name]
    order = TopologicalSorter({name: {r.name for r in used(expr, parsed)} for name, expr in parsed.items()})
    for name in order.static_order():
        whole = _written_out(parsed[name], ("conditions", name), built, declared)
        if whole is not None:
            built.conditions[name] = whole


def _expression(text: str, keys: Keys, built: Build, declared: Declared) -> Expr | None:
    try:
        expr = parse(text)
    except ExprError as error:
        built.findings.append(Finding(error.message, keys, offset=offset_of(error, text)))
        return None
    written = built.written[keys] = Written(text, expr)
    broken = set(declared.signals) - set(built.signals)
    if any(isinstance(ref, SignalRef) and ref.name in broken for ref in references(expr)):
        return None  # one complaint about the signal is enough
    errors = resolve.problems(expr, built.signals, declared.pools, declared.conditions)
    built.findings += [written.found(error.message, keys, error) for error in errors]
    return None if errors else expr


def _written_out(expr: Expr, keys: Keys, built: Build, declared: Declared) -> Expr | None:
    if any(ref.name not in built.conditions for ref in used(expr, declared.conditions)):
        return None  # likewise
    try:
        return written_out(expr, built.conditions)
    except ExprError as error:
        built.findings.append(built.written[keys].found(error.message, keys, error))
        return None


def offset_of(place: Place | ExprError, text: str) -> int:
    return sum(len(line) + 1 for line in text.split("\n")[: place.line - 1]) + place.column - 1


def _selector(
    decision: DecisionConfig, keys: Keys, built: Build, declared: Declared, pools: Mapping[str, PoolConfig]
) -> Selector[Any] | None:
    if not decision.models or any(model not in declared.pools for model in decision.models):
        return None
    candidates = [_candidate(model, pools.get(model)) for model in decision.models]
    try:
        return selectors.build(decision.select, candidates)
    except ValueError as error:
        built.findings.append(Finding(str(error), (*keys, "select")))
        return None


def _candidate(name: str, pool: PoolConfig | None) -> Candidate:
    if pool is None:  # what is wrong with it is told elsewhere
        return Candidate(name)
    return Candidate(name, pool.price.input, pool.price.output, pool.quality, pool.context, pool.model)


def _decision(config: DecisionConfig, when: Expr, selector: Selector[Any] | None) -> Decision:
    respond = Respond(config.respond.status, config.respond.message) if config.respond else None
    return Decision(config.name, when, config.priority, tuple(config.models), selector, respond)
