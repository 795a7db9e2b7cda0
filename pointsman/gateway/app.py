"""Assembles the running process from a Config; the only place that knows all parts."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import aiohttp
import structlog

from pointsman import __version__
from pointsman.cache.store.redis.address import password_of
from pointsman.gateway.access.keys import KeyRing
from pointsman.gateway.access.origin import Origins, is_preflight
from pointsman.gateway.admin.control import control_plane
from pointsman.gateway.caching.opening import configure, opened
from pointsman.gateway.caching.reusing import Reusing
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.caching.verifying import Verifying
from pointsman.gateway.candidate import Candidate, Mode
from pointsman.gateway.config import Examined, examine
from pointsman.gateway.dataplane import DataPlane
from pointsman.gateway.encoders import introduce, prepare
from pointsman.gateway.errors import ConfigError, Forbidden, Problem
from pointsman.gateway.fingerprint import Fingerprints, fingerprints
from pointsman.gateway.learning.judge import Judge
from pointsman.gateway.learning.learner import Learner
from pointsman.gateway.learning.requests import Key
from pointsman.gateway.observe.decision_log import DecisionLog
from pointsman.gateway.observe.entry import encode_config
from pointsman.gateway.observe.known import Known
from pointsman.gateway.observe.logs import hide, set_level
from pointsman.gateway.observe.metrics import Metrics
from pointsman.gateway.observe.outcome import Outcome, Refused
from pointsman.gateway.observe.told import Compared, Told
from pointsman.gateway.overload import Gate
from pointsman.gateway.policy import Policies, build_policy
from pointsman.gateway.policy_diff import policy_diff
from pointsman.gateway.pools.discovery.finder import Finder, Standing
from pointsman.gateway.pools.events import UNHEARD, Events
from pointsman.gateway.pools.lease import live_leases
from pointsman.gateway.pools.monitor import Monitor
from pointsman.gateway.pools.pool import Pool, reconcile
from pointsman.gateway.refusal import Refusals, Unread
from pointsman.gateway.relay.aside import Aside
from pointsman.gateway.relay.upstream import Upstream
from pointsman.gateway.reloading import Proposal
from pointsman.gateway.runtime import Runtime, hedges, model_names, reuses, slos, standings
from pointsman.gateway.schema.access import ServerConfig
from pointsman.gateway.schema.config import Config
from pointsman.gateway.trial import Trial
from pointsman.gateway.wire.inbound import Receive, Scope, Send
from pointsman.gateway.wire.reply import JSON, Headers
from pointsman.policies.outcome import Source
from pointsman.signals.encoder.batcher import Batcher

log = structlog.get_logger(__name__)

_LOG_FLUSH = 5.0  # seconds
_MAX_WARNINGS = 50  # of one reload that are logged

_ADVICE = {
    Refused.BUSY: "The gateway is overloaded. Try again later.",
    Refused.CONNECTIONS: "The gateway has all the connections that it may have. Close idle ones, and try again later.",
}

CONTROL = frozenset(("healthz", "readyz", "metrics", "admin", "console"))
"""First parts of the paths that are not the data plane's."""


def is_control(path: str) -> bool:
    return path.lstrip("/").partition("/")[0] in CONTROL


class Rules(NamedTuple):
    """What decides, built for one version of the configuration."""

    policies: Policies
    encoder: Batcher | None
    declared: Fingerprints | None = None


def build_rules(config: Config, old: Runtime | None = None) -> Rules:
    """Blocks where there are neural signals, for as long as loading a model takes; the encoder of before stays if
    the configuration wants the same."""
    policies = build_policy(config)
    same = old.encoder if old is not None and old.config.encoder == config.encoder else None
    declared = fingerprints(config, policies.signals)
    is_semantic = any(category.semantic for category in config.cache_categories.values())
    encoder = prepare(policies.signals.values(), config.encoder, same, prompts=policies.reads_prompts or is_semantic)
    if encoder is not None:
        introduce((policies.main, *policies.virtual.values()), encoder)
    return Rules(policies, encoder, declared)


