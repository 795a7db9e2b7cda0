"""Reading a configuration: everything that is wrong with it at once, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pointsman.gateway.crosscheck import Outline, Sections, client_labels, cross_check
from pointsman.gateway.document import Document, read_document
from pointsman.gateway.errors import ConfigError, Problem
from pointsman.gateway.policy import Build, Finding, build
from pointsman.gateway.schema import AuthConfig, Config, DecisionConfig, PoolConfig, ServerConfig, literal
from pointsman.gateway.wording import describe
from pointsman.policies.analyse import analyse
from pointsman.signals.base import SignalOptions
from pointsman.signals.registry import SignalConfig

T = TypeVar("T")
Key = TypeVar("Key", str, int)

_SERVER = TypeAdapter(ServerConfig)
_AUTH = TypeAdapter(AuthConfig)
_ALIASES = TypeAdapter(list[str])
_POOL = TypeAdapter(PoolConfig)
_SIGNAL: TypeAdapter[SignalOptions] = TypeAdapter(SignalConfig)
_DECISION = TypeAdapter(DecisionConfig)


@dataclass(frozen=True, slots=True)
class Examined:
    """`config` is None if a problem is an error."""

    config: Config | None
    problems: list[Problem]


def load(path: str | Path) -> Config:
    """Raises ConfigError with every error that the file has."""
    examined = examine(path)
    if examined.config is None:
        raise ConfigError([problem for problem in examined.problems if problem.severity == "error"])
    return examined.config


def examine(path: str | Path) -> Examined:
    """Errors, warnings and remarks in the file's order."""
    try:
        document = read_document(path)
    except ConfigError as error:
        return Examined(None, error.problems)
    config, problems = _validate(document)
    sections = _sections(document.data)
    built = _build(sections)
    findings = [*cross_check(sections), *built.findings]
    usable = config is not None and all(finding.severity != "error" for finding in findings)
    if usable:
        findings += [*client_labels(sections, built), *_analysis(built, sections)]
    problems += [_placed(finding, document) for finding in findings]
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return Examined(config if usable else None, problems)


def _build(sections: Sections) -> Build:
    conditions = {index: o.when for index, o in sections.outlines.items() if o.when is not None}
    return build(sections.signals, sections.decisions, conditions, sections.pool_names, sections.signal_names)


def _placed(found: Finding, document: Document) -> Problem:
    return document.problem(
        found.message, found.keys, at_key=found.at_key, offset=found.offset, severity=found.severity
    )


def _validate(document: Document) -> tuple[Config | None, list[Problem]]:
    try:
        return Config.model_validate(document.data), []
    except ValidationError as error:
        return None, describe(error, document, Config)


def _sections(data: Mapping[str, Any]) -> Sections:
    """Each part that is right in itself, so that one mistake does not hide those in other parts."""
    pools, signals = _entries(data.get("pools")), _entries(data.get("signals"))
    decisions = _items(data.get("decisions"))
    return Sections(
        server=_read(_SERVER, data.get("server", {})),
        auth=_read(_AUTH, data.get("auth")),
        has_auth=data.get("auth") is not None,
        tenants=list(_entries(data.get("tenants"))),
        aliases=_read(_ALIASES, data.get("aliases")) or [],
        pools=_right(_POOL, pools.items()),
        signals=_right(_SIGNAL, signals.items()),
        decisions=_right(_DECISION, enumerate(decisions)),
        outlines={index: _outline(_entries(decision)) for index, decision in enumerate(decisions)},
        pool_names=list(pools),
        signal_names=list(signals),
    )


def _outline(decision: Mapping[str, Any]) -> Outline:
    name, when, models = decision.get("name"), literal(decision.get("when")), _items(decision.get("models"))
    return Outline(
        name=name if isinstance(name, str) else None,
        when=when if isinstance(when, str) and when.strip() else None,
        models=[model for model in models if isinstance(model, str)],
    )


def _entries(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read(adapter: TypeAdapter[T], value: Any) -> T | None:
    try:
        return adapter.validate_python(value)
    except ValidationError:  # `_validate` reports it
        return None


def _right(adapter: TypeAdapter[T], values: Iterable[tuple[Key, Any]]) -> dict[Key, T]:
    read = ((key, _read(adapter, value)) for key, value in values)
    return {key: value for key, value in read if value is not None}


def _analysis(built: Build, sections: Sections) -> list[Finding]:
    places = {decision.name: index for index, decision in built.decisions.items()}
    findings = []
    for found in analyse(list(built.decisions.values()), sections.signal_names, sections.pool_names):
        if found.decision is not None:
            finding = Finding(found.message, ("decisions", places[found.decision], "when"))
        elif found.signal is not None:
            finding = Finding(found.message, ("signals", found.signal), at_key=True)
        elif found.pool is not None:
            finding = Finding(found.message, ("pools", found.pool), at_key=True)
        else:
            finding = Finding(found.message, ("decisions",), at_key=True)
        findings.append(replace(finding, severity=found.severity))
    return findings
