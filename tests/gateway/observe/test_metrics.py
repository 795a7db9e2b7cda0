from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from pointsman.cache.store.base import Health
from pointsman.gateway.observe import names
from pointsman.gateway.observe.known import Known
from pointsman.gateway.observe.metrics import Metrics
from pointsman.gateway.observe.outcome import (
    Attempt,
    Cached,
    Chosen,
    ErrorSource,
    Outcome,
    Phase,
    Result,
    Stage,
    Timings,
    Uncached,
)
from pointsman.signals.base import SignalValue
from pointsman.signals.facts import PoolLoad, Route

MakeOutcome = Callable[..., Outcome]

KNOWN = Known(
    decisions=("hard-math", "everything"),
    pools=("small", "large"),
    models=("Qwen-7B", "Qwen-72B"),
    endpoints=("a", "b"),
    signals={"urgent": (), "zh": (), "late": (), "size": (), "domain": ("math", "law")},
    selectors=("static",),
)


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics("1.2.3")
    metrics.know(KNOWN)
    return metrics


async def scrape(metrics: Metrics) -> dict[str, float]:
    body, _ = await metrics.scrape()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in body.decode().splitlines() if line[0] != "#"
    }


async def test_one_stream_with_a_failover(metrics: Metrics, make_outcome: MakeOutcome) -> None:
    metrics.record(make_outcome())
    samples = await scrape(metrics)
    expected = {
        'pointsman_requests_total{decision="hard-math",model="Qwen-72B",route="chat/completions",status="200"}': 1,
        'pointsman_decisions_total{decision="hard-math"}': 1,
        'pointsman_decisions_total{decision="everything"}': 0,
        'pointsman_request_seconds_sum{pool="large",route="chat/completions"}': 1.5,
        'pointsman_overhead_seconds_bucket{le="0.0001"}': 0,
        'pointsman_overhead_seconds_bucket{le="0.0002"}': 1,
        'pointsman_stage_seconds_sum{stage="decide"}': 0.00004,
        'pointsman_ttft_seconds_sum{model="Qwen-72B",pool="large"}': 0.3,
        'pointsman_inter_token_seconds_count{model="Qwen-72B",pool="large"}': 4,
        'pointsman_inter_token_seconds_sum{model="Qwen-72B",pool="large"}': 0.08,
        'pointsman_inter_token_seconds_bucket{le="0.02",model="Qwen-72B",pool="large"}': 4,
        'pointsman_tokens_total{direction="prompt",model="Qwen-72B",pool="large"}': 10,
        'pointsman_tokens_total{direction="completion",model="Qwen-72B",pool="large"}': 20,
        'pointsman_tokens_total{direction="cached",model="Qwen-72B",pool="large"}': 4,
        'pointsman_cost_usd_total{model="Qwen-72B",pool="large"}': 0.000027,
        'pointsman_cache_lookups_total{category="none",result="bypass"}': 1,
        'pointsman_signal_seconds_count{signal="domain"}': 1,
        'pointsman_signal_seconds_sum{signal="domain"}': 0.002,
        'pointsman_signal_values_total{signal="urgent",value="true"}': 1,
        'pointsman_signal_values_total{signal="zh",value="false"}': 1,
        'pointsman_signal_values_total{signal="late",value="unknown"}': 1,
        'pointsman_signal_values_total{signal="size",value="number"}': 1,
        'pointsman_signal_values_total{signal="domain",value="math"}': 1,
        'pointsman_selections_total{by="static",pool="small"}': 1,
        'pointsman_upstream_attempts_total{endpoint="a",pool="small",result="connect"}': 1,
        'pointsman_upstream_attempts_total{endpoint="b",pool="small",result="timeout"}': 1,
        'pointsman_upstream_attempts_total{endpoint="a",pool="large",result="ok"}': 1,
        'pointsman_retries_total{kind="retry"}': 1,
        'pointsman_retries_total{kind="failover"}': 1,
        'pointsman_build_info{python="PYTHON",version="1.2.3"}': 1,
    }
    found = {re.sub('python="[^"]*"', 'python="PYTHON"', key): value for key, value in samples.items()}
    assert {key: found.get(key) for key in expected} == pytest.approx(expected)
    assert not any(key.startswith(("pointsman_usage_unknown", "pointsman_errors")) for key in samples)


