"""A file with those that it includes, as one document in which each value keeps its place.

Included files come before what includes them, in the order in which they are listed: mappings are merged key by
key, lists are put one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pointsman.gateway.document import MAX_BYTES, MAX_VALUES, Document, Keys, Place, read_document
from pointsman.gateway.errors import ConfigError, Problem

MAX_FILES = 32
KEY = "include"


def read_documents(path: str | Path) -> Document:
    """Raises ConfigError with everything that is wrong with the files' syntax, and with what they have twice."""
    reader = _Reader(path)
    main = read_document(path)
    reader.walk(main, Path(path), ())
    if reader.problems:
        raise ConfigError(Document({}, {}, tuple(reader.files)).in_order(reader.problems))
    return reader.documents[0] if len(reader.documents) == 1 else _merged(reader.documents, tuple(reader.files))


class _Reader:
    def __init__(self, main: str | Path) -> None:
        self.documents: list[Document] = []  # what is included before what includes it
        self.problems: list[Problem] = []
        self.files = [str(main)]
        self._first: dict[Path, str] = {}  # by file, where it was first included
        self._values = 0
        self._bytes = 0

    def walk(self, document: Document, path: Path, around: tuple[Path, ...]) -> None:
        here = path.resolve()
        self._first.setdefault(here, document.file)
        self._count(document)
        names = document.data.get(KEY, [])
        if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            self.problems.append(document.problem("this must be a list of files such as [signals.yaml]", (KEY,)))
            names = []
        for index, name in enumerate(names):
            other = path.parent / name
            if problem := self._refusal(other, (*around, here)):
                self.problems.append(document.problem(problem, (KEY, index)))
            else:
                self._include(document, (KEY, index), other, (*around, here))
        self.documents.append(document)

    def _include(self, document: Document, keys: Keys, path: Path, around: tuple[Path, ...]) -> None:
        self._first[path.resolve()] = str(document.places[keys])
        self.files.append(str(path))
        try:
            included = read_document(path)
        except ConfigError as error:
            self.problems += [p if p.line else document.problem(f"{path}: {p.message}", keys) for p in error.problems]
            return
        self.walk(included, path, around)

    def _refusal(self, path: Path, around: tuple[Path, ...]) -> str | None:
        try:
            real = path.resolve()
        except (OSError, ValueError, RuntimeError):
            return "this is not a file name"
        if real in around:
            circle = " → ".join(p.name for p in (*around[around.index(real) :], real))
            return f"this file includes itself: {circle}"
        if real in self._first:
            return f"this file is included already, at {self._first[real]}"
        if len(self._first) >= MAX_FILES:
            return f"at most {MAX_FILES} files make one configuration"
        return None

    def _count(self, document: Document) -> None:
        self._values += len(document.places)
        self._bytes += len(document.places[()].source.text)
        if self._values > MAX_VALUES or self._bytes > MAX_BYTES:
            message = f"all files together have more than {MAX_VALUES} values or {MAX_BYTES // 1024**2} MB"
            raise ConfigError([*self.problems, document.problem(message, ())])


def _merged(documents: list[Document], files: tuple[str, ...]) -> Document:
    main = documents[-1]
    data: dict[str, Any] = {}
    places: dict[Keys, Place] = {(): main.places[()]}
    problems: list[Problem] = []
    for document in documents:
        own = {key: value for key, value in document.data.items() if key != KEY or document is main}
        before = {key: len(data[key]) for key, value in own.items() if _are(list, value, data.get(key))}
        problems += _clashes(document, own, data, places)
        for keys, place in document.places.items():
            if keys and keys[0] in own:
                places.setdefault(_shifted(keys, before), place)
        for key, value in own.items():
            data[key] = _joined(data[key], value) if key in data else value
    if problems:
        raise ConfigError(Document(data, places, files).in_order(problems))
    return Document(data, places, files)


def _shifted(keys: Keys, before: dict[str, int]) -> Keys:
    """An item's keys where so many of another file come before those of its own."""
    if len(keys) > 1 and keys[0] in before:
        return (keys[0], int(keys[1]) + before[str(keys[0])], *keys[2:])
    return keys


def _are(kind: type, *values: object) -> bool:
    return all(isinstance(value, kind) for value in values)


def _joined(first: Any, second: Any) -> Any:
    if _are(list, first, second):
        return first + second
    return {**second, **first} if _are(dict, first, second) else first


def _clashes(
    document: Document, own: dict[str, Any], data: dict[str, Any], places: dict[Keys, Place]
) -> Iterator[Problem]:
    """What is in another file already, and can be there only once."""
    for key in own.keys() & data.keys():
        keys: list[Keys] = []
        if _are(dict, own[key], data[key]):
            keys = [(key, name) for name in own[key] if name in data[key]]
        elif not _are(list, own[key], data[key]) and not (key == "version" and own[key] == data[key]):
            keys = [(key,)]
        for twice in keys:
            shown = ".".join(map(str, twice))[:80]
            yield document.problem(f"`{shown}` is defined already, at {places[twice]}", twice, at_key=True)
