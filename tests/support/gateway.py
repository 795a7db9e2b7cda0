"""The gateway as its users meet it: a configuration file in, a URL out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from pointsman.gateway.app import Gateway
from pointsman.gateway.config import load
from pointsman.gateway.server import running

EVERYTHING = [{"name": "everything", "when": "true", "models": ["small"]}]


@dataclass
class Served:
    url: str
    gateway: Gateway
    path: Path

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"

    def rewrite(self, config: dict[str, Any]) -> None:
        self.path.write_text(yaml.safe_dump(config))


def pool(*urls: str, **extra: Any) -> dict[str, Any]:
    return {"model": "org/small-7b", "endpoints": list(urls), **extra}


def config(pools: dict[str, Any], decisions: list[dict[str, Any]] | None = None, **extra: Any) -> dict[str, Any]:
    first = next(iter(pools))
    decisions = decisions or [{"name": "everything", "when": "true", "models": [first]}]
    return {"version": 1, "pools": pools, "decisions": decisions, **extra}


@asynccontextmanager
async def serving(settings: dict[str, Any]) -> AsyncIterator[Served]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pointsman.yaml"
        path.write_text(yaml.safe_dump(settings))
        gateway = Gateway(load(path), path)
        async with running(gateway) as url:
            yield Served(url, gateway, path)
