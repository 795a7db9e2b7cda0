"""Rules for what kind of answer is wanted, whose, and of which time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from pointsman.cache.guard import cues
from pointsman.cache.guard.alignment import Difference
from pointsman.cache.guard.finding import Finding, finding
from pointsman.cache.guard.forms import PAST
from pointsman.cache.guard.quantities import TIMES, UNITS
from pointsman.cache.guard.reading import Reading

_COUNTS = frozenset({"how many", "how much", "how often"})
_TO_DO = frozenset({"to", "do", "should", "can", "shall"})
_DOING = frozenset({"do", "done"})
_PRICED = frozenset({"cost", "costs", "price", "priced", "fee", "charge", "pay", "earn", "salary"})

_UNTIL = frozenset({"until", "till", "before"})
_MAIN = frozenset({"to", "i", "we", "you", "should", "can", "could", "must"})
"""Before `do`, `does`, `did`: what comes then is done, and no auxiliary."""
_NARRATED = frozenset({"why", "how"})
_THIRD = frozenset({"he", "she"})


def question(difference: Difference) -> Finding | None:
    found = at_odds(difference)
    if found and "what" in (found.left, found.right) and (difference.left or difference.right):
        return None  # the words that differ will tell
    return found


def at_odds(difference: Difference) -> Finding | None:
    """`what is the height` and `how tall` are not, nor is a price, whichever way it is asked for."""
    asked, kept = difference.asked, difference.kept
    left, right = asks(asked), asks(kept)
    if not left or not right or left & right:
        return None
    priced = not _PRICED.isdisjoint(asked.raws) and not _PRICED.isdisjoint(kept.raws)
    if "what" in left | right and (_measure(left | right) or priced):
        return None
    return finding("question", sorted(left), sorted(right))


def _measure(kinds: frozenset[str]) -> bool:
    return any(kind.startswith("how ") and kind not in _COUNTS for kind in kinds)


def asks(reading: Reading) -> frozenset[str]:
    plain = reading.plain
    found = frozenset(_asks(plain))
    if not found and plain and (ordered := cues.ORDERS.get(plain[0])):
        return frozenset({ordered})
    if len(found) > 1 and not cues.IMPLIED.keys().isdisjoint(plain):
        found -= {"what"}  # `what is the way` asks how
    return found or frozenset({"whether"} if _checks(plain) else ())


def _asks(plain: tuple[str, ...]) -> Iterator[str]:
    for place, raw in enumerate(plain):
        yield from cues.IMPLIED.get(raw, ())
        kind = cues.ASKING.get(raw)
        if kind == "how":
            yield from _how(plain[place + 1 : place + 3])
            if not cues.SEEN.isdisjoint(plain[place + 2 : place + 4]):
                yield "where"
        elif kind == "what":
            yield from _what(raw, plain[place + 1 : place + 5])
        elif kind:
            yield kind


def _how(after: tuple[str, ...]) -> Iterator[str]:
    kind = cues.HOW.get(after[0], "how") if after else "how"
    yield kind
    if kind == "how long" and after[1:] and after[1] in _UNTIL:
        yield "when"
    if kind == "how many" and len(after) > 1 and UNITS.get(after[1]) in TIMES:
        yield from ("how long", "how much")


def _what(raw: str, after: tuple[str, ...]) -> Iterator[str]:
    if not after:
        yield "what"
    elif raw == "what" and after[0] in _TO_DO and not _DOING.isdisjoint(after[1:]):
        yield "how"
    else:
        yield cues.WHAT.get(after[0], "what")
        if after[-1] == "like":
            yield "how"


def _checks(plain: tuple[str, ...]) -> bool:
    return len(plain) > 1 and plain[0] in cues.CHECKING and plain[1] not in ("you", "not")


def action(difference: Difference) -> Finding | None:
    left, right = _actions(difference.asked), _actions(difference.kept)
    return finding("action", sorted(left), sorted(right)) if left and right and not left & right else None


def _actions(reading: Reading) -> set[str]:
    return {action for raw in reading.plain if (action := cues.ACTIONS.get(raw))}


def person(difference: Difference) -> Finding | None:
    asked, kept = difference.asked, difference.kept
    left, right = _persons(asked.raws), _persons(kept.raws)
    subjects = asked.raws & _THIRD, kept.raws & _THIRD
    if all(subjects) and not subjects[0] & subjects[1]:
        return finding("person", sorted(subjects[0]), sorted(subjects[1]))
    generic = {"my", "your"} >= left | right and {"how"} <= asks(asked) & asks(kept)
    if left - right and right - left and not generic:
        return finding("person", sorted(left - right), sorted(right - left))
    if difference.left or difference.right or len(asked.content) > 1:
        return None
    speakers = asked.raws & {"i", "you"}, kept.raws & {"i", "you"}
    if not all(speakers) or speakers[0] == speakers[1]:
        return None
    anyone = {"how"} <= asks(asked) & asks(kept) and "me" not in asked.raws | kept.raws
    return None if anyone and speakers[0] & speakers[1] else finding("person", *map(sorted, speakers))


def _persons(raws: frozenset[str]) -> frozenset[str]:
    return frozenset([who for raw in raws if (who := cues.PERSONS.get(raw))])


def tense(difference: Difference) -> Finding | None:
    """Only where nothing else differs: a question that is put in other words may well be put in another tense."""
    if difference.left or difference.right:
        return None
    asked, kept = difference.asked, difference.kept
    left, right = _tense(asked), _tense(kept)
    left, right = left or _past(asked), right or _past(kept)
    if left and right and left != right and not _own_case(left, right, asked, kept):
        return Finding("tense", left, right)
    left, right = _first(asked, cues.MODALS), _first(kept, cues.MODALS)
    if not (left and right):
        left, right = (_first_word(reading) for reading in (asked, kept))
    return Finding("modality", left, right) if left and right and left != right else None


def _tense(reading: Reading) -> str | None:
    plain = reading.plain
    if ("going", "to") in pairwise(plain):
        return "future"
    for place, raw in enumerate(plain):
        acts = raw in ("do", "did") and (plain[max(0, place - 1)] in _MAIN or plain[place + 2 : place + 3] == ("do",))
        if raw in cues.TENSES and not acts:
            return cues.TENSES[raw]
    return None


def _own_case(left: str, right: str, asked: Reading, kept: Reading) -> bool:
    """`my card was stolen` and `my card is stolen`; `will I be charged` and `am I charged`."""
    if "past" in (left, right):
        told = "future" not in (left, right) and asks(asked) | asks(kept) <= _NARRATED
        return told and all(not {"i", "my"}.isdisjoint(reading.raws) for reading in (asked, kept))
    return "i" in asked.raws & kept.raws


def _first_word(reading: Reading) -> str | None:
    return cues.PERMITTING.get(reading.plain[0]) if reading.plain else None


def _first(reading: Reading, table: Mapping[str, str]) -> str | None:
    return next((table[raw] for raw in reading.plain if raw in table), None)


def _past(reading: Reading) -> str | None:
    return "past" if any(token.raw in PAST for token in reading.content) else None
