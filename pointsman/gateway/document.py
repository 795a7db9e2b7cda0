"""A YAML file as plain data, with the place of every key and value.

YAML 1.2's core schema: only `true` and `false` are booleans (`no` is Norwegian), `09:00` and dates are text,
`010` is ten. Keys are text. Aliases and merge keys work; what they expand to is bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pointsman.gateway.errors import ConfigError, Problem

MAX_BYTES = 4 * 1024**2
MAX_VALUES = 100_000
"""Values after aliases are expanded: a few lines of nested aliases can mean billions."""
MAX_DEPTH = 64

Keys = tuple[str | int, ...]
"""The way from the root to a value: keys of mappings, indexes of lists."""

_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            peek: Callable[[], Any] = self.peek_event
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=peek().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_TOO_DEEP = f"values are nested more than {MAX_DEPTH} levels deep"

_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first))


@dataclass(frozen=True, slots=True)
class Source:
    file: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    key: Node | None  # the key that a mapping's value stands under
    value: Node
    source: Source

    def __str__(self) -> str:
        mark = (self.key or self.value).start_mark
        return f"{self.source.file}:{mark.line + 1}:{mark.column + 1}"


@dataclass(frozen=True, slots=True)
class Document:
    """Of one file, or of several that are merged."""

    data: Any
    places: Mapping[Keys, Place]
    files: tuple[str, ...]  # the one that was named first, and after it those that it includes

    @property
    def file(self) -> str:
        return self.files[0]

    def in_order(self, problems: Iterable[Problem]) -> list[Problem]:
        """File by file, from top to bottom."""
        rank = {file: number for number, file in enumerate(self.files)}
        return sorted(problems, key=lambda problem: (rank.get(problem.file, -1), problem.line, problem.column))

    def problem(
        self, message: str, keys: Keys, *, at_key: bool = False, offset: int = 0, severity: str = "error"
    ) -> Problem:
        """A finding at the value under `keys`, `offset` characters into it; else at what is around it."""
        while keys not in self.places and keys:
            keys, at_key = keys[:-1], True
        place = self.places[keys]
        node = place.key if at_key and place.key is not None else place.value
        mark, text = node.start_mark, place.source.text
        index = mark.index if at_key else _index(text, node, offset)
        line_start = text.rfind("\n", mark.index, index) + 1
        column = index - line_start if line_start else mark.column + index - mark.index
        line = mark.line + text.count("\n", mark.index, index)
        return Problem(message, place.source.file, line + 1, column + 1, severity)


def _index(text: str, node: Node, offset: int) -> int:
    """Where a character of a value stands in the file. Folding and indentation change only white space, so
    the other characters are counted; the value's start if there are escapes."""
    start = node.start_mark.index
    if not isinstance(node, ScalarNode) or not offset:
        return start
    end = node.end_mark.index
    if node.style in ("|", ">"):
        start = text.index("\n", start)
    elif node.style in ("'", '"'):
        start, end = start + 1, end - 1
    written = [match.start() for match in re.finditer(r"\S", text[start:end])]
    if "".join(text[start + at] for at in written) != "".join(node.value.split()):
        return node.start_mark.index
    before = len("".join(node.value[:offset].split()))
    return start + (written[before] if before < len(written) else written[-1] + 1)


def read_document(path: str | Path) -> Document:
    """Raises ConfigError with the first problem of the syntax, or with all of the keys and values."""
    file = str(path)
    return parse_document(_decode(_read(file), file), file)


def parse_document(text: str, file: str) -> Document:
    root = _compose(text, file)
    if not isinstance(root, MappingNode):
        line, column = (root.start_mark.line + 1, root.start_mark.column + 1) if root else (1, 1)
        what = "the file is empty" if root is None else "the file is not a mapping of keys"
        raise ConfigError([Problem(f"{what}; it begins with version: 1 and pools:", file, line, column)])
    builder = _Builder(Source(file, text))
    data = builder.build(root, ())
    if builder.problems:
        raise ConfigError(builder.problems)
    return Document(data, builder.places, (file,))


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise ConfigError([Problem("this is a directory; name the YAML file in it", file)]) from None
    except FileNotFoundError:
        raise ConfigError([Problem("there is no such file", file)]) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a file name"
        raise ConfigError([Problem(f"cannot read the file: {reason}", file)]) from None
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem(f"the file is larger than {MAX_BYTES // 1024**2} MB", file)])
    return raw


