"""The metrics of one process."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pointsman.cache.effect import Effect
from pointsman.cache.stats import Stats
from pointsman.cache.store.base import Health
from pointsman.cache.verify import Estimate
from pointsman.gateway.errors import Overloaded
from pointsman.gateway.observe import names
from pointsman.gateway.observe.families import NONE, Counter, Histogram, Labels, Vocabulary
from pointsman.gateway.observe.gauges import PoolGauges, ReadAges, ReadLeases, ReadPools
from pointsman.gateway.observe.known import Known, status_word, words
from pointsman.gateway.observe.outcome import (
    HITS,
    Attempt,
    Cached,
    Cause,
    ErrorSource,
    Flown,
    Judged,
    Outcome,
    Phase,
    Refused,
    Result,
    Skipped,
    Usage,
)
from pointsman.gateway.observe.process import Process
from pointsman.gateway.observe.tally import Tally
from pointsman.gateway.observe.told import Compared, Status, Told
from pointsman.gateway.pools.claim import Priority
from pointsman.gateway.pools.events import Denial
from pointsman.signals.facts import Route

NO_USAGE = frozenset({Route.OTHER, Route.COUNT_TOKENS})
"""Routes whose answers carry no usage."""

_OVERLOADED = status_word(Overloaded.status)


class Metrics:
    """Written by the event loop's thread only; constructed once, and kept over reloads."""

    def __init__(self, version: str) -> None:
        self._vocabulary = Vocabulary(words(Known()))
        self._registry = CollectorRegistry(auto_describe=False)
        self._counters: list[Counter] = []
        self._histograms: list[Histogram] = []
        self._gauges = PoolGauges()
        self._log_dropped: Callable[[], Mapping[str, int]] = dict
        self.requests, self.errors = self._counter(names.REQUESTS), self._counter(names.ERRORS)
        self.decisions, self.disconnects = self._counter(names.DECISIONS), self._counter(names.DISCONNECTS)
        self.duration, self.overhead = self._histogram(names.DURATION), self._histogram(names.OVERHEAD)
        self.stage, self.ttft = self._histogram(names.STAGE), self._histogram(names.TTFT)
        self.gap, self.signal = self._histogram(names.GAP), self._histogram(names.SIGNAL)
        self.tokens, self.cost = self._counter(names.TOKENS), self._counter(names.COST)
        self.unknown_usage, self.cache = self._counter(names.UNKNOWN_USAGE), self._counter(names.CACHE)
        self._tally, self.selections = Tally(self._counter(names.SIGNAL_VALUES)), self._counter(names.SELECTIONS)
        self.cache_seconds = self._histogram(names.CACHE_SECONDS)
        self.saved_seconds, self.saved_cost = map(self._counter, (names.CACHE_SAVED_SECONDS, names.CACHE_SAVED_COST))
        self.cache_stored, self.cache_refused = self._counter(names.CACHE_STORED), self._counter(names.CACHE_REFUSED)
        self._cache_stats: Callable[[], Mapping[str, Stats]] = dict
        self._read_store: Callable[[], tuple[str, Health] | None] = lambda: None
        self._store: tuple[str, Health] | None = None
        self.flights = self._counter(names.CACHE_FLIGHTS)
        self._followers: Callable[[], int] = int
        self._cache_sizes: Mapping[str, Stats] = {}
        self.cache_labels, self.cache_opinions = self._counter(names.CACHE_LABELS), self._counter(names.CACHE_OPINIONS)
        self._wrong_hits: Callable[[], Mapping[str, Estimate]] = dict
        self.reused = self._counter(names.CACHE_REUSED)
        self._reuse_read: Callable[[], Iterable[Effect]] = tuple
        self.attempts, self.retries = self._counter(names.ATTEMPTS), self._counter(names.RETRIES)
        self.reloads, self.discovery = self._counter(names.RELOADS), self._counter(names.DISCOVERY)
        self.overload, self.loop_lag = self._counter(names.OVERLOAD), self._histogram(names.LOOP_LAG)
        self._connections: Callable[[], int] = int
        self.feedbacks, self.rewards = self._counter(names.FEEDBACK), self._counter(names.REWARDS)
        self.reward_quality = self._counter(names.REWARD_QUALITY)
        self._remembered: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.encoder, self.encoder_batch = self._histogram(names.ENCODER), self._histogram(names.ENCODER_BATCH)
        self.encoder_lookups = self._counter(names.ENCODER_LOOKUPS)
        self.encoder_unknown = self._counter(names.ENCODER_UNKNOWN)
        self._encoder_queue: Callable[[], int] = int
        self.queue, self.refusals = self._histogram(names.QUEUE), self._counter(names.REFUSALS)
        self.ttft_error, self.hedges = self._histogram(names.TTFT_ERROR), self._counter(names.HEDGES)
        self.steps, self.unmeasured = self._counter(names.STEPS), self._counter(names.UNMEASURED)
        self.panels = self._counter(names.PANELS)
        self.judgements, self.judge_cost = self._counter(names.JUDGED), self._counter(names.JUDGE_COST)
        self.config_requests = self._counter(names.CONFIG_REQUESTS)
        self.candidate_decisions = self._counter(names.CANDIDATE_DECISIONS)
        self.candidate_skips = self._counter(names.CANDIDATE_SKIPPED)
        self._configs: Callable[[], Iterable[Labels]] = tuple
        self._loaded = time.time()
        self._registry.register(_Reader(lambda: _gauge(names.CONFIG, [(each, 1) for each in self._configs()])))
        self._registry.register(_Reader(lambda: _gauge(names.RELOADED, [((), self._loaded)])))
        self._registry.register(self._gauges)
        self._registry.register(_Reader(lambda: _connections(self._connections())))
        self._registry.register(_Reader(lambda: _encoder_queue(self._encoder_queue())))
        self._registry.register(_Reader(lambda: _build(version)))
        self._registry.register(_Reader(lambda: _dropped(self._log_dropped())))
        self._registry.register(_Reader(lambda: _gauge(names.REMEMBERED, [((), self._remembered()[0])])))
        self._registry.register(_Reader(lambda: _forgotten(self._remembered()[1])))
        self._registry.register(_Reader(lambda: _sizes(names.CACHE_ENTRIES, self._cache_sizes)))
        self._registry.register(_Reader(lambda: _sizes(names.CACHE_BYTES, self._cache_sizes)))
        self._registry.register(_Reader(lambda: _store_up(self._store)))
        self._registry.register(_Reader(lambda: _store_events(self._store)))
        self._registry.register(_Reader(lambda: _gauge(names.CACHE_FOLLOWERS, [((), self._followers())])))
        self._registry.register(_Reader(lambda: _wrong_hits(self._wrong_hits())))
        self._registry.register(_Reader(lambda: _reuse_effects(self._reuse_read())))
        self._registry.register(Process())
        GCCollector(registry=self._registry)
        self.know(Known())

    def know(self, known: Known) -> None:
        """The names of the configuration that now serves; call it at the start and after each reload."""
        self._tally.flush()
        self._vocabulary.replace(words(known))
        for counter in self._counters:
            counter.prune()
        for histogram in self._histograms:
            histogram.prune()
        self.decisions.start(known.decisions)
        self.reloads.start(("success", "failure"))
        self.disconnects.start(Phase)
        self.overload.start(Refused)
        self.feedbacks.start((*Status, "invalid"))
        self.retries.start(cause for cause in Cause if cause is not Cause.FIRST)

    def watch_pools(self, pools: ReadPools, leases: ReadLeases) -> None:
        self._gauges.pools, self._gauges.leases = pools, leases

    def watch_discovery(self, ages: ReadAges) -> None:
        self._gauges.ages = ages

    def watch_connections(self, connections: Callable[[], int]) -> None:
        self._connections = connections

    def watch_encoder(self, waiting: Callable[[], int]) -> None:
        self._encoder_queue = waiting

    def watch_log(self, dropped: Callable[[], Mapping[str, int]]) -> None:
        """Entries that the decision log lost, by reason."""
        self._log_dropped = dropped

    def watch_cache(self, stats: Callable[[], Mapping[str, Stats]]) -> None:
        """What the cache has, by category."""
        self._cache_stats = stats

    def watch_store(self, health: Callable[[], tuple[str, Health]]) -> None:
        """The kind of the cache's store, and how it is."""
        self._read_store = health

    def watch_verifying(self, estimates: Callable[[], Mapping[str, Estimate]]) -> None:
        """What is known of wrong hits, by category."""
        self._wrong_hits = estimates

    def watch_reusing(self, effects: Callable[[], Iterable[Effect]]) -> None:
        """What examples do to the rewards."""
        self._reuse_read = effects

    def watch_flights(self, followers: Callable[[], int]) -> None:
        """Requests that have their answer from another's call."""
        self._followers = followers

    def watch_configs(self, configs: Callable[[], Iterable[Labels]]) -> None:
        """Name, role and source of those that serve or are tried."""
        self._configs = configs

    def reloaded(self, success: bool) -> None:
        self.reloads.add(("success" if success else "failure",))
        if success:
            self._loaded = time.time()

    # What a candidate tells

    def candidate_began(self) -> None:
        self.candidate_decisions.cells.clear()
        self.candidate_skips.start(Skipped)

    def candidate_decided(self, live: str, candidate: str) -> None:
        self.candidate_decisions.add((live, candidate))

    def candidate_skipped(self, why: Skipped) -> None:
        self.candidate_skips.add((why,))

    def discovered(self, pool: str, success: bool) -> None:
        self.discovery.add((pool, "success" if success else "failure"))

    def lagged(self, seconds: float) -> None:
        self.loop_lag.observe((), seconds)

    def refused(self, route: Route, why: Refused) -> None:
        """A request that nobody read."""
        self.requests.add((route, NONE, NONE, _OVERLOADED))
        self.errors.add((ErrorSource.GATEWAY, Overloaded.code))
        self.overload.add((why,))

    # What the encoder tells

    def encoded(self, passages: int, seconds: float) -> None:
        self.encoder.observe((), seconds)
        self.encoder_batch.observe((), passages)

    def looked_up(self, found: int, missing: int) -> None:
        self.encoder_lookups.add(("hit",), found)
        self.encoder_lookups.add(("miss",), missing)

    def unencoded(self, reason: str) -> None:
        self.encoder_unknown.add((reason,))

    # What the judge tells

    def judged(self, result: Judged) -> None:
        self.judgements.add((result,))

    # What the cache's hits turn out to be

    def compared(self, compared: Compared) -> None:
        self.cache_labels.add((compared.category, compared.source, "right" if compared.same else "wrong"))

    def cache_opinion(self, category: str, told: str) -> None:
        self.cache_opinions.add((category, told))

    def judge_asked(self, pool: str, cost: float | None) -> None:
        if cost is not None:
            self.judge_cost.add((pool,), cost)

    # What pools tell

    def queued(self, pool: str, priority: Priority, seconds: float) -> None:
        self.queue.observe((pool, priority.label), seconds)

    def denied(self, pool: str, why: Denial) -> None:
        self.refusals.add((pool, why))

    def predicted(self, pool: str, error: float) -> None:
        self.ttft_error.observe((pool,), error)

    # What the learner tells

    def watch_learner(self, remembered: Callable[[], tuple[int, int]]) -> None:
        """Requests that are remembered, and those that were dropped for want of room."""
        self._remembered = remembered

    def fed_back(self, result: str) -> None:
        self.feedbacks.add((result,))

    def rewarded(self, told: Told) -> None:
        labels = (told.decision, told.pool, told.source)
        self.rewards.add(labels)
        self.reward_quality.add(labels, told.quality)

    async def scrape(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type. Thousands of series are written out beside the event loop."""
        self._gauges.read()
        self._cache_sizes, self._store = self._cache_stats(), self._read_store()
        self._tally.flush()
        encode, content_type = choose_encoder(accept)
        return await asyncio.to_thread(encode, self._registry), content_type

    def record(self, outcome: Outcome) -> None:
        timings, is_hit = outcome.timings, outcome.cache in HITS
        followed = outcome.cached is not None and outcome.cached.flight is Flown.FOLLOWED
        chosen = None if is_hit or followed else outcome.chosen  # no model was asked
        pool, model = (chosen.pool, chosen.model) if chosen else (NONE, NONE)
        self.requests.add((outcome.route, outcome.decision or NONE, model, status_word(outcome.status)))
        self.config_requests.add(("canary" if outcome.canary else "live", status_word(outcome.status)))
        self.duration.observe((outcome.route, pool), timings.total)
        self.overhead.observe((), timings.overhead)
        self.stage.observe_all(timings.stages.items())
        if outcome.decision:
            self.decisions.add((outcome.decision,))
            self._record_cache(outcome.decision, outcome.cached, outcome.cache)
        if outcome.error_source:
            self.errors.add((outcome.error_source, outcome.error_code or NONE))
        if outcome.disconnect:
            self.disconnects.add((outcome.disconnect,))
        self._record_signals(outcome)
        if chosen:
            self.selections.add((chosen.by, outcome.candidates[0] if outcome.candidates else pool))
            self._record_upstream(outcome, pool, model)

    def _record_cache(self, decision: str, cached: Cached | None, result: str) -> None:
        if cached is None:
            self.cache.add((NONE, result))
            return
        self.cache.add((cached.category, result))
        if cached.refused is not None:
            self.cache_refused.add((cached.category, cached.refused))
        if result != "bypass":
            self.cache_seconds.observe((), cached.seconds)
        if cached.flight is not None:
            self.flights.add((cached.flight,))
        if cached.reused is not None:
            self.reused.add((decision, cached.reused.pool, "given" if cached.reused.given else "withheld"))
        if cached.kept:
            self.cache_stored.add((cached.category,))
        if result in HITS:
            self.saved_seconds.add((cached.category,), cached.saved_seconds)
            self.saved_cost.add((cached.category,), cached.saved_cost)

    def _record_signals(self, outcome: Outcome) -> None:
        self.signal.observe_all(outcome.signal_seconds.items())
        self._tally.record(outcome.signals)

    def _record_upstream(self, outcome: Outcome, pool: str, model: str) -> None:
        if outcome.timings.ttft is not None:
            self.ttft.observe((pool, model), outcome.timings.ttft)
        if outcome.events > 1:
            gaps = outcome.events - 1
            self.gap.observe((pool, model), outcome.gaps / gaps, gaps)
        for attempt in outcome.attempts:
            self.attempts.add((attempt.pool, attempt.endpoint, attempt.result))
            if attempt.cause is not Cause.FIRST:
                self._record_further(attempt)
        self._record_usage(outcome, pool, model)
        if outcome.panel:
            self.panels.add((outcome.decision or NONE, outcome.panel))
        for step in outcome.steps if outcome.panel is None else ():
            self.steps.add((outcome.decision or NONE, step.pool, step.verdict))
            for test in step.unmeasured:
                self.unmeasured.add((step.pool, test))

    def _record_further(self, attempt: Attempt) -> None:
        self.retries.add((attempt.cause,))
        if attempt.cause is Cause.HEDGE:
            self.hedges.add((attempt.pool, "won" if attempt.result is Result.OK else "lost"))

    def _record_usage(self, outcome: Outcome, pool: str, model: str) -> None:
        usage, beside = outcome.usage, 0.0
        for extra in outcome.extras:
            if extra.usage:
                self._count_tokens(extra.pool, extra.model, extra.usage)
            if extra.cost is not None:
                self.cost.add((extra.pool, extra.model), extra.cost)
                beside += extra.cost
        if usage:
            self._count_tokens(pool, model, usage)
        elif 200 <= outcome.status < 300 and not outcome.disconnect and outcome.route not in NO_USAGE:
            self.unknown_usage.add((pool,))
        if outcome.cost is not None:
            self.cost.add((pool, model), max(0.0, outcome.cost - beside))

    def _count_tokens(self, pool: str, model: str, usage: Usage) -> None:
        self.tokens.add((pool, model, "prompt"), usage.prompt)
        self.tokens.add((pool, model, "completion"), usage.completion)
        if usage.cached is not None:
            self.tokens.add((pool, model, "cached"), usage.cached)

    def _counter(self, name: names.Name) -> Counter:
        self._counters.append(Counter(name, self._vocabulary))
        self._registry.register(self._counters[-1])
        return self._counters[-1]

    def _histogram(self, name: names.Name) -> Histogram:
        self._histograms.append(Histogram(name, self._vocabulary))
        self._registry.register(self._histograms[-1])
        return self._histograms[-1]


class _Reader(Collector):
    def __init__(self, read: Callable[[], Metric]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        yield self._read()

    def describe(self) -> Iterator[Metric]:
        return iter(())


def _gauge(name: names.Name, values: Iterable[tuple[Labels, float]]) -> Metric:
    family = GaugeMetricFamily(name.name, name.help, labels=name.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _sizes(name: names.Name, stats: Mapping[str, Stats]) -> Metric:
    entries = name is names.CACHE_ENTRIES
    return _gauge(name, [((category,), each.entries if entries else each.bytes) for category, each in stats.items()])


def _store_up(store: tuple[str, Health] | None) -> Metric:
    return _gauge(names.CACHE_STORE_UP, [] if store is None else [((store[0],), float(store[1].up))])


def _store_events(store: tuple[str, Health] | None) -> Metric:
    name = names.CACHE_STORE_EVENTS
    family = CounterMetricFamily(name.name, name.help, labels=name.labels)
    if store is not None:
        for event, count in store[1].counts.items():
            family.add_metric((store[0], event), count)
    return family


def _wrong_hits(estimates: Mapping[str, Estimate]) -> Metric:
    """Those that are known at all."""
    told: list[tuple[Labels, float]] = []
    for category, (wrong, low, high, _) in estimates.items():
        if wrong is not None:
            told += [((category, "estimate"), wrong), ((category, "low"), low), ((category, "high"), high)]
    return _gauge(names.CACHE_WRONG, told)


def _reuse_effects(effects: Iterable[Effect]) -> Metric:
    """Those that are known at all."""
    told: list[tuple[Labels, float]] = []
    for each in effects:
        for bound, value in zip(("estimate", "low", "high"), each.difference or (), strict=False):
            told.append(((each.decision, each.pool, bound), value))
    return _gauge(names.CACHE_REUSE_EFFECT, told)


def _build(version: str) -> Metric:
    family = GaugeMetricFamily(names.BUILD.name, names.BUILD.help, labels=names.BUILD.labels)
    family.add_metric((version, platform.python_version()), 1)
    return family


def _forgotten(count: int) -> Metric:
    family = CounterMetricFamily(names.FORGOTTEN.name, names.FORGOTTEN.help, labels=names.FORGOTTEN.labels)
    family.add_metric((), count)
    return family


def _connections(count: int) -> Metric:
    family = GaugeMetricFamily(names.CONNECTIONS.name, names.CONNECTIONS.help, labels=names.CONNECTIONS.labels)
    family.add_metric((), count)
    return family


def _encoder_queue(count: int) -> Metric:
    name = names.ENCODER_QUEUE
    family = GaugeMetricFamily(name.name, name.help, labels=name.labels)
    family.add_metric((), count)
    return family


def _dropped(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(names.LOG_DROPPED.name, names.LOG_DROPPED.help, labels=names.LOG_DROPPED.labels)
    for reason, count in counts.items():
        family.add_metric((reason,), count)
    return family
