"""What requests and checks tell of a pool's endpoints, and what follows for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from pointsman.gateway.pools import busy
from pointsman.gateway.pools import health as step
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.health import Check, Health, Phase, Reason, Result
from pointsman.gateway.pools.outlier import Results, pace
from pointsman.gateway.schema.pools import Eject

if TYPE_CHECKING:
    from pointsman.gateway.pools.lease import Lease

_COMPARE = 1.0
"""Seconds between two comparisons of the endpoints' first tokens."""
_UNREAD = Results()

_log = structlog.get_logger("pointsman.pools")


class Referee:
    """Applies the pure steps. `changed` is called when an endpoint may be in another state than before."""

    __slots__ = ("_changed", "_compare_at", "_eject", "_endpoints", "_pool")

    def __init__(self, pool: str, changed: Callable[[float], None]) -> None:
        self._pool = pool
        self._changed = changed
        self._compare_at = 0.0
        self._endpoints: Sequence[Endpoint] = ()
        self._eject = Eject.model_validate({})

    def seat(self, endpoints: Sequence[Endpoint], eject: Eject) -> None:
        self._endpoints, self._eject = endpoints, eject
        for endpoint in endpoints:
            endpoint.look_back(eject.window)

    def began(self, lease: Lease, now: float, *, token: bool) -> None:
        """A good answer, with `token` the first event of a stream."""
        if lease.probe:
            self._tested(lease, now, token=token)
        elif token and self._eject.slow and _is_news(lease):
            lease.endpoint.recent.began(now, now - lease.taken)
            if now >= self._compare_at:
                self._compare(now)

    def ended(self, lease: Lease, result: Result, retry_after: float | None, now: float) -> None:
        endpoint = lease.endpoint
        if lease.probe:
            self._learn(lease, result, now)
        elif _is_news(lease):
            if result is Result.OK and not endpoint.health.failures:  # nearly always
                endpoint.recent.ended(now, failed=False)
            else:
                self._learn(lease, result, now)
        if result is Result.BUSY:
            self._spare(endpoint, retry_after, now)
        elif result is Result.OK and endpoint.busy is not busy.FREE:
            endpoint.busy = busy.took(endpoint.busy, now)

    def checked(self, endpoint: Endpoint, check: Check, complaint: str, now: float) -> None:
        self._set(endpoint, step.checked(endpoint.health, check, complaint), now)

    def _learn(self, lease: Lease, result: Result, now: float) -> None:
        endpoint, failed = lease.endpoint, result is Result.FAILED
        if failed or result is Result.OK:
            endpoint.recent.ended(now, failed=failed)
        health = step.ended(
            endpoint.health,
            result,
            now,
            self._eject,
            probe=lease.probe,
            ejectable=failed and self._can_do_without(endpoint),
            recent=endpoint.recent.results(now) if failed else _UNREAD,
        )
        self._set(endpoint, health, now)

    def _tested(self, lease: Lease, now: float, *, token: bool) -> None:
        """A probe's answer begins. It may last for minutes, so that is enough, unless it comes as late as before."""
        endpoint, seconds = lease.endpoint, now - lease.taken
        was_slow = token and endpoint.health.reason is Reason.SLOW
        usual = pace((*self._firsts(now).values(), seconds), self._eject.slow) if was_slow else None
        if usual is None or seconds <= usual.limit:
            self._learn(lease, Result.OK, now)
            return
        lease.probe = False  # it has told all that it could
        health = step.slowed(endpoint.health, seconds, usual.seconds, now, self._eject, probe=True)
        self._set(endpoint, health, now)

    def _compare(self, now: float) -> None:
        """Eject the slowest endpoint, if it is far slower than the others."""
        self._compare_at = now + _COMPARE
        firsts = self._firsts(now)
        usual = pace(firsts.values(), self._eject.slow)
        if usual is None:
            return
        slowest = max(firsts, key=firsts.__getitem__)
        if firsts[slowest] > usual.limit and self._can_do_without(slowest):
            health = step.slowed(slowest.health, firsts[slowest], usual.seconds, now, self._eject)
            self._set(slowest, health, now)

    def _firsts(self, now: float) -> Mapping[Endpoint, float]:
        return {e: first for e in self._endpoints if e.up and (first := e.recent.first_token(now)) is not None}

    def _can_do_without(self, endpoint: Endpoint) -> bool:
        others = [e.health for e in self._endpoints if e is not endpoint and not e.draining]
        return step.ejectable(others, self._eject.max)

    def _spare(self, endpoint: Endpoint, retry_after: float | None, now: float) -> None:
        was_free = endpoint.busy.until <= now
        endpoint.busy = busy.refused(endpoint.busy, now, retry_after)
        if was_free:
            self._changed(now)

    def _set(self, endpoint: Endpoint, health: Health, now: float) -> None:
        if health is endpoint.health:
            return
        before, after = endpoint.health.phase(now), health.phase(now)
        endpoint.health = health
        if before is not after:
            endpoint.recent.forget()
            if after is Phase.EJECTED and health.reason is not None:
                endpoint.ejections[health.reason] += 1
            log = _log.info if after is Phase.UP else _log.warning
            why = {"reason": health.why} if health.why else {}
            log("endpoint", pool=self._pool, endpoint=endpoint.name, state=after.value, before=before.value, **why)
        self._changed(now)


def _is_news(lease: Lease) -> bool:
    """Whether the request tells how the endpoint is now: those from before an ejection do not."""
    health = lease.endpoint.health
    return health.until is None and lease.taken >= health.back
