"""Text in the forms that signals match on. Each is a pure function, shared per request by `Facts.derive`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]")


def _class(belongs: Callable[[str], bool], last: int = 0xFFFF) -> str:
    """The inside of a regular expression's [] with these characters; the fast kind ends at U+FFFF."""
    codes = [code for code in range(last + 1) if belongs(chr(code))]
    starts = [code for code, before in zip(codes, [-2, *codes], strict=False) if code != before + 1]
    ends = [code for code, after in zip(codes, [*codes[1:], -2], strict=False) if code != after - 1]
    return "".join(f"\\U{start:08x}-\\U{end:08x}" for start, end in zip(starts, ends, strict=True))


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


# Scripts that put no spaces between words, and Hangul, whose particles are written onto the word.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff"  # Tibetan
    "\u1000-\u109f"  # Burmese
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff"  # Hangul
    "\u1780-\u17ff"  # Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff]"  # Chinese, Japanese
)


def _is_spelled(char: str) -> bool:
    return (char.isalnum() or char == "_" or _is_mark(char)) and not _UNSPACED.match(char)


_SPELLED = _class(_is_spelled)
_TOKEN = re.compile(rf"[{_SPELLED}]+|[^{_SPELLED}\s]+")
_STARTS_SPELLED, _ENDS_SPELLED = re.compile(rf"[{_SPELLED}]"), re.compile(rf"[{_SPELLED}]\Z")
_ASCII_WORD = re.compile(r"\w+", re.ASCII)
_ASCII_TOKEN = re.compile(r"\w+|[^\w\s\x1c-\x1f]+", re.ASCII)  # where \s lacks four separators
# Letter, digit, underscore → itself, everything else → a space; and each of them → `a`, to be counted.
_WORDS_ONLY = bytes(byte if _ASCII_WORD.match(chr(byte)) else 32 for byte in range(256))
_WORD_SHAPES = bytes(32 if byte == 32 else 97 for byte in _WORDS_ONLY)
_WORD = re.compile(rf"[{_SPELLED}]+|{_UNSPACED.pattern}|\w")
_BASIC_MARK, _ANY_MARK = _class(_is_mark), _class(_is_mark, 0x1EFFF)
_BASIC_PILE, _ANY_PILE = (re.compile(f"([{mark}]{{16}})[{mark}]+") for mark in (_BASIC_MARK, _ANY_MARK))
_RARE = re.compile("[\U00010000-\U0001efff]")
_BEFORE_WORD = re.compile(rf"[^{_SPELLED}](?=[{_SPELLED}])")
_PIECE = 65536
# Normalisation would do this as well, but is ten times slower on a text that needs it, as all Chinese would.
_WIDE = tuple(zip("，！？：；（）", ",!?:;()", strict=True))


def canonical(text: str) -> str:
    """One spelling for what looks the same: full-width, composed, decomposed, with joiners or without."""
    if text.isascii():
        return text
    for wide, narrow in _WIDE:
        text = text.replace(wide, narrow)
    # Normalisation sorts piles of combining marks in quadratic time; nobody needs more than sixteen.
    pile = _ANY_PILE if _RARE.search(text) else _BASIC_PILE
    text = unicodedata.normalize("NFKC", pile.sub(r"\1", text))
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
        end = _BEFORE_WORD.search(text, start + _PIECE)
        stop = end.end() if end else len(text)
        yield text[start:stop]
        start = stop


def spaced(text: str) -> str:
    """The tokens of a text that is folded or canonical, each between spaces."""
    split = (_ASCII_TOKEN if text.isascii() else _TOKEN).findall
    if len(text) <= _PIECE:
        return f" {' '.join(split(text))} "
    return f" {' '.join(' '.join(split(piece)) for piece in _pieces(text))} "


def tokens(text: str) -> str:
    """The text without case as words, each between spaces, and whatever stands between the words."""
    return spaced(folded(text))


def cased_tokens(text: str) -> str:
    return spaced(canonical(text))


def ascii_words(text: str) -> str:
    """Of an ASCII text (UnicodeEncodeError for another) the words between spaces, without what else stands there.

    Cheaper than `tokens` by far, and contains ` word ` exactly where `tokens` does."""
    return f" {text.encode('ascii').translate(_WORDS_ONLY).decode('ascii')} "


def phrase(form: str) -> str:
    """Of a phrase's tokens, what the tokens of a text contain if the phrase occurs in it.

    A word has to begin and end where the phrase does; signs and unspaced scripts have no such bounds.
    """
    form = form.strip(" ")
    before = " " if is_word(form) else ""
    return f"{before}{form} " if _ENDS_SPELLED.search(form) else before + form


def is_word(token: str) -> bool:
    return _STARTS_SPELLED.match(token) is not None


def count_words(text: str) -> int:
    """A character of an unspaced script counts as a word."""
    if text.isascii():
        shapes = text.encode().translate(_WORD_SHAPES)
        return shapes.count(b" a") + shapes.startswith(b"a")
    return sum(1 for _ in _WORD.finditer(text))


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def as_label(text: str, limit: int = 64) -> str:
    """As `when:` can write it after a dot: lower case, underscores, not too long; '' if nothing is left."""
    return re.sub(r"\W+", "_", text[: 4 * limit].casefold()).strip("_")[:limit]
