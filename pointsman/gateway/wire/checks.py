"""Reading what a client wrote; each refusal names its place (`messages.2.content.0`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from pointsman.gateway.errors import BadRequest

Object = dict[str, Any]


def refuse(where: str, why: str) -> NoReturn:
    raise BadRequest(f"`{where}`: {why}", param=where)


def objects(value: object, where: str) -> list[Object]:
    if not isinstance(value, list):
        refuse(where, "must be a list of objects.")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            refuse(f"{where}.{index}", "must be an object.")
    return value


def an_object(value: object, where: str) -> Object:
    if not isinstance(value, dict):
        refuse(where, "must be an object.")
    return value


def string(given: Mapping[str, Any], key: str, where: str) -> str:
    value = given.get(key)
    if not isinstance(value, str):
        refuse(f"{where}.{key}", "must be a string.")
    return value


def texts(content: object, where: str, kinds: tuple[str, ...] = ("text",)) -> list[str]:
    """A string, or blocks that hold nothing but text."""
    if isinstance(content, str):
        return [content]
    found = []
    for index, part in enumerate(objects(content, where)):
        kind = part.get("type")
        if kind not in kinds:
            refuse(f"{where}.{index}", f"a part of type {kind!r} cannot stand here; only text can.")
        found.append(string(part, kind, f"{where}.{index}"))
    return found
