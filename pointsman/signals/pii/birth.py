"""DATE_OF_BIRTH: a date beside a word for birth. A date alone is none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2

from pointsman.signals.pii.found import DATE_OF_BIRTH, Found, Utf8

_AFTER, _BEFORE = 64, 40  # characters after and before the word in which the date may stand
_LONGEST = 24  # characters of a date
_FRUITLESS = 2000  # places without a date, after which nothing else is expected of a text

_WHOLE = (
    r"born|d\.?o\.?b|birth ?dates?|birth ?days?|b-?day|birth|nee|naissance|geb|geboren|nacid[oa]|nascid[oa]|nasci"
    r"|nasceu|nat[oa]|nascita|compleanno|urodzenia|sinh|lahir|cumplea.os"
)
_STEMS = (
    r"né\(?e?\)? |née|geburts|nací|nació|nacimiento|nascimento|geboorte|geboren|født|fødsels|född|födelse|syntynyt"
    r"|syntymä|urodzon|narozen|narodil|született|születés|născut|nașterii|rođen|rojen|doğum|doğdu"
)
_OTHER = (
    r"родил|рождени|рождён|рожден|народи|γεννήθηκ|γέννησης|γενέθλια|出生|生日|生年月日|生まれ|誕生日|생년월일|생일|태어"
    r"|تاريخ الميلاد|ولد|जन्म|วันเกิด|תאריך לידה|נולד"
)
_WORDS = re2.compile(rf"(?i)\b(?:{_WHOLE})\b|\b(?:{_STEMS})|{_OTHER}")

_MONTH_NAMES = (
    r"jan(?:uary|uar|vier|uari|eiro)?|feb(?:ruary|ruar|ruari|braio|rero)?|févr?(?:ier)?|fev(?:ereiro)?|mar(?:ch|zo|s|t|ço|et)?"
    r"|märz|mrt|maart|apr(?:il|ile)?|avr(?:il)?|abr(?:il)?|may|mai|mei|maj|mayo|maio|maggio|mag|june?|juin|juni|junio|junho"
    r"|giugno|giu|jul[iy]?|juillet|julio|julho|luglio|lug|aug(?:ust|ustus|usti)?|ago(?:sto)?|août|sept?(?:ember|embre|iembre)?"
    r"|setembro|set|settembre|oct(?:ober|obre|ubre)?|okt(?:ober)?|out(?:ubro)?|ott(?:obre)?|nov(?:ember|embre|iembre|embro)?"
    r"|dec(?:ember|embre)?|déc(?:embre)?|dez(?:ember|embro)?|dic(?:iembre|embre)?|genn?(?:aio)?|ene(?:ro)?"
    r"|stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia"
    r"|янв[а-я]*|фев[а-я]*|мар[а-я]*|апр[а-я]*|мая|май|июн[а-я]*|июл[а-я]*|авг[а-я]*|сен[а-я]*|окт[а-я]*|ноя[а-я]*|дек[а-я]*"
)
_MONTH = rf"(?:{_MONTH_NAMES})\.?"
_DAY = r"(?:the )?[0-3]?[0-9](?:st|nd|rd|th|er|º|ª|\.)?"
_YEAR = r"(?:1[89]|20)[0-9]{2}"
_LINK = r"[ ,./-]{0,3}(?:of |de |del |di )?"
_DATE = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    rf"(?P<ymd>{_YEAR}) ?([-./年]) ?(?P<m1>[0-1]?[0-9]) ?[-./月] ?(?P<d1>[0-3]?[0-9])日?(?![0-9])"
    rf"|{_YEAR}년 ?[0-1]?[0-9]월 ?[0-3]?[0-9]일"
    r"|(?P<a>[0-3]?[0-9])(?P<sep> ?[-./] ?| )(?P<b>[0-3]?[0-9])(?P=sep)(?:(?:1[89]|20)[0-9]{2}|'?[0-9]{2})(?![0-9])"
    rf"|{_DAY}{_LINK}{_MONTH}(?:{_LINK}(?:{_YEAR}|'[0-9]{{2}}))?(?![0-9A-Za-z])"
    rf"|{_MONTH} ?{_DAY}(?:(?:,? ?|,? of ){_YEAR}|,? '[0-9]{{2}})?(?![0-9A-Za-z])"
    rf"|{_MONTH}(?: de)? {_YEAR}(?![0-9A-Za-z])"
    r"|(?P<plain>(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))(?![0-9])"
    r")",
    re.IGNORECASE,
)
_DIGIT = re.compile("[0-9]")
_SENTENCE_ENDS = re.compile(
    r"[.!?] +(?=[A-Z])|;|\n\s*\w+[^\n:]{0,20}:|\b(?:die[ds]|death|married|expire[sd]?|hired|joined|founded|issued"
    r"|due)\b"
)
_NOT_A_DAY = re.compile(
    r" ?(?:part(?:y|ies)|gifts?|presents?|cakes?|cards?|wish\w*|celebrat\w+|rates?|certificates?|order)\b", re.I
)


def births(text: str, utf8: Utf8) -> Iterator[Found]:
    done = fruitless = 0
    dates = _Dates(text)
    for start, end in utf8.places(_WORDS):
        if start < done or _is_part_of_word(text, start, end) or _NOT_A_DAY.match(text, end):
            continue
        date = dates.after(end) or dates.before(start)
        if date is not None and date[0] >= done:
            done = max(date[1], end)
            yield Found(*date, DATE_OF_BIRTH, 0.9)
        elif (fruitless := fruitless + 1) > _FRUITLESS:
            return


def _is_part_of_word(text: str, start: int, end: int) -> bool:
    """RE2's word bounds know ASCII only: beside it, letters of other European scripts bound no word either."""
    led, followed = text[start - 1 : start], text[end : end + 1]
    return text[start].isascii() and (
        "\u00c0" <= led < "\u0530" or (text[start:end].isascii() and "\u00c0" <= followed < "\u0530")
    )


class _Dates:
    """Those of a text, around places that are asked for from left to right. What was read without finding one is not
    read again, so that a text full of such places costs no more than its length."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._empty_after = 0  # no date begins between the last place and here
        self._empty_before = 0  # nor between the place before that and here

    def after(self, start: int) -> tuple[int, int] | None:
        text, end = self._text, start + _AFTER
        for match in _dates(text, max(start, self._empty_after), end):
            return None if _SENTENCE_ENDS.search(text, start, match.start()) else match.span()
        self._empty_after = end - _LONGEST
        return None

    def before(self, end: int) -> tuple[int, int] | None:
        text, last = self._text, None
        for match in _dates(text, max(end - _BEFORE, self._empty_before), end):
            last = match.span()
        if last is None:
            self._empty_before = end - _LONGEST
            return None
        between = text[last[1] : end]
        return None if "\n" in between or _SENTENCE_ENDS.search(between) else last


def _dates(text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    if _DIGIT.search(text, start, end):
        yield from (match for match in _DATE.finditer(text, start, end) if _is_date(match))


def _is_date(match: re.Match[str]) -> bool:
    if match["ymd"]:
        return 1 <= int(match["m1"]) <= 12 and 1 <= int(match["d1"]) <= 31
    if match["sep"]:
        low, high = sorted((int(match["a"]), int(match["b"])))
        return 1 <= low <= 12 and 1 <= high <= 31
    return True
