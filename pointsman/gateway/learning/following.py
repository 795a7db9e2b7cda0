"""From a request to what is remembered of it, and from its end to what that shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pointsman.gateway.learning.implicit import feedback_of, implied, measured
from pointsman.gateway.learning.learner import Learner
from pointsman.gateway.learning.requests import Kept, Request
from pointsman.gateway.observe.outcome import Outcome, Phase
from pointsman.gateway.relay.journal import Journal
from pointsman.policies.outcome import Source
from pointsman.policies.select.base import Seen
from pointsman.policies.select.scored import Scored
from pointsman.signals.encoder.encoding import Encoder, Encoding
from pointsman.signals.facts import Facts

if TYPE_CHECKING:
    from pointsman.gateway.routing import Routed


def begin(learner: Learner, journal: Journal, routed: Routed) -> Request:
    """Before its answer: whoever has that may say at once what he thinks of it."""
    choice = routed.choice
    request = Request(
        (journal.tenant, journal.id), routed.pools[0].name, routed.decision, choice.by, choice.propensity, journal,
        journal.time,
    )  # fmt: skip
    if learner.learns(routed.decision):
        request.kept = _kept(routed, request.first)
    learner.requests.add(request)
    return request


def end(learner: Learner, request: Request, routed: Routed, outcome: Outcome, encoder: Encoder | None = None) -> None:
    first, kept, usage = request.first, request.kept, outcome.usage
    learner.ended(request)
    if kept is not None:
        prior = kept.prior if request.first == first else _prior(routed, request.first)
        request.kept = kept._replace(prior=prior, prompt_tokens=usage.prompt if usage else kept.prompt_tokens)
        request.output_tokens = usage.completion if usage else None
    # Who stops a stream has read some of it, and may well say what he thinks of it.
    answered = 200 <= outcome.status < 300 or outcome.disconnect is Phase.STREAM
    if not answered or learner.learns(routed.decision):
        found = measured(outcome)
        if found is not None:
            learner.hear(request, Source.MEASURED, found)
        elif not answered:  # and nobody's fault shows
            learner.requests.forget(request)
    if learner.converses and outcome.facts is not None:
        _judge(learner, outcome.facts, routed.readings.turn(), encoder)
        if answered:
            _converse(learner, request, routed.readings.turn(), outcome, outcome.facts)


def _judge(learner: Learner, facts: Facts, turn: Encoding | None, encoder: Encoder | None) -> None:
    """What this turn says of the answer before it."""
    place = learner.conversations.place(facts)
    if place is None or not place.goes_on or not learner.implicit:
        return
    vector = None if turn is None else turn.vector
    before = learner.conversations.latest(place)
    asked = None if before is None else learner.requests.get(before.request)
    if before is not None and asked is not None and learner.learns(asked.decision):
        feedback = {} if turn is None or encoder is None else feedback_of(encoder, turn)
        said = implied(facts, place, before, vector, feedback)
        if said is not None:
            learner.hear(asked, Source.IMPLICIT, said)


def _converse(learner: Learner, request: Request, turn: Encoding | None, outcome: Outcome, facts: Facts) -> None:
    place, usage = learner.conversations.place(facts), outcome.usage
    if place is not None:
        tokens = facts.prompt_tokens if usage is None else usage.prompt + usage.completion
        vector = None if turn is None else turn.vector.astype(np.float16)
        learner.conversations.answered(place, request.key, request.first, tokens, vector)


def _kept(routed: Routed, pool: str) -> Kept:
    context = routed.context
    if context is None:
        return Kept()
    prompt = context.prompt
    features, vector = (None, None) if prompt is None else (prompt.features, prompt.vector)
    return Kept.of(Seen(features, vector, _prior(routed, pool), context.facts.prompt_tokens))  # type: ignore[arg-type]


def _prior(routed: Routed, pool: str) -> float | None:
    """The quality that was expected of its answer before anything was learned."""
    selector = None if routed.decided is None else routed.decided.selector
    if routed.context is None or not isinstance(selector, Scored) or pool not in selector.models:
        return None
    return float(selector.priors.of(routed.context.prompt)[selector.models.index(pool)])
