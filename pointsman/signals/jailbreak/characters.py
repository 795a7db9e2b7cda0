"""Characters that hide what a text says: invisible ones, and those that look like Latin letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import re2

from pointsman.signals.jailbreak.rewritten import Edit

MAX_RUN = 4096
"""How much of one disguised run is made legible."""

_LOOKALIKE = dict(
    zip(
        "аᴀеёорсухһіїјѕԁԛԝԍӏьвгкмнтпиАВЕКМНОРСТУХЅІЈԌԚԜαεικνορτυχωγϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧɑɡɩıℓ",
        "aaeeopcyxhiijsdqwglbbrkmhtnuABEKMHOPCTYXSIJGQWaeikvoptuxwycjABEZHIKMNOPTYXagiil",
        strict=True,
    )
)
_SMALL = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True))
_ALIKE = "".join(_LOOKALIKE)
_MARKS = r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_UNSEEN = r"\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_STYLED = (
    r"\u1d00-\u1d2b\u249c-\u24e9\ua730\ua731\uff10-\uff19\uff21-\uff3a\uff41-\uff5aℂℊ-ℍℐ-ℒℕℙ-ℝℤℨℬℭℯ-ℱℳℴⅅ-ⅈ"
    + "".join(_SMALL).replace("ᴀ", "")
    + r"\U0001d400-\U0001d7ff\U0001f110-\U0001f189"
)
_TAGS = r"\U000e0000-\U000e01ef\ufe00-\ufe0f"
_JOINERS = r"(?<=[!-~])[\u200c\u200d]+|[\u200c\u200d]+(?=[!-~])"
_ODD = re.compile(
    rf"(?P<unseen>[{_UNSEEN}]+|{_JOINERS})|(?P<tags>[{_TAGS}]+)|(?P<styled>[{_STYLED}]{{2,}})"
    rf"|(?P<marked>[A-Za-z ][{_MARKS}]+)"
)
_MIXED = re.compile(rf"[A-Za-z][{_ALIKE}]|[{_ALIKE}][A-Za-z]")
_LATIN = re.compile("[A-Za-z]")
_LETTER = re.compile(rf"[A-Za-z{_ALIKE}]")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u052f]")
_LONGEST_WORD = 40


def _as_re2(characters: str) -> str:
    return re.sub(r"\\[uU]([0-9a-f]{4,8})", r"\\x{\1}", characters)


_SUSPICIOUS = re2.compile(rf"[{_as_re2(_UNSEEN + _TAGS + _STYLED + _MARKS)}\x{{200c}}\x{{200d}}]|{_MIXED.pattern}")


def suspicious(text: str) -> bool:
    """Cheap, and certain where it says no."""
    return _SUSPICIOUS.search(text) is not None


def shown(text: str) -> Iterator[Edit]:
    """Without what cannot be seen, in plain letters; what was written in invisible characters becomes visible."""
    for match in _ODD.finditer(text):
        kind, found = match.lastgroup, match[0]
        if kind == "unseen":
            yield Edit(*match.span(), "")
        elif kind == "styled":
            yield Edit(*match.span(), "".join(map(_in_letters, found)))
        elif kind == "marked":
            if len(unicodedata.normalize("NFC", found[:17])) > 1:  # no accent of any language
                yield Edit(*match.span(), found[0])
        else:
            spelled = _smuggled(found[:MAX_RUN])
            if spelled or _LATIN.match(text, match.start() - 1):  # else it does its duty in emoji
                yield Edit(*match.span(), spelled)


def unmixed(text: str) -> Iterator[Edit]:
    """Words of Latin letters and their lookalikes in Latin letters; words of one script stay as they are."""
    done = 0
    for match in _MIXED.finditer(text):
        start, end = match.span()
        if start < done:
            continue
        while start > done and end - start < _LONGEST_WORD and _LETTER.match(text[start - 1]):
            start -= 1
        while end < len(text) and end - start < 2 * _LONGEST_WORD and _LETTER.match(text[end]):
            end += 1
        done = end
        around = text[max(0, start - 1) : start] + text[end : end + 1]
        if not _OTHER_SCRIPT.search(around):
            yield Edit(start, end, "".join(_LOOKALIKE.get(char, char) for char in text[start:end]))


def _in_letters(char: str) -> str:
    if char in _SMALL:
        return _SMALL[char]
    code = ord(char)
    for first in (0x1F130, 0x1F150, 0x1F170):  # white and black letters in squares and circles
        if first <= code < first + 26:
            return chr(ord("A") + code - first)
    return unicodedata.normalize("NFKC", char)


def _smuggled(run: str) -> str:
    """What tag characters or variation selectors spell, '' if nothing."""
    if len(run) < 8:
        return ""
    tags = "".join(chr(ord(char) - 0xE0000) for char in run if 0xE0020 <= ord(char) <= 0xE007E)
    if len(tags) >= 8:
        return f" {tags} "
    selected = bytes(_selected(char) for char in run if _selected(char) >= 0)
    text = selected.decode("utf-8", "ignore")
    return f" {text} " if len(text) >= 8 and text.isprintable() else ""


def _selected(char: str) -> int:
    """The byte that a variation selector can stand for, -1 for another character."""
    code = ord(char)
    if 0xFE00 <= code <= 0xFE0F:
        return code - 0xFE00
    return code - 0xE0100 + 16 if 0xE0100 <= code <= 0xE01EF else -1
