"""A text in the pieces in which a model might have sent it."""

from __future__ import annotations

import re
from unicodedata import category, combining

SIZE = 20
"""Characters of a piece, or up to the end of the word."""
_LONGEST = 24  # characters beyond in which a word must end, else it is cut

_WORD_BEGINS = re.compile(r"(?<=\s)(?=\S)")
_MARKS = ("Mn", "Mc", "Me", "Cf")
_VIRAMA = 9  # joins the consonant after it
_JOINED = frozenset("\u0e33\u0eb3\uff9e\uff9f")  # letters that stand on the one before


def pieces(text: str) -> list[str]:
    """Whole words where there are words; what a reader sees as one character (UAX 29) is never cut."""
    found, start, end = [], 0, len(text)
    while end - start > SIZE + _LONGEST:
        cut = start + SIZE
        word = _WORD_BEGINS.search(text, cut, cut + _LONGEST)
        cut = cut if word is None else word.start()
        while cut < end and not _may_cut(text[cut - 1], text[cut]):
            cut += 1
        found.append(text[start:cut])
        start = cut
    if start < end:
        found.append(text[start:])
    return found


def _may_cut(before: str, after: str) -> bool:
    if after < "\u0300":
        return not (before == "\r" and after == "\n") and before != "\u200d"
    if category(after) in _MARKS or after in _JOINED or "\U0001f3fb" <= after <= "\U0001f3ff":
        return False
    if category(before) == "Cf" or combining(before) == _VIRAMA:
        return False
    return not (_is_flag(before) and _is_flag(after)) and not (_is_hangul(before) and _is_jamo(after))


def _is_flag(char: str) -> bool:
    """Two of them are a flag; in a row of flags nothing is cut."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_jamo(char: str) -> bool:
    return "\u1100" <= char <= "\u11ff" or "\ua960" <= char <= "\ua97f" or "\ud7b0" <= char <= "\ud7ff"


def _is_hangul(char: str) -> bool:
    return _is_jamo(char) or "\uac00" <= char <= "\ud7a3"
