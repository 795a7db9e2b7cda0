"""Reading a configuration: everything that is wrong with it at once, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pointsman.gateway.crosscheck import Outline, Sections, client_labels, cross_check, unused_conditions
from pointsman.gateway.document import Document, Keys, parse_document
from pointsman.gateway.errors import ConfigError, Problem
from pointsman.gateway.includes import KEY, read_documents
from pointsman.gateway.policy import MAIN, Build, Declared, Finding, build, offset_of, virtual_keys
from pointsman.gateway.policy_tests.check import Known, check_tests
from pointsman.gateway.schema.access import AuthConfig, ServerConfig
from pointsman.gateway.schema.cache import CacheConfig
from pointsman.gateway.schema.cases import CaseConfig
from pointsman.gateway.schema.config import Config
from pointsman.gateway.schema.decisions import DecisionConfig, literal
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.gateway.schema.running import JudgeConfig
from pointsman.gateway.wording import describe
from pointsman.policies.analyse import Rates, analyse
from pointsman.policies.types import Strategy
from pointsman.signals.base import SignalOptions
from pointsman.signals.derived import Derived
from pointsman.signals.registry import SignalConfig

T = TypeVar("T")
Key = TypeVar("Key", str, int, Keys)

_SERVER = TypeAdapter(ServerConfig)
_AUTH = TypeAdapter(AuthConfig)
_JUDGE = TypeAdapter(JudgeConfig)
_CACHE = TypeAdapter(CacheConfig)
_ALIASES = TypeAdapter(list[str])
_POOL = TypeAdapter(PoolConfig)
_SIGNAL: TypeAdapter[SignalOptions] = TypeAdapter(SignalConfig)
_DECISION = TypeAdapter(DecisionConfig)
_CASE = TypeAdapter(CaseConfig)


@dataclass(frozen=True, slots=True)
class Examined:
    """`config` is None if a problem is an error."""

    config: Config | None
    problems: list[Problem]
    document: Document | None = None

    def usable(self) -> Config:
        """Raises ConfigError with every error."""
        if self.config is None:
            raise ConfigError([problem for problem in self.problems if problem.severity == "error"])
        return self.config


def load(path: str | Path) -> Config:
    """Raises ConfigError with every error that the file has."""
    return examine(path, analysed=False).usable()


def examine(path: str | Path, analysed: bool = True) -> Examined:
    """Errors, warnings and remarks in the file's order; without an analysis none about what its conditions mean."""
    try:
        document = read_documents(path)
    except ConfigError as error:
        return Examined(None, error.problems)
    return examine_document(document, analysed)


def examine_text(text: str, name: str) -> Examined:
    """As `examine`, of a file that is called so in what is found."""
    try:
        document = parse_document(text, name)
    except ConfigError as error:
        return Examined(None, error.problems)
    if document.data.get(KEY):
        problem = document.problem("files can be included by a file only; write everything here", (KEY,), at_key=True)
        return Examined(None, [problem])
    return examine_document(document)


def examine_document(document: Document, analysed: bool = True) -> Examined:
    config, problems = _validate(document)
    sections = _sections(document.data)
    built = _build(sections)
    findings = [*cross_check(sections, built), *built.findings, *_tests(document.data, sections, built)]
    usable = all(finding.severity != "error" for finding in findings)
    if usable and config is not None:
        findings += client_labels(sections, built)
        findings += [*unused_conditions(built), *_analysis(built, sections, config)] if analysed else []
    problems += [_placed(finding, document) for finding in findings]
    return Examined(config if usable else None, document.in_order(problems), document)


def _build(sections: Sections) -> Build:
    whens = {keys: o.when for keys, o in sections.outlines.items() if o.when is not None}
    declared = Declared(sections.signal_names, sections.condition_names, sections.pool_names)
    return build(sections.signals, sections.conditions, sections.decisions, whens, declared, sections.pools)


