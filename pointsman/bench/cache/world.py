"""A made-up day of questions: in each category a few are asked all the time and most of them once, in other words each
time, beside others that differ by one word; and answers that do not stay true.

Meanings are what tells a right hit from a wrong one. Those of the templates differ from their neighbours in one slot: a
number, a name, an opposite. Of the public sets only what their labels say is used: texts of another pair lie in another
scope, where nobody says whether they mean the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import log
from typing import NamedTuple

import numpy as np

from pointsman.bench.cache.edits import edits, paraphrases
from pointsman.bench.parts import is_test
from pointsman.bench.quality.sets import Sets, thin

BANKING = "banking77/intents.dev.jsonl.gz"
QQP = "qqp_gptcache/pairs.dev.jsonl.gz"
FILES = (BANKING, QQP)

HOUR = 3600.0
_DAY = 24 * HOUR


class Meaning(NamedTuple):
    scope: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One category of questions."""

    name: str
    alpha: float  # of Zipf: how much more often the popular ones are asked
    half_life: float  # seconds after which half of the answers are no longer true
    meanings: Sequence[Meaning] = field(repr=False)


class Ask(NamedTuple):
    when: float  # seconds from the start
    category: str
    scope: str
    meaning: int  # number of it in its category
    text: str
    version: int  # of the answer that is true now


@dataclass(frozen=True, slots=True)
class Template:
    forms: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]]

    def meanings(self, scope: str) -> Iterator[Meaning]:
        for values in product(*self.slots.values()):
            said = dict(zip(self.slots, values, strict=True))
            yield Meaning(scope, tuple(form.format(**said) for form in self.forms))


_CODE = Template(
    (
        "How do I {do} a {what} in {language}?",
        "how to {do} a {what} in {language}",
        "What is the best way to {do} a {what} in {language}?",
        "In {language}, how can I {do} a {what}?",
        "I need to {do} a {what} in {language}. How do I do that?",
    ),
    {
        "do": ("sort", "reverse", "copy", "print", "merge", "filter"),
        "what": ("list", "dictionary", "string", "queue", "set"),
        "language": ("Python", "Java", "Rust", "Go", "JavaScript", "Ruby"),
    },
)
_DOCS = Template(
    (
        "How do I {turn} {feature} in the {where} app?",
        "how to {turn} {feature} in the {where} app",
        "Where can I {turn} {feature} in the {where} app?",
        "In the {where} app, how can I {turn} {feature}?",
        "I want to {turn} {feature} in the {where} app. How?",
    ),
    {
        "turn": ("enable", "disable"),
        "feature": (
            "two-factor login", "dark mode", "e-mail notifications", "automatic backups", "the spell checker",
            "location sharing", "offline maps", "read receipts", "automatic updates", "the child lock",
            "single sign-on", "data saver",
        ),
        "where": ("Android", "iPhone", "Windows", "Mac", "web"),
    },
)  # fmt: skip
_MATH = Template(
    (
        "What is {percent} percent of {number}?",
        "what's {percent}% of {number}",
        "Calculate {percent} percent of {number}.",
        "How much is {percent}% of {number}?",
        "Please tell me {percent} percent of {number}",
    ),
    {
        "percent": ("5", "10", "12", "15", "20", "25", "30", "50", "75"),
        "number": ("40", "80", "120", "150", "200", "250", "340", "600", "1000", "1500", "2000"),
    },
)
_FINANCE = Template(
    (
        "What is the price of {asset} in {currency}?",
        "price of {asset} in {currency}",
        "How much does {asset} cost in {currency}?",
        "Tell me the {asset} price in {currency}",
        "What is {asset} worth in {currency}?",
    ),
    {
        "asset": ("gold", "silver", "bitcoin", "copper", "ethereum", "platinum", "wheat", "coffee", "crude oil"),
        "currency": ("dollars", "euros", "pounds", "yen", "francs", "rupees"),
    },
)
_MEDICAL = Template(
    (
        "What is the highest dose of {drug} for a {age} year old?",
        "highest dose of {drug} for a {age} year old",
        "What's the maximum dose of {drug} for someone who is {age} years old?",
        "How much {drug} may a {age} year old take at most?",
        "Maximum {drug} dose at the age of {age}",
    ),
    {
        "drug": ("ibuprofen", "paracetamol", "aspirin", "amoxicillin", "cetirizine", "loratadine", "naproxen"),
        "age": ("2", "4", "6", "8", "10", "12", "16", "30", "70"),
    },
)


