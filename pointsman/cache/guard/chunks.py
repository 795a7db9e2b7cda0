"""A text cut into words, figures, identifiers and signs."""

from __future__ import annotations

import re
from typing import NamedTuple

from pointsman.cache.guard.forms import SYNONYMS, stem
from pointsman.cache.guard.function_words import CONTRACTIONS, ENDINGS
from pointsman.cache.guard.opposites import PREFIXES
from pointsman.cache.guard.quantities import UNITS, amount
from pointsman.cache.guard.words import in_order
from pointsman.signals.text import canonical

WORD, NUMBER, UNIT, DATE, CODE, SIGN = range(6)


class Token(NamedTuple):
    raw: str  # without case
    key: str  # what its inflections and spellings share
    kind: int
    quoted: bool  # meant literally
    name: bool  # has a capital that no sentence begins with


_OPENING, _CLOSING = "([{\"'“‘«„¿¡*", ".,;:!?)]}\"'”’»“*…"
_QUOTES = frozenset("\"'`“”‘’«»„")
_SIGNS = frozenset("+*/=<>^%|~@#$\\≤≥≠×÷")
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\Z")
_LONG = 15  # digits
_ROMAN = {
    numeral: str(value)
    for value, numeral in enumerate(
        in_order("II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI"), 2
    )
    if len(numeral) > 1
} | {"ii": "2", "iii": "3", "vii": "7", "viii": "8"}
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "vs"})
_HUMPED = re.compile(r"[a-z][A-Z]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u9fff\uf900-\ufaff]")
_PIECES = re.compile(
    "[\u30a0-\u30ff]+|[\u3041-\u309f]+|[\u0e00-\u0eff]+|[\u1000-\u109f]+|[\u1780-\u17ff]+"
    "|[\u2e80-\u2fdf\u3005-\u3007\u31f0-\u9fff\uf900-\ufaff]|[^\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]+"
)


def chunks(text: str) -> list[Token]:
    found: list[Token] = []
    fresh, quoted = True, ""  # a sentence begins; the sign that will end a quotation
    for chunk in canonical(text).replace("`", '"').split():
        if chunk.isascii() and chunk.isalpha():
            found.extend(_word(chunk, fresh, bool(quoted)))
            fresh = False
            continue
        inner = chunk.lstrip(_OPENING)
        opened = chunk[: len(chunk) - len(inner)]
        if not quoted and (sign := next((c for c in opened if c in _QUOTES), "")):
            quoted = sign if _ends(sign, chunk, opened, text) else ""
        bare = inner.rstrip(_CLOSING if "(" not in inner else ".,;:!?\"'”’»*…")
        if bare:
            found.extend(_piece(bare.removesuffix("()"), fresh, bool(quoted)))
        closed = inner[len(bare) :]
        if quoted and not _QUOTES.isdisjoint(closed):
            quoted = ""
        fresh = (any(c in ".!?:" for c in closed) and bare.lower() not in _TITLES) or (fresh and not bare)
    return found


def _ends(sign: str, chunk: str, opened: str, text: str) -> bool:
    """Whether a quotation that this sign opens is ended at all: an apostrophe may stand before a word, too."""
    return sign != "'" or text.count("'") > 1 or (len(chunk) > len(opened) and chunk[-1] == sign)


def _word(chunk: str, fresh: bool, quoted: bool) -> list[Token]:
    raw = "usa" if chunk == "US" else chunk.lower()
    name = not fresh and raw != chunk and raw != "i"
    if (spelled := CONTRACTIONS.get(raw)) and not quoted:
        return [Token(part, stem(part), WORD, False, False) for part in spelled]
    if number := _ROMAN.get(chunk):
        return [Token(raw, number, NUMBER, quoted, False)]
    kind = CODE if name and _HUMPED.search(chunk) and stem(raw) not in SYNONYMS else WORD
    return [Token(raw, stem(raw), kind, quoted, name)]


