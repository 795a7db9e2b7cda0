"""Makes legible what was disguised, so that scans and the encoder read what a model would understand."""

from __future__ import annotations

import base64
import codecs
import html
import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote_to_bytes

import re2

from pointsman.signals.jailbreak.characters import MAX_RUN, shown, suspicious, unmixed
from pointsman.signals.jailbreak.rewritten import Edit, Rewritten

MAX_DECODED = 4
"""Runs of a text that are decoded."""

_MAX_CANDIDATES = 4000
_SHORTEST_RUN = 6  # shorter ones are digits among letters
_LONGEST_WORD = 40
_LINE = 500  # around a word that is written backwards or in ROT13

_WORDS = (
    "ignore", "disregard", "forget", "bypass", "override", "previous", "prior", "above", "all", "any", "instruction",
    "instructions", "prompt", "system", "rules", "guidelines", "restrictions", "filter", "filters", "safety", "policy",
    "jailbreak", "unrestricted", "uncensored", "unfiltered", "developer", "mode", "reveal", "print", "repeat", "secret",
    "password", "pretend", "assistant", "act", "tell", "your", "without", "limits", "answer", "everything", "anything",
    "now",
)  # fmt: skip
_DISGUISED = (
    "ignore", "disregard", "forget", "bypass", "override", "previous", "instruction", "prompt", "system", "reveal",
)  # fmt: skip

_SPACED = r"\b[A-Za-z](?:[ ._*~|+\-]{1,2}[A-Za-z]\b){3,}"
_LEET_SIGN = r"[A-Za-z][0134578@$|!]+[A-Za-z]|\b[0134578][A-Za-z]{2}|[@$!][A-Za-z]{2}"
_BASE64 = r"[A-Za-z0-9+/]{20,}(?:\r?\n[A-Za-z0-9+/]{20,})*={0,2}"
_HEX = r"(?:(?:\b|0x|\\x)[0-9A-Fa-f]{2}[ ,:]?){10,}"
_PERCENT = r"%[0-9A-Fa-f]{2}(?:[^\s%]{0,30}%[0-9A-Fa-f]{2}){2,}[^\s%]{0,30}"
_ESCAPED = r"(?:\\u[0-9A-Fa-f]{4}){4,}|(?:&#x?[0-9A-Fa-f]{2,6};){4,}"
_MORSE_RUN = r"(?:\A|\s)(?:[.\-]{1,5}(?: ?/ ?| {1,3}|\n)){8,}[.\-]{0,5}"
_MORSE = dict(zip(
    (
        ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--", "-.", "---", ".--.",
        "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..", "-----", ".----", "..---", "...--",
        "....-", ".....", "-....", "--...", "---..", "----.",
    ),
    "abcdefghijklmnopqrstuvwxyz0123456789",
    strict=True,
))  # fmt: skip