def build_runtime(
    config: Config,
    rules: Rules | None = None,
    old: Mapping[str, Pool] | None = None,
    events: Events = UNHEARD,
    learner: Learner | None = None,
    caching: Caching | None = None,
) -> Runtime:
    """Without side effects on what serves now, except that pools that stay are taken over."""
    (signals, policy, virtual), encoder, declared = rules or build_rules(config)
    keys = KeyRing.of_clients(config.auth) if config.auth else None
    admin = KeyRing.of_admins(config.admin) if config.admin.keys else None
    origins = Origins(config.server.cors, config.auth is not None)
    admin_origins = Origins((), admin is not None)
    pools = reconcile(old or {}, config.pools, events=events)  # last: nothing after it can fail
    return Runtime(
        config, signals, policy, virtual, policy.guards(), encoder, pools, model_names(pools),
        standings(config), slos(config), hedges(config), keys, admin, origins, admin_origins,
        declared, learner or Learner(), caching, config.cache_sortings, reuses(config),
    )  # fmt: skip


class Gateway:
    """An ASGI application; whoever serves it calls `start` before and `stop` after."""

    def __init__(
        self,
        config: Config,
        path: Path | None = None,
        random: Random | None = None,
    ) -> None:
        self.path = path
        self.promoted = False  # whether something else serves than the file said when it was read
        self.metrics = Metrics(__version__)
        learning = config.learning
        self.learner = Learner(learning.requests, learning.keep, learning.implicit)
        self.learner.watcher = self
        self.reusing = Reusing(Random())
        self.runtime = build_runtime(config, events=self.metrics, learner=self.learner)
        self.draining = False
        self.exposed = False  # whether other machines can reach the listening socket
        self._random = random or Random()
        self._observers: list[Callable[[Outcome], None]] = []
        self._log = DecisionLog(config.log.decisions, _head(self.runtime))
        self._refusals = {why: Refusals(self._origin_headers, advice) for why, advice in _ADVICE.items()}
        self.trial = Trial(self)
        self._control = control_plane(self)
        self.changing = asyncio.Lock()  # one at a time may change what serves

    async def start(self) -> None:
        self.gate = Gate(self.metrics.lagged)
        self._upstream = Upstream()
        self._monitor_session = aiohttp.ClientSession()
        self._monitor = Monitor(self._monitor_session)
        self._finder = Finder(self.endpoints_changed, self.metrics.discovered)
        self._data = DataPlane(self._upstream, self._record, self._random)
        self._judge = self._data.judge = Judge(Aside(self._upstream), self._graded, self.metrics, Random())
        self.metrics.watch_pools(lambda: self.runtime.pools.values(), live_leases)
        self.metrics.watch_discovery(lambda: {pool: s.age for pool, s in self._finder.standings().items()})
        self.metrics.watch_encoder(lambda: self.runtime.encoder.waiting if self.runtime.encoder else 0)
        self.metrics.watch_log(lambda: self._log.dropped)
        self.metrics.watch_configs(self._configs)
        self.metrics.watch_learner(lambda: (len(self.learner.requests), self.learner.requests.dropped))
        await self.learner.start(self.runtime.config.learning.path)
        self._caching = await opened(self.runtime.config, self.runtime.encoder)
        self._verifying = Verifying(
            lambda entry: self._caching.cache.document(entry),
            Aside(self._upstream), self.metrics, self.compared, Random(),
        )  # fmt: skip
        self.runtime = replace(self.runtime, caching=self._caching)
        self.metrics.watch_cache(lambda: self._caching.stats())
        self.metrics.watch_store(lambda: (self._caching.kind, self._caching.cache.store.health()))
        self.metrics.watch_flights(lambda: self._caching.flights.followers)
        self.metrics.watch_verifying(self._verifying.estimates)
        self.metrics.watch_reusing(self.reusing.effects)
        self._serve(self.runtime)
        self._monitor.start(self.runtime.pools.values())
        await self._finder.start(self.runtime.pools.values())

    async def stop(self) -> None:
        await self._finder.stop()
        await self._monitor.stop()
        await self._monitor_session.close()
        await self._judge.close()
        await self.learner.stop()
        await self._verifying.close()
        await self._caching.stop()
        await self._upstream.close()
        self.trial.close()
        if self.runtime.encoder is not None:
            self.runtime.encoder.close()
        self.gate.close()
        await asyncio.to_thread(self._log.close, _LOG_FLUSH)

    @property
    def control(self) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """The control plane alone."""
        return self._control

    def observe(self, observer: Callable[[Outcome], None]) -> None:
        """Call it with what became of each request, right after its end."""
        self._observers.append(observer)

    async def reload(self) -> Proposal:
        """Read the file again. ConfigError if it is bad; then the old configuration goes on serving."""
        async with self.changing:
            try:
                proposal = await self.propose(self._examine)
            except ConfigError:
                self.metrics.reloaded(False)
                raise
            before = self._caching
            self._caching = await opened(proposal.config, proposal.rules.encoder, before)
            self._swap(proposal)
            if before is not self._caching:
                await before.stop()
            self.metrics.reloaded(True)
            config, changes = proposal.config, [*map(str, proposal.changes)]
            warnings = [str(found) for found in proposal.findings if found.severity == "warning"][:_MAX_WARNINGS]
            if warnings:
                log.warning("reload_warnings", problems=warnings)
            if self.promoted and changes:
                log.warning("promotion_replaced", reason="the file says something else than what was promoted")
            self.promoted = False
            counts = {"pools": len(config.pools), "decisions": len(config.all_decisions)}
            log.info("reloaded", file=str(self.path), **counts, config=self.runtime.digest, changes=changes)
            return proposal

    async def check(self) -> Proposal:
        """What `reload` would do. ConfigError if it would fail."""
        async with self.changing:
            proposal = await self.propose(self._examine)
            self.retire(proposal.rules.encoder)
            return proposal

    async def propose(self, examine: Callable[[], Examined]) -> Proposal:
        """ConfigError if what was examined cannot serve, or what `examine` raises."""
        return await asyncio.to_thread(self._propose, examine)

    def promote(self, runtime: Runtime) -> None:
        """Serve it from now on, over the pools that there are."""
        self.promoted = True
        self._serve(runtime)
        self._log.reload(runtime.config.log.decisions, self._head())

    def tried(self) -> None:
        """There is another candidate than before, or it is tried otherwise."""
        candidate = self._data.candidate = self.trial.candidate
        if candidate is not None and candidate.runtime.encoder is not None:
            candidate.runtime.encoder.watcher = self.metrics
        self._follow()
        self.metrics.know(_known(self.runtime, candidate))
        self._log.reload(self.runtime.config.log.decisions, self._head())

    def retire(self, encoder: Batcher | None) -> None:
        """Close it unless somebody needs it."""
        candidate = self.trial.candidate
        if encoder is not None and encoder not in (self.runtime.encoder, candidate and candidate.runtime.encoder):
            encoder.close()

    def _swap(self, proposal: Proposal) -> None:
        config, before = proposal.config, self.runtime.config
        if _addresses(config.server) != _addresses(before.server):
            reason = "server.host, server.port or server.control_port changed; the old address stays"
            log.warning("restart_needed", reason=reason)
        if config.learning.path != before.learning.path:
            log.warning("restart_needed", reason="learning.path changed; the old file stays")
        self.learner.adjust(config.learning.requests, config.learning.keep, config.learning.implicit)
        self._serve(
            build_runtime(config, proposal.rules, self.runtime.pools, self.metrics, self.learner, self._caching)
        )
        self._monitor.update(self.runtime.pools.values())
        self._finder.update(self.runtime.pools.values())
        self._log.reload(config.log.decisions, self._head())
        if config.log.level != before.log.level:
            set_level(config.log.level)

    def discoveries(self) -> Mapping[str, Standing]:
        """By pool; only of pools that have a discovery."""
        return self._finder.standings()

    def endpoints_changed(self) -> None:
        """A pool has other endpoints than before."""
        self._monitor.update(self.runtime.pools.values())
        self.metrics.know(_known(self.runtime, self.trial.candidate))

    def _examine(self) -> Examined:
        if self.path is None:
            raise ConfigError([Problem("this gateway was started without a file that could be read again")])
        return examine(self.path)

    def _propose(self, examine: Callable[[], Examined]) -> Proposal:
        examined, before = examine(), self.runtime
        config = examined.usable()
        if config.auth is None and self.exposed:  # whatever server.host says now: the old address stays
            raise ConfigError(
                [Problem("without auth.keys only loopback may be listened on; restart to change both", str(self.path))]
            )
        changes = policy_diff(before.config, config)
        return Proposal(config, build_rules(config, before), changes, examined.problems)

    def _serve(self, runtime: Runtime) -> None:
        hide(_secrets(runtime.config))
        before = self.runtime.encoder
        if runtime.encoder is not None:
            runtime.encoder.watcher = self.metrics
        self.runtime = self._data.runtime = runtime
        self.trial.follow(runtime)
        self._data.candidate = self.trial.candidate
        self.retire(before)
        self._follow()
        self.metrics.know(_known(runtime, self.trial.candidate))

    def _head(self) -> bytes:
        candidate = self.trial.candidate
        return _head(self.runtime) + (_head(candidate.runtime) if candidate is not None else b"")

    def _configs(self) -> Iterator[tuple[str, str, str]]:
        """Name, role and source."""
        yield self.runtime.digest, "live", "admin" if self.promoted else "file"
        candidate = self.trial.candidate
        if candidate is not None:
            yield candidate.runtime.digest, candidate.terms.mode, "admin"

    @property
    def max_connections(self) -> int:
        return min(self.runtime.config.server.max_connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

    def refusal(self, request: Unread, why: Refused) -> bytes:
        """The whole answer to a request that nobody reads."""
        route, answer = self._refusals[why].to(request)
        self.metrics.refused(route, why)
        return answer

    def _origin_headers(self, origin: str | None) -> Headers:
        return self.runtime.origins.headers(origin)

    def _record(self, outcome: Outcome) -> None:
        self.metrics.record(outcome)
        self._log.record(outcome)
        for observe in self._observers:
            observe(outcome)

    def rewarded(self, told: Told) -> None:
        """Something became known of an answer."""
        self.reusing.rewarded(told)
        self.metrics.rewarded(told)
        self._log.rewarded(told)

    def compared(self, compared: Compared) -> None:
        """It became known whether a kept answer is right for another question."""
        self.metrics.compared(compared)
        self._log.compared(compared)

    def fed_back(self, result: str) -> None:
        self.metrics.fed_back(result)

    def _follow(self) -> None:
        candidate, config = self.trial.candidate, self.runtime.config
        others = candidate.config.cache_categories if candidate is not None else {}
        categories = {**others, **config.cache_categories}
        configure(self._caching, config.cache, categories)
        self._caching.verifying, self._caching.reusing = self._verifying, self.reusing
        self._verifying.configure(categories, self.runtime.pools, self.runtime.encoder)
        self.learner.follow(self.runtime.decisions(), candidate.runtime.decisions() if candidate is not None else ())

    def _graded(self, key: Key, quality: float) -> None:
        self.learner.reward(key, Source.JUDGE, quality)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS" and await self._preflight(scope, send):
            return
        if is_control(scope["path"]):
            await self._control(scope, receive, send)
        else:
            await self._data(scope, receive, send)

    async def _preflight(self, scope: Scope, send: Send) -> bool:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        if not is_preflight(scope["method"], origin, headers.get(b"access-control-request-method")):
            return False
        assert origin is not None
        answer = self.runtime.origins.preflight(
            origin, headers.get(b"host"), headers.get(b"access-control-request-headers")
        )
        status, fields, body = (403, JSON, answer.body()) if isinstance(answer, Forbidden) else (204, answer, b"")
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})
        return True


