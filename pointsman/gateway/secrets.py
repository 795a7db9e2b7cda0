"""Secrets come from the environment or from files, and are never shown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import BeforeValidator, Field, SecretStr

MAX_BYTES = 64 * 1024

_CONVENTIONAL = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
"""What an error may repeat: anything else after `env:` could be the secret itself, put there by mistake."""


def resolve_secret(reference: object) -> SecretStr:
    """`env:NAME` or `file:PATH` → its value. Neither the value nor what could be one is part of an error."""
    if isinstance(reference, SecretStr):
        return reference
    kind, _, name = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    if kind == "env" and name:
        value = _from_environment(name)
    elif kind == "file" and name:
        value = _from_file(name)
    else:
        raise ValueError("secrets are never written into this file; write env:NAME or file:PATH")
    if not value.isascii() or not value.isprintable():
        raise ValueError("the secret has characters that no HTTP header can carry")
    return SecretStr(value)


def resolve_place(place: object) -> SecretStr:
    """A place that may have a password in it, as `redis://:env:NAME@HOST`; or all of it is a reference."""
    if isinstance(place, SecretStr):
        return place
    if not isinstance(place, str):
        raise ValueError("a place is text")
    if _REFERENCE.match(place):
        return resolve_secret(place)
    parts = _WITH_USER.fullmatch(place)
    if parts is None:
        return SecretStr(place)
    scheme, userinfo, rest = parts.groups()
    user, _, password = userinfo.partition(":")
    if not _REFERENCE.match(password):
        raise ValueError(
            "passwords are never written into this file; write env:NAME or file:PATH in the password's place "
            "(redis://USER:env:NAME@HOST), or instead of the whole URL"
        )
    return SecretStr(f"{scheme}{user}:{quote(resolve_secret(password).get_secret_value(), safe='')}@{rest}")


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        shown = f"environment variable {name}" if _CONVENTIONAL.fullmatch(name) else "environment variable named here"
        raise ValueError(f"the {shown} is not set; export it before pointsman starts")
    return value


def _from_file(name: str) -> str:
    try:
        with Path(name).expanduser().open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        value = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("the secret file is not UTF-8 text") from None
    except (
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # expanduser: RuntimeError; a null character: ValueError
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a file name"
        raise ValueError(f"cannot read the secret file: {reason}") from None
    if not value:
        raise ValueError("the secret file is empty")
    if len(raw) > MAX_BYTES:
        raise ValueError(f"the secret file is larger than {MAX_BYTES // 1024} KB")
    return value


_REFERENCE = re.compile("(?:env|file):")
_WITH_USER = re.compile(r"([a-z+]+://)(.*)@([^@]*)", re.DOTALL)

_Reference = Annotated[str, Field(pattern="^(env|file):.+")]

Secret = Annotated[SecretStr, BeforeValidator(resolve_secret, json_schema_input_type=_Reference)]

Place = Annotated[SecretStr, BeforeValidator(resolve_place, json_schema_input_type=str)]
"""As `resolve_place` reads it."""
