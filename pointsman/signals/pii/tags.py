"""PERSON and ADDRESS: from the probabilities of each token's tags to spans of whole words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from math import log
from typing import NamedTuple

from pointsman.signals.encoder.encoding import Encoding
from pointsman.signals.pii.found import ADDRESS, PERSON, Found

_TYPES = ("", PERSON, ADDRESS)
_OUT, _PERSON, _ADDRESS = range(3)
_LEAST = 1e-4
# Weights of the step from the type of a word to that of the next. Mild: they only settle what is doubtful, so that one
# such word neither splits a span nor makes one.
_STAY, _ENTER, _SWITCH = log(1.0), log(0.85), log(0.5)
_STEPS = tuple(tuple(_STAY if a == b else _ENTER if _OUT in (a, b) else _SWITCH for b in range(3)) for a in range(3))
_BETWEEN_PARTS = re.compile(r"[ ,;]{1,3}|,? - |[ ,]{0,2}\n[ >|*\t]{0,6}")
_POSSESSIVE = re.compile(r"['’]s?\Z")
_EDGE = re.compile(r"\A[\W_]+|[\W_]+\Z")
_INITIAL_DOT = re.compile(r"(?:\b[^\W\d_]|\b(?:Jr|Sr|St|Ave|Blvd|Rd|Dr|str|Str|Apt))\Z")


_SEVERAL = re.compile(r"[0-9]|\w\W+\w")
_PLACE_BEFORE = re.compile(
    r"[^0-9,\n]{2,40}?(?:, ?|\n)[ >|*\t]{0,6}(?=[0-9]|(?:unit|psc|p\.? ?o\.? ?box|box)\b)", re.IGNORECASE
)


class _Word(NamedTuple):
    start: int
    end: int
    probabilities: tuple[float, float, float]  # by type
    begins: float  # that a span of its type begins here, if it has one


def tagged(passage: str, encoding: Encoding, threshold: float) -> list[Found]:
    """In order, without overlaps; empty if the encoder has no tags."""
    if encoding.tags is None or encoding.offsets is None or not len(encoding.tags):
        return []
    if 1 - float(encoding.tags[:, 0].min()) < threshold:
        return []
    spans: list[Found] = []
    for words in _readable(passage, encoding):
        spans.extend(_spans(passage, words))
    return [span for span in _joined(passage, spans) if span.score >= threshold]


def _readable(passage: str, encoding: Encoding) -> list[list[_Word]]:
    """The words, apart where the encoder left something out."""
    assert encoding.tags is not None
    assert encoding.offsets is not None
    tokens: list[list[tuple[int, int, list[float]]]] = []  # of each word
    for (start, end), tags in zip(encoding.offsets.tolist(), encoding.tags.tolist(), strict=True):
        if end <= start:
            continue  # the marks at both ends
        if tokens and tokens[-1][-1][1] == start and _within_word(passage, start):
            tokens[-1].append((start, end, tags))
        else:
            tokens.append([(start, end, tags)])
    parts: list[list[_Word]] = [[]]
    for pieces in tokens:
        start, end = pieces[0][0], pieces[-1][1]
        if parts[-1] and passage[parts[-1][-1].end : start].strip():
            parts.append([])
        if not (_within_word(passage, start) or _within_word(passage, end)):  # it was read as a whole
            parts[-1].append(_word(start, end, [tags for _, _, tags in pieces]))
    return parts


def _within_word(text: str, at: int) -> bool:
    if not 0 < at < len(text):
        return False
    a, b = text[at - 1], text[at]
    return a.isalnum() and b.isalnum() and not (_is_unspaced(a) or _is_unspaced(b))


def _is_unspaced(character: str) -> bool:
    """Of a script without spaces between words, where every character may begin one."""
    return "\u0e00" <= character < "\u1100" or "\u1780" <= character < "\u1800" or "\u2e80" <= character < "\uac00"


def _word(start: int, end: int, tags: Sequence[Sequence[float]]) -> _Word:
    person = sum(tag[1] + tag[2] for tag in tags) / len(tags)
    address = sum(tag[3] + tag[4] for tag in tags) / len(tags)
    begin, inside = (tags[0][1], tags[0][2]) if person >= address else (tags[0][3], tags[0][4])
    return _Word(start, end, (max(0.0, 1 - person - address), person, address), begin / max(begin + inside, _LEAST))


def _spans(passage: str, words: Sequence[_Word]) -> list[Found]:
    """The most probable types of all words (Viterbi, 1967), then a span for each run of one type."""
    types = _path(words)
    spans: list[Found] = []
    first = 0
    for at in range(1, len(words) + 1):
        if at < len(words) and types[at] == types[first] and not (types[at] and _begins(passage, words, at)):
            continue
        if words and types[first]:
            found = _found(passage, words[first:at], types[first])
            if found is not None:
                spans.append(found)
        first = at
    return spans


def _begins(passage: str, words: Sequence[_Word], at: int) -> bool:
    """Whether another span of the same type begins: a space alone parts no two names."""
    return words[at].begins > 0.7 and passage[words[at - 1].end : words[at].start] != " "


def _path(words: Sequence[_Word]) -> list[int]:
    best = [0.0, _ENTER, _ENTER]
    came_from: list[list[int]] = []
    for word in words:
        emitted = [log(max(probability, _LEAST)) for probability in word.probabilities]
        before = [max(range(3), key=lambda a, b=b: best[a] + _STEPS[a][b]) for b in range(3)]  # type: ignore[misc]
        best = [best[before[b]] + _STEPS[before[b]][b] + emitted[b] for b in range(3)]
        came_from.append(before)
    path = [max(range(3), key=best.__getitem__)]
    for before in reversed(came_from[1:]):
        path.append(before[path[-1]])
    return path[::-1]


def _found(passage: str, words: Sequence[_Word], kind: int) -> Found | None:
    start, end = _trimmed(passage, words[0].start, words[-1].end, kind)
    if kind == _ADDRESS:
        start += _place_before(passage[start:end])
        if not _SEVERAL.search(passage[start:end]):  # a word alone, such as `office` or a country's name
            return None
    within = [word for word in words if word.start < end and word.end > start and passage[word.start].isalnum()]
    if not within:
        return None
    score = min(1.0, sum(word.probabilities[kind] for word in within) / len(within))  # half precision adds up to more
    return Found(start, end, _TYPES[kind], round(score, 4))


def _place_before(address: str) -> int:
    """Characters of who or what is at the address, which stands before a line or part that begins with a number."""
    found = _PLACE_BEFORE.match(address)
    return found.end() if found else 0


def _trimmed(passage: str, start: int, end: int, kind: int) -> tuple[int, int]:
    text = passage[start:end]
    if kind == _PERSON and (possessive := _POSSESSIVE.search(text)):
        text = text[: possessive.start()]
    lead = _EDGE.match(text)
    body = text[lead.end() :] if lead else text
    trail = _EDGE.search(body)
    kept = body[: trail.start()] if trail else body
    cut = body[len(kept) :]
    if cut.startswith(")") and kept.count("(") > kept.count(")"):
        kept += ")"
    elif cut.startswith(".") and len(kept) > 1 and _INITIAL_DOT.search(kept):
        kept += "."
    start += len(text) - len(body)
    return start, start + len(kept)


def _joined(passage: str, spans: Sequence[Found]) -> list[Found]:
    """Parts of one address, on lines or between commas, are one."""
    joined = list(spans[:1])
    for before, after in pairwise(spans):
        last = joined[-1]
        if before.type == after.type == ADDRESS and _BETWEEN_PARTS.fullmatch(passage, last.end, after.start):
            shares = last.end - last.start, after.end - after.start
            score = (last.score * shares[0] + after.score * shares[1]) / sum(shares)
            joined[-1] = Found(last.start, after.end, ADDRESS, round(score, 4))
        else:
            joined.append(after)
    return joined
