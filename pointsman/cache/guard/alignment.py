"""What two texts share, and what only one of them says."""

from __future__ import annotations

from typing import NamedTuple

from pointsman.cache.guard.chunks import CODE, WORD, Token
from pointsman.cache.guard.forms import alike, graded
from pointsman.cache.guard.reading import Reading
from pointsman.cache.guard.vocabulary import is_word, misspelled

_MOST = 12
"""Words on each side; beyond it there is nothing to pair: the texts are different."""
_CONTENT = 40
"""Content words that a leftover word is looked for among."""


class Difference(NamedTuple):
    asked: Reading
    kept: Reading
    left: tuple[Token, ...]  # content of `asked` that `kept` has in no form
    right: tuple[Token, ...]
    left_raws: frozenset[str]  # all words on one side, function words and other forms included
    right_raws: frozenset[str]


def align(asked: Reading, kept: Reading) -> Difference:
    left, right = _only(asked, kept), _only(kept, asked)
    if left and right and len(left) <= _MOST and len(right) <= _MOST:
        left, right = _pair(left, right)
    left = [token for token in left if not _said(token, kept)]
    right = [token for token in right if not _said(token, asked)]
    return Difference(asked, kept, tuple(left), tuple(right), asked.raws - kept.raws, kept.raws - asked.raws)


def _only(here: Reading, there: Reading) -> list[Token]:
    keys = {token.key for token in there.tokens}
    return [token for token in here.content if token.key not in keys]


def _pair(left: list[Token], right: list[Token]) -> tuple[list[Token], list[Token]]:
    """Without the words that mean the same, or are meant to be the same."""
    rest = list(right)
    kept: list[Token] = []
    for token in left:
        for place, other in enumerate(rest):
            if _same(token, other):
                del rest[place]
                break
        else:
            kept.append(token)
    kept, rest = _spelled_out(kept, rest)
    rest, kept = _spelled_out(rest, kept)
    return kept, rest


def _same(a: Token, b: Token) -> bool:
    if a.kind != b.kind:
        return {a.kind, b.kind} == {CODE, WORD} and a.raw == b.raw
    if a.kind != WORD or a.quoted or b.quoted:
        return a.key == b.key
    return alike(a.key, b.key) or graded(a.key, b.key) or misspelled(a.raw, b.raw)


def _said(token: Token, there: Reading) -> bool:
    """Whether the other text says it in another word, one that both have."""
    if token.kind != WORD or token.quoted or len(there.content) > _CONTENT:
        return False
    if any(other.kind == WORD and alike(token.key, other.key) for other in there.content):
        return True
    return not is_word(token.raw) and any(misspelled(token.raw, raw) for raw in there.raws)


def _spelled_out(short: list[Token], long: list[Token]) -> tuple[list[Token], list[Token]]:
    """Without an abbreviation and the words it is made of the initials of, or a compound and its parts."""
    for token in short:
        size = len(token.raw)
        for start in range(len(long)):
            run = long[start : start + size]
            initials = "".join([t.raw[0] for t in run])
            if 2 <= size <= 5 and initials == token.raw and len(run) == size:
                return [t for t in short if t is not token], long[:start] + long[start + size :]
            if len(run) > 1 and run[0].raw + run[1].raw == token.raw:
                return [t for t in short if t is not token], long[:start] + long[start + 2 :]
    return short, long
