"""A configuration that is tried beside the one that serves: compared with it, or given a share of the requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import structlog

from pointsman.gateway.canary import sticky_key, within
from pointsman.gateway.disagreement import Disagreement
from pointsman.gateway.errors import NoRoute, RequestError
from pointsman.gateway.observe.families import NONE
from pointsman.gateway.observe.outcome import Skipped
from pointsman.gateway.routing import Routed
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.schema.config import Config
from pointsman.gateway.shadow import Job, Shadow
from pointsman.gateway.units import format_share
from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts

if TYPE_CHECKING:
    from pointsman.gateway.reloading import Proposal

log = structlog.get_logger(__name__)

FREE = frozenset(
    ("version", "include", "aliases", "signals", "conditions", "strategy", "decisions", "virtual_models", "tests")
)
"""Sections in which a candidate may differ: all others concern what both share."""


class Mode(StrEnum):
    SHADOW = "shadow"
    CANARY = "canary"


class Terms(NamedTuple):
    mode: Mode = Mode.SHADOW
    share: float = 1.0  # of the requests that are compared, or served
    neural: bool = False  # whether a shadow may ask the encoder


class Watcher(Protocol):
    """Hears what becomes of the requests that are the candidate's."""

    def candidate_decided(self, live: str, candidate: str) -> None: ...
    def candidate_skipped(self, why: Skipped) -> None: ...


def differing(live: Config, other: Config) -> list[str]:
    """The sections that no candidate may change."""
    return [name for name in Config.model_fields if name not in FREE and getattr(live, name) != getattr(other, name)]


class Candidate:
    def __init__(self, proposal: Proposal, terms: Terms, live: Runtime, watcher: Watcher) -> None:
        self.proposal = proposal
        self.since = datetime.now(UTC)
        self.served = 0
        self._watcher = watcher
        self._skipped: Counter[Skipped] = Counter()
        self._disagreement = Disagreement()
        self._shadow = Shadow(lambda: self.runtime, self)
        self.follow(live)
        self.adjust(terms)

    @property
    def config(self) -> Config:
        return self.proposal.config

    def follow(self, live: Runtime) -> None:
        """Over the pools of what serves now."""
        policies, encoder, declared = self.proposal.rules
        self.runtime = live.under(self.config, policies, encoder, declared)
        before, after = (each.signals if each else {} for each in (live.declared, declared))
        self._shared = [name for name in after if before.get(name) == after[name]]

    def adjust(self, terms: Terms) -> None:
        self.terms = terms
        self._shadow.neural = terms.neural

    def close(self) -> None:
        self._shadow.close()

    async def route(
        self, live: Runtime, facts: Facts, request: str, route: Callable[[Runtime], Awaitable[Routed]]
    ) -> tuple[Runtime, Routed]:
        """By whom it is that decides this request, and how. Raises what `route` raises for `live`."""
        if self.terms.mode is Mode.CANARY:
            routed = await self._served(facts, request, route)
            return (live, await route(live)) if routed is None else (self.runtime, routed)
        if not within(self.terms.share, request, self.runtime.digest):
            return live, await route(live)
        try:
            routed = await route(live)
        except NoRoute:
            self._compare(facts, request, NONE, {})
            raise
        self._compare(facts, request, routed.decision, routed.readings.values)
        return live, routed

    async def _served(self, facts: Facts, request: str, route: Callable[[Runtime], Awaitable[Routed]]) -> Routed | None:
        """None if the live configuration decides it, be it that the candidate cannot."""
        if not within(self.terms.share, sticky_key(facts, request), self.runtime.digest):
            return None
        try:
            routed = await route(self.runtime)
        except RequestError:
            self.skipped(Skipped.NO_ROUTE)
            return None
        # No request fails because something is tried.
        except Exception:
            log.exception("candidate_failed", request_id=request)
            self.skipped(Skipped.FAILED)
            return None
        self.served += 1
        return routed

    def _compare(self, facts: Facts, request: str, decision: str, values: Mapping[str, SignalValue]) -> None:
        known = {name: values[name] for name in self._shared if name in values}
        loads = {pool: facts.pools(pool) for pool in self.runtime.pools_read}
        self._shadow.offer(Job(request, facts, decision, known, loads))

    def compared(self, job: Job, decision: str | None) -> None:
        found = NONE if decision is None else decision
        self._disagreement.add(job.decision, found, job.id)
        self._watcher.candidate_decided(job.decision, found)

    def skipped(self, why: Skipped) -> None:
        self._skipped[why] += 1
        self._watcher.candidate_skipped(why)

    def report(self) -> dict[str, Any]:
        shadow = self.terms.mode is Mode.SHADOW
        return {
            "config": self.runtime.digest,
            "mode": self.terms.mode,
            "sample" if shadow else "share": format_share(self.terms.share),
            "neural": self.terms.neural,
            "since": self.since.isoformat(timespec="seconds"),
            "served": self.served,
            "skipped": {why.value: self._skipped[why] for why in Skipped},
            **self._disagreement.report(),
        }
