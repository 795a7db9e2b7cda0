"""Forms of values that all sections have in common."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
)

from pointsman.gateway.units import Duration

Int = Annotated[int, Strict()]
"""`true` and `"8080"` are not numbers."""

Float = Annotated[float, Strict()]

Interval = Annotated[Duration, Field(gt=0)]


def of_form(pattern: str) -> WithJsonSchema:
    """For editors; what is wrong is said by the validator."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", name):
        raise ValueError("a name has letters, digits, _ and -, begins with a letter and is at most 64 long")
    return name


Name = Annotated[str, AfterValidator(_name), of_form("^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
"""A name that expressions, headers and metric labels can carry as it is."""


def _signal_name(name: str) -> str:
    if not re.fullmatch(r'[^\s"]([^"]{0,62}[^\s"])?', name) or not name.isprintable():
        raise ValueError('a name has at most 64 printable characters, none of them ", and no space at its ends')
    return name


SignalName = Annotated[str, AfterValidator(_signal_name), of_form(r'^[^\s"]([^"]{0,62}[^\s"])?$')]
"""A name that expressions can quote."""


def _path(path: str) -> str:
    if not re.fullmatch(r"/[!-~]*", path):
        raise ValueError("a path begins with / and has no spaces, such as /health")
    return path


HttpPath = Annotated[str, AfterValidator(_path), of_form("^/[!-~]*$")]


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("this must not be empty")
    return text


Text = Annotated[str, AfterValidator(_text), of_form(r"\S")]


def _kubernetes_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
        raise ValueError("a name in Kubernetes has lower-case letters, digits and -, and at most 63 of them")
    return name


KubernetesName = Annotated[str, AfterValidator(_kubernetes_name)]


def distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a name is listed twice here; list each once")
    return names


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )
