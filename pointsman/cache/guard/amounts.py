"""Number words become figures, and units and dates are told from other words."""

from __future__ import annotations

from pointsman.cache.guard import quantities
from pointsman.cache.guard.chunks import DATE, NUMBER, UNIT, WORD, Token
from pointsman.cache.guard.function_words import STOP
from pointsman.cache.guard.words import words

_BEFORE_MONTHS = words("in of since until by this next last early late im en")
_PRONOMINAL = words("new old other right wrong same next previous first second last good bad big small")
"""Before `one`, which counts nothing then."""
_DIGITS = 15  # of a figure that `million` may stand behind
_CONCERNED = frozenset().union(
    quantities.CARDINALS,
    quantities.OTHER_CARDINALS,
    quantities.SCALES,
    quantities.UNITS,
    quantities.ORDINALS,
    quantities.FRACTIONS,
    quantities.CALENDAR,
)


def measured(tokens: list[Token], english: bool) -> list[Token]:
    if not any(token.kind == NUMBER or token.raw in _CONCERNED for token in tokens):
        return tokens
    cardinals = quantities.CARDINALS if english else quantities.OTHER_CARDINALS
    found: list[Token] = []
    total: int | None = None  # the number that the words before spell, and the next ones may add to
    for place, token in enumerate(tokens):
        raw = token.raw
        last = found[-1] if found else None
        value = cardinals.get(raw) if token.kind == WORD and not token.quoted else None
        scale = quantities.SCALES.get(raw) if token.kind == WORD else None
        if value is not None and last and total is not None and _adds(total, value):
            total += value
            found[-1] = _spelled(last, total, raw)
        elif value is not None:
            total = value
            numbered = (
                value == 1
                and last is not None
                and last.kind == WORD
                and last.raw not in STOP
                and last.raw not in _PRONOMINAL
            )
            found.append(token._replace(raw="1" if numbered else raw, key=str(value), kind=NUMBER))
        elif scale and last and (counted := _counted(last, total)):
            total = round(counted * scale)
            found[-1] = _spelled(last, total, raw)
        elif raw == "and" and total and total % 100 == 0 and _continues(tokens, place, cardinals):
            continue
        else:
            total = None
            found.append(_quantity(token, last, tokens[place + 1] if place + 1 < len(tokens) else None))
    return found


def _adds(total: int, value: int) -> bool:
    """`five` to `twenty` and to `two hundred`, `forty` to `two hundred`."""
    return value < 100 and ((total >= 100 and total % 100 == 0) or (total >= 20 and total % 10 == 0 and value < 10))


def _spelled(token: Token, total: int, raw: str) -> Token:
    return token._replace(key=str(total), raw=f"{token.raw} {raw}")


def _counted(token: Token, total: int | None) -> float | None:
    if token.kind != NUMBER or len(token.key) > _DIGITS:
        return None
    return total or (float(token.key) if token.key.replace(".", "", 1).isdecimal() else None)


def _continues(tokens: list[Token], place: int, cardinals: dict[str, int]) -> bool:
    """`two hundred and five`, and not `between two hundred and five hundred`."""
    after = [token.raw for token in tokens[place + 1 : place + 4]]
    return bool(after) and after[0] in cardinals and quantities.SCALES.keys().isdisjoint(after)


def _quantity(token: Token, before: Token | None, after: Token | None) -> Token:
    if token.kind != WORD or token.quoted:
        return token
    raw = token.raw
    counted = before is not None and before.kind == NUMBER
    if counted and raw in ("second", "seconds"):
        return token._replace(kind=UNIT, key="sec")
    if (unit := quantities.UNITS.get(raw)) and (counted or raw not in quantities.SHORT_UNITS):
        return token._replace(kind=UNIT, key=unit)
    if number := quantities.ORDINALS.get(raw) or quantities.FRACTIONS.get(raw):
        return token._replace(kind=NUMBER, key=number)
    if date := quantities.CALENDAR.get(raw):
        sure = counted or (after is not None and after.kind == NUMBER)
        if sure or raw not in quantities.AMBIGUOUS or (before is not None and before.raw in _BEFORE_MONTHS):
            return token._replace(kind=DATE, key=date)
    return token