def _decode(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(raw[: error.start].decode("utf-8-sig", "replace"))
        problem = Problem("the file is not UTF-8 text; save it as UTF-8", file, line, column)
        raise ConfigError([problem]) from None


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _compose(text: str, file: str) -> Node | None:
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line, column = _position(text[: error.position])
        message = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = _syntax(error)
    raise ConfigError([Problem(message, file, line, column)])


_NO_TAGS = "tags are not supported here; write the plain value, or put text that begins with ! in quotes"

_SYNTAX = (
    (r"alias", "there is no such anchor before this; put text that begins with * in quotes"),
    (r"anchor", "an anchor is a name that is there once; put text that begins with & in quotes"),
    (r"\btag\b", _NO_TAGS),
    (r"found character '\\t'", "a tab cannot indent YAML; use spaces"),
    (r"found character '(.)' that cannot start", r"text that begins with \1 must be in quotes"),
    (r"mapping values are not allowed", "a second ': ' on one line; put the text in quotes"),
    (r"expected <block end>", "this line is not indented like the ones that it belongs to"),
    (r"could not find expected ':'", "a key needs ': ' after it"),
    (r"expected ',' or '[\]}]', but got '\['", "text that holds [ must be in quotes here"),
    (r"expected ',' or '([\]}])'", r"a ',' or '\1' is missing"),
    (r"expected the node content", "a value is missing here"),
    (r"sequence entries are not allowed", "a list cannot begin here; put its first item on a line of its own"),
    (r"<document start>", "what is above has ended here; look for a bracket or an indentation too few"),
    (r"expected a single document", "a second '---' begins; one file is one configuration"),
    (r"end of stream", "a quote is not closed"),
)


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """Names of anchors and tags are not repeated: a secret may begin with * or !."""
    text = error.problem or error.context or "not valid YAML"
    for pattern, plain in _SYNTAX:
        if match := re.search(pattern, f"{error.context or ''} {text}"):
            return match.expand(plain)
    return text


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".nan", "nan")) if text[-1].isalpha() else float(text)


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    _TAG + "str": str,
    _TAG + "null": lambda text: None,
    _TAG + "bool": lambda text: text.lower() == "true",
    _TAG + "int": _integer,
    _TAG + "float": lambda text: _float(text.lower()),
    _TAG + "merge": str,  # `<<` as a value
}


Pairs = dict[str, tuple[Node, Node]]


class _Builder:
    """Plain values from nodes; problems are collected, and what they concern is left out."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.places: dict[Keys, Place] = {}
        self._open: list[Node] = []  # the collections around the present node: an alias may not contain itself
        self._values = 0

    def build(self, node: Node, keys: Keys, key: Node | None = None) -> Any:
        self._count(node)
        self.places[keys] = Place(key, node, self.source)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if not self._enter(node):
            return None
        value = self._mapping(node, keys) if isinstance(node, MappingNode) else self._sequence(node, keys)
        self._open.pop()
        return value

    def _complain(self, node: Node, message: str) -> None:
        mark = node.start_mark
        self.problems.append(Problem(message, self.source.file, mark.line + 1, mark.column + 1))

    def _refuse(self, node: Node, message: str) -> NoReturn:
        self._complain(node, message)
        raise ConfigError(self.problems)

    def _count(self, node: Node, values: int = 1) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            self._refuse(node, f"the file has more than {MAX_VALUES} values once its aliases are expanded")

    def _enter(self, node: Node) -> bool:
        if any(node is around for around in self._open):
            self._complain(node, "this value contains itself through an alias")
        elif len(self._open) >= MAX_DEPTH:
            self._refuse(node, _TOO_DEEP)
        else:
            self._open.append(node)
            return True
        return False

    def _known(self, node: Node, tag: str) -> bool:
        if node.tag != _TAG + tag:
            self._complain(node, _NO_TAGS)
        return node.tag == _TAG + tag

    def _scalar(self, node: ScalarNode) -> Any:
        if (convert := _SCALARS.get(node.tag)) is None:
            return self._complain(node, _NO_TAGS)
        try:
            return convert(node.value)
        except (ValueError, IndexError):
            return self._complain(node, "this is not a number that can be read")

    def _sequence(self, node: Node, keys: Keys) -> list[Any]:
        if not self._known(node, "seq") or not isinstance(node, SequenceNode):
            return []
        return [self.build(item, (*keys, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, keys: Keys) -> dict[str, Any]:
        if not self._known(node, "map"):
            return {}
        pairs = self._pairs(node)
        return {name: self.build(value, (*keys, name), key) for name, (key, value) in pairs.items()}

    def _pairs(self, node: MappingNode) -> Pairs:
        """A mapping's own keys, then those that it merges."""
        own: Pairs = {}
        merged: Pairs = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                self._merge(value, merged)
            elif not isinstance(key, ScalarNode):
                self._complain(key, "a key must be plain text")
            elif key.value in own:
                line = own[key.value][0].start_mark.line + 1
                self._complain(key, f"the key `{key.value}` is there twice; it was first in line {line}")
            else:
                own[key.value] = (key, value)
        return own | {name: pair for name, pair in merged.items() if name not in own}

    def _merge(self, node: Node, merged: Pairs) -> None:
        """`<<: *base` or `<<: [*first, *second]`: earlier ones win."""
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode):
                self._complain(node, "<< takes an alias of a mapping, or a list of them")
            elif self._enter(source):
                self._count(source, 1 + len(source.value))
                for name, pair in self._pairs(source).items():
                    merged.setdefault(name, pair)
                self._open.pop()
