"""Pairs that differ by little and want different answers, and pairs that differ by much and want the same.

`edits.jsonl` and `paraphrases.jsonl` were written for this. The generator turns the requests of public sets round:
a negation more, another number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import orjson

_HERE = Path(__file__).parent
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|do|does|did|can|could|should|would|will|has|have)"
    r"(?: (i|you|we|they|it|he|she))?\b(?! not\b|n't|')",
    re.IGNORECASE,
)
_CONTRACTED = {"can": "can't", "will": "won't"}
_NEGATED = re.compile(r"\b(?:not|no|never|without|or)\b|n['’]t\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,/:-])\d{1,6}(?![\w/:-]|[.,]\d)")


class Pair(NamedTuple):
    a: str
    b: str
    same: bool
    kind: str

    @property
    def key(self) -> str:
        """By which a pair belongs to the part that is reported."""
        return f"{self.a}\t{self.b}"


def edits() -> list[Pair]:
    return [Pair(row["a"], row["b"], False, row["kind"]) for row in _rows("edits.jsonl")]


def paraphrases() -> list[Pair]:
    return [Pair(row["a"], row["b"], True, "paraphrase") for row in _rows("paraphrases.jsonl")]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_HERE / name).open("rb") as lines:
        yield from map(orjson.loads, lines)


def generated(texts: Iterable[str], kind: str, most: int) -> list[Pair]:
    """At most so many, spread over the texts whatever their order."""
    turn = GENERATORS[kind]
    found = (Pair(text, turned, False, kind) for text in dict.fromkeys(texts) if (turned := turn(text)))
    return sorted(found, key=lambda pair: crc32(pair.a.encode()))[:most]


def negated(text: str) -> str | None:
    """None where there is nothing to negate, or something is negated already."""
    found = _AUXILIARY.search(text)
    if found is None or _NEGATED.search(text):
        return None
    verb, subject = found[1], found[2]
    if crc32(text.encode()) % 2 and (not subject or verb.lower() not in ("have", "could")):
        with_not = _CONTRACTED.get(verb.lower(), f"{verb.lower()}n't") + (f" {subject}" if subject else "")
        with_not = with_not.capitalize() if verb[0].isupper() else with_not
    else:
        with_not = f"{found[0]} not"
    return text[: found.start()] + with_not + text[found.end() :]


def renumbered(text: str) -> str | None:
    found = list(_NUMBER.finditer(text))
    if not found:
        return None
    last = found[-1]
    digits = last[0]
    turned = digits[::-1]
    other = turned if turned != digits and turned[0] != "0" else str(int(digits) + 1 + crc32(text.encode()) % 7)
    return text[: last.start()] + other + text[last.end() :]


GENERATORS: dict[str, Callable[[str], str | None]] = {"negation": negated, "number": renumbered}