def plain(text: str) -> Rewritten:
    """`text` without disguise, which knows where each part of it came from. Linear; lone surrogates become `?`."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    found = Rewritten(text)
    if not text.isascii() and suspicious(text):
        found.rewrite(shown(text))
        found.rewrite(unmixed(found.text))
    found.rewrite(_decoded(found.text))
    return found


def _decoded(text: str) -> Iterator[Edit]:
    left, done = MAX_DECODED, 0
    # On bytes RE2 need not count characters, which takes longer than the search.
    for match in islice(_RUNS.finditer(text.encode() if text.isascii() else text), _MAX_CANDIDATES):
        start, end = match.span()
        if start < done:
            continue
        run = text[start : min(end, start + MAX_RUN)]
        if len(run) < _SHORTEST_RUN:
            edit = _unleet(text, start)
        elif _SPACED_RUN.fullmatch(run):
            edit = Edit(start, start + len(run), _joined(run))
        elif left:
            edit = _disguised(text, start, end) or _encoded(text, start, run)
            left -= edit is not None
        else:
            edit = None
        if edit:
            done = edit.end
            yield edit


def _unleet(text: str, place: int) -> Edit | None:
    """The word around that place, if it is one that attacks use."""
    first = max(0, place - _LONGEST_WORD)
    start = place
    while start > first and text[start - 1] in _LEET_SIGNS:
        start -= 1
    match = _LEET_WORD.match(text, start)
    word = _LEET_WORDS.get(match[0].lower().translate(_FROM_LEET)) if match else None
    return Edit(start, match.end(), word) if match and word else None


def _joined(run: str) -> str:
    """`i g n o r e  a l l` and `i.g.n.o.r.e a.l.l` → ignore all; without such gaps, what words it can be."""
    gaps = set(re.findall("[^A-Za-z]+", run))
    wide = {gap for gap in gaps if len(gap) > 1} or {gap for gap in gaps if gap == " "}
    if wide and wide != gaps:
        return "".join(
            " " if part in wide else part for part in re.findall("[A-Za-z]|[^A-Za-z]+", run) if part not in gaps - wide
        )
    return _KNOWN.sub(r"\g<0> ", re.sub("[^A-Za-z]", "", run).lower()).strip()


def _disguised(text: str, start: int, end: int) -> Edit | None:
    """The line around a word in ROT13 or backwards."""
    word = text[start:end].lower()
    if word not in _DISGUISES:
        return None
    start = max(text.rfind("\n", max(0, start - _LINE), start) + 1, start - _LINE, 0)
    line_end = text.find("\n", end, end + _LINE)
    end = line_end if line_end >= 0 else min(len(text), end + _LINE)
    line = text[start:end]
    if _DISGUISES[word] == "rot13":
        return Edit(start, end, codecs.encode(line, "rot13"))
    return Edit(start, end, f"{line[::-1]}\n{' '.join(part[::-1] for part in line.split(' '))}")


def _encoded(text: str, start: int, run: str) -> Edit | None:
    if run[0] == "%":  # an address or a form: from its last blank on
        end, start = start + len(run), max(start - _LONGEST_WORD, 0, *(text.rfind(s, 0, start) + 1 for s in " \n\t"))
        run = text[start:end]
    for decode in (_from_hex, _from_base64, _from_percent, _from_escapes, _from_morse):
        decoded = decode(run)
        if decoded and _is_prose(decoded):
            return Edit(start, start + len(run), f" {decoded} ")
    return None


def _from_hex(run: str) -> str:
    digits = re.sub(r"0x|\\x|[ ,:]", "", run)
    if len(digits) % 2 or not re.fullmatch("[0-9A-Fa-f]+", digits):
        return ""
    return bytes.fromhex(digits).decode("utf-8", "replace")


def _from_base64(run: str) -> str:
    digits = re.sub(r"[\r\n=]", "", run)
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


def _from_percent(run: str) -> str:
    return unquote_to_bytes(run).decode("utf-8", "replace") if "%" in run else ""


def _from_escapes(run: str) -> str:
    if "\\u" in run:
        run = re.sub(r"\\u([0-9A-Fa-f]{4})", r"&#x\1;", run)
    return html.unescape(run) if "&#" in run else ""


def _from_morse(run: str) -> str:
    if not re.fullmatch(r"[.\-/\s]+", run):
        return ""
    words = re.split(r"\s*/\s*|\s{2,}|\n", run.strip())
    return " ".join("".join(_MORSE.get(sign, "") for sign in word.split()) for word in words)


def _is_prose(text: str) -> bool:
    """Mostly letters and spaces."""
    wordlike = sum(1 for char in text if char.isalpha() or char == " ")
    return len(text) >= 6 and wordlike >= 0.8 * len(text) and "\ufffd" not in text[:-1]


_LEET = {"4@": "a", "8": "b", "3": "e", "9": "g", "1!|": "i", "0": "o", "5$": "s", "7": "t", "2": "z"}
_FROM_LEET = {ord(sign): letter for signs, letter in _LEET.items() for sign in signs}
_LEET_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + "".join(_LEET))
_LEET_WORD = re.compile(f"[A-Za-z{re.escape(''.join(_LEET))}]{{2,{_LONGEST_WORD}}}")
# 1 is i as often as l.
_LEET_WORDS = {word.replace("l", letter): word for letter in "il" for word in _WORDS}
_GLUE = ("and", "the", "me", "my", "you", "are", "of", "to", "is", "this", "show")
_KNOWN = re.compile("|".join(sorted((*_WORDS, *_GLUE), key=len, reverse=True)))
_DISGUISES = {codecs.encode(word, "rot13"): "rot13" for word in _DISGUISED} | {
    word[::-1]: "reversed" for word in _DISGUISED
}
_SPACED_RUN = re.compile(_SPACED)
_RUNS = re2.compile(
    "|".join([f"(?i:{'|'.join(_DISGUISES)})", _MORSE_RUN, _SPACED, _HEX, _ESCAPED, _BASE64, _PERCENT, _LEET_SIGN])
)
