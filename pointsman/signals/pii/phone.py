"""PHONE: numbers grouped as telephone numbers are, in the notations of many countries.

Of a number with a country code that code and the length (ITU-T E.164) are checked. Others belong to no known region, so
their grouping and the words around them are the evidence: some groupings need none (a North American number, a trunk
zero), the rest only count where something says "phone"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from pointsman.signals.pii import context
from pointsman.signals.pii.found import PHONE, Found

_GAP = r"(?: ?[-./\u00a0\u2010-\u2013] ?| )"
_EXTENSION = re.compile(r"(?: ?(?:x|ext\.?|extension|#) ?)[0-9]{1,6}(?![0-9A-Za-z])", re.IGNORECASE)
_START, _STOP = r"(?<![0-9])(?<![0-9][-.])", r"(?![0-9])(?![-.][0-9])"
_INTERNATIONAL = (
    r"(?:\+ ?|(?<![0-9A-Za-z])(?<![0-9] )00[ -]?)\(?(?P<plan>[1-9][0-9]{0,3})\)?"
    rf"(?:{_GAP}?\(0?[0-9]{{0,4}}\))?(?:{_GAP}?[0-9]{{1,12}}){{1,7}}"
)
_AMERICAN = (
    rf"(?:(?:001|1){_GAP})?(?:\([2-9][0-9]{{2}}\) ?-?|[2-9][0-9]{{2}}(?P<gap>[-./]| - ))[0-9]{{3}}[-. ][0-9]{{4}}"
)
_TRUNK = rf"(?<![0-9] )\(?0[1-9][0-9]{{0,3}}\)?(?:{_GAP}[0-9]{{2,8}}){{1,5}}"
_AREA = r"\((?!(?:19|20)[0-9]{2}\))[0-9]{2,5}\)[ -]?[0-9]{2,5}(?:[ .-][0-9]{2,5}){1,3}"
_CERTAIN = re.compile(
    rf"{_START}(?:(?P<international>{_INTERNATIONAL})|(?P<american>{_AMERICAN})|(?P<trunk>{_TRUNK})"
    rf"|(?P<area>{_AREA})){_STOP}"
)
_POSSIBLE = re.compile(rf"(?:\([0-9]{{1,5}}\) ?-?|[0-9]{{1,5}}{_GAP})?[0-9]{{2,13}}(?:{_GAP}[0-9]{{2,9}}){{0,5}}")
_PLAIN = re.compile(r"[0-9]{7,15}")

_DAY, _MONTH, _YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
_DATE = re.compile(
    rf"{_YEAR}([-./ ]){_MONTH}\1{_DAY}(?![0-9])"
    rf"|(?:{_DAY}([-./ ]){_MONTH}|{_MONTH}([-./ ]){_DAY})(?:\2|\3){_YEAR}(?![0-9])"
    rf"|{_YEAR} ?[-/\u2013] ?{_YEAR}(?![0-9])"
)
_ISBN = re.compile(r"97[89][- ]?[0-9]")
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+")
_MONEY = re.compile(r"(?:[$€£¥₹₩₽#]|\b(?:USD|EUR|GBP|CHF|INR|Rs\.?)) ?$")
_UNIT = re.compile(
    r" ?(?:[€£%°]|(?:USD|EUR|GBP|CHF|dollars|euros?|kr|zł|[KMGT]i?B|k?bytes|[kmcn]?m|k?g|m?s|px|[kMG]?Hz|people|units"
    r"|items)\b)"
)
_LEADS_ON = re.compile(r"(?:[0-9]/|tel:/{0,2}|wa\.me/|phone/)\Z", re.IGNORECASE)
_STREET = re.compile(r" [A-Z][a-z]+ [A-Z]")
_NATIONAL = re.compile("[0-9]")
_FEWEST, _MOST = 7, 15


def phones(text: str, start: int, end: int) -> Iterator[Found]:
    """In a cluster of digits and signs between these; both ends of it are digits."""
    opened = _opened(text, start)
    certain = False
    for match in _CERTAIN.finditer(text, opened, end):
        score = _score(text, match)
        if score:
            certain = True
            yield _with_extension(text, match.start(), match.end(), score)
    if not certain:
        yield from _by_context(text, opened, start, end)


def _opened(text: str, start: int) -> int:
    """With the signs before the first digit that belong to it."""
    if text[start - 1 : start] == "(":
        start -= 1
    if text[start - 1 : start] == "+":
        start -= 1
        if text[start - 1 : start] == "(":
            start -= 1
    elif text[start - 2 : start] == "+ ":
        start -= 2
    return max(start, 0)


def _score(text: str, match: re.Match[str]) -> float:
    """0 if this is something else."""
    number = match[0]
    digits = len(_NATIONAL.findall(number))
    if _is_other(text, match.start(), match.end()):
        return 0.0
    if match["international"]:
        return _planned(text, match, digits)
    if match["trunk"] and not (8 <= digits <= 12 and number.count("(") == number.count(")")):
        return 0.0
    if match["area"] and not 8 <= digits <= 12:
        return 0.0
    kind = context.of(text, match.start(), match.end())
    if kind not in (None, context.PHONE) or (kind is None and match["trunk"] and _STREET.match(text, match.end())):
        return 0.0
    return 0.95 if match["american"] else 0.85


def _planned(text: str, match: re.Match[str], digits: int) -> float:
    """By the country code; 00 instead of + also begins other numbers."""
    if not match[0].startswith(("+", "(+")):
        digits -= 2
        if match[0].isdigit() and context.before(text, match.start()) != context.PHONE:
            return 0.0
    plan = match["plan"]
    known = any(int(plan[:length]) in COUNTRY_CODE_TO_REGION_CODE for length in range(1, len(plan) + 1))
    return 1.0 if known and _FEWEST <= digits <= _MOST + 1 else 0.0


def _by_context(text: str, opened: int, start: int, end: int) -> Iterator[Found]:
    possible = _POSSIBLE.fullmatch(text, opened, end) or _POSSIBLE.fullmatch(text, start, end)
    if possible is None or not _FEWEST <= len(_NATIONAL.findall(possible[0])) <= 13:
        return
    start = possible.start()
    if _is_other(text, start, end) or _DECIMAL.fullmatch(possible[0]):
        return
    kind = context.of(text, start, end, loosely=not _PLAIN.fullmatch(possible[0]))
    if kind == context.PHONE or (kind is None and _alone(text, start, end)):
        yield _with_extension(text, start, end, 0.8)


def _is_other(text: str, start: int, end: int) -> bool:
    """A date, an ISBN, an amount, or a part of a name or a path."""
    led = text[start - 1 : start]
    if led and led.isascii() and (led.isalnum() or led in "_-/.@&%$*\\~^"):
        return not _LEADS_ON.search(text, max(0, start - 8), start)
    followed = text[end : end + 1]
    if followed and followed.isascii() and (followed.isalpha() or followed in "_@") and not _EXTENSION.match(text, end):
        return True
    if _DATE.match(text, start) or _ISBN.match(text, start) or _UNIT.match(text, end):
        return True
    return bool(_MONEY.search(text, max(0, start - 5), start))


def _alone(text: str, start: int, end: int) -> bool:
    """The whole text, as an answer to a question."""
    return end - start >= len(text) - 4 and text[start:end] == text.strip(" .!\n") and not text[start:end].isdigit()


def _with_extension(text: str, start: int, end: int, score: float) -> Found:
    extension = _EXTENSION.match(text, end)
    return Found(start, extension.end() if extension else end, PHONE, score)
