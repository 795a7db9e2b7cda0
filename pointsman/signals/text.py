"""Text in the forms that signals match on. Each is a pure function, shared per request by `Facts.derive`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_MARKS = "".join(c for c in map(chr, range(0x300, 0x1F000)) if unicodedata.category(c).startswith("M"))
_PILE = re.compile(f"([{_MARKS}]{{16}})[{_MARKS}]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]")

# Scripts that put no spaces between words, and Hangul, whose particles are written onto the word.
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff"  # Tibetan
    "\u1000-\u109f"  # Burmese
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff"  # Hangul
    "\u1780-\u17ff"  # Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"  # Chinese, Japanese
    "\U00020000-\U0003ffff"
)
_SPELLED = rf"[^\W{_UNSPACED}]+"
_WORD = rf"{_SPELLED}(?:[{_MARKS}]+(?:{_SPELLED})?)*"
_TOKEN = re.compile(rf"{_WORD}|\S")
WORD = re.compile(rf"{_WORD}|[{_UNSPACED}]")
_BETWEEN_TOKENS = re.compile(rf"\W|[{_UNSPACED}]")
_PIECE = 65536


def canonical(text: str) -> str:
    """One spelling for what looks the same: full-width, composed, decomposed, with joiners or without."""
    if text.isascii():
        return text
    # Normalisation sorts piles of combining marks in quadratic time; nobody needs more than sixteen.
    text = unicodedata.normalize("NFKC", _PILE.sub(r"\1", text))
    return _INVISIBLE.sub("", text).replace("’", "'")


def folded(text: str) -> str:
    """`canonical`, without case."""
    if text.isascii():
        return text.lower()
    # Folding decomposes the Turkish İ into i and a dot above; composing again must not keep that dot.
    return unicodedata.normalize("NFKC", canonical(text).casefold()).replace("i\u0307", "i")


def _pieces(text: str) -> Iterator[str]:
    """Parts that end between tokens, so that no list of all tokens of a huge text is ever made."""
    start = 0
    while start < len(text):
        end = _BETWEEN_TOKENS.search(text, start + _PIECE)
        stop = end.start() if end else len(text)
        yield text[start:stop]
        start = stop


def _spaced(text: str) -> str:
    if len(text) <= _PIECE:
        return f" {' '.join(_TOKEN.findall(text))} "
    return f" {' '.join(' '.join(_TOKEN.findall(piece)) for piece in _pieces(text))} "


def tokens(text: str) -> str:
    """Words, single signs, and single characters of unspaced scripts, each between two spaces, without case.

    A phrase occurs in a text exactly if the tokens of the one are a substring of the tokens of the other.
    """
    return _spaced(folded(text))


def cased_tokens(text: str) -> str:
    return _spaced(canonical(text))


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def as_label(text: str, limit: int = 64) -> str:
    """As `when:` can write it after a dot: lower case, underscores, not too long; '' if nothing is left."""
    return re.sub(r"\W+", "_", text[: 4 * limit].casefold()).strip("_")[:limit]