async def test_a_hit_asks_no_model_and_counts_what_it_saves(metrics: Metrics, make_outcome: MakeOutcome) -> None:
    metrics.know(Known(decisions=["hard-math"], categories=["math"]))
    saved = Cached("math", None, "e1", 0.93, 60.0, seconds=0.0001, saved_seconds=1.5, saved_cost=0.01)
    nothing = {"usage": None, "cost": None, "attempts": (), "candidates": ("small",)}
    metrics.record(make_outcome(cache="hit", cached=saved, chosen=Chosen("small", "m", None, "cache"), **nothing))
    metrics.record(make_outcome(cache="miss", cached=Cached("math", seconds=0.0001, kept=True)))
    metrics.record(make_outcome(cached=Cached("math", Uncached.VOLATILE)))
    samples = await scrape(metrics)
    expected = {
        'pointsman_cache_lookups_total{category="math",result="hit"}': 1,
        'pointsman_cache_lookups_total{category="math",result="miss"}': 1,
        'pointsman_cache_lookups_total{category="math",result="bypass"}': 1,
        "pointsman_cache_lookup_seconds_count": 2,
        'pointsman_cache_refused_total{category="math",reason="volatile"}': 1,
        'pointsman_cache_stored_total{category="math"}': 1,
        'pointsman_cache_saved_seconds_total{category="math"}': 1.5,
        'pointsman_cache_saved_usd_total{category="math"}': 0.01,
    }
    assert {key: samples.get(key) for key in expected} == pytest.approx(expected)
    assert not any(key.startswith(("pointsman_usage_unknown", "pointsman_errors")) for key in samples)
    assert sum(value for key, value in samples.items() if key.startswith("pointsman_selections_total")) == 2


async def test_a_refused_request_knows_neither_decision_nor_model(metrics: Metrics, make_outcome: MakeOutcome) -> None:
    metrics.record(
        make_outcome(
            status=401,
            decision=None,
            candidates=(),
            chosen=None,
            usage=None,
            cost=None,
            attempts=(),
            signals={},
            error_source=ErrorSource.GATEWAY,
            error_code="invalid_api_key",
        )
    )
    samples = await scrape(metrics)
    assert samples['pointsman_requests_total{decision="none",model="none",route="chat/completions",status="401"}'] == 1
    assert samples['pointsman_errors_total{code="invalid_api_key",source="gateway"}'] == 1
    assert not any("tokens_total" in key or "cache_lookups" in key for key in samples)


async def test_disconnects_and_reloads_start_at_zero(metrics: Metrics, make_outcome: MakeOutcome) -> None:
    before = await scrape(metrics)
    metrics.record(make_outcome(status=499, disconnect=Phase.STREAM, usage=None, cost=None))
    metrics.reloaded(success=True)
    metrics.reloaded(success=False)
    after = await scrape(metrics)
    for name in (
        'pointsman_disconnects_total{phase="stream"}',
        'pointsman_reloads_total{result="success"}',
        'pointsman_reloads_total{result="failure"}',
    ):
        assert (before[name], after[name]) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, True),
        ({"status": 500}, False),
        ({"disconnect": Phase.STREAM}, False),
        ({"route": Route.COUNT_TOKENS}, False),
        ({"chosen": None}, False),
    ],
)
async def test_missing_usage_is_counted_where_there_should_be_one(
    metrics: Metrics, make_outcome: MakeOutcome, changes: dict[str, object], counted: bool
) -> None:
    metrics.record(make_outcome(usage=None, cost=None, **changes))
    samples = await scrape(metrics)
    assert samples.get('pointsman_usage_unknown_total{pool="large"}') == (1 if counted else None)


