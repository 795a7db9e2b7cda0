"""docs/sim.md tells of everything that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from pointsman.gateway.commands.sim import sim
from pointsman.gateway.sim.app import SimApp
from pointsman.gateway.sim.faults import Fault, Kind
from pointsman.gateway.sim.options import Preset, SimOptions

PAGE = Path(__file__).parents[3].joinpath("docs", "sim.md").read_text("utf-8")


def flags() -> list[str]:
    app = typer.Typer(add_completion=False)
    app.command()(sim)
    return [name for parameter in typer.main.get_command(app).params for name in parameter.opts]


def metric_names() -> list[str]:
    text = SimApp(SimOptions()).metrics.text().decode()
    return re.findall(r"^# TYPE (vllm:\S+?) (?:gauge|counter|histogram)$", text, re.M)


@pytest.mark.parametrize("name", [*flags(), *Kind, *Preset, *Fault.model_fields])
def test_every_flag_and_fault_is_documented(name: str) -> None:
    assert f"`{name}" in PAGE


@pytest.mark.parametrize("name", [name for name in metric_names() if not name.endswith("_created")])
def test_every_metric_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("path", SimApp(SimOptions()).paths)
def test_every_route_is_documented(path: str) -> None:
    assert f"{path}`" in PAGE
