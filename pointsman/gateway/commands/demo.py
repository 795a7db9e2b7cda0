"""`pointsman demo`: simulated pools, the gateway, and traffic through the OpenAI SDK to watch."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import as_file, files
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.live import Live

from pointsman.gateway.app import Gateway
from pointsman.gateway.config import load
from pointsman.gateway.observe.logs import configure
from pointsman.gateway.observe.outcome import Outcome
from pointsman.gateway.schema import Config, EndpointConfig
from pointsman.gateway.server import CannotListen, running
from pointsman.gateway.sim.options import PRESETS, Preset, SimOptions
from pointsman.gateway.sim.server import SimServer


def demo(
    port: Annotated[
        int, typer.Option(help="Port of the gateway; a free one if it is in use.", min=0, max=65535)
    ] = 8080,
    once: Annotated[bool, typer.Option("--once", help="End after the traffic instead of staying up.")] = False,
) -> None:
    """Start two simulated pools and the gateway, and send some requests through them."""
    configure("error")
    uvloop.run(_demo(port, once))


async def _demo(port: int, once: bool) -> None:
    # the SDK is slow to import; nothing else of pointsman needs it
    from pointsman.gateway.commands.demo_traffic import PROMPTS, Board, ask, client

    console = Console()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    async with _stack(port, outcomes.put_nowait) as url:
        board = Board()
        with Live(board.table(), console=console, refresh_per_second=8, vertical_overflow="visible") as live:
            async with client(url) as sdk:
                for prompt in PROMPTS:
                    if stop.is_set():
                        break
                    await ask(sdk, prompt)
                    board.add(prompt, await outcomes.get())
                    live.update(board.table())
        console.print(_instructions(url), markup=False, highlight=False, soft_wrap=True)
        if not once:
            console.print("Press Ctrl-C to stop.")
            await stop.wait()


@asynccontextmanager
async def _stack(port: int, observe: Callable[[Outcome], None]) -> AsyncIterator[str]:
    """The simulated endpoints and the gateway in front of them; its URL."""
    with as_file(files("pointsman.gateway.commands") / "demo.yaml") as path:
        config = load(path)
    async with AsyncExitStack() as stack:
        pools = {}
        for name, pool in config.pools.items():
            urls = [await stack.enter_async_context(_endpoint(e.url, pool.model, Preset(name))) for e in pool.endpoints]
            pools[name] = pool.model_copy(update={"endpoints": [EndpointConfig(url=url) for url in urls]})
        gateway = Gateway(config.model_copy(update={"pools": pools}))
        gateway.observe(observe)
        yield await stack.enter_async_context(_listening(gateway, config, port))


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


@asynccontextmanager
async def _listening(gateway: Gateway, config: Config, port: int) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(running(gateway, config.server.host, port))
        except CannotListen:
            url = await stack.enter_async_context(running(gateway, config.server.host, 0))
        yield url


def _instructions(url: str) -> str:
    return f"""
The gateway listens at {url}. Call it:

  curl {url}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "auto", "messages": [{{"role": "user", "content": "Prove that sqrt(2) is irrational"}}]}}' -i

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="unused")
  answer = client.chat.completions.create(model="auto", messages=[{{"role": "user", "content": "Hello"}}])
  print(answer.choices[0].message.content)

Why a request went where it went: add the header 'x-pointsman-debug: 1'. Metrics: {url}/metrics
"""