async def test_series_are_bounded_whatever_is_recorded(metrics: Metrics) -> None:
    """Every label is random, half of the time out of the configuration."""
    rng = random.Random(7)

    def word(*known: str) -> str:
        return rng.choice(known) if known and rng.random() < 0.5 else f"random-{rng.random()}"

    def outcome() -> Outcome:
        return Outcome(
            id=word(),
            route=rng.choice(list(Route)),
            status=rng.randrange(100, 600),
            timings=Timings(rng.random(), rng.random(), 0, rng.random(), {s: rng.random() for s in Stage}),
            decision=word("hard-math", "everything"),
            candidates=(word("small"),),
            chosen=Chosen(word("small", "large"), word("Qwen-7B", "Qwen-72B"), word("a"), word("static")),
            tenant=word(),
            events=3,
            gaps=rng.random(),
            cost=1.0,
            cache=word("hit", "miss"),
            error_source=rng.choice(list(ErrorSource)),
            error_code=word("pool_full"),
            signals={word("urgent", "domain"): SignalValue(word("math", "law"))},
            signal_seconds={word("urgent"): 1e-5},
            attempts=(Attempt(word("small"), word("a"), Result.OK, 0.1),),
        )

    for _ in range(1000):
        metrics.record(outcome())
    few = len(await scrape(metrics))
    for _ in range(5000):
        metrics.record(outcome())
    text = (await metrics.scrape())[0].decode()
    assert "random-" not in text
    assert few < len(text.splitlines()) < 6000
    requests = sum(v for k, v in (await scrape(metrics)).items() if k.startswith("pointsman_requests_total"))
    assert requests == 6000  # bounded, but none is missing


async def test_a_reload_keeps_what_is_still_configured(metrics: Metrics, make_outcome: MakeOutcome) -> None:
    metrics.record(make_outcome())
    metrics.know(Known(decisions=("hard-math", "new"), pools=("large",), models=("Qwen-72B",), selectors=("static",)))
    samples = await scrape(metrics)
    assert samples['pointsman_decisions_total{decision="hard-math"}'] == 1
    assert samples['pointsman_decisions_total{decision="new"}'] == 0
    assert not any("everything" in key or "small" in key for key in samples)


class Pool:
    name = "small"
    endpoints = ()

    def snapshot(self) -> PoolLoad:
        return PoolLoad(inflight=2)


async def test_pools_and_the_log_are_read_at_the_scrape(metrics: Metrics) -> None:
    metrics.watch_pools(lambda: [Pool()], lambda: 2)
    metrics.watch_log(lambda: {"full": 3})
    samples = await scrape(metrics)
    assert samples['pointsman_pool_inflight{pool="small"}'] == 2
    assert samples["pointsman_leases"] == 2
    assert samples['pointsman_decision_log_dropped_total{reason="full"}'] == 3


async def test_the_caches_store_is_read_at_the_scrape(metrics: Metrics) -> None:
    health = Health(up=False, counts={"late": 2, "full": 0})
    metrics.watch_store(lambda: ("redis", health))
    series = await scrape(metrics)
    assert series['pointsman_cache_store_up{store="redis"}'] == 0
    assert series['pointsman_cache_store_events_total{event="late",store="redis"}'] == 2
    assert series['pointsman_cache_store_events_total{event="full",store="redis"}'] == 0
    health = Health()
    assert (await scrape(metrics))['pointsman_cache_store_up{store="redis"}'] == 1


async def test_both_formats_can_be_parsed_and_have_every_metric(metrics: Metrics, make_outcome: MakeOutcome) -> None:
    metrics.record(make_outcome())
    text, plain = await metrics.scrape()
    assert plain.startswith("text/plain")
    body, content_type = await metrics.scrape("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    for families in (parse(text.decode()), parse_openmetrics(body.decode())):
        found = {family.name for family in families}
        assert {name.name.removesuffix("_total") for name in names.ALL} <= {n.removesuffix("_total") for n in found}
        assert "process_resident_memory_bytes" in found or sys.platform != "linux"


def test_two_processes_worth_of_metrics_can_be_built_side_by_side() -> None:
    Metrics("1")
    Metrics("2")
