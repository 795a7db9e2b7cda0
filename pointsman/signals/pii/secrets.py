"""API_KEY: credentials by their known formats, and what is assigned to a name like one and looks random."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import log2

import re2

from pointsman.signals.pii.found import API_KEY, Found, Utf8

MIN_ENTROPY = 3.0
"""Bits per character of a value that counts as random; 16 different characters have 4, English words about 2.8."""

_KNOWN = (
    r"sk-(?:proj-|ant-|or-|svcacct-|admin-)?[A-Za-z0-9_-]{20,200}",  # OpenAI, Anthropic, OpenRouter and many others
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,200}|whsec_[A-Za-z0-9+/=]{24,100}",  # Stripe
    r"(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA)[A-Z0-9]{16}",  # AWS
    r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{30,255}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,100}",  # GitLab
    r"xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-[A-Za-z0-9-]{10,250}",  # Slack
    r"https://hooks\.slack\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{16,40}",
    r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,500}|GOCSPX-[A-Za-z0-9_-]{20,50}",  # Google
    r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",  # SendGrid
    r"hf_[A-Za-z0-9]{30,60}|gsk_[A-Za-z0-9]{30,80}|xai-[A-Za-z0-9]{30,120}|pplx-[A-Za-z0-9]{30,80}",
    r"nvapi-[A-Za-z0-9_-]{40,100}|r8_[A-Za-z0-9]{30,60}|AC[0-9a-f]{32}|SK[0-9a-f]{32}|key-[0-9a-f]{32}",
    r"npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,300}|dop_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    r"hvs\.[A-Za-z0-9_-]{20,200}|dapi[0-9a-f]{32}|sq0(?:atp|csp)-[A-Za-z0-9_-]{20,60}|lin_api_[A-Za-z0-9]{32,50}",
    r"ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{40,60}|AGE-SECRET-KEY-1[A-Z0-9]{50,70}",
    r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{0,2000}",  # JSON web token, RFC 7519
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",  # Telegram
    r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}",  # Discord
)
_PEM = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_URL = r"[a-z][a-z0-9+]{1,20}://[^\s:/@\"'<>]{0,100}:[^\s/@\"'<>]{4,200}@"
_NAME = r"(?:key|token|secret|passw(?:or)?d|passphrase|pwd|credential|authorization|auth)s?[a-z0-9_-]*"
_IS = r"[\"'`]?(?:[ \t]*(?::=|=>|==?|:)[ \t]*| is:? )[\"'`]?(?:bearer |basic |token )?"
_LED = rf"(?:{_NAME}{_IS}|\bbearer[ \t]{{1,4}})"
_VALUE = r"[A-Za-z0-9_\-+/=~.]{16}"

# RE2 finds where one begins, in one pass for all formats; what it is and where it ends is then read with `re`. RE2
# unrolls bounded repetitions, which would make one of all formats large and slow, so it looks for what they begin with.
_BEGINS = (
    r"\b(?:sk-[A-Za-z0-9]|[srp]k_(?:live|test)_|whsec_|A(?:KI|SI|BI|CC|GP|ID|RO)A[A-Z0-9]{8}|gh[pousr]_[A-Za-z0-9]{8}"
    r"|github_pat_|gl(?:pat|dt|rt|cbt|ptt|ft|soat)-|xox[abeoprs]-|xapp-|https://hooks\.slack|AIza|ya29\.|GOCSPX-"
    r"|SG\.[A-Za-z0-9_-]{8}|hf_[A-Za-z0-9]{8}|gsk_|xai-|pplx-|nvapi-|r8_|(?:AC|SK|key-|dapi)[0-9a-f]{8}|npm_|pypi-"
    r"|dop_v1_|shp(?:at|ca|pa|ss)_|hvs\.|sq0(?:atp|csp)-|lin_api_|ntn_|secret_[A-Za-z0-9]{8}|AGE-SECRET-KEY|eyJ"
    r"|[0-9]{8,10}:AA|[MNO][A-Za-z0-9_-]{23})"
)
_SCAN = re2.compile(rf"{_BEGINS}|-----BEGIN [A-Z0-9 ]*PRIVATE KEY|://[^\s/@]+@|(?i:{_LED}{_VALUE})")

_KNOWN_KEY = re.compile("|".join(_KNOWN))
_PEM_KEY = re.compile(_PEM)
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(r"(?:[\s\\nrA-Za-z0-9+/=>|\"',]|[A-Z][A-Za-z-]+: )*+")
_MAX_PEM = 16_384
_URL_PASSWORD = re.compile(r"://[^\s:/@\"'<>]{0,100}:([^\s/@\"'<>]{4,200})@")
_LEAD = re.compile(_LED, re.IGNORECASE)
_ASSIGNED = re.compile(r"[A-Za-z0-9_\-+/=~.]{16,512}")
_PLACEHOLDER = re.compile(
    r"your|example|placeholder|change_?me|dummy|insert|redacted|x{5}|\*{3}|<|\{|\.\.\.", re.IGNORECASE
)
_JUDGED = 128  # characters of a value; a long one need not be read to its end
_WORDY = re.compile(r"[A-Za-z0-9_-]")
_CLASSES = str.maketrans(
    {**dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "a"), **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "A")}
    | dict.fromkeys("0123456789", "0")
)


def api_keys(text: str, utf8: Utf8) -> Iterator[Found]:
    done = 0
    for start, end in utf8.places(_SCAN):
        if start >= done:
            found = _key(text, start, end)
            if found is not None:
                done = found.end
                yield found


def _key(text: str, start: int, end: int) -> Found | None:
    if text.startswith("-----", start):
        return _pem(text, start)
    if text.startswith("://", start):
        password = _URL_PASSWORD.match(text, start)
        if password is None or _PLACEHOLDER.search(password[1]) or password[1].startswith("$"):
            return None
        return Found(password.start(1), password.end(1), API_KEY, 0.9)
    known = _KNOWN_KEY.match(text, start)
    if known and not _WORDY.match(text, max(0, start - 1), start):
        return Found(start, start + len(known[0].rstrip(".-")), API_KEY, 1.0) if _is_key(known[0]) else None
    lead = _LEAD.match(text, start)
    return _assigned(text, lead.end()) if lead else None


def _is_key(known: str) -> bool:
    """`sk-` begins names, too, of the kind `sk-fading-circle-container`."""
    return not known.startswith("sk-") or not known[3:].replace("-", "").islower() or "-" not in known[3:]


def _pem(text: str, start: int) -> Found | None:
    begin = _PEM_KEY.match(text, start)
    if begin is None:
        return None
    end = _PEM_END.search(text, begin.end(), start + _MAX_PEM)
    if end:
        return Found(start, end.end(), API_KEY, 1.0)
    body = _PEM_BODY.match(text, begin.end(), start + _MAX_PEM)
    stop = body.end() if body else begin.end()
    return Found(start, start + len(text[start:stop].rstrip()), API_KEY, 1.0)


def _assigned(text: str, start: int) -> Found | None:
    known = _KNOWN_KEY.match(text, start)
    if known and _is_key(known[0]):
        return Found(start, start + len(known[0].rstrip(".-")), API_KEY, 1.0)
    value = _ASSIGNED.match(text, start)
    if value is None or text[value.end() : value.end() + 1] in {"(", "[", "@"}:
        return None
    secret = value[0].rstrip(".-")
    if text.startswith("://", start + len(secret.partition(":")[0])) or not looks_random(secret):
        return None
    return Found(start, start + len(secret), API_KEY, 0.85)


def looks_random(value: str) -> bool:
    """Whether its characters are spread like those of a key, not like those of words or of a number."""
    value = value[:_JUDGED]
    if len(value) < 16 or _PLACEHOLDER.search(value):
        return False
    classes = value.translate(_CLASSES)
    if "0" not in classes or ("a" not in classes and "A" not in classes):
        return False
    changes = sum(1 for a, b in pairwise(classes) if a != b and a in "aA0" and b in "aA0")
    return changes >= 0.25 * len(value) and entropy(value) >= MIN_ENTROPY


def entropy(value: str) -> float:
    """Shannon's, in bits per character."""
    total = len(value)
    return -sum(count / total * log2(count / total) for count in Counter(value).values())