def _addresses(server: ServerConfig) -> tuple[str, int, int | None]:
    return server.host, server.port, server.control_port


def _secrets(config: Config) -> list[str]:
    keys = [entry.key for entry in config.auth.keys] if config.auth else []
    pools = [pool.api_key for pool in config.pools.values() if pool.api_key is not None]
    encoder = [config.encoder.api_key] if config.encoder.api_key else []
    store = password_of(config.cache.store.get_secret_value())
    return [*store, *(secret.get_secret_value() for secret in (*keys, *config.admin.keys, *pools, *encoder))]


def _head(runtime: Runtime) -> bytes:
    return encode_config(runtime.declared) if runtime.declared else b""


def _known(runtime: Runtime, candidate: Candidate | None) -> Known:
    configs, signals = [runtime.config], runtime.signals
    if candidate is not None and candidate.terms.mode is Mode.CANARY:
        configs.append(candidate.config)
        signals = {**candidate.runtime.signals, **signals}
    decisions = [decision for config in configs for decision in config.all_decisions]
    return Known(
        decisions=[d.name for d in decisions],
        pools=list(runtime.pools),
        models=[p.config.model for p in runtime.pools.values()],
        endpoints=[e.name for p in runtime.pools.values() for e in p.endpoints],
        signals={name: signal.known_labels or () for name, signal in signals.items()},
        selectors=[d.select.by for d in decisions],
        categories=[name for config in configs for s in config.cache_sortings.values() for name in s.names],
        candidates=[d.name for d in candidate.config.all_decisions] if candidate is not None else (),
    )