def _piece(chunk: str, fresh: bool, quoted: bool) -> list[Token]:
    """What is not just letters of ASCII."""
    lower = chunk.lower() if chunk.isascii() else chunk.casefold()
    if lower.isalpha() and not (not lower.isascii() and _UNSPACED.search(lower)):
        return _word(chunk, fresh, quoted)
    if lower in UNITS and not lower.isalpha():
        return [Token(lower, UNITS[lower], UNIT, False, False)]
    if "'" in lower and (parts := _apostrophe(lower)):
        return [token for part in parts for token in _word(part, True, quoted)]
    if not lower.isascii() and _UNSPACED.search(lower):
        return _unspaced(lower, quoted)
    if stem(lower) in SYNONYMS and not quoted:
        return [Token(lower, stem(lower), WORD, False, False)]
    if any(c.isdigit() for c in lower):
        return _figures(lower, quoted)
    if not any(c.isalpha() for c in lower):
        return [Token(lower, lower, SIGN, quoted, False)] if not _SIGNS.isdisjoint(lower) else []
    for divider, link in (("-", ""), ("/", "or")):
        parts = lower.split(divider)
        if len(parts) > 1 and all(part.isalpha() for part in parts):
            if divider == "-" and parts[0] in PREFIXES:
                return _word("".join(parts), True, quoted)
            spread = [t for part in parts for t in (*_word(part, True, quoted), *_link(link))]
            return spread[:-1] if link else spread
    letters = lower.replace(".", "")
    if letters.isalpha() and all(len(part) == 1 for part in lower.split(".") if part):
        return _word(letters, True, quoted)
    return [Token(lower.rstrip("/"), lower.rstrip("/"), CODE, quoted, False)]


def _link(word: str) -> list[Token]:
    return [Token(word, word, WORD, False, False)] if word else []


def _apostrophe(word: str) -> list[str] | None:
    if spelled := CONTRACTIONS.get(word):
        return list(spelled)
    for ending, parts in ENDINGS.items():
        if word.endswith(ending) and word[: -len(ending)].isalpha():
            return [word[: -len(ending)], *parts]
    parts_ = [part for part in word.split("'") if part]
    if not all(part.isalpha() for part in parts_):
        return None
    return [part for part in parts_ if len(part) > 2] or parts_


def _figures(chunk: str, quoted: bool) -> list[Token]:
    if date := _DATE.match(chunk):
        return [Token(chunk, f"{date[1]}-{int(date[2])}-{int(date[3])}", DATE, quoted, False)]
    if found := amount(chunk):
        figure, unit = found
        number = Token(chunk, figure, NUMBER, quoted, False)
        if not unit or unit == "s":
            return [number]
        if unit in ("k", "m"):
            return [number._replace(key=_thousands(figure) if unit == "k" else f"{figure}m")]
        return [number, Token(unit, UNITS.get(unit, unit), UNIT, quoted, False)]
    parts = chunk.split("-")
    if len(parts) > 1 and all(part.isalpha() or amount(part) for part in parts) and len(parts[0]) < 4:
        return [token for part in parts for token in _part(part, quoted)]
    return [Token(chunk, chunk, CODE, quoted, False)]


def _part(part: str, quoted: bool) -> list[Token]:
    return _figures(part, quoted) if amount(part) else _word(part, True, quoted)


def _thousands(figure: str) -> str:
    return (
        f"{float(figure) * 1000:.10g}"
        if len(figure) < _LONG and figure.replace(".", "", 1).isdecimal()
        else f"{figure}k"
    )


def _unspaced(chunk: str, quoted: bool) -> list[Token]:
    found: list[Token] = []
    for piece in _PIECES.findall(chunk):
        if _UNSPACED.match(piece):
            found.append(Token(piece, piece, WORD, quoted, False))
        else:
            bare = piece.strip(_OPENING + _CLOSING)
            found.extend(_piece(bare, True, quoted) if bare else [])
    return found
