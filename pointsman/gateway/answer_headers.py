"""The headers of ours that an answer carries."""

from __future__ import annotations

from pointsman.gateway.caching.visit import Visit
from pointsman.gateway.explain import debug_headers
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.routing import Routed
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.reply import Headers


def answer_headers(
    runtime: Runtime, journal: Journal, routed: Routed | None, visit: Visit | None, *, debug: bool
) -> Headers:
    """As far as they are known when the answer starts."""
    headers = [(b"x-request-id", journal.id.encode())]
    if journal.decision is not None:
        headers.append((b"x-pointsman-decision", journal.decision.encode()))
    if journal.chosen is not None:
        headers.append((b"x-pointsman-model", journal.chosen.model.encode("latin-1", "replace")))
        headers.append((b"x-pointsman-pool", journal.chosen.pool.encode()))
    headers += journal.notes
    overhead = journal.overhead()
    if journal.error_source is not None:
        headers.append((b"x-pointsman-error-source", journal.error_source.encode()))
    if journal.decision is not None or journal.error_source is None:  # errors before routing have less to tell
        headers += _cache_headers(journal, visit, debug=debug)
        headers.append((b"x-pointsman-overhead-ms", b"%.3f" % (overhead * 1000)))
    if routed is not None and debug:
        skipped = [name for name in runtime.signals if name not in routed.readings.values]
        headers += debug_headers(journal.id, routed, skipped, overhead)
        headers.append((b"x-pointsman-config", runtime.digest.encode()))
    return headers


def _cache_headers(journal: Journal, visit: Visit | None, *, debug: bool) -> Headers:
    headers, cached = [(b"x-pointsman-cache", journal.cache.encode())], journal.cached
    if cached is None:
        return headers
    reused = None if visit is None else visit.cached.reused
    if reused is not None and reused.given and journal.chosen is not None and journal.chosen.pool == reused.pool:
        headers.append((b"x-pointsman-examples", b"%d" % len(reused.entries)))
    if cached.age is not None:
        headers.append((b"age", b"%d" % cached.age))
    if debug and cached.similarity is not None:
        headers.append((b"x-pointsman-cache-score", b"%.4f" % cached.similarity))
    why = cached.guard or cached.refused
    if debug and why is not None:
        headers.append((b"x-pointsman-cache-reason", why.encode("ascii", "backslashreplace")))
    return headers