def kinds(sets: Sets | None, most: int) -> list[Kind]:
    """`most` pairs of a public set; without the data those of the templates and our own pairs."""
    made = [
        Kind("code", 1.2, 300 * _DAY, list(_CODE.meanings("all"))),
        Kind("docs", 1.2, 60 * _DAY, list(_DOCS.meanings("all"))),
        Kind("math", 1.1, 1e12, list(_MATH.meanings("all"))),
        Kind("finance", 1.3, 0.5 * HOUR, list(_FINANCE.meanings("all"))),
        Kind("medical", 1.1, 300 * _DAY, list(_MEDICAL.meanings("all"))),
        Kind("factual", 1.1, 300 * _DAY, _own()),
    ]
    if sets is None or sets.missing(FILES):
        return made
    return [*made, Kind("general", 1.2, 30 * _DAY, _banking(sets, most)), Kind("qqp", 1.1, 1e12, _qqp(sets, most))]


def _own() -> list[Meaning]:
    """Those that no threshold was chosen on; each pair by itself."""
    found = []
    for number, pair in enumerate(pair for pair in (*edits(), *paraphrases()) if is_test(pair.key)):
        found += _pair(f"own {number}", pair.a, pair.b, pair.same)
    return found


def _qqp(sets: Sets, most: int) -> list[Meaning]:
    rows = thin([row for row in sets.rows(QQP) if is_test(row["id"])], most)
    return [meaning for row in rows for meaning in _pair(row["id"], row["a"], row["b"], bool(row["dup"]))]


def _pair(scope: str, a: str, b: str, same: bool) -> list[Meaning]:
    return [Meaning(scope, (a, b))] if same else [Meaning(scope, (a,)), Meaning(scope, (b,))]


def _banking(sets: Sets, most: int) -> list[Meaning]:
    texts: dict[str, list[str]] = {}
    for row in thin([row for row in sets.rows(BANKING) if is_test(row["id"])], most):
        texts.setdefault(row["intent"], []).append(row["text"])
    return [Meaning("all", tuple(some)) for _, some in sorted(texts.items())]


def asks(kinds: Sequence[Kind], count: int, seconds: float, seed: int = 11) -> list[Ask]:
    """So many of each category, in the order of their time."""
    found = [ask for place, kind in enumerate(kinds) for ask in _asks(kind, count, seconds, seed + place)]
    return sorted(found, key=lambda ask: ask.when)


def _asks(kind: Kind, count: int, seconds: float, seed: int) -> Iterator[Ask]:
    random = np.random.default_rng(seed)
    size = len(kind.meanings)
    order = random.permutation(size)
    weights = 1.0 / np.arange(1, size + 1) ** kind.alpha
    chosen = order[random.choice(size, count, p=weights / weights.sum())]
    changes = [_changes(random, kind.half_life, seconds) for _ in range(size)]
    for when, number in zip(np.sort(random.uniform(0, seconds, count)), chosen, strict=True):
        scope, texts = kind.meanings[number]
        text = texts[int(random.integers(len(texts)))]
        version = int(np.searchsorted(changes[number], when))
        yield Ask(float(when), kind.name, scope, int(number), text, version)


def _changes(random: np.random.Generator, half_life: float, seconds: float) -> list[float]:
    """When the true answer becomes another one."""
    found, at = [], float(random.exponential(half_life / log(2)))
    while at < seconds:
        found.append(at)
        at += float(random.exponential(half_life / log(2)))
    return found
