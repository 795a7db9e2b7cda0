from __future__ import annotations

import re
from pathlib import Path

from pointsman.gateway.observe import names

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(pointsman_\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)

FROZEN = {
    "pointsman_build_info": ("version", "python"),
    "pointsman_cache_bytes": ("category",),
    "pointsman_cache_entries": ("category",),
    "pointsman_cache_flights_total": ("result",),
    "pointsman_cache_followers": (),
    "pointsman_cache_labels_total": ("category", "source", "verdict"),
    "pointsman_cache_lookup_seconds": (),
    "pointsman_cache_lookups_total": ("category", "result"),
    "pointsman_cache_opinions_total": ("category", "result"),
    "pointsman_cache_refused_total": ("category", "reason"),
    "pointsman_cache_reuse_effect": ("decision", "pool", "bound"),
    "pointsman_cache_reused_total": ("decision", "pool", "result"),
    "pointsman_cache_saved_seconds_total": ("category",),
    "pointsman_cache_saved_usd_total": ("category",),
    "pointsman_cache_store_events_total": ("store", "event"),
    "pointsman_cache_store_up": ("store",),
    "pointsman_cache_stored_total": ("category",),
    "pointsman_cache_wrong_hits": ("category", "bound"),
    "pointsman_candidate_decisions_total": ("decision", "candidate"),
    "pointsman_candidate_skipped_total": ("reason",),
    "pointsman_cascade_steps_total": ("decision", "pool", "verdict"),
    "pointsman_cascade_unmeasured_total": ("pool", "test"),
    "pointsman_config_info": ("config", "role", "source"),
    "pointsman_config_requests_total": ("role", "status"),
    "pointsman_connections": (),
    "pointsman_cost_usd_total": ("pool", "model"),
    "pointsman_decision_log_dropped_total": ("reason",),
    "pointsman_decisions_total": ("decision",),
    "pointsman_disconnects_total": ("phase",),
    "pointsman_discovery_age_seconds": ("pool",),
    "pointsman_discovery_total": ("pool", "result"),
    "pointsman_ejections_total": ("pool", "endpoint", "reason"),
    "pointsman_encoder_batch_passages": (),
    "pointsman_encoder_lookups_total": ("result",),
    "pointsman_encoder_queue": (),
    "pointsman_encoder_seconds": (),
    "pointsman_encoder_unknown_total": ("reason",),
    "pointsman_endpoint_inflight": ("pool", "endpoint"),
    "pointsman_endpoint_state": ("pool", "endpoint", "state"),
    "pointsman_endpoint_up": ("pool", "endpoint"),
    "pointsman_errors_total": ("source", "code"),
    "pointsman_feedback_total": ("result",),
    "pointsman_forgotten_requests_total": (),
    "pointsman_hedges_total": ("pool", "result"),
    "pointsman_inter_token_seconds": ("pool", "model"),
    "pointsman_judge_answers_total": ("result",),
    "pointsman_judge_cost_usd_total": ("pool",),
    "pointsman_leases": (),
    "pointsman_loop_lag_seconds": (),
    "pointsman_overhead_seconds": (),
    "pointsman_overload_total": ("reason",),
    "pointsman_panels_total": ("decision", "ending"),
    "pointsman_pool_inflight": ("pool",),
    "pointsman_pool_kv": ("pool",),
    "pointsman_pool_load": ("pool",),
    "pointsman_pool_queue": ("pool",),
    "pointsman_queue_seconds": ("pool", "priority"),
    "pointsman_refusals_total": ("pool", "reason"),
    "pointsman_reload_success_timestamp_seconds": (),
    "pointsman_reloads_total": ("result",),
    "pointsman_remembered_requests": (),
    "pointsman_request_seconds": ("route", "pool"),
    "pointsman_requests_total": ("route", "decision", "model", "status"),
    "pointsman_retries_total": ("kind",),
    "pointsman_reward_quality_total": ("decision", "pool", "source"),
    "pointsman_rewards_total": ("decision", "pool", "source"),
    "pointsman_selections_total": ("by", "pool"),
    "pointsman_signal_seconds": ("signal",),
    "pointsman_signal_values_total": ("signal", "value"),
    "pointsman_stage_seconds": ("stage",),
    "pointsman_tokens_total": ("pool", "model", "direction"),
    "pointsman_ttft_error_seconds": ("pool",),
    "pointsman_ttft_seconds": ("pool", "model"),
    "pointsman_upstream_attempts_total": ("pool", "endpoint", "result"),
    "pointsman_usage_unknown_total": ("pool",),
}
"""Dashboards and alerts of other people depend on these: add, but neither rename nor remove."""


def test_names_and_labels_are_frozen() -> None:
    assert {name.name: name.labels for name in names.ALL} == FROZEN


def test_the_page_lists_every_metric_with_its_labels() -> None:
    rows = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(PAGE.read_text("utf-8"))
    }
    assert rows == {name.name: (name.kind.value, name.labels) for name in names.ALL}


def test_buckets_rise_and_overhead_is_seen_from_50_microseconds() -> None:
    for name in names.ALL:
        assert list(name.buckets) == sorted(set(name.buckets))
        assert bool(name.buckets) == (name.kind is names.Kind.HISTOGRAM)
    assert names.OVERHEAD.buckets[0] == 50e-6
