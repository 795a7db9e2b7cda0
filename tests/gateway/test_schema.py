from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from pointsman.cache.categories import BUILT_IN
from pointsman.cache.categories import default as default_category
from pointsman.gateway.schema.config import Config
from pointsman.gateway.schema.forms import Section
from pointsman.gateway.schema.pools import EndpointConfig, PoolConfig
from pointsman.policies.select.registry import SELECTORS
from pointsman.signals.registry import SIGNALS

Seen = set[type[BaseModel]]

DOCS = Path(__file__).parents[2] / "docs"


def nested(annotation: Any, path: str) -> Iterator[tuple[str, type[Section]]]:
    """The sections in a field's type, each with its path in the file."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield path, annotation
    for part in get_args(annotation):
        suffix = {list: "[]", dict: ".NAME"}.get(getattr(annotation, "__origin__", None), "")
        yield from nested(part, path + suffix)


def sections(model: type[Section], path: str = "", around: Seen | None = None) -> Iterator[tuple[str, type[Section]]]:
    """Each where it first occurs: the decisions of virtual models are like all decisions."""
    seen = set() if around is None else around
    seen.add(model)
    yield path, model
    for key, field in keys(model):
        for inner, section in nested(field.annotation, f"{path}.{key}".lstrip(".")):
            if section not in seen:
                yield from sections(section, inner, seen)


def keys(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field


SECTIONS = dict(sections(Config))


def default(model: type[Section], key: str, field: FieldInfo) -> str:
    """As the documentation writes it; sections and what is absent by default have an empty cell."""
    if field.is_required():
        return "required"
    if field.default is None or isinstance(field.default, BaseModel):
        return ""
    required = {k: None for k, f in keys(model) if f.is_required()}
    value = model.model_construct(**required).model_dump(mode="json", by_alias=True, warnings=False)[key]
    if isinstance(field.default, SecretStr):  # it may be one, but by default is not
        value = field.default.get_secret_value()
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace("'", "")


def heading(path: str) -> str:
    return f"## `{path}`\n" if path else "## The file\n"


def table(path: str) -> dict[str, tuple[str, str]]:
    """Key → default and meaning of the table under a section's heading."""
    text = (DOCS / "configuration.md").read_text("utf-8")
    _, found, rest = text.partition("\n" + heading(path))
    assert found, f"docs/configuration.md has no heading {heading(path)!r}"
    rows = re.findall(r"^\| `(\w+)` \| (?:.*?) \| (.*?) ?\| (.*) \|$", rest.partition("\n## ")[0], re.MULTILINE)
    return {key: (value, meaning) for key, value, meaning in rows}


@pytest.mark.parametrize("path", SECTIONS)
def test_every_key_is_documented_as_it_is_described(path: str) -> None:
    model = SECTIONS[path]
    expected = {
        key: (default(model, key, field), (field.description or "").replace("\n", " ").rstrip("."))
        for key, field in keys(model)
    }
    assert table(path) == expected
    assert all(meaning for _, meaning in expected.values())


def test_the_walk_finds_every_section() -> None:
    assert {"pools.NAME.health.eject", "pools.NAME.endpoints[]", "auth.keys[]", "log.decisions"} <= set(SECTIONS)


@pytest.mark.parametrize("kind", SIGNALS)
def test_every_signal_option_is_documented(kind: str) -> None:
    page = (DOCS / "signals.md").read_text("utf-8")
    missing = [key for key, _ in keys(SIGNALS[kind].Options) if f"`{key}`" not in page]
    assert f"`{kind}`" in page
    assert not missing


