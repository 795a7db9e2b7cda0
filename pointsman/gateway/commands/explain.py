"""`pointsman explain`: how a request would be routed, and why. No backend is called."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from pointsman.gateway.access.keys import ANONYMOUS
from pointsman.gateway.app import build_runtime
from pointsman.gateway.config import load
from pointsman.gateway.errors import PointsmanError, RequestError
from pointsman.gateway.explain import explain as explain_routed
from pointsman.gateway.routing import Routed, route_request
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import Inbound, check_types, parse_json
from pointsman.gateway.wire.reading import build_facts
from pointsman.signals.facts import Route

Form = dict[str, Any]


class BadInput(PointsmanError):
    pass


def explain(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    prompt: Annotated[str | None, typer.Argument(help="The last user message.", show_default=False)] = None,
    request: Annotated[
        Path | None, typer.Option(help="A chat completion request (JSON) instead of a prompt.", show_default=False)
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="A request header, NAME=VALUE; may be repeated.", show_default=False)
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(help='JSON lines {"id", "text" | "request"}; one line of JSON each.', show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    all_signals: Annotated[
        bool, typer.Option("--all-signals", help="Also those that the decision did not need.")
    ] = False,
) -> None:
    """Show the decision, the signals behind it and the choice of a pool. Pools count as idle and healthy."""
    if sum(given is not None for given in (prompt, request, batch)) != 1:
        raise BadInput("give one of a prompt, --request FILE and --batch FILE")
    explainer = Explainer(build_runtime(load(config)), _headers(header or []), all_signals)
    if batch is not None:
        for line in _lines(batch):
            sys.stdout.buffer.write(orjson.dumps(explainer.line(line)) + b"\n")
        return
    raw = _read(request) if request is not None else _chat(prompt or "")
    try:
        form = explainer.explain("request", raw)
    except RequestError as error:
        raise BadInput(error.message) from None
    typer.echo(orjson.dumps(form) if json else _describe(form))


class Explainer:
    def __init__(self, runtime: Runtime, headers: Mapping[str, str], all_signals: bool) -> None:
        self._runtime = runtime
        self._headers = headers
        self._all = all_signals

    def line(self, line: bytes) -> Form:
        """The answer to one line of a batch; never raises on what the line says."""
        identifier: Any = None
        try:
            entry = orjson.loads(line)
            if not isinstance(entry, dict):
                raise BadInput('a line must be an object with "id" and "text" or "request"')
            identifier = entry.get("id")
            return self.explain(identifier, _entry_body(entry))
        except orjson.JSONDecodeError as error:
            return {"id": identifier, "error": f"not valid JSON: {error}"}
        except PointsmanError as error:
            return {"id": identifier, "error": str(error)}

    def explain(self, identifier: Any, raw: bytes) -> Form:
        began = time.perf_counter()
        routed = self._route(raw)
        overhead = time.perf_counter() - began
        if self._all:
            for name in self._runtime.signals:
                _ = routed.readings[name]
        skipped = [name for name in self._runtime.signals if name not in routed.readings.values]
        return explain_routed(identifier, routed, skipped, overhead)

    def _route(self, raw: bytes) -> Routed:
        runtime = self._runtime
        body = parse_json(raw, {})
        check_types(Route.CHAT, body)
        keys = runtime.keys
        identity = keys.authenticate(self._headers) if keys and _CREDENTIALS & self._headers.keys() else ANONYMOUS
        inbound = Inbound(Route.CHAT, "POST", "/chat/completions", b"", self._headers, raw, body)
        return route_request(runtime, build_facts(inbound, identity, runtime.load), inbound.path, None)


_CREDENTIALS = {"authorization", "x-api-key", "api-key"}


def _entry_body(entry: Form) -> bytes:
    if isinstance(entry.get("text"), str):
        return _chat(entry["text"])
    if isinstance(entry.get("request"), dict):
        return orjson.dumps(entry["request"])
    raise BadInput('a line needs "text" (a string) or "request" (a chat completion request)')


def _chat(prompt: str) -> bytes:
    # what a terminal or a file could not decode is text, too
    clean = prompt.encode("utf-8", "replace").decode()
    return orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": clean}]})


def _headers(pairs: list[str]) -> dict[str, str]:
    headers = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name.strip():
            raise BadInput(f"--header {pair!r}: write NAME=VALUE")
        headers[name.strip().lower()] = value.strip()
    return headers


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.strip())
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None


def _describe(form: Form) -> str:
    selection = form["selection"]
    lines = [f"decision   {form['decision']}"]
    if form["models"]:
        lines.append(f"models     {', '.join(form['models'])}")
    if selection["choice"]:
        reason = f": {selection['reason']}" if selection["reason"] else ""
        lines.append(f"choice     {selection['choice']} (by {selection['by']}{reason})")
    else:
        lines.append("choice     none: the decision answers itself")
    lines.append("signals")
    lines += [_signal_line(name, signal) for name, signal in form["signals"].items()] or ["  none was needed"]
    if form["skipped"]:
        lines.append(f"skipped    {', '.join(form['skipped'])}")
    lines.append(f"overhead   {form['overhead_ms']:.3f} ms")
    return "\n".join(lines)


def _signal_line(name: str, signal: Form) -> str:
    value = signal["value"]
    shown = "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    score = f"  score {signal['score']:.2f}" if signal["score"] is not None else ""
    return f"  {name:<20} {shown}{score}  {signal['ms']:.3f} ms"
