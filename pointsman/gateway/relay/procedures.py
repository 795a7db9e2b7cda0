"""How each procedure is carried out. A new one is a runner in this directory and a line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from pointsman.gateway.relay.cascade import run_cascade
from pointsman.gateway.relay.errand import Errand
from pointsman.gateway.relay.panel import run_panel
from pointsman.policies.cascade import Cascade
from pointsman.policies.select.parallel import Panel
from pointsman.policies.types import Procedure

Runner: TypeAlias = Callable[[Errand], Awaitable[None]]
"""Answers the client through `errand.line.reply`, once. Raises RequestError if nobody could answer."""

RUNNERS: Mapping[type[Procedure], Runner] = {
    Cascade: run_cascade,
    Panel: run_panel,
}
