"""What shows of an answer without anybody saying so."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import numpy as np

from pointsman.gateway.learning.conversations import Place, Turn
from pointsman.gateway.observe.outcome import Outcome, Result
from pointsman.policies.outcome import (
    FAILED,
    REASKED,
    REGENERATED,
    TRUNCATED,
    TURNS,
    Evidence,
    Source,
    evidence,
)
from pointsman.signals.contrast import differ
from pointsman.signals.encoder.encoding import Encoder, EncoderError, Encoding, Vector
from pointsman.signals.encoder.heads import Head
from pointsman.signals.facts import Facts
from pointsman.signals.reask import ReaskOptions
from pointsman.signals.turns import user_turns

_ALIKE: float = ReaskOptions.model_fields["threshold"].default

_FAILURES = frozenset((Result.ERROR, Result.RESET, Result.INVALID, Result.TIMEOUT))
"""Of the one that was to answer. That it is unreachable, busy or locked says nothing of its answers."""
_CUT = frozenset(("length", "max_tokens", "incomplete"))
"""As the wires call it that an answer was as long as it may be."""


def measured(outcome: Outcome) -> Evidence | None:
    """What an answer says of itself. That a client left says nothing of the model."""
    if outcome.disconnect is not None:
        return None
    failed = outcome.error_source is not None and outcome.attempts and outcome.attempts[-1].result in _FAILURES
    if failed:
        return evidence(Source.MEASURED, FAILED)
    unlimited = outcome.facts is not None and outcome.facts.max_tokens is None
    return evidence(Source.MEASURED, TRUNCATED) if unlimited and outcome.finish in _CUT else None


def feedback_of(encoder: Encoder, encoding: Encoding) -> Mapping[str, float]:
    """What a turn says of the answer before it: the probabilities of the `feedback` signal's labels, none where the
    encoder has no head for them."""
    if encoder not in _heads:
        try:
            _heads[encoder] = encoder.head("feedback")
        except EncoderError:
            _heads[encoder] = None
    head = _heads[encoder]
    return {} if head is None else head.probabilities(encoding)


_heads: WeakKeyDictionary[Encoder, Head | None] = WeakKeyDictionary()


def implied(
    facts: Facts, place: Place, before: Turn, vector: Vector | None, feedback: Mapping[str, float]
) -> Evidence | None:
    """What this turn says of the answer `before` it. `vector` and the probabilities `feedback` are of what the user
    says now; None and none if nobody has read it."""
    if place.role != "user":
        return None
    if before.text == place.text and before.messages == place.messages:
        return evidence(Source.IMPLICIT, REGENERATED)
    if place.before != before.text:
        return None
    if vector is not None and before.vector is not None and _asks_again(facts, vector, before):
        return evidence(Source.IMPLICIT, REASKED)
    label = max(feedback, key=feedback.__getitem__) if feedback else ""
    return evidence(Source.IMPLICIT, TURNS[label], feedback[label]) if label in TURNS else None


def _asks_again(facts: Facts, vector: Vector, before: Turn) -> bool:
    assert before.vector is not None
    if before.vector.shape != vector.shape or float(before.vector.astype(np.float32) @ vector) < _ALIKE:
        return False
    now, *earlier = user_turns(facts, 2)
    return bool(earlier) and not differ(now, earlier[0])
