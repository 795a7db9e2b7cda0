"""EMAIL: addresses as people write them; letters of other scripts only where no scripts without spaces use them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pointsman.signals.pii.found import EMAIL, Found

_LETTERS = "A-Za-z0-9\u00c0-\u024f\u0370-\u052f"
_DOMAIN = re.compile(
    rf"@(?:[{_LETTERS}](?:[{_LETTERS}-]{{0,62}}[{_LETTERS}])?\.){{1,8}}(?:xn--[A-Za-z0-9-]{{2,59}}|[A-Za-z]{{2,24}}(?![A-Za-z0-9])"
    r"|[\u00e0-\u024f\u0370-\u052f]{2,24})(?![A-Za-z0-9_@])"
)
_NAME = re.compile(rf"[{_LETTERS}!#$%&'*+/=?^_`{{|}}~.-]+\Z")
_LONGEST_NAME = 64
_QUOTES = "'`*_|/={}~#&?!.-"  # signs that may be in an address, but before one rather surround it


def emails(text: str) -> Iterator[Found]:
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at)
        end = at + 1
        if domain:
            name = _NAME.search(text[max(0, at - _LONGEST_NAME) : at])
            start = at - len(name[0].lstrip(_QUOTES)) if name else at
            if start < at and text[at - 1] != "." and not _is_location(text, start, domain.end()):
                end = domain.end()
                yield Found(start, end, EMAIL, 1.0)
        at = text.find("@", end)


def _is_location(text: str, start: int, end: int) -> bool:
    """`git@host:path` and `scheme://user:password@host` name no person's mailbox."""
    if text[end : end + 1] == ":" and text[end + 1 : end + 2].isalpha() and text[start:end].startswith("git@"):
        return True
    return "://" in text[max(0, start - 40) : start].rpartition(" ")[2] and text[start - 1 : start] in ":/"
