"""Sentences with persons and addresses for the PII tagger: hand-written templates, filled with invented values."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

from training.pii_lists import FROM_LISTS
from training.pii_values import Values

Span = tuple[int, int, str]
Template = tuple[str, str]  # with the locale most of its values are to come from, if its language asks for one
Piece = tuple[str, str]  # a text and its kind: PERSON, ADDRESS, "place", "value", or "" for the template's own words

TEMPLATES = Path(__file__).with_name("examples") / "pii_templates.jsonl"
SLOT = re.compile(
    r"\{(person|first|last|address|street|city|zip|country|org|email|phone|card|ssn|iban|ip|api_key|dob|date"
    r"|nationality|title|url|number|product)\}"
)
SEPARATOR = re.compile(r"(?!\Z)[ ,;]{0,2}\n?[ ,;]{0,2}|,? - ")  # between the parts of one address
KINDS = {"person": "PERSON", "first": "PERSON", "last": "PERSON", "address": "ADDRESS", "street": "ADDRESS"}
KINDS |= {"city": "place", "zip": "place", "country": "place"}
CASES: list[Callable[[str], str]] = [str, str.lower, str.upper]


@cache
def _templates() -> tuple[Template, ...]:
    rows = [json.loads(line) for line in TEMPLATES.read_text(encoding="utf-8").splitlines()]
    return tuple((row["text"], row.get("locale", "")) for row in rows)


def _pieces(text_and_locale: Template, rng: Random) -> list[Piece]:
    template, locale = text_and_locale
    values = Values(rng, locale)
    pieces, end = list[Piece](), 0
    casual = not any(c.isupper() for c in SLOT.sub("", template)) and values.chance(45)
    for found in SLOT.finditer(template):
        before, slot = template[end : found.start()], found[1]
        end = found.end()
        pieces.append((before, ""))
        if slot == "person" and not locale and values.chance(3) and not before.endswith(("} ", ",", '"')):
            pieces.append((f"{rng.choice(FROM_LISTS['title'])} ", "value"))
        value = values.value(slot, template[: found.start()], template[end:])
        pieces.append((value.lower() if casual and slot in KINDS else value, KINDS.get(slot, "value")))
    return [*pieces, (template[end:], "")]


def _assemble(pieces: list[Piece]) -> tuple[str, list[Span]]:
    text, spans = "", list[Span]()
    for value, kind in pieces:
        if kind in ("PERSON", "ADDRESS", "place"):
            spans.append((len(text), len(text) + len(value), kind))
        text += value
    return text, _joined(text, spans)


def _joined(text: str, spans: list[Span]) -> list[Span]:
    """A street and the cities, countries and postcodes around it are one address; alone those are none."""
    joined = list[Span]()
    for start, end, kind in spans:
        before = joined[-1] if joined else (0, 0, "")
        near = bool(SEPARATOR.fullmatch(text[before[1] : start]))
        kinds = {before[2], kind}
        if near and "place" in kinds and kinds <= {"ADDRESS", "place"}:
            joined[-1] = (before[0], end, "ADDRESS" if "ADDRESS" in kinds else "place")
        else:
            joined.append((start, end, kind))
    return [span for span in joined if span[2] != "place"]


def generate(count: int, seed: int) -> Iterator[tuple[str, list[Span]]]:
    """Texts with the spans of their persons and addresses; every template is used once before one is used twice."""
    rng = Random(seed)
    waiting: list[Template] = []
    for _ in range(count):
        waiting = waiting or rng.sample(_templates(), len(_templates()))
        pieces = _pieces(waiting.pop(), rng)
        for _ in range(rng.choices([0, 1, 2, 4], [80, 11, 6, 3])[0]):  # longer texts with several topics
            pieces += [("\n\n", ""), *_pieces(rng.choice(_templates()), rng)]
        case = rng.choices(CASES, [92, 5, 3])[0]
        yield _assemble([(case(text), kind) for text, kind in pieces])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for text, spans in generate(options.count, options.seed):
        found = [(kind, text[start:end]) for start, end, kind in spans]
        sys.stdout.write(f"{text}\n    {found}\n")


if __name__ == "__main__":
    main()
