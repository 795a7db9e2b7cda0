"""Finds what attacks on a model are worded with: one pass over the text for the words that matter, then a look around
each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import re2
from ahocorasick import Automaton

from pointsman.signals.jailbreak.lexicon import BESIDE, CONCEPTS, NEAR, TEMPLATE, Beside, Near
from pointsman.signals.jailbreak.phrases import written_out
from pointsman.signals.jailbreak.words import Words

MAX_CUES = 2000
"""Of a text, after which only weighty ones are looked for, as many again: who needs more repeats himself."""

_MAX_HITS = 2000  # words of the lexicon in a piece of text
_REACH = 64  # bytes between words that belong together
_FOLLOWING = 12  # words of the lexicon that are looked at
_PIECE, _MARGIN = 1 << 16, 256  # small pieces stay in the processor's cache
_HEAVIEST = 3  # also the weight of a chat template's token


class Cue(NamedTuple):
    start: int
    end: int
    weight: int
    family: str


_Hit: TypeAlias = tuple[int, int, str]  # start, end, concept


def scan(text: str) -> list[Cue]:
    """In the order in which they begin. Long texts are read in pieces, so that memory is bounded."""
    found: list[Cue] = []
    for start in range(0, len(text), _PIECE):
        moved = max(0, start - _MARGIN)
        cues = _scan(text[moved : start + _PIECE + _MARGIN])
        here = (Cue(cue.start + moved, cue.end + moved, cue.weight, cue.family) for cue in cues)
        least = 1 if len(found) < MAX_CUES else _HEAVIEST
        found += [cue for cue in here if start <= cue.start < start + _PIECE and cue.weight >= least]
        if len(found) > 2 * MAX_CUES:
            break
    return sorted(found)


def _scan(text: str) -> Iterator[Cue]:
    words = Words(text)
    hits = sorted(
        [
            (last + start, last + end, concept)
            for last, (start, end, concepts) in islice(_AUTOMATON.iter(words.text), _MAX_HITS)
            for concept in concepts
        ]
    )
    for index, (start, end, concept) in enumerate(hits):
        family, weight, _ = CONCEPTS[concept]
        if weight:
            yield Cue(*words.span(start, end), weight, family)
        if concept in _BESIDE:
            yield from _beside(words, hits[index])
        if concept in _NEAR:
            yield from _near(words, hits, index)
    for match in islice(_TEMPLATE.finditer(words.raw), _MAX_HITS):
        yield Cue(*words.raw_span(*match.span()), _HEAVIEST, "template")


def _near(words: Words, hits: Sequence[_Hit], index: int) -> Iterator[Cue]:
    start, end, concept = hits[index]
    seconds = _NEAR[concept]
    for second, second_end, other in hits[index + 1 : index + 1 + _FOLLOWING]:
        if second - end > _REACH:
            return
        if second >= end and other in seconds and words.is_sentence(end, second):
            near = seconds[other]
            yield Cue(*words.span(start, second_end), near.weight, near.family)


def _beside(words: Words, hit: _Hit) -> Iterator[Cue]:
    start, end, concept = hit
    before = words.data[max(0, start - _REACH) : start].split()[::-1]
    after = words.data[end : end + _REACH].split()
    for rule, first, last in _BESIDE[concept]:
        back = _reach(before[: rule.within], first) if first else 0
        ahead = _reach(after[: rule.within], last) if last else 0
        if back >= 0 and ahead >= 0 and words.is_sentence(start - back, end + ahead):
            yield Cue(*words.span(start - back, end + ahead), rule.weight, rule.family)


def _reach(words: Sequence[bytes], wanted: AbstractSet[bytes]) -> int:
    """How far the first of the wanted ones reaches, -1 if there is none."""
    if wanted.isdisjoint(words):
        return -1
    place = next(index for index, word in enumerate(words) if word in wanted)
    return sum(len(word) + 1 for word in words[: place + 1])


def _automaton() -> Any:
    """Aho and Corasick, 1975. A phrase's value: where it begins and ends, counted from where the match ends, and its
    concepts."""
    concepts: dict[str, dict[str, None]] = defaultdict(dict)
    for name, concept in CONCEPTS.items():
        for line in concept.words.split("\n"):
            for shorthand in line.split(" | "):
                for phrase in written_out(shorthand.strip()):
                    if phrase:
                        concepts[phrase][name] = None
    automaton = Automaton()
    for phrase, names in concepts.items():
        key = phrase.replace("'", "").encode().decode("latin-1")
        if ord(phrase[0]) > 0x2E80:  # Chinese
            automaton.add_word(key, (1 - len(key), 1, tuple(names)))
        elif key.endswith("*"):
            automaton.add_word(f" {key[:-1]}", (2 - len(key), 1, tuple(names)))
        else:
            automaton.add_word(f" {key} ", (-len(key), 0, tuple(names)))
    automaton.make_automaton()
    return automaton


_AUTOMATON = _automaton()
_TEMPLATE = re2.compile("|".join(TEMPLATE).encode())
_NEAR: dict[str, dict[str, Near]] = defaultdict(dict)
for _pair in NEAR:
    for _first in _pair.first.split():
        for _second in _pair.second.split():
            _NEAR[_first].setdefault(_second, _pair)
_BESIDE: dict[str, list[tuple[Beside, AbstractSet[bytes], AbstractSet[bytes]]]] = defaultdict(list)
for _rule in BESIDE:
    _before, _after = (frozenset(side.replace("'", "").encode().split()) for side in (_rule.before, _rule.after))
    _BESIDE[_rule.concept].append((_rule, _before, _after))
