"""The names of all metrics, their labels, and what they mean. Names are a contract: tests freeze them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()  # seconds; histograms only


FAST = (5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.025, 0.1, 0.5, 1.0)
"""Work of the gateway itself: from 50 µs."""

TINY = (5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.05)
"""One signal: from 5 µs (a header) to the encoder's budget."""

TOKEN = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.5, 1.0, 5.0)
FIRST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
WHOLE = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

LATE = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


def _counter(name: str, help: str, *labels: str) -> Name:
    return Name(name, Kind.COUNTER, help, labels)


def _gauge(name: str, help: str, *labels: str) -> Name:
    return Name(name, Kind.GAUGE, help, labels)


def _histogram(name: str, buckets: tuple[float, ...], help: str, *labels: str) -> Name:
    return Name(name, Kind.HISTOGRAM, help, labels, buckets)


REQUESTS = _counter("pointsman_requests_total", "Requests answered.", "route", "decision", "model", "status")
ERRORS = _counter("pointsman_errors_total", "Requests that ended in an error.", "source", "code")
DISCONNECTS = _counter("pointsman_disconnects_total", "Clients that hung up, by what they were waiting for.", "phase")
DURATION = _histogram("pointsman_request_seconds", WHOLE, "Request received to last byte sent.", "route", "pool")
OVERHEAD = _histogram(
    "pointsman_overhead_seconds",
    FAST,
    "Time in the gateway: total without waiting for the upstream or a place.",
)
STAGE = _histogram("pointsman_stage_seconds", FAST, "Parts of the time in the gateway.", "stage")
TTFT = _histogram("pointsman_ttft_seconds", FIRST, "Request received to first byte of the stream.", "pool", "model")
GAP = _histogram(
    "pointsman_inter_token_seconds",
    TOKEN,
    "Gaps between events, at each stream's mean.",
    "pool",
    "model",
)
TOKENS = _counter("pointsman_tokens_total", "Tokens as the upstream counted them.", "pool", "model", "direction")
COST = _counter("pointsman_cost_usd_total", "Tokens times the pool's price, in USD.", "pool", "model")
UNKNOWN_USAGE = _counter("pointsman_usage_unknown_total", "Answers for which the upstream told no usage.", "pool")
DECISIONS = _counter("pointsman_decisions_total", "Requests that matched each decision.", "decision")
CACHE = _counter("pointsman_cache_lookups_total", "Cache lookups.", "category", "result")
CACHE_SECONDS = _histogram("pointsman_cache_lookup_seconds", TINY, "Time of one lookup, without the encoder.")
CACHE_REFUSED = _counter(
    "pointsman_cache_refused_total", "Requests not looked up, or answers not kept, by why.", "category", "reason"
)
CACHE_STORED = _counter("pointsman_cache_stored_total", "Answers that were kept.", "category")
CACHE_SAVED_SECONDS = _counter(
    "pointsman_cache_saved_seconds_total", "Time that the answers of hits had taken to make.", "category"
)
CACHE_SAVED_COST = _counter("pointsman_cache_saved_usd_total", "What the answers of hits had cost, in USD.", "category")
CACHE_LABELS = _counter(
    "pointsman_cache_labels_total", "Kept answers of which it became known whether they were right.",
    "category", "source", "verdict",
)  # fmt: skip
CACHE_OPINIONS = _counter(
    "pointsman_cache_opinions_total", "Second opinions, by what became of each.", "category", "result"
)
CACHE_WRONG = _gauge(
    "pointsman_cache_wrong_hits", "Share of the similar texts' hits that is wrong, with its interval.",
    "category", "bound",
)  # fmt: skip
CACHE_REUSED = _counter(
    "pointsman_cache_reused_total", "Requests that kept answers were fit to be examples for, by whether they were.",
    "decision", "pool", "result",
)  # fmt: skip
CACHE_REUSE_EFFECT = _gauge(
    "pointsman_cache_reuse_effect", "Mean reward with examples less that without, with its interval.",
    "decision", "pool", "bound",
)  # fmt: skip
CACHE_FLIGHTS = _counter(
    "pointsman_cache_flights_total", "Requests that others could come along with, by whose call answered.", "result"
)
CACHE_FOLLOWERS = _gauge("pointsman_cache_followers", "Requests that wait for, or read along, another one's answer.")
CACHE_ENTRIES = _gauge("pointsman_cache_entries", "Answers that are kept.", "category")
CACHE_BYTES = _gauge("pointsman_cache_bytes", "Bytes of their documents.", "category")
CACHE_STORE_UP = _gauge("pointsman_cache_store_up", "1 if the cache's store answers.", "store")
CACHE_STORE_EVENTS = _counter(
    "pointsman_cache_store_events_total", "What happened at the cache's store.", "store", "event"
)
SIGNAL = _histogram(
    "pointsman_signal_seconds", TINY, "Time of one evaluation of a signal, taken on one request in 16.", "signal"
)
SIGNAL_VALUES = _counter(
    "pointsman_signal_values_total", "Values of the signals that were evaluated.", "signal", "value"
)
ENCODER = _histogram("pointsman_encoder_seconds", TINY, "Time of one pass of the encoder.")
ENCODER_BATCH = _histogram(
    "pointsman_encoder_batch_passages", (1, 2, 4, 8, 16, 32, 64), "Passages that one pass of the encoder read."
)
ENCODER_QUEUE = _gauge("pointsman_encoder_queue", "Passages that wait for the encoder or are in it.")
ENCODER_LOOKUPS = _counter(
    "pointsman_encoder_lookups_total", "Passages, by whether they were encoded lately.", "result"
)
ENCODER_UNKNOWN = _counter(
    "pointsman_encoder_unknown_total", "Times that a request did without the encoder, by why.", "reason"
)
SELECTIONS = _counter("pointsman_selections_total", "First choices of the selectors.", "by", "pool")
FEEDBACK = _counter("pointsman_feedback_total", "Calls of the feedback API, by what became of them.", "result")
REWARDS = _counter(
    "pointsman_rewards_total", "Things that became known of an answer.", "decision", "pool", "source"
)  # fmt: skip
REWARD_QUALITY = _counter(
    "pointsman_reward_quality_total", "Sum of the qualities, 0 to 1, that they said.", "decision", "pool", "source"
)
REMEMBERED = _gauge("pointsman_remembered_requests", "Requests that are remembered for feedback.")
FORGOTTEN = _counter("pointsman_forgotten_requests_total", "Requests that were dropped for want of room.")
ATTEMPTS = _counter(
    "pointsman_upstream_attempts_total",
    "Tries at an endpoint, by their end.",
    "pool",
    "endpoint",
    "result",
)
RETRIES = _counter("pointsman_retries_total", "Further tries: in the same pool, in the next, or beside one.", "kind")
HEDGES = _counter("pointsman_hedges_total", "Hedges, by whether their answer was the one.", "pool", "result")
STEPS = _counter(
    "pointsman_cascade_steps_total", "Models that cascades asked or passed over, by what became of each.",
    "decision", "pool", "verdict",
)  # fmt: skip
JUDGED = _counter("pointsman_judge_answers_total", "Answers sampled for the judge, by what became of each.", "result")
JUDGE_COST = _counter("pointsman_judge_cost_usd_total", "What grades have cost, in USD.", "pool")
PANELS = _counter("pointsman_panels_total", "Panels, by whose answer the client has.", "decision", "ending")
UNMEASURED = _counter("pointsman_cascade_unmeasured_total", "Tests of cascades that could not be made.", "pool", "test")
OVERLOAD = _counter("pointsman_overload_total", "Requests refused unread because of overload.", "reason")
LOOP_LAG = _histogram("pointsman_loop_lag_seconds", LATE, "How late the event loop was, 10 to 100 times a second.")
CONNECTIONS = _gauge("pointsman_connections", "Connections of clients.")
RELOADS = _counter("pointsman_reloads_total", "Reloads of the configuration.", "result")
RELOADED = _gauge(
    "pointsman_reload_success_timestamp_seconds", "Unix time of the last successful reload, or of the start."
)
CONFIG = _gauge(
    "pointsman_config_info", "Always 1: the configurations that serve or are tried.", "config", "role", "source"
)
CONFIG_REQUESTS = _counter(
    "pointsman_config_requests_total", "Requests, by whether a canary decided them.", "role", "status"
)
CANDIDATE_DECISIONS = _counter(
    "pointsman_candidate_decisions_total",
    "Requests that a shadow decided, too, by both decisions.",
    "decision",
    "candidate",
)
CANDIDATE_SKIPPED = _counter(
    "pointsman_candidate_skipped_total", "Requests that the candidate should have decided and did not.", "reason"
)
LOG_DROPPED = _counter("pointsman_decision_log_dropped_total", "Decision log entries that were lost.", "reason")
POOL_INFLIGHT = _gauge("pointsman_pool_inflight", "Requests running in the pool.", "pool")
POOL_QUEUE = _gauge("pointsman_pool_queue", "Requests waiting, here and in the engines.", "pool")
POOL_LOAD = _gauge("pointsman_pool_load", "Effective in-flight requests per place in the pool.", "pool")
POOL_KV = _gauge("pointsman_pool_kv", "Highest KV-cache use of a live endpoint, 0 to 1.", "pool")
QUEUE = _histogram("pointsman_queue_seconds", FIRST, "Waits for a place that ended with one.", "pool", "priority")
REFUSALS = _counter("pointsman_refusals_total", "Requests that a pool did not take.", "pool", "reason")
TTFT_ERROR = _histogram(
    "pointsman_ttft_error_seconds", FIRST, "How far off the prediction of a first token was.", "pool"
)
ENDPOINT_UP = _gauge("pointsman_endpoint_up", "1 if the endpoint takes requests.", "pool", "endpoint")
ENDPOINT_STATE = _gauge(
    "pointsman_endpoint_state",
    "1 for the state that the endpoint is in; others are absent.",
    "pool",
    "endpoint",
    "state",
)
EJECTIONS = _counter("pointsman_ejections_total", "Ejections, by what they were for.", "pool", "endpoint", "reason")
ENDPOINT_INFLIGHT = _gauge("pointsman_endpoint_inflight", "Requests running at the endpoint.", "pool", "endpoint")
DISCOVERY = _counter("pointsman_discovery_total", "Answers and failures of a pool's discovery.", "pool", "result")
DISCOVERY_AGE = _gauge("pointsman_discovery_age_seconds", "Time since a pool's discovery answered.", "pool")
LEASES = _gauge("pointsman_leases", "Leases that are held; 0 when nothing runs.")
BUILD = _gauge("pointsman_build_info", "Always 1.", "version", "python")

ALL = tuple(value for value in globals().values() if isinstance(value, Name))
