"""`type: keyword`: words and phrases that occur in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from operator import itemgetter
from typing import Literal, Self

from ahocorasick import Automaton
from pydantic import Field, model_validator

from pointsman.signals.base import Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import Text, TextOptions
from pointsman.signals.text import ascii_words, canonical, cased_tokens, folded, is_word, phrase, spaced, tokens
from pointsman.signals.typos import Vocabulary

_INDEX = itemgetter(1)
_MAX_CORRECTED = 20_000  # different words of one text that are compared with the keywords' spelling


class KeywordOptions(TextOptions):
    type: Literal["keyword"]
    any: tuple[Text, ...] = ()
    all: tuple[Text, ...] = ()
    none: tuple[Text, ...] = ()
    case: bool = False
    typos: int = Field(0, ge=0, le=2)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.any or self.all or self.none):
            raise ValueError("a keyword signal needs words: give it a list `any`, `all` or `none`")
        return self


def _finder(keys: AbstractSet[str]) -> Callable[[str], AbstractSet[str]]:
    """Which keys a text contains (Aho and Corasick, 1975): linear in the text however many there are."""
    if not keys:
        return lambda text: frozenset()
    automaton = Automaton()
    for key in keys:
        automaton.add_word(key, key)
    automaton.make_automaton()
    return lambda text: set(map(_INDEX, automaton.iter(text)))


class _Index:
    """Finds phrases, each by its form.

    Most texts are ASCII and contain no phrase of several tokens. In these it looks for single words only: a phrase
    that is one, and the longest of each other phrase. A text that has one of the latter is split into its tokens."""

    def __init__(self, forms: AbstractSet[str], case: bool) -> None:
        self.find_in = _finder(forms)
        self._fold = canonical if case else folded
        words = {form: _longest_word(form) for form in forms if form.isascii()}
        self._only_signs = "" in words.values()
        self._find_words = _finder(set(words.values()) - {""})
        self._longer = frozenset(word for form, word in words.items() if word != form)

    def find(self, text: str) -> AbstractSet[str]:
        text = self._fold(text)
        if text.isascii() and not self._only_signs:
            found = self._find_words(ascii_words(text))
            if found.isdisjoint(self._longer):
                return found
        return self.find_in(spaced(text))


def _longest_word(form: str) -> str:
    """As a form itself; '' if there is none."""
    return max((f" {token} " for token in form.split() if is_word(token)), key=len, default="")


class Keyword(Signal[KeywordOptions]):
    Options = KeywordOptions

    def __init__(self, name: str, options: KeywordOptions) -> None:
        super().__init__(name, options)
        self._scope = options.scope
        self._tokens = cased_tokens if options.case else tokens
        self._any, self._all, self._none = map(self._phrases, (options.any, options.all, options.none))
        self._wanted = self._any | self._all
        self._forms = self._wanted | self._none
        self._use(_Index(self._forms, options.case))
        self._vocabulary = self._spelling() if options.typos else None
        self._nothing = self._verdict(frozenset())

    def _phrases(self, phrases: Iterable[str]) -> frozenset[str]:
        found = {text: phrase(self._tokens(text)) for text in phrases}
        for text, form in found.items():
            if not form:
                raise ValueError(f"the keyword {text!r} has no visible character; remove it")
        return frozenset(found.values())

    def _use(self, index: _Index) -> None:
        self._find, self._find_in = index.find, index.find_in  # bound once, not in each request

    def _spelling(self) -> Vocabulary:
        words = {word for form in self._forms for word in form.split()}
        return Vocabulary(sorted(filter(is_word, words)), self.options.typos)

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    @classmethod
    def join(cls, signals: Sequence[Keyword]) -> None:
        """One pass over the text finds the phrases of all; only misspelt ones are looked for apart."""
        for case in (False, True):
            alike = [s for s in signals if s.options.case is case and s._vocabulary is None]
            if len(alike) > 1:
                index = _Index({form for signal in alike for form in signal._forms}, case)
                for signal in alike:
                    signal._use(index)

    def evaluate(self, facts: Facts) -> SignalValue:
        if self._vocabulary is None:
            found = facts.derive(self._find, self._scope)
        else:
            found = self._find_in(_corrected(facts.derive(self._tokens, self._scope), self._vocabulary))
        return self._nothing if found.isdisjoint(self._forms) else self._verdict(found)

    def _verdict(self, found: AbstractSet[str]) -> SignalValue:
        share = len(found & self._wanted) / len(self._wanted) if self._wanted else 1.0
        if found & self._none:
            return SignalValue(False, 0.0)
        return SignalValue((not self._any or not found.isdisjoint(self._any)) and self._all <= found, share)


def _corrected(text: str, vocabulary: Vocabulary) -> str:
    """The text's tokens, with each misspelt keyword as it is meant."""
    words = text.split(" ")
    meant = {}
    for word in islice(dict.fromkeys(words), _MAX_CORRECTED):
        near = vocabulary.nearest(word)
        if near is not None and near != word:
            meant[word] = near
    return " ".join([meant.get(word, word) for word in words]) if meant else text
