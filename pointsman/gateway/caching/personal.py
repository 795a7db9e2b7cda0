"""Whether a text says something of a person that another asker must not read."""

from __future__ import annotations

from ipaddress import ip_address

from pointsman.signals.pii.found import EMAIL, IP_ADDRESS, Found
from pointsman.signals.pii.patterns import find_patterned

_EXAMPLES = ("example.com", "example.org", "example.net", "example")
"""Domains that nobody has (RFC 2606)."""


def is_personal(text: str) -> bool:
    """Linear in the text: only what patterns find. Names are the `pii` signal's to find."""
    return any(not _is_nobodys(found, text[found.start : found.end]) for found in find_patterned(text))


def _is_nobodys(found: Found, said: str) -> bool:
    if found.type == EMAIL:
        return said.lower().endswith(tuple(f"{sign}{domain}" for sign in "@." for domain in _EXAMPLES))
    if found.type == IP_ADDRESS:
        try:
            return not ip_address(said).is_global
        except ValueError:
            return False
    return False
