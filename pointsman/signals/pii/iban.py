"""IBAN, ISO 13616: the length of its country and the checksum of ISO 7064 (mod 97-10)."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from pointsman.signals.pii.found import IBAN, Found, Utf8

_COUNTRIES = (
    "AD24 AE22 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 "
    "EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 "
    "IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 "
    "NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 "
    "SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "
)
_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _COUNTRIES.split()}
_SCAN = re2.compile(r"\b[A-Za-z]{2}[ ]?[0-9]{2}[ \-]?[A-Za-z0-9]{4}[ \-]?[A-Za-z0-9]{3}")
_LONGEST = max(_LENGTHS.values())


def ibans(text: str, utf8: Utf8) -> Iterator[Found]:
    for start, _ in utf8.places(_SCAN):
        length = _LENGTHS.get(text[start : start + 2].upper())
        end = _end(text, start, length) if length else None
        if end is not None:
            yield Found(start, end, IBAN, 1.0)


def _end(text: str, start: int, length: int) -> int | None:
    """After so many letters and digits, if they are an IBAN."""
    characters = ""
    for at in range(start, min(len(text), start + 2 * _LONGEST)):
        character = text[at]
        if character.isascii() and character.isalnum():
            characters += character
            if len(characters) == length:
                after = text[at + 1 : at + 2]
                whole = not (after.isascii() and after.isalnum())
                return at + 1 if whole and checksum(characters) else None
        elif character not in " -\u00a0" or text[at - 1 : at] == character:
            return None
    return None


def checksum(iban: str) -> bool:
    """`iban` is of ASCII letters and digits only."""
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
