"""A text as the guard compares it: what it asks, and what it asks about."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pointsman.cache.guard import cues
from pointsman.cache.guard.amounts import measured
from pointsman.cache.guard.chunks import WORD, Token, chunks
from pointsman.cache.guard.forms import PHRASES
from pointsman.cache.guard.frames import unframed
from pointsman.cache.guard.function_words import COURTESY, PREAMBLE, PREAMBLE_MOST, STOP, STOP_STEMS
from pointsman.cache.guard.other_languages import MARKS, OTHER_STOP
from pointsman.cache.guard.words import words

_REMEMBERED = 512
_SEPARABLE = frozenset({"turn", "switch", "put", "turning", "switching", "turned", "switched"})
_KEYWORDED = words("loop loops statement statements clause clauses keyword operator")
"""After a keyword of a programming language: `for` and `while` are none of its function words there."""
_NO_NAMES = words("my what how why can please")
_REACH = 6


class Reading(NamedTuple):
    plain: tuple[str, ...]  # all tokens, without case and punctuation
    tokens: tuple[Token, ...]
    raws: frozenset[str]
    content: tuple[Token, ...]  # what is no function word
    negated: tuple[tuple[str, str], ...]  # by each negation, the keys of the content words around it, '' for none
    english: bool


@lru_cache(_REMEMBERED)
def read(text: str) -> Reading:
    begun = PREAMBLE.match(text, 0, PREAMBLE_MOST)
    tokens = chunks(unframed(text[begun.end() :] if begun else text))
    plain = tuple([token.raw for token in tokens if token.raw not in COURTESY])
    raws = frozenset([token.raw for token in tokens])
    english = len(raws & STOP) >= len(raws & MARKS)
    tokens = measured(tokens, english)
    tokens = _phrases(tokens) if english else tokens
    stop = STOP if english else OTHER_STOP
    titled = 2 * sum([token.name for token in tokens]) > len(tokens)  # Each Word Has a Capital
    content = [
        token
        for place, token in enumerate(tokens)
        if token.kind != WORD
        or token.quoted
        or (token.name and not titled and token.raw not in _NO_NAMES)
        or (place + 1 < len(tokens) and tokens[place + 1].raw in _KEYWORDED)
        or (
            token.raw not in stop
            and not (english and token.key in STOP_STEMS)
            and not _negates(token, english)
            and not _how_long(tokens, place)
        )
    ]
    return Reading(plain, tuple(tokens), raws, tuple(content), _negated(tokens, content, english), english)


def _how_long(tokens: list[Token], place: int) -> bool:
    """The question word says it already, and others say it as `how many days`."""
    return tokens[place].raw == "long" and place > 0 and tokens[place - 1].raw == "how"


def _phrases(tokens: list[Token]) -> list[Token]:
    """`log in` and `turn … on` become one token each."""
    if not any(token.key in PHRASES or token.raw in _SEPARABLE for token in tokens):
        return tokens
    found: list[Token] = []
    gone: set[int] = set()  # particles
    end = 0  # of the phrase before
    for place, token in enumerate(tokens):
        if place < end or place in gone:
            continue
        if token.raw in _SEPARABLE and (particle := _particle(tokens, place)):
            gone.add(particle)
            token = token._replace(raw=f"turn {tokens[particle].raw}", key=f"turn_{tokens[particle].raw}")
        elif size := _phrase(tokens, place):
            end = place + size
            parts = tokens[place:end]
            key, raw = "_".join([t.key for t in parts]), " ".join([t.raw for t in parts])
            token = token._replace(raw=raw, key=key, kind=WORD)
        found.append(token)
    return found


def _phrase(tokens: list[Token], place: int) -> int:
    for parts in PHRASES.get(tokens[place].key, ()):
        if tuple([token.key for token in tokens[place : place + len(parts)]]) == parts:
            return len(parts)
    return 0


def _particle(tokens: list[Token], place: int) -> int | None:
    for other in range(place + 1, min(place + _REACH, len(tokens))):
        if tokens[other].raw in ("on", "off"):
            return other
    return None


def _negates(token: Token, english: bool) -> bool:
    raw = token.raw
    if token.quoted or token.kind != WORD:
        return False
    if raw in cues.NEGATIONS:
        return not english or raw not in cues.FOREIGN
    return not raw.isascii() and raw.endswith(cues.NEGATED_ENDINGS)


def _negated(tokens: list[Token], content: list[Token], english: bool) -> tuple[tuple[str, str], ...]:
    places = [place for place, token in enumerate(tokens) if _negates(token, english)]
    if not places:
        return ()
    keys = {token.key for token in content}
    return tuple([_around(tokens, place, keys) for place in places if not (english and _idiom(tokens, place))])


def _around(tokens: list[Token], place: int, keys: set[str]) -> tuple[str, str]:
    before = (token.key for token in reversed(tokens[max(0, place - _REACH) : place]))
    after = (token.key for token in tokens[place + 1 : place + 1 + _REACH])
    return next((key for key in before if key in keys), ""), next((key for key in after if key in keys), "")


def _idiom(tokens: list[Token], place: int) -> bool:
    """`or not`, `or why not`, `if not`, `no more`: nothing is denied."""
    raws = [token.raw for token in tokens[max(0, place - 2) : place + 2]]
    raw = tokens[place].raw
    if raw == "no":
        return raws[-1] in ("more", "less", "fewer")
    before = raws[: min(place, 2)]
    return raw == "not" and (before[-1:] in (["or"], ["if"]) or before == ["or", "why"])
