"""Rules for what must be equal to the letter: figures, units, dates, identifiers, quotations."""

from __future__ import annotations

from collections import Counter

from pointsman.cache.guard.alignment import Difference
from pointsman.cache.guard.chunks import CODE, DATE, NUMBER, SIGN, UNIT, Token
from pointsman.cache.guard.finding import Finding, finding
from pointsman.cache.guard.quantities import TIMES
from pointsman.cache.guard.reading import Reading


def identifiers(difference: Difference) -> Finding | None:
    left, right = _literal(difference.left), _literal(difference.right)
    return finding("identifier", left, right) if left or right else None


def _literal(tokens: tuple[Token, ...]) -> list[Token]:
    return [token for token in tokens if token.kind in (CODE, SIGN) or token.quoted]


def numbers(difference: Difference) -> Finding | None:
    """In whatever order: that is another rule's. `one` alone may be an article."""
    left, right = _numbers(difference.asked), _numbers(difference.kept)
    only_left, only_right = _surplus(left, right), _surplus(right, left)
    if not only_left and not only_right:
        return None
    if not (only_left and only_right) and all(token.raw == "one" for token in only_left + only_right):
        return None
    return finding("number", only_left, only_right)


def _surplus(here: list[Token], there: list[Token]) -> list[Token]:
    left = Counter(token.key for token in there)
    left.subtract(token.key for token in here)
    return [token for token in here if left[token.key] < 0]


def _numbers(reading: Reading) -> list[Token]:
    return [token for token in reading.tokens if token.kind == NUMBER]


def units(difference: Difference) -> Finding | None:
    left, right = _measures(difference.left, difference.asked), _measures(difference.right, difference.kept)
    return finding("unit", left, right) if left or right else None


def _measures(tokens: tuple[Token, ...], reading: Reading) -> list[Token]:
    """Without units of time where there is no figure: `how many days` and `how long` ask the same."""
    counted = any(token.kind == NUMBER for token in reading.tokens)
    return [token for token in tokens if token.kind == UNIT and (counted or token.key not in TIMES)]


def dates(difference: Difference) -> Finding | None:
    left = [token for token in difference.left if token.kind == DATE]
    right = [token for token in difference.right if token.kind == DATE]
    return finding("date", left, right) if left or right else None
