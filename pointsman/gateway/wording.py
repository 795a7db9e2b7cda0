"""What pydantic finds, as sentences with a place. Values are never repeated: a secret may be among them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pointsman.gateway.document import Document, Keys
from pointsman.gateway.errors import Problem
from pointsman.policies.nearest import did_you_mean

LATER_KEYS = frozenset({"plugins"})
"""What the design has and this version does not; a name leaves the set when it arrives."""

_KINDS: Mapping[str, tuple[str, re.Pattern[str] | None]] = {
    "type": ("signal type", None),
    "by": ("selector", None),
}
"""The keys that say which model reads a mapping."""

_TEXT, _LIST, _MAPPING = "text", "a list such as [a, b]", "a mapping of keys such as {a: 1}"
_WHOLE, _NUMBER, _BOOLEAN = "a whole number such as 10", "a number such as 0.5", "true or false"
_EXPECTED: Mapping[str, str] = {
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
}
_BOUNDS: Mapping[str, str] = {
    "greater_than": "this must be more than {gt}",
    "greater_than_equal": "this must be at least {ge}",
    "less_than": "this must be less than {lt}",
    "less_than_equal": "this must be at most {le}",
    "too_short": "this needs at least {min_length}",
    "too_long": "this may have at most {max_length}",
    "string_too_short": "this text needs at least {min_length} characters",
    "string_too_long": "this text may have at most {max_length} characters",
    "string_pattern_mismatch": "this text must have the form {pattern}",
    "finite_number": "this must be a finite number",
}


def suggestion(name: object, names: Iterable[str]) -> str:
    """The end of a message that lists the names already: the nearest one, or nothing."""
    near = difflib.get_close_matches(str(name).lower(), list(names), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def quoted(name: object) -> str:
    """A name from the file, short enough for a message, on one line."""
    text = str(name)
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    return f"`{shown}`" if shown.isprintable() else f"`{shown!a}`"


def describe(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Problem]:
    """Every finding once, in the file's order."""
    details = error.errors(include_url=False, include_input=False)
    placed = [(_keys(detail["loc"], document.data), detail) for detail in details]
    wrong_type: dict[Keys, list[str]] = {}
    problems = []
    for keys, detail in placed:
        if detail["type"] in _EXPECTED:
            wrong_type.setdefault(keys, []).append(_EXPECTED[detail["type"]])
        else:
            problems.append(_problem(keys, detail, document, model))
    judged = [keys for keys, _ in placed]
    for keys, expected in wrong_type.items():
        # A union complains about each of its members: only the one that went furthest is of use.
        if not any(_goes_on(other, keys) for other in judged) and judged.count(keys) == len(expected):
            message = _expectation(expected, value_at(document.data, keys))
            problems.append(document.problem(message, keys))
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _goes_on(longer: Keys, keys: Keys) -> bool:
    return len(longer) > len(keys) and longer[: len(keys)] == keys


def _expectation(expected: list[str], value: object) -> str:
    wanted = " or ".join(dict.fromkeys(expected))
    if value is None:
        return f"nothing is written here; write {wanted}, or leave the key out"
    scalar = isinstance(value, bool | int | float)
    return f"this must be {wanted}{'; put it in quotes' if scalar and _TEXT in expected else ''}"


def _keys(loc: tuple[int | str, ...], data: Any) -> Keys:
    """The steps of a location that the file has; between them pydantic names tags and members of unions."""
    keys: list[str | int] = []
    passed_tag = False
    for step in loc:
        if not passed_tag and isinstance(data, dict) and step in (data.get("type"), data.get("by")):
            passed_tag = True
        elif _has(data, step):
            keys.append(step)
            data, passed_tag = data[step], False
    return tuple(keys)


def _has(data: Any, step: int | str) -> bool:
    if isinstance(data, list):
        return isinstance(step, int) and step < len(data)
    return isinstance(data, dict) and step in data


