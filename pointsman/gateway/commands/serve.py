"""`pointsman serve`: run the gateway."""

from __future__ import annotations

import gc
import resource
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from pointsman.gateway.access.origin import is_loopback
from pointsman.gateway.app import Gateway
from pointsman.gateway.config import load
from pointsman.gateway.errors import PointsmanError
from pointsman.gateway.observe.logs import configure
from pointsman.gateway.reloading import FileWatch
from pointsman.gateway.server import listen
from pointsman.gateway.server import serve as run_server

_FILES = 65536


class CannotServe(PointsmanError):
    pass


def serve(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)],
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Listen here instead of server.host.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            help="Listen here instead of server.port; 0 takes any.",
            min=0,
            max=65535,
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", help="Processes; only 1 in this version.", min=1)] = 1,
    watch: Annotated[
        bool, typer.Option("--watch", help="Reload when the file, or one that it includes, has changed.")
    ] = False,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. SIGHUP reads the file again."""
    if workers > 1:
        raise CannotServe(
            "--workers above 1 needs Redis to share limits and state, which this version does not have yet. "
            "Run one process per port behind a load balancer instead."
        )
    files = FileWatch(config) if watch else None  # before it is read, so that no change is missed
    loaded = load(config)
    host = host or loaded.server.host
    port = loaded.server.port if port is None else port
    if loaded.auth is None and not is_loopback(host):
        raise CannotServe(
            f"without auth.keys only loopback may be listened on, not {host}. "
            "Add auth.keys to the file, or use --host 127.0.0.1."
        )
    configure(loaded.log.level)
    _allow_files()
    sock = listen(host, port)
    control = None if loaded.server.control_port is None else listen(host, loaded.server.control_port)
    gateway = Gateway(loaded, config)
    _settle_heap()
    uvloop.run(run_server(gateway, sock, control, files))


def _settle_heap() -> None:
    """What was made up to here lives to the end: no collection needs to walk it again, which takes a tenth of a second.

    Requests leave no cycles behind, so that the rest may wait longer than Python's default, too."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _allow_files() -> None:
    """Each request holds a socket to its client and one to its endpoint; many systems start with 1024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
