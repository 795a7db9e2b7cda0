"""`GET /v1/models`: what a request may put into `model`, in a form that both SDKs read."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import orjson

from pointsman.gateway.runtime import Runtime

# The wires want a time; a model has none here, and a constant keeps answers equal.
_CREATED = 1_700_000_000
_CREATED_AT = "2023-11-14T22:13:20Z"


def _model(name: str, owner: str) -> dict[str, Any]:
    openai = {"id": name, "object": "model", "created": _CREATED, "owned_by": owner}
    return {**openai, "type": "model", "display_name": name, "created_at": _CREATED_AT}


def models(runtime: Runtime) -> dict[str, dict[str, Any]]:
    listed = {alias: _model(alias, "pointsman") for alias in (*runtime.config.aliases, *runtime.virtual)}
    for name, pools in runtime.models.items():
        listed.setdefault(name, _model(name, pools[0].name))
    return listed


def render(runtime: Runtime, path: str) -> bytes:
    """`path` is /models or /models/{id}; an id may hold slashes (org/name), encoded or not."""
    listed = models(runtime)
    name = unquote(path.removeprefix("/models").removeprefix("/"))
    if not name:
        ids = list(listed)
        page = {"object": "list", "has_more": False, "first_id": ids[0], "last_id": ids[-1]}
        return orjson.dumps({**page, "data": list(listed.values())})
    if name not in listed:
        raise runtime.unknown(name)
    return orjson.dumps(listed[name])