def value_at(data: Any, keys: Keys) -> Any:
    for key in keys:
        if not _has(data, key):
            return None
        data = data[key]
    return data


def _problem(keys: Keys, detail: ErrorDetails, document: Document, model: type[BaseModel]) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    if detail["loc"][-1:] == ("[key]",):
        return document.problem(_plain(detail, None), keys, at_key=True)
    if kind == "extra_forbidden":
        return _unknown_key(keys, document, model)
    if kind == "missing":
        return document.problem(f"the key `{detail['loc'][-1]}` is missing here", keys, at_key=True)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_kind(keys, context, document, _kinds(model, keys, document.data))
    return document.problem(_plain(detail, value_at(document.data, keys)), keys)


def _plain(detail: ErrorDetails, value: object) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in ("enum", "literal_error"):
        allowed = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        return f"this must be {_one_of(allowed)}{suggestion(value, allowed)}"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    if kind in _EXPECTED:
        return f"this must be {_EXPECTED[kind]}"
    return detail["msg"].replace("Input should be", "this must be")


def _one_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def _unknown_key(keys: Keys, document: Document, model: type[BaseModel]) -> Problem:
    name = keys[-1]
    if name in LATER_KEYS:
        return document.problem(f"`{name}` is not available in this version", keys, at_key=True)
    section = _section(model, keys[:-1], document.data)
    valid = _names(section) if section else []
    return document.problem(f"unknown key {quoted(name)}{did_you_mean(str(name), valid)}", keys, at_key=True)


def _unknown_kind(keys: Keys, context: Mapping[str, Any], document: Document, kinds: list[str]) -> Problem:
    key = str(context["discriminator"]).strip("'")
    noun, later = _KINDS[key]
    those = f"those that exist are {', '.join(kinds)}"
    if "tag" not in context:
        return document.problem(f"the key `{key}` is missing here: name a {noun}; {those}", keys, at_key=True)
    name = context["tag"]
    if later is not None and later.fullmatch(str(name)):
        return document.problem(f"the {noun} `{name}` is not available in this version; {those}", (*keys, key))
    message = f"there is no {noun} {quoted(name)}; {those}{suggestion(name, kinds)}"
    return document.problem(message, (*keys, key))


def _names(section: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def _section(annotation: Any, keys: Keys, data: Any) -> type[BaseModel] | None:
    """The model that reads the mapping under `keys`."""
    for key in keys:
        annotation = _below(annotation, key, data)
        data = data[key]
    return _chosen(annotation, data)


def _below(annotation: Any, key: str | int, data: Any) -> Any:
    if section := _chosen(annotation, data):
        fields = section.model_fields.items()
        return next((field.annotation for name, field in fields if key in (name, field.alias)), None)
    container = dict if isinstance(data, dict) else list
    found = (member for member in _members(annotation) if get_origin(member) is container)
    return next((get_args(member)[-1] for member in found), None)


def _members(annotation: Any) -> list[Any]:
    """The types of a union, of which one is the usual case."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) for member in _members(part)]
    return [annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [m for m in _members(annotation) if isinstance(m, type) and issubclass(m, BaseModel)]


def _chosen(annotation: Any, data: Any) -> type[BaseModel] | None:
    models = _models(annotation)
    if len(models) < 2 or not isinstance(data, dict):
        return models[0] if models else None
    return next((m for m in models if _tags(m) & {data.get("type"), data.get("by")}), None)


def _tags(model: type[BaseModel]) -> set[object]:
    """What the discriminating key says for this member of a union."""
    fields = (model.model_fields.get(name) for name in _KINDS)
    return {tag for f in fields if f and get_origin(f.annotation) is Literal for tag in get_args(f.annotation)}


def _kinds(annotation: Any, keys: Keys, data: Any) -> list[str]:
    for key in keys:
        annotation = _below(annotation, key, data)
        data = data[key]
    return sorted(str(tag) for model in _models(annotation) for tag in _tags(model))
