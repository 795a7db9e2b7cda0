"""All spans that patterns find. Linear in the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pointsman.signals.pii.birth import births
from pointsman.signals.pii.email import emails
from pointsman.signals.pii.found import (
    API_KEY,
    CREDIT_CARD,
    DATE_OF_BIRTH,
    EMAIL,
    IBAN,
    IP_ADDRESS,
    PHONE,
    SSN,
    Found,
    Utf8,
)
from pointsman.signals.pii.iban import ibans
from pointsman.signals.pii.numbers import cards, ipv4, ipv6, ssns
from pointsman.signals.pii.phone import phones
from pointsman.signals.pii.secrets import api_keys

# What is the part of what: of two that overlap the one whose type comes first here is it.
_PRECEDENCE = {
    kind: place for place, kind in enumerate((API_KEY, EMAIL, IBAN, IP_ADDRESS, CREDIT_CARD, SSN, DATE_OF_BIRTH, PHONE))
}
# An IP address, or seven digits and more with no more than three signs between; bounded, as `re` keeps each repetition.
_CLUSTER = re.compile(
    r"[0-9](?:[0-9]{0,2}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?!\.?[0-9])"
    r"|(?:[ ().\-/\u00a0\u2010-\u2013]{0,3}[0-9]){6,60}+)"
)
_OTHER_DIGITS = re.compile("[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\uff0b\uff10-\uff19\uff20]")
_TO_ASCII = {"\uff0b": "+", "\uff20": "@"} | {
    chr(zero + digit): str(digit) for zero in (0x660, 0x6F0, 0x966, 0xFF10) for digit in range(10)
}
_CARD, _SSN, _PHONE = 12, 9, 7  # characters at least


def find_patterned(text: str) -> tuple[Found, ...]:
    """In order, without overlaps."""
    if not text.isascii():
        text = _OTHER_DIGITS.sub(_to_ascii, text)  # one to one, so that offsets stay
    utf8 = Utf8(text)
    found = [*emails(text), *api_keys(text, utf8), *ibans(text, utf8), *ipv6(text, utf8), *births(text, utf8)]
    found.extend(_numbers(text))
    return tuple(without_overlaps(found))


def _to_ascii(match: re.Match[str]) -> str:
    return _TO_ASCII[match[0]]


def _numbers(text: str) -> Iterator[Found]:
    for match in _CLUSTER.finditer(text):
        start, end = match.span()
        address = ipv4(text, start) if text.count(".", start, end) == 3 else None
        if address is not None:
            yield address
            continue
        if end - start >= _CARD:
            yield from cards(text, start, end)
        if end - start >= _SSN:
            yield from ssns(text, start, end)
        if end - start >= _PHONE:
            yield from phones(text, start, end)


def without_overlaps(found: Iterable[Found]) -> list[Found]:
    kept: list[Found] = []
    for one in sorted(found):
        if kept and one.start < kept[-1].end:
            if _PRECEDENCE[one.type] < _PRECEDENCE[kept[-1].type]:
                kept[-1] = one
            continue
        kept.append(one)
    return kept
