"""Assembles the running process from a Config; the only place that knows all parts."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random

import aiohttp
import structlog

from pointsman import __version__
from pointsman.gateway.access.keys import KeyRing
from pointsman.gateway.access.origin import Origins, is_preflight
from pointsman.gateway.admin.control import control_plane
from pointsman.gateway.config import load
from pointsman.gateway.dataplane import DataPlane
from pointsman.gateway.errors import ConfigError, Forbidden, Problem
from pointsman.gateway.observe.decision_log import DecisionLog
from pointsman.gateway.observe.known import Known
from pointsman.gateway.observe.logs import hide, set_level
from pointsman.gateway.observe.metrics import Metrics
from pointsman.gateway.observe.outcome import Outcome, Refused
from pointsman.gateway.overload import Gate
from pointsman.gateway.policy import build_policy
from pointsman.gateway.pools.discovery.finder import Finder, Standing
from pointsman.gateway.pools.events import UNHEARD, Events
from pointsman.gateway.pools.lease import live_leases
from pointsman.gateway.pools.monitor import Monitor
from pointsman.gateway.pools.pool import Pool, reconcile
from pointsman.gateway.refusal import Refusals, Unread
from pointsman.gateway.relay.upstream import Upstream
from pointsman.gateway.runtime import Runtime, hedges, model_names, standings
from pointsman.gateway.schema import Config, ServerConfig
from pointsman.gateway.wire.inbound import Receive, Scope, Send
from pointsman.gateway.wire.reply import JSON, Headers

log = structlog.get_logger(__name__)

_LOG_FLUSH = 5.0  # seconds

_ADVICE = {
    Refused.BUSY: "The gateway is overloaded. Try again later.",
    Refused.CONNECTIONS: "The gateway has all the connections that it may have. Close idle ones, and try again later.",
}

CONTROL = frozenset(("healthz", "readyz", "metrics", "admin", "console"))
"""First parts of the paths that are not the data plane's."""


def is_control(path: str) -> bool:
    return path.lstrip("/").partition("/")[0] in CONTROL


def build_runtime(config: Config, old: Mapping[str, Pool] | None = None, events: Events = UNHEARD) -> Runtime:
    """Without side effects on what serves now, except that pools that stay are taken over."""
    signals, policy = build_policy(config)
    guarded = any(decision.respond is not None for decision in policy.decisions)
    slos = {decision.name: decision.slo for decision in config.decisions if decision.slo is not None}
    keys = KeyRing.of_clients(config.auth) if config.auth else None
    admin = KeyRing.of_admins(config.admin) if config.admin.keys else None
    origins = Origins(config.server.cors, config.auth is not None)
    admin_origins = Origins((), admin is not None)
    pools = reconcile(old or {}, config.pools, events=events)  # last: nothing after it can fail
    return Runtime(
        config, signals, policy, guarded, pools, model_names(pools),
        standings(config), slos, hedges(config), keys, admin, origins, admin_origins,
    )  # fmt: skip


class Gateway:
    """An ASGI application; whoever serves it calls `start` before and `stop` after."""

    def __init__(
        self,
        config: Config,
        path: Path | None = None,
        random: Random | None = None,
    ) -> None:
        self._path = path
        self.metrics = Metrics(__version__)
        self.runtime = build_runtime(config, events=self.metrics)
        self.draining = False
        self.exposed = False  # whether other machines can reach the listening socket
        self._random = random or Random()
        self._observers: list[Callable[[Outcome], None]] = []
        self._log = DecisionLog(config.log.decisions)
        self._refusals = {why: Refusals(self._origin_headers, advice) for why, advice in _ADVICE.items()}
        self._control = control_plane(self)
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        self.gate = Gate(self.metrics.lagged)
        self._upstream = Upstream()
        self._monitor_session = aiohttp.ClientSession()
        self._monitor = Monitor(self._monitor_session)
        self._finder = Finder(self.endpoints_changed, self.metrics.discovered)
        self._data = DataPlane(self._upstream, self._record, self._random)
        self.metrics.watch_pools(lambda: self.runtime.pools.values(), live_leases)
        self.metrics.watch_discovery(lambda: {pool: s.age for pool, s in self._finder.standings().items()})
        self.metrics.watch_log(lambda: self._log.dropped)
        self._serve(self.runtime)
        self._monitor.start(self.runtime.pools.values())
        await self._finder.start(self.runtime.pools.values())

    async def stop(self) -> None:
        await self._finder.stop()
        await self._monitor.stop()
        await self._monitor_session.close()
        await self._upstream.close()
        self.gate.close()
        await asyncio.to_thread(self._log.close, _LOG_FLUSH)

    @property
    def control(self) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """The control plane alone."""
        return self._control

    def observe(self, observer: Callable[[Outcome], None]) -> None:
        """Call it with what became of each request, right after its end."""
        self._observers.append(observer)

    async def reload(self) -> Runtime:
        """Read the file again. ConfigError if it is bad; then the old configuration goes on serving."""
        async with self._reloading:
            try:
                config = await asyncio.to_thread(self._read)
            except ConfigError:
                self.metrics.reloaded(False)
                raise
            before = self.runtime.config
            if _addresses(config.server) != _addresses(before.server):
                reason = "server.host, server.port or server.control_port changed; the old address stays"
                log.warning("restart_needed", reason=reason)
            self._serve(build_runtime(config, self.runtime.pools, self.metrics))
            self._monitor.update(self.runtime.pools.values())
            self._finder.update(self.runtime.pools.values())
            self._log.reload(config.log.decisions)
            if config.log.level != before.log.level:
                set_level(config.log.level)
            self.metrics.reloaded(True)
            log.info("reloaded", file=str(self._path), pools=len(config.pools), decisions=len(config.decisions))
            return self.runtime

    def discoveries(self) -> Mapping[str, Standing]:
        """By pool; only of pools that have a discovery."""
        return self._finder.standings()

    def endpoints_changed(self) -> None:
        """A pool has other endpoints than before."""
        self._monitor.update(self.runtime.pools.values())
        self.metrics.know(_known(self.runtime))

    def _read(self) -> Config:
        if self._path is None:
            raise ConfigError([Problem("this gateway was started without a file that could be read again")])
        config = load(self._path)
        if config.auth is None and self.exposed:  # whatever server.host says now: the old address stays
            raise ConfigError(
                [Problem("without auth.keys only loopback may be listened on; restart to change both", str(self._path))]
            )
        return config

    def _serve(self, runtime: Runtime) -> None:
        hide(_secrets(runtime.config))
        self.runtime = self._data.runtime = runtime
        self.metrics.know(_known(runtime))

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
    return [secret.get_secret_value() for secret in (*keys, *config.admin.keys, *pools)]


def _known(runtime: Runtime) -> Known:
    config = runtime.config
    return Known(
        decisions=[d.name for d in config.decisions],
        pools=list(config.pools),
        models=[p.model for p in config.pools.values()],
        endpoints=[e.name for p in runtime.pools.values() for e in p.endpoints],
        signals={name: signal.known_labels or () for name, signal in runtime.signals.items()},
        selectors=[d.select.by for d in config.decisions],
    )
