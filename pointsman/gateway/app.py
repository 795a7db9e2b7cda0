"""Assembles the running process from a Config; the only place that knows all parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
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
from pointsman.gateway.observe.outcome import Outcome
from pointsman.gateway.policy import build_policy
from pointsman.gateway.pools.lease import live_leases
from pointsman.gateway.pools.monitor import Monitor
from pointsman.gateway.pools.pool import Pool, reconcile
from pointsman.gateway.relay.upstream import Upstream
from pointsman.gateway.runtime import Runtime, model_names
from pointsman.gateway.schema import Config
from pointsman.gateway.wire.inbound import Receive, Scope, Send
from pointsman.gateway.wire.reply import JSON

log = structlog.get_logger(__name__)

_LOG_FLUSH = 5.0  # seconds

CONTROL = frozenset(("healthz", "readyz", "metrics", "admin", "console"))
"""First parts of the paths that are not the data plane's."""


def build_runtime(config: Config, old: Mapping[str, Pool] | None = None) -> Runtime:
    """Without side effects on what serves now, except that pools that stay are taken over."""
    signals, policy = build_policy(config)
    guarded = any(decision.respond is not None for decision in policy.decisions)
    keys = KeyRing.of_clients(config.auth) if config.auth else None
    admin = KeyRing.of_admins(config.admin) if config.admin.keys else None
    origins = Origins(config.server.cors, config.auth is not None)
    admin_origins = Origins((), admin is not None)
    pools = reconcile(old or {}, config.pools)  # last: nothing after it can fail
    return Runtime(config, signals, policy, guarded, pools, model_names(pools), keys, admin, origins, admin_origins)


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
        self.runtime = build_runtime(config)
        self.draining = False
        self.exposed = False  # whether other machines can reach the listening socket
        self._random = random or Random()
        self._observers: list[Callable[[Outcome], None]] = []
        self._log = DecisionLog(config.log.decisions)
        self._control = control_plane(self)
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        self._upstream = Upstream()
        self._monitor_session = aiohttp.ClientSession()
        self._monitor = Monitor(self._monitor_session)
        self._data = DataPlane(self._upstream, self._record, self._random)
        self.metrics.watch_pools(lambda: self.runtime.pools.values(), live_leases)
        self.metrics.watch_log(lambda: self._log.dropped)
        self._serve(self.runtime)
        self._monitor.start(self.runtime.pools.values())

    async def stop(self) -> None:
        await self._monitor.stop()
        await self._monitor_session.close()
        await self._upstream.close()
        await asyncio.to_thread(self._log.close, _LOG_FLUSH)

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
            if (config.server.host, config.server.port) != (before.server.host, before.server.port):
                log.warning("restart_needed", reason="server.host or server.port changed; the old address stays")
            self._serve(build_runtime(config, self.runtime.pools))
            self._monitor.update(self.runtime.pools.values())
            self._log.reload(config.log.decisions)
            if config.log.level != before.log.level:
                set_level(config.log.level)
            self.metrics.reloaded(True)
            log.info("reloaded", file=str(self._path), pools=len(config.pools), decisions=len(config.decisions))
            return self.runtime

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

    def _record(self, outcome: Outcome) -> None:
        self.metrics.record(outcome)
        self._log.record(outcome)
        for observe in self._observers:
            observe(outcome)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS" and await self._preflight(scope, send):
            return
        if scope["path"].lstrip("/").partition("/")[0] in CONTROL:
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
