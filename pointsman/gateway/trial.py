"""Which candidate is tried beside the configuration that serves, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from pointsman.gateway.candidate import Candidate, Terms, differing
from pointsman.gateway.config import Examined
from pointsman.gateway.errors import BadRequest, Conflict, NotFound
from pointsman.gateway.policy_diff import policy_diff
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.units import format_share

if TYPE_CHECKING:
    from pointsman.gateway.app import Gateway

log = structlog.get_logger(__name__)


class Trial:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.candidate: Candidate | None = None

    def there(self) -> Candidate:
        if self.candidate is None:
            raise NotFound("There is no candidate. POST a configuration to /admin/candidate.")
        return self.candidate

    async def begin(self, examine: Callable[[], Examined], terms: Terms) -> Candidate:
        """In the place of another one. ConfigError, BadRequest or Conflict if it cannot be tried."""
        gateway = self._gateway
        async with gateway.changing:
            proposal = await gateway.propose(lambda: _fitting(examine(), gateway.runtime))
            candidate = Candidate(proposal, terms, gateway.runtime, gateway.metrics)
            if candidate.runtime.digest == gateway.runtime.digest:
                gateway.retire(proposal.rules.encoder)
                raise Conflict("The candidate says the same as the configuration that serves.")
            self._replace(candidate)
            gateway.metrics.candidate_began()
            log.info("candidate_tried", **_told(candidate), changes=[*map(str, proposal.changes)])
            return candidate

    async def adjust(self, terms: Callable[[Terms], Terms]) -> Candidate:
        async with self._gateway.changing:
            candidate = self.there()
            candidate.adjust(terms(candidate.terms))
            self._gateway.tried()
            log.info("candidate_adjusted", **_told(candidate))
            return candidate

    async def drop(self) -> None:
        async with self._gateway.changing:
            candidate = self.there()
            self._replace(None)
            log.info("candidate_dropped", config=candidate.runtime.digest, reason="asked to")

    async def promote(self) -> tuple[Runtime, list[str]]:
        """What serves now, and what it changes."""
        gateway = self._gateway
        async with gateway.changing:
            runtime = self.there().runtime
            changes = [*map(str, policy_diff(gateway.runtime.config, runtime.config))]
            gateway.promote(runtime)
            log.warning("promoted", config=runtime.digest, changes=changes, file=str(gateway.path), reason=REPLACED)
            return runtime, changes

    def follow(self, live: Runtime) -> None:
        """Something else serves."""
        candidate = self.candidate
        if candidate is None:
            return
        sections = differing(live.config, candidate.config)
        if not sections and candidate.runtime.digest != live.digest:
            candidate.follow(live)
            return
        self.candidate = None
        candidate.close()
        self._gateway.retire(candidate.runtime.encoder)
        reason = f"the file has another {_listed(sections)} now" if sections else "it is what serves now"
        log.info("candidate_dropped", config=candidate.runtime.digest, reason=reason)

    def close(self) -> None:
        if self.candidate is not None:
            self.candidate.close()
            encoder, self.candidate = self.candidate.runtime.encoder, None
            self._gateway.retire(encoder)

    def _replace(self, candidate: Candidate | None) -> None:
        self.close()
        self.candidate = candidate
        self._gateway.tried()


REPLACED = "the file still says something else: write the policy into it, or the next reload takes this back"


def _fitting(examined: Examined, live: Runtime) -> Examined:
    sections = differing(live.config, examined.usable())
    if sections:
        raise BadRequest(
            f"A candidate may not differ in {_listed(sections)}: it shares them with what serves. "
            "Change them in the file and reload."
        )
    return examined


def _listed(sections: list[str]) -> str:
    return ", ".join(f"`{section}`" for section in sections)


def _told(candidate: Candidate) -> dict[str, Any]:
    mode, share, neural = candidate.terms
    return {"config": candidate.runtime.digest, "mode": mode.value, "share": format_share(share), "neural": neural}
