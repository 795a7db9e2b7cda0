"""Words that only one of the texts has, after everything that means the same was paired.

A longer text with one of them exchanged or added is as near as a paraphrase, or nearer (`a vegan lasagna`), so that
cosine cannot forgive any: only words that say nothing new may be left over, on one side.
"""

from __future__ import annotations

from pointsman.cache.guard.alignment import Difference
from pointsman.cache.guard.asking import at_odds
from pointsman.cache.guard.chunks import UNIT, Token
from pointsman.cache.guard.finding import Finding, finding
from pointsman.cache.guard.function_words import LIGHT
from pointsman.cache.guard.quantities import TIMES

LIKELY = 0.8
"""Cosine from which such words do not count. Tuned on pairs that are not reported."""


def decide(difference: Difference, similarity: float) -> Finding | None:
    left, right = difference.left, difference.right
    if not left and not right:
        return _unsaid(difference)
    heavy, others = _heavy(left), _heavy(right)
    if heavy or others:
        left, right = heavy, others
    elif similarity >= LIKELY and not (left and right) and not at_odds(difference) and _share(difference):
        return None
    return finding("another subject" if left and right else "narrower", left, right)


def _unsaid(difference: Difference) -> Finding | None:
    """Texts that have nothing but function words (`who are you`) are told apart by those."""
    if difference.asked.content or difference.kept.content or difference.left_raws == difference.right_raws:
        return None
    return finding("another subject", sorted(difference.left_raws), sorted(difference.right_raws))


def _heavy(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    return tuple([token for token in tokens if not _light(token)])


def _light(token: Token) -> bool:
    return token.key in LIGHT or token.raw == "one" or (token.kind == UNIT and token.key in TIMES)


def _share(difference: Difference) -> bool:
    return len(difference.left) < len(difference.asked.content)