def _tests(data: Mapping[str, Any], sections: Sections, built: Build) -> Iterator[Finding]:
    names = [outline.name for outline in sections.outlines.values() if outline.name is not None]
    known = Known(names, sections.pool_names, sections.signal_names, built.signals)
    return check_tests(_right(_CASE, enumerate(_items(data.get("tests")))), known)


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
    conditions = {name: literal(text) for name, text in _entries(data.get("conditions")).items()}
    virtual = _entries(data.get("virtual_models"))
    decisions = {(*keys, index): entry for keys, index, entry in _decisions(data, virtual)}
    return Sections(
        server=_read(_SERVER, data.get("server", {})),
        auth=_read(_AUTH, data.get("auth")),
        has_auth=data.get("auth") is not None,
        judge=_read(_JUDGE, _entries(data.get("learning")).get("judge")),
        cache=_read(_CACHE, data.get("cache", {})),
        category_names=list(_entries(_entries(data.get("cache")).get("categories"))),
        tenants=list(_entries(data.get("tenants"))),
        aliases=_read(_ALIASES, data.get("aliases")) or [],
        pools=_right(_POOL, pools.items()),
        signals=_right(_SIGNAL, signals.items()),
        conditions={n: text for n, text in conditions.items() if isinstance(text, str) and text.strip()},
        decisions=_right(_DECISION, decisions.items()),
        outlines={keys: _outline(_entries(decision)) for keys, decision in decisions.items()},
        virtual=list(virtual),
        pool_names=list(pools),
        signal_names=list(signals),
        condition_names=list(conditions),
    )


def _decisions(data: Mapping[str, Any], virtual: Mapping[str, Any]) -> Iterator[tuple[Keys, int, Any]]:
    """Those of every list."""
    lists = {MAIN: data.get("decisions")}
    lists |= {virtual_keys(name): _entries(model).get("decisions") for name, model in virtual.items()}
    for keys, decisions in lists.items():
        for index, decision in enumerate(_items(decisions)):
            yield keys, index, decision


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


def _alone(built: Build) -> list[str]:
    """Signals that no other one is made of."""
    parts = {found.name for signal in built.signals.values() if isinstance(signal, Derived) for found in signal.inputs}
    return [name for name in built.signals if name not in parts]


def _rates(pool: PoolConfig) -> Rates:
    price = (pool.price.input, pool.price.output) if "price" in pool.model_fields_set else None
    return Rates(price, pool.quality.get("default"))


def _analysis(built: Build, sections: Sections, config: Config) -> list[Finding]:
    """List by list; a signal or pool is unused if it is in none of them."""
    lists = {MAIN: config.strategy}
    lists |= {virtual_keys(name): model.strategy for name, model in config.virtual_models.items()}
    found = [_analysis_of(keys, strategy, built, sections) for keys, strategy in lists.items()]
    everywhere = [f for f in found[0] if all(f in others for others in found)]
    judges = {sections.judge.pool} if sections.judge is not None else set()
    judges |= {each.verify.judge for each in config.cache.categories.values() if each.verify and each.verify.judge}
    used = {("pools", name) for name in judges}
    used |= {("signals", sorting.signal) for sorting in config.cache_sortings.values() if sorting.signal is not None}
    everywhere = [f for f in everywhere if f.keys not in used]
    own = [f for findings in found for f in findings if f.keys[0] not in ("signals", "pools")]
    return [*(f for f in everywhere if f not in own), *own]


def _analysis_of(keys: Keys, strategy: Strategy, built: Build, sections: Sections) -> list[Finding]:
    places = {d.name: key for key, d in built.decisions.items() if key[:-1] == keys}
    findings = []
    pools = {name: _rates(pool) for name, pool in sections.pools.items()}
    for found in analyse(built.listed(keys), built.signals, pools, _alone(built), strategy):
        if found.decision is not None:
            when = (*places[found.decision], "when")
            offset = offset_of(found.place, built.written[when].text) if found.place else 0
            finding = Finding(found.message, when, offset=offset)
        elif found.signal is not None:
            finding = Finding(found.message, ("signals", found.signal), at_key=True)
        elif found.pool is not None:
            finding = Finding(found.message, ("pools", found.pool), at_key=True)
        else:
            finding = Finding(found.message, keys, at_key=True)
        findings.append(replace(finding, severity=found.severity))
    return findings
