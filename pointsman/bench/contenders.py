"""What is measured: how each gateway is started in front of the static upstream, and how it is called."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pointsman.bench import canned, neural_policy, policy
from pointsman.bench.children import module

SERVE = [sys.executable, "-c", "from pointsman.gateway.cli import main; main()", "serve"]


@dataclass(frozen=True, slots=True)
class Launch:
    argv: list[str]
    ready: str  # path that answers once it can serve
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # of its clients' requests
    patience: float = 20.0  # seconds until it is ready


@dataclass(frozen=True, slots=True)
class Contender:
    """`launch(upstream, port, folder)`; `folder` is for its files."""

    name: str
    launch: Callable[[str, int, Path], Launch]


def _relay(name: str) -> Callable[[str, int, Path], Launch]:
    def launch(upstream: str, port: int, folder: Path) -> Launch:
        return Launch(module(name, "--upstream", upstream, "--port", port), "/")

    return launch


def _pointsman(build: Callable[[str, Path], dict[str, Any]]) -> Callable[[str, int, Path], Launch]:
    def launch(upstream: str, port: int, folder: Path) -> Launch:
        path = folder / f"pointsman-{port}.yaml"
        path.write_text(yaml.safe_dump(build(upstream, folder)))
        argv = [*SERVE, str(path), "--port", str(port)]
        return Launch(argv, "/readyz", policy.SECRETS, policy.CLIENT)

    return launch


BARE = Contender("bare relay, aiohttp", _relay("relay"))
OWN = Contender("bare relay, own client", _relay("own_relay"))
TRIVIAL = Contender("pointsman, trivial policy", _pointsman(policy.trivial))
HEURISTIC = Contender(
    f"pointsman, {policy.SIGNALS} signals, {policy.DECISIONS} decisions", _pointsman(policy.heuristic)
)
LOGGED = Contender("the same with its decision log", _pointsman(policy.logged))
NEURAL = Contender("pointsman, all neural signals", _pointsman(neural_policy.neural))
POINTSMAN = (TRIVIAL, HEURISTIC, LOGGED)

BASES = {"of aiohttp relay": BARE.name, "of own-client relay": OWN.name}
"""Columns, and what the others' rates are divided by there."""


@dataclass(frozen=True, slots=True)
class Rivals:
    """Where other gateways are installed."""

    litellm: Path | None
    portkey: Path | None

    @classmethod
    def find(cls, litellm: Path | None, portkey: Path | None) -> Rivals:
        on_path = shutil.which("litellm")
        return cls(litellm or (Path(on_path) if on_path else None), portkey)

    def contenders(self) -> list[Contender]:
        found = []
        if self.litellm is not None:
            found.append(Contender("LiteLLM proxy", _litellm(self.litellm)))
        if self.portkey is not None:
            found.append(Contender("Portkey gateway", _portkey(self.portkey)))
        return found

    def missing(self) -> list[str]:
        lines = []
        if self.litellm is None:
            lines.append("LiteLLM proxy is skipped: give its executable with --litellm PATH or LITELLM=PATH.")
        if self.portkey is None:
            lines.append("Portkey gateway is skipped: give its start-server.js with --portkey PATH or PORTKEY=PATH.")
        return lines


def _litellm(executable: Path) -> Callable[[str, int, Path], Launch]:
    def launch(upstream: str, port: int, folder: Path) -> Launch:
        path = folder / f"litellm-{port}.yaml"
        target = {"model": f"openai/{canned.MODEL}", "api_base": f"{upstream}/v1", "api_key": "none"}
        config = {
            "model_list": [{"model_name": "auto", "litellm_params": target}],
            "litellm_settings": {"request_timeout": 600, "set_verbose": False, "json_logs": True, "telemetry": False},
        }
        path.write_text(yaml.safe_dump(config))
        argv = [
            str(executable),
            "--config",
            str(path),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--num_workers",
            "1",
        ]
        # as its page on production recommends; the cost map is read from the package instead of the network
        key = "sk-bench-0123456789abcdef"
        env = {
            "LITELLM_MASTER_KEY": key,
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        return Launch(argv, "/health/liveliness", env, {"authorization": f"Bearer {key}"}, patience=120.0)

    return launch


def _portkey(script: Path) -> Callable[[str, int, Path], Launch]:
    def launch(upstream: str, port: int, folder: Path) -> Launch:
        headers = {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"{upstream}/v1",
            "authorization": "Bearer none",
        }
        argv = ["node", str(script), f"--port={port}", "--headless"]
        return Launch(argv, "/", {"NODE_ENV": "production"}, headers, patience=30.0)

    return launch
