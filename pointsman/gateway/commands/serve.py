"""`pointsman serve`: run the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvloop

from pointsman.gateway.access.origin import is_loopback
from pointsman.gateway.app import Gateway
from pointsman.gateway.config import load
from pointsman.gateway.errors import PointsmanError
from pointsman.gateway.observe.logs import configure
from pointsman.gateway.server import listen
from pointsman.gateway.server import serve as run_server


class CannotServe(PointsmanError):
    pass


def serve(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    host: Annotated[str | None, typer.Option(help="Listen here instead of server.host.", show_default=False)] = None,
    port: Annotated[
        int | None, typer.Option(help="Listen here instead of server.port.", min=0, max=65535, show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; more than one needs shared state.", min=1)] = 1,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; SIGHUP reads the file again."""
    if workers > 1:
        raise CannotServe(
            "--workers above 1 needs Redis to share limits and state, which this version does not have yet. "
            "Run one process per port, each with its own file, behind a load balancer."
        )
    loaded = load(config)
    host = host or loaded.server.host
    port = loaded.server.port if port is None else port
    if loaded.auth is None and not is_loopback(host):
        raise CannotServe(
            f"without auth.keys only loopback may be listened on, not {host}. "
            "Add auth.keys to the file, or use --host 127.0.0.1."
        )
    configure(loaded.log.level)
    sock = listen(host, port)
    uvloop.run(run_server(Gateway(loaded, config), sock))
