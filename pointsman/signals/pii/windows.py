"""Where in a long text persons and addresses most likely are: one linear scan for what they look like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

import re2

from pointsman.signals.pii.found import Utf8

MAX_WINDOW = 120
"""Characters; about as many tokens as the encoder reads."""

CANDIDATES = 8
"""Windows of one text that are remembered, best first."""

_LED = 36  # characters before the first hint: "signed by", "lives at"
_MOST_HINTS = 20_000  # of one kind; what holds more is one long list, and any part of it is as good as the next
_WORTH = 1.0  # a window needs as many points

_UPPER = "A-ZÀ-ÖØ-ÞĀĄĆČĎĐĒĘĚĢİĪĶĹĻĽŁŃŅŇŌŐŒŔŘŚŞŠŢŤŪŮŰŲŹŻŽȘȚΑ-ΩΆ-ΏА-ЯЁІЇЄ"
_REST = r"[\w'’-]{0,30}[^\W\d_A-Z]"  # bounded, so that no run of capitals is read once from each of its parts
_NAMED = rf"[{_UPPER}]{_REST}"
_PARTICLE = r"(?:(?:de|del|della|di|da|dos|van|von|der|den|zu|bin|ibn|al|el|la|le|y|af)\s){0,2}"
_CAPITALS = re.compile(rf"[{_UPPER}](?<![\w.@/].){_REST}(?: {_PARTICLE}(?:[{_UPPER}]\.|{_NAMED})){{1,8}}")
_INITIAL = re.compile(r" [A-Z]\. ")
_HEADING = re.compile(r"(?:^|[#*\n|•])\s*$")

# Words that make a run of capitals the name of something else.
_COMMON = """
    the this that these those a an in on at of and or for to if when what how why who where which i we you he she it
    they my our your his her its please note new old north south east west united states kingdom city state states
    university college school institute department ministry office company inc ltd llc corp corporation group bank
    center centre street road court act section chapter article table figure part appendix version windows linux python
    java script google microsoft amazon apple facebook monday tuesday wednesday thursday friday saturday sunday january
    february march april may june july august september october november december science sciences learning machine
    data model models language intelligence artificial world war history theory law laws system systems api http json
    step question answer terms conditions privacy policy service services international national federal american
    european english french german chinese god king queen president"""
_NO_NAME = frozenset(_COMMON.split())
_STREETS = (
    r"street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|square|sq|terrace|way|place|pl|close"
    r"|crescent|parkway|pkwy|highway|hwy|circle|trail"
)
_STREET_ENDS = r"straße|strasse|str\.|gasse|platz|allee|weg|gatan|vägen|gata|veien|vej|gade|straat|laan|plein|katu|tie"
_STREET_BEGINS = (
    r"rue|avenue|boulevard|chemin|place|calle|avenida|avda|plaza|via|viale|piazza|corso|rua|travessa|ulica|ul\."
    r"|jalan|jl\.|utca|sokak|caddesi"
)
_FIELDS = (
    r"name|nom|nombre|nome|naam|navn|namn|nimi|imi[eę]|jméno|név|contact|attn|signed|sender|recipient|from|to"
    r"|cc|author|employee|customer|client|cardholder|applicant|patient|user"
)
_ADDRESSES = r"address|adresse|dirección|direccion|endereço|indirizzo|adres|adress|osoite"
_DWELLS = (
    r"liv(?:e|es|ed|ing) (?:at|in|on)|reside[sd]? (?:at|in)|located (?:at|on|in)|ship(?:ped)? to|deliver(?:ed)? to"
    r"|mov(?:ed?|ing) to|sent to|return to|wohn(?:t|e|haft)|habite|demeurant|vive en|domicilio|abita"
)
_INTRODUCES = r"my name(?:'s| is)|i am|i'm|this is|named|called|name of|full name|first name|last name|surname|patient"
_GREETS = r"dear|hi|hello|regards|sincerely|yours|cheers|liebe|sehr geehrter?|estimad[oa]|ch[eè]re?|car[oa]|hallo"
_TITLES = r"Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Sr|Sra|Srta|Mme|Mlle|Hr|Fru|Sig|Dott"
_POSTCODES = (
    r"[A-Z]{2} [0-9]{5}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2}|[0-9]{4} [A-Z]{2}"
    r"|[A-Z][0-9][A-Z] [0-9][A-Z][0-9]"
)
# RE2's word bounds know ASCII only; these are found anywhere.
_UNBOUND = (
    r"姓名|名前|氏名|我叫|我是|名字|地址|住所|住址|이름|주소|先生|女士|さん|様|路[0-9]+号|丁目|اسمي|العنوان|นาย|นาง|ชื่อ"
    r"|मेरा नाम|पता|меня зовут|имя ?:|ФИО ?:|г-н |г-жа |адрес|улица|ул\. |проспект|διεύθυνση|οδός "
)
_HINTS = {
    2.0: (
        rf"\b(?:{_INTRODUCES}) (?-i:\p{{Lu}})|\b(?:{_FIELDS}) ?: ?[\"']?(?-i:\p{{Lu}})",
        rf"\b(?-i:{_TITLES})\b\.? (?-i:\p{{Lu}})",
        rf"\b(?:{_ADDRESSES}) ?(?::|is\b)|\b(?:{_DWELLS})\b|{_UNBOUND}",
        rf"\b[0-9]{{1,5}}[a-z]?,? (?:\pL[\pL'’.-]*,? ){{1,4}}(?:{_STREETS})\b|\pL(?:{_STREET_ENDS}) ?[0-9]",
    ),
    1.5: (
        rf"\b(?:{_GREETS}),? ?\n{{0,2}}(?-i:\p{{Lu}})",
        rf"\b(?:{_STREET_BEGINS}) (?:\pL[\pL'’.-]*,? ){{0,4}}[0-9]",
        r"\b(?:apt|suite|ste|unit|apartment|flat|p\.? ?o\.? ?box|postfach|building|floor)\b\.? #?[0-9]",
    ),
    1.0: (rf"\b(?-i:{_POSTCODES})\b|\b[0-9]{{5}},? (?-i:\p{{Lu}})\pL",),
}
_COMPILED = [(re2.compile("(?i)" + "|".join(patterns)), points) for points, patterns in _HINTS.items()]


class Window(NamedTuple):
    points: float
    start: int
    end: int


def candidate_windows(text: str) -> tuple[Window, ...]:
    """The best, without overlaps; none if nothing looks like a person or an address."""
    hints = sorted(_hints(text))
    best: dict[int, tuple[float, int, int]] = {}  # of each stretch of a window's length, so that they spread
    last, points = 0, 0.0
    for first, (start, _, _) in enumerate(hints):
        while last < len(hints) and hints[last][1] <= start + MAX_WINDOW - _LED:
            points += hints[last][2]
            last += 1
        stretch = start // MAX_WINDOW
        if points >= _WORTH and (stretch not in best or points > best[stretch][0]):
            best[stretch] = points, start, hints[last - 1][1]
        points -= hints[first][2] if last > first else 0.0
        last = max(last, first + 1)
    return _apart(text, nlargest(3 * CANDIDATES, best.values(), key=lambda one: (one[0], -one[1])))


def _apart(text: str, best: Sequence[tuple[float, int, int]]) -> tuple[Window, ...]:
    chosen: list[Window] = []
    for points, start, end in best:
        window = Window(points, *_cut(text, start, end))
        if all(window.end <= other.start or window.start >= other.end for other in chosen):
            chosen.append(window)
    return tuple(chosen[:CANDIDATES])


def _hints(text: str) -> Iterator[tuple[int, int, float]]:
    """Start, end and points of whatever looks like it."""
    utf8 = Utf8(text)
    for pattern, points in _COMPILED:
        for start, end in islice(utf8.places(pattern), _MOST_HINTS):
            yield start, end, points
    for match in islice(_CAPITALS.finditer(text), _MOST_HINTS):
        points = _capitals(text, match)
        if points:
            yield match.start(), match.end(), points


def _capitals(text: str, match: re.Match[str]) -> float:
    words = match[0].split(" ")
    if len(words) > 5 or not _NO_NAME.isdisjoint(map(str.lower, words)):
        return 0.0
    points = 1.5 if _INITIAL.search(match[0]) else 1.0
    return points / 2 if _HEADING.search(text, max(0, match.start() - 3), match.start()) else points


def _cut(text: str, first: int, last: int) -> tuple[int, int]:
    """A window from a little before the first hint, between words."""
    start = max(0, first - _LED)
    if start and not text[start - 1].isspace():
        start = next((at + 1 for at in range(start, first) if text[at].isspace()), first)
    end = min(len(text), start + MAX_WINDOW)
    if end < len(text) and not text[end].isspace():
        end = next((at for at in range(end - 1, last, -1) if text[at].isspace()), end)
    return start, end
