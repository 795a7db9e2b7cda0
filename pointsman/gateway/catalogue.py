"""`GET /v1/models`: what a request may put into `model`."""

from __future__ import annotations

from typing import Any

import orjson

from pointsman.gateway.errors import ModelNotFound
from pointsman.gateway.runtime import Runtime

_CREATED = 1_700_000_000  # the wire wants a time; a model has none here, and a constant keeps answers equal


def _model(name: str, owner: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": owner}


def models(runtime: Runtime) -> dict[str, dict[str, Any]]:
    listed = {alias: _model(alias, "pointsman") for alias in runtime.config.aliases}
    for name, pools in runtime.models.items():
        listed.setdefault(name, _model(name, pools[0].name))
    return listed


def render(runtime: Runtime, path: str) -> bytes:
    """`path` is /models or /models/{id}; an id may hold slashes (org/name)."""
    listed = models(runtime)
    name = path.removeprefix("/models").removeprefix("/")
    if not name:
        return orjson.dumps({"object": "list", "data": list(listed.values())})
    if name not in listed:
        raise ModelNotFound(
            f"The model {name[:128]!r} does not exist here. GET /v1/models lists what does.", param="model"
        )
    return orjson.dumps(listed[name])
