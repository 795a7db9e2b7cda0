"""`pointsman demo`: simulated pools, the gateway, and traffic through the OpenAI SDK to watch."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Annotated

import typer
import uvloop
from rich.console import Console

from pointsman.gateway.app import Gateway
from pointsman.gateway.commands.demo_board import Board
from pointsman.gateway.commands.demo_pools import endpoints_of, engine_of, port_of, simulated
from pointsman.gateway.observe.logs import configure
from pointsman.gateway.schema.pools import EndpointConfig, PoolConfig
from pointsman.gateway.server import CannotListen, running
from pointsman.gateway.sim.options import SimOptions
from pointsman.gateway.sim.server import SimServer

if TYPE_CHECKING:
    from pointsman.gateway.commands.demo_policy import Demonstration

_PIPED_WIDTH = 160
_LISTED = 10  # keys


def demo(
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A policy of your own, over simulated servers.", show_default=False),
    ] = None,
    port: Annotated[
        int,
        typer.Option(metavar="PORT", help="Port of the gateway; a free one if it is in use.", min=0, max=65535),
    ] = 8080,
    once: Annotated[bool, typer.Option("--once", help="End after the traffic instead of staying up.")] = False,
) -> None:
    """Start simulated pools and the gateway, and send some requests through them."""
    configure("error")
    console = _Console()
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    uvloop.run(run_demo(console, port, once, config))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads any more. That is as good as Ctrl-C, and no fault of the request whose row it was."""
        with suppress(SystemExit):
            super().on_broken_pipe()
        signal.raise_signal(signal.SIGINT)


async def run_demo(console: Console, port: int, once: bool, config: str | None = None) -> None:
    # SIGTERM is Ctrl-C: the loop cancels us, and whatever runs is closed on the way out
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)
    from pointsman.gateway.commands.demo_traffic import send_all  # the SDK takes a second to import

    shown, board = _demonstration(config), Board(console, by_pool=config is not None)
    async with _stack(port, board, shown) as url:
        await send_all(url, board, shown.prompts)
        console.print(_instructions(url, shown.keys), markup=False, highlight=False, soft_wrap=True)
        if not once:
            console.print("Your own requests appear below. Press Ctrl-C to stop.")
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


def _demonstration(path: str | None) -> Demonstration:
    from pointsman.gateway.commands.demo_policy import demonstration
    from pointsman.gateway.commands.demo_traffic import PROMPTS

    if path is not None:
        return demonstration(path)
    with as_file(files("pointsman.gateway.commands") / "demo.yaml") as own:
        return replace(demonstration(own), prompts=PROMPTS)


@asynccontextmanager
async def _stack(port: int, board: Board, shown: Demonstration) -> AsyncIterator[str]:
    """The simulated servers and the gateway in front of them; its URL."""
    async with AsyncExitStack() as stack:
        pools = {}
        for name, pool in shown.config.pools.items():
            urls = [await stack.enter_async_context(_endpoint(pool, given)) for given in endpoints_of(pool)]
            pools[name] = simulated(pool, urls)
        config = shown.config.model_copy(update={"pools": pools})
        gateway = Gateway(config)
        gateway.observe(board.show)
        try:
            url = await stack.enter_async_context(running(gateway, config.server.host, port))
        except CannotListen:
            url = await stack.enter_async_context(running(gateway, config.server.host, 0))
        yield url


@asynccontextmanager
async def _endpoint(pool: PoolConfig, given: EndpointConfig) -> AsyncIterator[str]:
    """At the port that the policy names, or a free one if that is in use."""
    options = SimOptions(model=pool.model, port=port_of(given), engine=engine_of(pool))
    server = SimServer(options)
    try:
        await server.start()
    except OSError:
        server = SimServer(replace(options, port=0))
        await server.start()
    try:
        yield server.url
    finally:
        await server.close()


def _instructions(url: str, keys: Sequence[str]) -> str:
    key = keys[0] if keys else "unused"
    header = f"  -H 'authorization: Bearer {key}' \\\n" if keys else ""
    listed = f"API keys of this demo: {', '.join(keys[:_LISTED])}\n" if keys else ""
    return f"""
The gateway listens at {url}. Call it:

  curl -i {url}/v1/chat/completions \\
  -H 'content-type: application/json' \\
{header}  -d '{{"model": "auto", "messages": [{{"role": "user", "content": "Prove it"}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  messages = [{{"role": "user", "content": "Hello"}}]
  answer = client.chat.completions.create(model="auto", messages=messages)
  print(answer.choices[0].message.content)

Add -H 'x-pointsman-debug: 1' to see why a request went where it went.
{listed}Metrics: {url}/metrics
"""
