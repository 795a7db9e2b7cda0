"""`pointsman demo`: simulated pools, the gateway, and traffic through the OpenAI SDK to watch."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.resources import as_file, files
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from pointsman.gateway.app import Gateway
from pointsman.gateway.commands.demo_board import Board
from pointsman.gateway.config import load
from pointsman.gateway.observe.logs import configure
from pointsman.gateway.schema import EndpointConfig
from pointsman.gateway.server import CannotListen, running
from pointsman.gateway.sim.options import PRESETS, Preset, SimOptions
from pointsman.gateway.sim.server import SimServer

_PIPED_WIDTH = 160


def demo(
    port: Annotated[
        int,
        typer.Option(metavar="PORT", help="Port of the gateway; a free one if it is in use.", min=0, max=65535),
    ] = 8080,
    once: Annotated[bool, typer.Option("--once", help="End after the traffic instead of staying up.")] = False,
) -> None:
    """Start two simulated pools and the gateway, and send some requests through them."""
    configure("error")
    console = _Console()
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    uvloop.run(run_demo(console, port, once))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads any more. That is as good as Ctrl-C, and no fault of the request whose row it was."""
        with suppress(SystemExit):
            super().on_broken_pipe()
        signal.raise_signal(signal.SIGINT)


async def run_demo(console: Console, port: int, once: bool) -> None:
    # SIGTERM is Ctrl-C: the loop cancels us, and whatever runs is closed on the way out
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)
    board = Board(console)
    async with _stack(port, board) as url:
        from pointsman.gateway.commands.demo_traffic import send_all  # the SDK takes a second to import

        await send_all(url, board)
        console.print(_instructions(url), markup=False, highlight=False, soft_wrap=True)
        if not once:
            console.print("Your own requests appear below. Press Ctrl-C to stop.")
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


@asynccontextmanager
async def _stack(port: int, board: Board) -> AsyncIterator[str]:
    """The simulated endpoints and the gateway in front of them; its URL."""
    with as_file(files("pointsman.gateway.commands") / "demo.yaml") as path:
        config = load(path)
    async with AsyncExitStack() as stack:
        pools = {}
        for name, pool in config.pools.items():
            urls = [await stack.enter_async_context(_endpoint(e.url, pool.model, Preset(name))) for e in pool.endpoints]
            pools[name] = pool.model_copy(update={"endpoints": [EndpointConfig(url=url) for url in urls]})
        gateway = Gateway(config.model_copy(update={"pools": pools}))
        gateway.observe(board.show)
        try:
            url = await stack.enter_async_context(running(gateway, config.server.host, port))
        except CannotListen:
            url = await stack.enter_async_context(running(gateway, config.server.host, 0))
        yield url


@asynccontextmanager
async def _endpoint(url: str, model: str, preset: Preset) -> AsyncIterator[str]:
    """At the port that the policy names, or a free one if that is in use."""
    options = SimOptions(model=model, port=int(url.rpartition(":")[2]), engine=PRESETS[preset])
    server = SimServer(options)
    try:
        await server.start()
    except OSError:
        server = SimServer(SimOptions(model=model, engine=PRESETS[preset]))
        await server.start()
    try:
        yield server.url
    finally:
        await server.close()


def _instructions(url: str) -> str:
    return f"""
The gateway listens at {url}. Call it:

  curl -i {url}/v1/chat/completions \\
  -H 'content-type: application/json' \\
  -d '{{"model": "auto", "messages": [{{"role": "user", "content": "Prove it"}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="unused")
  messages = [{{"role": "user", "content": "Hello"}}]
  answer = client.chat.completions.create(model="auto", messages=messages)
  print(answer.choices[0].message.content)

Add -H 'x-pointsman-debug: 1' to see why a request went where it went.
Metrics: {url}/metrics
"""
