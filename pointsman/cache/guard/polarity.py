"""Rules for what turns an answer round or limits it: opposites, negations, quantifiers, conditions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from pointsman.cache.guard import cues
from pointsman.cache.guard.alignment import Difference
from pointsman.cache.guard.chunks import Token
from pointsman.cache.guard.finding import Finding, finding
from pointsman.cache.guard.forms import opposites_of, stem
from pointsman.cache.guard.function_words import ADDING, NARROWING
from pointsman.cache.guard.quantities import CARDINALS
from pointsman.cache.guard.reading import Reading

_CLAUSES = frozenset({"and", "but", "or", "while"})


def opposites(difference: Difference) -> Finding | None:
    left = _stems(difference.left, difference.left_raws)
    right = _stems(difference.right, difference.right_raws)
    for word, shown in left.items():
        if found := opposites_of(word) & right.keys():
            return Finding("opposites", shown, right[min(found)])
    for word, shown in right.items():
        if found := opposites_of(word) & left.keys():
            return Finding("opposites", left[min(found)], shown)
    return None


def _stems(tokens: Iterable[Token], raws: Iterable[str]) -> dict[str, str]:
    return {stem(raw): raw for raw in sorted(raws)} | {token.key: token.raw for token in tokens}


def negation(difference: Difference) -> Finding | None:
    asked, kept = difference.asked, difference.kept
    left, right = asked.negated, kept.negated
    if len(left) != len(right):
        return finding("negation", _cues(asked) if left else (), _cues(kept) if right else ())
    if not _CLAUSES & asked.raws & kept.raws:
        return None  # `why isn't it on` and `why is it not on`: there is only one clause to negate
    for x, y in zip(left, right, strict=True):
        if x != y and _among(x, kept) and _among(y, asked):
            return finding("negation", [x[0], "not", x[1]], [y[0], "not", y[1]])
    return None


def _cues(reading: Reading) -> list[str]:
    return [raw for raw in reading.plain if raw in cues.NEGATIONS]


def _among(keys: tuple[str, str], reading: Reading) -> bool:
    return {"", *(token.key for token in reading.content)}.issuperset(keys)


def quantifiers(difference: Difference) -> Finding | None:
    asked, kept = difference.asked, difference.kept
    left, right = _bounds(asked), _bounds(kept)
    if left != right:
        return finding("quantifier", sorted(left), sorted(right))
    left, right = _groups(asked.raws), _groups(kept.raws)
    left, right = left - right, right - left
    single = "one" in difference.left_raws | difference.right_raws and "all" in left | right
    if single or (left and right) or not (left | right) <= cues.FREE:
        return finding("quantifier", sorted(left), sorted(right))
    left, right = difference.left_raws & NARROWING, difference.right_raws & NARROWING
    if {"another"} == left | right and not ADDING.isdisjoint((kept if left else asked).raws):
        return None
    return finding("condition", sorted(left), sorted(right)) if left or right else None


def _groups(raws: frozenset[str]) -> frozenset[str]:
    return frozenset([group for raw in raws if (group := cues.QUANTIFIERS.get(raw))])


def _bounds(reading: Reading) -> frozenset[str]:
    plain = reading.plain
    found = {bound for pair in pairwise(plain) if (bound := cues.BOUNDS.get(pair))}
    if ("up", "to") in pairwise(plain) and not _up_to_a_number(plain):
        found.discard("at most")
    return frozenset(found)


def _up_to_a_number(plain: tuple[str, ...]) -> bool:
    """And not `it takes a top-up to …`, `sign up to …`."""
    ends = zip(plain, plain[1:], plain[2:], strict=False)
    return any((a, b) == ("up", "to") and (c in CARDINALS or any(map(str.isdigit, c))) for a, b, c in ends)


def places(difference: Difference) -> Finding | None:
    """`under the bed` and `behind the bed`, `up` and `out`, `a card to her` and `a card from her`."""
    left, right = difference.left_raws, difference.right_raws
    for x, y in cues.CONTRASTED:
        mine, theirs = (x, y) if x in left and y in right else (y, x)
        if mine in left and theirs in right and _after(difference.asked, mine) & _after(difference.kept, theirs):
            return Finding("relation", mine, theirs)
    if not (left | right) & cues.PLACING:
        return None
    for exclusive in (cues.PLACING, cues.DECISIVE | cues.AT):
        here, there = left & exclusive, right & exclusive
        if here and there and (here | there) & cues.PLACING - cues.AT:
            return finding("relation", sorted(here), sorted(there))
    return None


def _after(reading: Reading, raw: str) -> set[str]:
    """The keys of the content words that come next after this word."""
    keys = {token.key for token in reading.content}
    found: set[str] = set()
    waiting = False
    for token in reading.tokens:
        if token.raw == raw:
            waiting = True
        elif waiting and token.key in keys:
            found.add(token.key)
            waiting = False
    return found


def superlatives(difference: Difference) -> Finding | None:
    """`the best phone` and `a phone`, but not `the best way`."""
    asked, kept = difference.asked, difference.kept
    left, right = _best(asked), _best(kept)
    if left == right or not cues.BEST.isdisjoint((kept if left else asked).raws):
        return None
    return finding("superlative", ["best"] if left else (), ["best"] if right else ())


def _best(reading: Reading) -> bool:
    after = {b for a, b in pairwise((*reading.plain, "")) if a == "best"}
    return bool(after) and after.isdisjoint(cues.MANNER)