@pytest.mark.parametrize("kind", SELECTORS)
def test_every_selector_option_is_documented(kind: str) -> None:
    page = (DOCS / "policies.md").read_text("utf-8")
    missing = [key for key, _ in keys(SELECTORS[kind].Options) if f"`{key}`" not in page and key != "by"]
    assert f"`{kind}`" in page
    assert not missing


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8001"),
        ("http://127.0.0.1:8001/v1", "http://127.0.0.1:8001"),
        ("https://example.com/openai/v1/", "https://example.com/openai"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_endpoint_urls_have_no_v1(written: str, used: str) -> None:
    assert EndpointConfig(url=written).url == used


def test_endpoints_are_urls_or_mappings() -> None:
    pool = PoolConfig.model_validate({"model": "m", "endpoints": ["http://a:1", {"url": "http://b:1", "weight": 3}]})
    assert [(e.url, e.weight) for e in pool.endpoints] == [("http://a:1", 1.0), ("http://b:1", 3.0)]


def minimal(**more: Any) -> Config:
    pools = {"small": {"model": "m", "endpoints": ["http://127.0.0.1:8001"]}}
    return Config.model_validate({"version": 1, "pools": pools, **more})


@pytest.mark.parametrize("version", [1, 1.0, "1", "1.0"])
def test_version_1_in_every_spelling(version: object) -> None:
    assert minimal(version=version).version == 1


def test_auto_is_always_an_alias() -> None:
    assert minimal().aliases == ["auto"]
    assert minimal(aliases=["gpt-4o"]).aliases == ["auto", "gpt-4o"]


def caching(*categories: object, **cache: Any) -> Config:
    decisions = [
        {"name": f"d{number}", "when": "true", "models": ["small"], "cache": name}
        for number, name in enumerate(categories)
    ]
    return minimal(decisions=decisions, cache=cache)


def test_what_is_cached_is_what_decisions_say() -> None:
    assert minimal().cache_categories == {}
    assert caching(False).cache_categories == {}
    assert list(caching(True, "math", False).cache_categories) == ["general", "math"]
    assert caching(True).cache_categories["general"].quota == 1.0


def test_where_a_signal_names_the_category_only_those_that_it_can_name_share_the_cache() -> None:
    signals = {"field": {"type": "domain"}, "topic": {"type": "header", "name": "x-topic"}}
    decision = {"name": "all", "when": "true", "models": ["small"], "cache": {"by": "field", "default": "docs"}}
    cache: dict[str, Any] = {"categories": {"law": {}, "own": {}}}
    found = minimal(signals=signals, decisions=[decision], cache=cache).cache_categories
    assert list(found) == ["docs", "law", "math", "health"]
    assert sum(category.quota for category in found.values()) == pytest.approx(1.0)
    decision["cache"] = {"by": "topic"}
    found = minimal(signals=signals, decisions=[decision], cache=cache).cache_categories
    assert found.keys() == {"law", "own", *BUILT_IN}


def test_a_category_is_as_it_is_written_and_else_as_it_is_built_in() -> None:
    written = {"ttl": "1h", "quota": "60%", "askers": 2, "evict": "lru"}
    written |= {"loosen": {"ttl": 3.0}, "verify": {"error": 0.01}}
    found = caching("math", "own", categories={"math": written, "own": {"semantic": False}}).cache_categories
    math, own, usual = found["math"], found["own"], default_category("math")
    assert (math.ttl, math.quota, math.askers, math.evict) == (3600.0, 0.6, 2, "lru")
    assert math.verify is not None
    assert math.verify.error == 0.01
    assert math.threshold == usual.threshold
    assert (math.loosen.threshold, math.loosen.ttl) == (usual.loosen.threshold, 3.0)
    assert (own.semantic, own.ttl, own.quota) == (False, default_category("general").ttl, pytest.approx(0.4))


def test_secrets_are_not_in_what_is_printed_or_dumped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-top-secret")
    config = minimal(
        auth={"keys": [{"key": "env:A_KEY", "tenant": "a"}]},
        admin={"keys": ["env:A_KEY"]},
        pools={"small": {"model": "m", "endpoints": ["http://127.0.0.1:1"], "api_key": "env:A_KEY"}},
    )
    assert config.pools["small"].api_key == SecretStr("sk-top-secret")
    printed = f"{config} {config!r} {config.model_dump()} {config.model_dump_json()}"
    assert "sk-top-secret" not in printed
