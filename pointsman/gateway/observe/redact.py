"""Takes secrets out of whatever is about to be logged."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "[redacted]"

MAX_SECRETS = 10_000
MAX_DEPTH = 8

NAMES = frozenset(
    {
        *("authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-goog-api-key"),
        *("cookie", "set-cookie", "password", "secret", "client-secret", "access-token"),
    }
)
"""Of headers and fields, in lower case and with dashes."""

_IN_TEXT = (
    re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{4,}"),
    re.compile(r"\b(sk-)[\w-]{8,}"),
    re.compile(
        r"(?i)\b((?:proxy-)?authorization|(?:x-)?api[-_]?key|x-goog-api-key|(?:set-)?cookie|password"
        r"|client[-_]secret|access[-_]token)"
        r"(?P<gap>[\"']?\s*[:=,]\s*(?:b?[\"'])?)(?!\[redacted\])[^\s\"'&,;)}\]]+"
    ),
    re.compile(r"(?i)([?&](?:key|token|secret)=)[^&\s\"']+"),
)
"""A name that is followed by a value: header dumps, tuples of bytes, query strings."""


class Redactor:
    """Hides the exact secrets that it was told, and what looks like one."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._exact: re.Pattern[str] | None = None

    def hide(self, secrets: Iterable[str]) -> None:
        """Adds; the oldest are forgotten after very many reloads with ever new secrets."""
        for secret in filter(None, secrets):
            self._secrets.pop(secret, None)
            self._secrets[secret] = None
        while len(self._secrets) > MAX_SECRETS:
            del self._secrets[next(iter(self._secrets))]
        forms = {form for secret in self._secrets for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._exact = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def clean_text(self, text: str) -> str:
        if self._exact is not None:
            text = self._exact.sub(HIDDEN, text)
        for pattern in _IN_TEXT:
            text = pattern.sub(_keep_name, text)
        return text

    def clean_mapping(self, event: Mapping[Any, object], depth: int = 0) -> dict[str, object]:
        return {
            self.clean_text(str(key)): HIDDEN if _is_sensitive(key) else self.clean(value, depth)
            for key, value in event.items()
        }

    def clean(self, value: object, depth: int = 0) -> object:
        """What JSON can write, without secrets; other objects as their repr()."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._clean_number(value)
        if isinstance(value, str):
            return self.clean_text(value)
        if isinstance(value, bytes):
            return self.clean_text(value.decode("utf-8", "backslashreplace"))
        if depth < MAX_DEPTH and isinstance(value, Mapping):
            return self.clean_mapping(value, depth + 1)
        if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
            return self._clean_items(list(value), depth)
        return self.clean_text(repr(value))

    def _clean_number(self, number: float) -> object:
        text = repr(number)
        if self._exact is not None and self._exact.search(text):
            return HIDDEN
        return number if math.isfinite(number) else text

    def _clean_items(self, items: list[object], depth: int) -> list[object]:
        if len(items) == 2 and _is_sensitive(items[0]):  # a header as a pair
            return [self.clean(items[0], depth + 1), HIDDEN]
        return [self.clean(item, depth + 1) for item in items]


def _forms(secret: str) -> set[str]:
    """As it is, and as it looks inside a repr(), a JSON document or a URL."""
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}


def _keep_name(match: re.Match[str]) -> str:
    return match[1] + (match.groupdict().get("gap") or "") + HIDDEN


def _is_sensitive(key: object) -> bool:
    name = key.decode("latin-1") if isinstance(key, bytes) else key
    return isinstance(name, str) and name.lower().replace("_", "-") in NAMES
