"""Secrets come from the environment or from files, and are never shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr


def resolve_secret(reference: object) -> SecretStr:
    """`env:NAME` or `file:PATH` → its value. The value itself is never part of an error."""
    if isinstance(reference, SecretStr):
        return reference
    kind, _, name = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    if kind == "env" and name:
        value = os.environ.get(name, "")
        if not value:
            raise ValueError(f"environment variable {name} is not set; export it before you start pointsman")
    elif kind == "file" and name:
        try:
            value = Path(name).expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ValueError(f"cannot read the secret file {name}: {reason}") from None
        if not value:
            raise ValueError(f"the secret file {name} is empty")
    else:
        raise ValueError("secrets are never written into this file; write env:NAME or file:PATH")
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"the secret of {kind}:{name} has characters that no HTTP header can carry")
    return SecretStr(value)


Secret = Annotated[SecretStr, BeforeValidator(resolve_secret)]
