"""`POST /v1/feedback`: what somebody thinks of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pointsman.gateway.caching.verifying import Verifying
from pointsman.gateway.errors import BadRequest, RequestError, UnknownRequest
from pointsman.gateway.learning.learner import Learner
from pointsman.gateway.learning.requests import Request
from pointsman.gateway.observe.told import Status
from pointsman.policies.nearest import did_you_mean
from pointsman.policies.outcome import VERDICTS, Source

MAX_BODY = 64 * 1024
MAX_COMMENT = 4096
MAX_ID = 128
_SAYS = ("score", "verdict", "preferred_over")
_MEMBERS = ("request_id", *_SAYS, "comment")


class Feedback(NamedTuple):
    request: str
    score: float | None  # in [0, 1]
    over: str | None  # the request whose answer was worse, where there is no score

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Feedback:
        """BadRequest with what to do if it says nothing clear."""
        for key in body:
            if key not in _MEMBERS:
                raise BadRequest(f"There is no `{key[:64]}` here{did_you_mean(key[:64], _MEMBERS)}.", param=key[:64])
        comment = body.get("comment")
        if not isinstance(comment, str | None) or len(comment or "") > MAX_COMMENT:
            raise BadRequest(f"`comment` must be a string of at most {MAX_COMMENT} characters.", param="comment")
        request = _identifier(body, "request_id")
        given = [key for key in _SAYS if body.get(key) is not None]
        if len(given) != 1:
            raise BadRequest(
                'Say one of `"score": 0.0 to 1.0`, `"verdict": "good"` or `"bad"`, and `"preferred_over": REQUEST_ID`.'
            )
        if given == ["score"]:
            return cls(request, _score(body["score"]), None)
        if given == ["verdict"]:
            return cls(request, _verdict(body["verdict"]), None)
        over = _identifier(body, "preferred_over")
        if over == request:
            raise BadRequest("`preferred_over` must be another request than `request_id`.", param="preferred_over")
        return cls(request, None, over)


class Received(NamedTuple):
    status: Status
    note: str | None = None

    def form(self) -> dict[str, str]:
        return {"status": self.status.value, **({} if self.note is None else {"note": self.note})}


def receive(learner: Learner, tenant: str | None, feedback: Feedback) -> Received:
    """UnknownRequest unless the tenant has asked the request, and not too long ago."""
    request = _known(learner, tenant, feedback.request, "request_id")
    if feedback.over is None:
        assert feedback.score is not None
        return Received(learner.reward(request.key, Source.FEEDBACK, feedback.score))
    worse = _known(learner, tenant, feedback.over, "preferred_over")
    if request.decision != worse.decision:
        both = f"{request.decision} and {worse.decision}"
        return Received(Status.UNCHANGED, f"nothing is learned: the answers are of different decisions, {both}")
    if request.arm == worse.arm:
        return Received(Status.UNCHANGED, f"nothing is learned: both answers are of the pool {request.arm}")
    return Received(learner.preferred(request, worse))


def of_hit(verifying: Verifying, tenant: str | None, feedback: Feedback) -> Received | None:
    """Of an answer that the cache gave; None if it was none."""
    key = (tenant, feedback.request)
    if not verifying.knows(key):
        return None
    if feedback.score is not None and verifying.said(key, feedback.score):
        return Received(Status.RECORDED, "it counts for the cache, from which the answer came, and for no pool")
    return Received(Status.UNCHANGED, "nothing is learned: the answer came from the cache")


def _known(learner: Learner, tenant: str | None, identifier: str, param: str) -> Request:
    request = learner.requests.get((tenant, identifier))
    if request is None:
        raise UnknownRequest(
            f"No request {identifier!r} is remembered. Give the `x-request-id` of an answer that this gateway gave to "
            "your tenant; it remembers as many, and for as long, as `learning` in its file says.",
            param=param,
        )
    return request


def _identifier(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise BadRequest(f"`{key}` must be the `x-request-id` of an answer, a string.", param=key)
    return value


def _score(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadRequest("`score` must be a number from 0 (useless) to 1 (perfect).", param="score")
    return float(value)


def _verdict(value: object) -> float:
    quality = VERDICTS.get(value.strip().lower()) if isinstance(value, str) else None
    if quality is None:
        raise BadRequest('`verdict` must be "good" or "bad" ("up" and "down" are the same).', param="verdict")
    return quality


def result_of(error: RequestError) -> str:
    """As the metrics count what could not be recorded."""
    return "unknown" if isinstance(error, UnknownRequest) else "invalid"
