from __future__ import annotations

import pytest

from pointsman.gateway.pools.engines import SOURCES, health_path
from pointsman.gateway.schema.pools import Engine, PoolConfig


def config(**options: object) -> PoolConfig:
    return PoolConfig.model_validate({"model": "m", "endpoints": ["http://a:1"], **options})


def test_every_engine_of_the_schema_has_an_entry() -> None:
    assert set(SOURCES) == set(Engine)


@pytest.mark.parametrize("engine", Engine)
def test_an_engine_with_metrics_says_how_much_runs_and_waits(engine: Engine) -> None:
    source = SOURCES[engine]
    assert bool(source.metrics) == bool(source.running) == bool(source.waiting)


def test_the_health_path_is_the_configured_one_else_the_engines_own() -> None:
    assert health_path(config(engine="vllm")) == "/health"
    assert health_path(config(engine="ollama")) == "/"
    assert health_path(config(engine="vllm", health={"path": "/ready"})) == "/ready"
    assert health_path(config(health={"path": "/ready"})) == "/ready"
    assert health_path(config()) is None
