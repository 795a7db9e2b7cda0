"""`pointsman sim`: one simulated vLLM server."""

from __future__ import annotations

import asyncio
import errno
import signal
from dataclasses import replace
from typing import Annotated, Any

import typer
from uvicorn.loops.auto import auto_loop_factory

from pointsman.gateway.sim.engine import EngineOptions
from pointsman.gateway.sim.faults import parse_fault
from pointsman.gateway.sim.options import PRESETS, Preset, SimOptions
from pointsman.gateway.sim.server import SimServer

_Number = float | None
_Count = int | None


def sim(
    model: Annotated[str, typer.Option(help="Name of the simulated model.")] = "pointsman/small",
    served_model_name: Annotated[
        list[str] | None, typer.Option(help="Serve under this name instead; may be repeated.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8000,
    api_key: Annotated[
        str | None, typer.Option(envvar="POINTSMAN_SIM_API_KEY", help="Bearer key that /v1 asks for.")
    ] = None,
    preset: Annotated[Preset, typer.Option(help="Speeds and KV size, which the options below adjust.")] = Preset.SMALL,
    prefill_rate: Annotated[_Number, typer.Option(help="Prompt tokens per second.")] = None,
    decode_ms: Annotated[_Number, typer.Option(help="Milliseconds of a step, however full.")] = None,
    decode_ms_per_seq: Annotated[
        _Number, typer.Option(help="Milliseconds more for each sequence that decodes.")
    ] = None,
    max_num_seqs: Annotated[_Count, typer.Option(help="Most sequences in a batch.")] = None,
    max_num_batched_tokens: Annotated[_Count, typer.Option(help="Most tokens of one step.")] = None,
    gpu_blocks: Annotated[_Count, typer.Option(help="KV blocks of 16 tokens.")] = None,
    max_model_len: Annotated[
        _Count,
        typer.Option(help="Context window in tokens; by default what the KV cache holds, at most 32768."),
    ] = None,
    speed: Annotated[float, typer.Option(help="Time runs this many times as fast; inf never waits.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Varies the answers and which requests meet a fault.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="KIND or KIND:key=value,… such as error:status=503,rate=0.1; may be repeated."),
    ] = None,
) -> None:
    """Run one simulated vLLM server."""
    given = {
        "prefill_rate": prefill_rate,
        "step_base": _seconds(decode_ms),
        "step_per_sequence": _seconds(decode_ms_per_seq),
        "max_num_seqs": max_num_seqs,
        "max_num_batched_tokens": max_num_batched_tokens,
        "num_blocks": gpu_blocks,
        "max_model_len": max_model_len,
    }
    try:
        options = SimOptions(
            model=model,
            names=tuple(served_model_name or ()),
            host=host,
            port=port,
            api_key=api_key,
            engine=_engine(preset, {name: value for name, value in given.items() if value is not None}),
            speed=speed,
            seed=seed,
            faults=tuple(map(parse_fault, fault or ())),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        status = runner.run(_serve(options))
    raise typer.Exit(status)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _engine(preset: Preset, given: dict[str, Any]) -> EngineOptions:
    base = PRESETS[preset]
    held = given.get("num_blocks", base.num_blocks) * base.block_size
    return replace(base, **{"max_model_len": min(base.max_model_len, held), **given})


async def _serve(options: SimOptions) -> int:
    """Until a signal ends it; the exit status."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = SimServer(options)
    try:
        await server.start()
    except OSError as error:
        typer.echo(_cannot_listen(options, error), err=True)
        return 1
    typer.echo(f"pointsman sim: {', '.join(options.served)} at {server.url}/v1", err=True)
    try:
        await stop.wait()
    finally:
        await server.close()
    return 0


def _cannot_listen(options: SimOptions, error: OSError) -> str:
    place = f"{options.host}:{options.port}"
    if error.errno == errno.EADDRINUSE:
        return f"pointsman sim: {place} is in use; choose another --port, or 0 for any free one"
    return f"pointsman sim: cannot listen on {place}: {error.strerror or error}"
