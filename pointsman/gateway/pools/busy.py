"""An endpoint that said "not now" (429, 503) gets nothing new for a while, as long as another can take it.

That is no failure: the server works, it only has enough to do. Pure steps, time passed in."""

from __future__ import annotations

from typing import NamedTuple

SHORTEST = 1.0
"""Seconds of the first pause if the endpoint names none; they double until it takes a request."""

LONGEST = 30.0
"""Whatever an endpoint says: it may have places again long before."""


class Busy(NamedTuple):
    until: float = float("-inf")
    span: float = 0.0  # seconds of the last pause that was our own guess


FREE = Busy()


def refused(busy: Busy, now: float, retry_after: float | None) -> Busy:
    """`retry_after`: seconds, None if the endpoint did not say."""
    if retry_after is not None and retry_after > 0:
        return busy._replace(until=max(busy.until, now + min(retry_after, LONGEST)))
    if now < busy.until:
        return busy  # sent at the same time as the one that began the pause
    span = min(2 * busy.span, LONGEST) or SHORTEST
    return Busy(now + span, span)


def took(busy: Busy, now: float) -> Busy:
    """It has answered well; within a pause that may be a request from before."""
    return busy if now < busy.until else FREE
