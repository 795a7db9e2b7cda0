"""Numbers that say themselves what they are: CREDIT_CARD, SSN and IP_ADDRESS (version 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address

import re2

from pointsman.signals.pii import context
from pointsman.signals.pii.found import CREDIT_CARD, IP_ADDRESS, SSN, Found, Utf8

_CARD = re.compile(
    r"(?<![0-9A-Za-z_])(?<![0-9][-.])(?:[0-9]{12,19}"
    r"|[0-9]{4}([ \-\u00a0])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?"
    r"|[0-9]{4}([ \-\u00a0])[0-9]{6}\2[0-9]{4,5})(?![0-9A-Za-z_])(?!-[0-9])"
)
_DIGITS = re.compile("[0-9]")
# Prefix → lengths: American Express, Diners, JCB, Visa, Mastercard (twice), Discover, UnionPay, Maestro, Mir.
_ISSUERS = re.compile(
    r"(?:3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11,16}|3095[0-9]{10,15}|(?:2131|1800)[0-9]{11}|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"
    r"|4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12,15}|62[0-9]{14,17}|(?:5[06-8]|6[0-9])[0-9]{10,17}|220[0-4][0-9]{12,15})"
)
_DOUBLED = str.maketrans("0123456789", "0246813579")

_SSN = re.compile(
    r"(?<![0-9])(?<![0-9][-.])(?!000|666|9)[0-9]{3}([- .\u2010-\u2013]?)(?!00)[0-9]{2}\1(?!0000)[0-9]{4}"
    r"(?![0-9])(?![-.][0-9])"
)

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?![0-9]|\.[0-9])")
_VERSION = re.compile(
    r"(?:\b(?:v|ver|version|release|build|firmware|sections?|sec|chapters?|clause|rev|§{1,2}) ?[:.]? ?"
    r"|[A-Za-z][/\-_]|[=~^<>]=? ?)$",
    re.IGNORECASE,
)
_NAMED_IP = re.compile(r"\b(?:ip|host|server|addr|address|inet)[-_:= ]{0,2}$", re.IGNORECASE)

_IPV6 = re2.compile(
    r"(?i)(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"
    r"|\b(?:[0-9][0-9a-f]{0,3}|[a-f][0-9a-f]{0,2}[0-9][0-9a-f]{0,2}):(?:[0-9a-f]{1,4}:){0,6}:(?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{0,4}"
)


def cards(text: str, start: int, end: int) -> Iterator[Found]:
    for match in _CARD.finditer(text, start, end):
        digits = "".join(_DIGITS.findall(match[0]))
        if not luhn(digits):
            continue
        # Random numbers pass the checksum one time in ten, so without "card" the issuer and the length must fit, too.
        issued = _ISSUERS.fullmatch(digits) and (len(digits) in (14, 15, 16) or len(match[0]) > len(digits))
        if issued or (len(set(digits)) > 1 and context.before(text, match.start()) == context.CARD):
            yield Found(match.start(), match.end(), CREDIT_CARD, 1.0)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B; `digits` are ASCII."""
    straight, doubled = digits[::-2], digits[-2::-2].translate(_DOUBLED)
    return (sum(map(int, straight)) + sum(map(int, doubled))) % 10 == 0


def ssns(text: str, start: int, end: int) -> Iterator[Found]:
    for match in _SSN.finditer(text, start, end):
        kind = context.before(text, match.start())
        named = kind == context.SSN or context.after(text, match.end()) == context.SSN
        if named or (match[1] not in ("", " ", ".") and kind != context.OTHER):
            yield Found(match.start(), match.end(), SSN, 1.0 if named else 0.85)


def ipv4(text: str, start: int) -> Found | None:
    match = _IPV4.match(text, start)
    if match is None:
        return None
    led = text[max(0, start - 16) : start]
    if led[-1:].isalnum() or led[-1:] in {".", "_"}:
        return None
    if _VERSION.search(led) and not _NAMED_IP.search(led):
        return None
    after = text[match.end() : match.end() + 2]
    if after[:1].isalpha() and after.isascii():
        return None
    return Found(start, match.end(), IP_ADDRESS, 0.95)


def ipv6(text: str, utf8: Utf8) -> Iterator[Found]:
    if utf8.data.count(b":") < 2:
        return
    for start, end in utf8.places(_IPV6):
        around = text[start - 1 : start] + text[end : end + 1]
        if any(c.isalnum() or c in ":_" for c in around if c.isascii()):
            continue
        if _is_ipv6(text[start:end]):
            yield Found(start, end, IP_ADDRESS, 1.0)


def _is_ipv6(text: str) -> bool:
    groups = [group for group in text.split(":") if group]
    if len(groups) < 3 and not any(len(group) > 2 and not group.isdigit() for group in groups):
        return False  # a slice such as 10::2
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
