"""Metrics under vLLM's names. Times are model seconds, whatever the speed."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pointsman.gateway.sim.engine import Engine, Sequence, Token

_TTFT = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
_GAP = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_WHOLE = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960)
_LABELS = ("model_name", "engine")
_ENGINE = "0"


class _EngineCollector(Collector):
    """Reads the engine's state when it is asked."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine, self._labels = engine, [model, _ENGINE]

    def collect(self) -> Iterator[Metric]:
        engine, totals = self._engine, self._engine.totals
        yield self._gauge("num_requests_running", "Requests in the batch.", len(engine.running))
        yield self._gauge("num_requests_waiting", "Requests in the queue.", len(engine.waiting))
        yield self._waiting_by_reason()
        yield self._gauge("kv_cache_usage_perc", "Share of the KV blocks in use, 0 to 1.", engine.kv_usage)
        yield self._cache_config()
        yield self._counter("num_preemptions", "Sequences that lost their blocks.", totals.preemptions)
        yield self._counter("prefix_cache_queries", "Prompt tokens looked up.", totals.prefix_queries)
        yield self._counter("prefix_cache_hits", "Prompt tokens found.", totals.prefix_hits)
        yield self._counter("prompt_tokens", "Prompt tokens prefilled.", totals.prompt_tokens)
        yield self._counter("generation_tokens", "Tokens generated.", totals.generation_tokens)

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"vllm:{name}", text, labels=_LABELS)
        family.add_metric(self._labels, value)
        return family

    def _counter(self, name: str, text: str, value: int) -> Metric:
        family = CounterMetricFamily(f"vllm:{name}", text, labels=_LABELS)
        family.add_metric(self._labels, value)
        return family

    def _waiting_by_reason(self) -> Metric:
        family = GaugeMetricFamily(
            "vllm:num_requests_waiting_by_reason",
            "Requests in the queue, by why.",
            labels=(*_LABELS, "reason"),
        )
        family.add_metric([*self._labels, "capacity"], len(self._engine.waiting))
        family.add_metric([*self._labels, "deferred"], 0)
        return family

    def _cache_config(self) -> Metric:
        options = self._engine.options
        labels = {
            "block_size": str(options.block_size),
            "num_gpu_blocks": str(options.num_blocks),
            "enable_prefix_caching": str(options.prefix_caching),
            "engine": _ENGINE,
        }
        family = GaugeMetricFamily("vllm:cache_config_info", "The KV cache.", labels=tuple(labels))
        family.add_metric(list(labels.values()), 1)
        return family


class SimMetrics:
    def __init__(self, engine: Engine, model: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineCollector(engine, model))
        self._labels = (model, _ENGINE)
        self._first = self._histogram("time_to_first_token_seconds", "Arrival to first token.", _TTFT)
        self._gap = self._histogram("inter_token_latency_seconds", "Token to token.", _GAP)
        self._whole = self._histogram("e2e_request_latency_seconds", "Arrival to last token.", _WHOLE)
        self._queue = self._histogram("request_queue_time_seconds", "Arrival to first run.", _WHOLE)
        self._success = Counter(
            "vllm:request_success",
            "Requests by how they ended.",
            (*_LABELS, "finished_reason"),
            registry=self._registry,
        )
        for reason in ("stop", "length", "abort"):
            self._success.labels(*self._labels, reason)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        family = Histogram(f"vllm:{name}", text, _LABELS, buckets=buckets, registry=self._registry)
        return family.labels(*self._labels)

    def token(self, token: Token, previous: float | None) -> None:
        """Count one token; `previous` is when the sequence had the one before."""
        sequence = token.sequence
        if previous is not None:
            self._gap.observe(token.time - previous)
        elif sequence.started is not None:
            self._first.observe(token.time - sequence.arrival)
            self._queue.observe(sequence.started - sequence.arrival)
        if token.finished:
            self._whole.observe(token.time - sequence.arrival)
            self.ended(sequence)

    def ended(self, sequence: Sequence) -> None:
        self._success.labels(*self._labels, sequence.finished).inc()

    def text(self) -> bytes:
        return generate_latest(self._registry)
