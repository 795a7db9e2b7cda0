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
from pointsman.gateway.pools.discovery.finder import presume
from pointsman.gateway.routing import Routed, route_request
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import Inbound, check_types, parse_json
from pointsman.gateway.wire.reading import build_facts
from pointsman.signals.facts import Route
from pointsman.signals.readings import TimedReadings

Form = dict[str, Any]
Identifier = str | int | float | None


class BadInput(PointsmanError):
    pass


def explain(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)],
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="The last user message.", show_default=False)
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A chat completion request (JSON) instead of a prompt.", show_default=False),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A request header; may be repeated.", show_default=False),
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help='JSON lines {"id", "text" | "request"}; one line of JSON each.', show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    all_signals: Annotated[
        bool, typer.Option("--all-signals", help="Also evaluate signals that the decision did not need.")
    ] = False,
) -> None:
    """Show the decision that a request meets, the signals behind it and the pool that is chosen.

    No backend is called: every pool counts as idle and healthy."""
    if sum(given is not None for given in (prompt, request, batch)) != 1:
        raise typer.BadParameter("give one of PROMPT, --request FILE and --batch FILE")
    headers = _headers(header or [])
    runtime = build_runtime(load(config))
    presume(runtime.pools.values())
    explainer = Explainer(runtime, headers, all_signals)
    if batch is not None:
        for line in _lines(batch):
            sys.stdout.buffer.write(orjson.dumps(explainer.line(line)) + b"\n")
            sys.stdout.buffer.flush()
        return
    try:
        form = explainer.explain("request", *_request(request, prompt or ""))
    except RequestError as error:
        raise BadInput(error.message) from None
    typer.echo(orjson.dumps(form) if as_json else _describe(form))


class Explainer:
    def __init__(self, runtime: Runtime, headers: Mapping[str, str], all_signals: bool) -> None:
        self._runtime = runtime
        self._headers = headers
        self._all = all_signals

    def line(self, line: bytes) -> Form:
        """The answer to one line of a batch; never raises on what the line says."""
        identifier = None
        try:
            entry = parse_json(line, {})
            identifier = _identifier(entry)
            return self.explain(identifier, _entry_body(entry), line)
        except PointsmanError as error:
            return {"id": identifier, "error": str(error)}

    def explain(self, identifier: Identifier, body: Mapping[str, Any], raw: bytes) -> Form:
        began = time.perf_counter()
        routed = self._route(body, raw)
        overhead = time.perf_counter() - began
        if self._all:
            for name in self._runtime.signals:
                _ = routed.readings[name]
        for name, failure in routed.readings.failures.items():
            typer.echo(f"pointsman explain: signal `{name}` failed: {failure}", err=True)
        skipped = [name for name in self._runtime.signals if name not in routed.readings.values]
        return explain_routed(identifier, routed, skipped, overhead)

    def _route(self, body: Mapping[str, Any], raw: bytes) -> Routed:
        runtime = self._runtime
        check_types(Route.CHAT, body)
        keys = runtime.keys
        identity = keys.authenticate(self._headers) if keys and _CREDENTIALS & self._headers.keys() else ANONYMOUS
        inbound = Inbound(Route.CHAT, "POST", "/chat/completions", b"", self._headers, raw, body)
        facts = build_facts(inbound, identity, runtime.load)
        readings = TimedReadings(runtime.signals, facts, time.perf_counter)
        return route_request(runtime, facts, inbound.path, readings, None)


_CREDENTIALS = {"authorization", "x-api-key", "api-key"}


def _identifier(entry: Mapping[str, Any]) -> Identifier:
    identifier = entry.get("id")
    if not isinstance(identifier, str | int | float | None):
        raise BadInput('"id" must be a string or a number')
    return identifier


def _entry_body(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    text, request = entry.get("text"), entry.get("request")
    if isinstance(text, str):
        return _chat(text)
    if isinstance(request, dict):
        return request
    raise BadInput('a line needs "text" (a string) or "request" (a chat completion request)')


def _chat(prompt: str) -> dict[str, Any]:
    # what the terminal's encoding could not decode is text, too
    clean = prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return {"model": "auto", "messages": [{"role": "user", "content": clean}]}


def _headers(pairs: list[str]) -> dict[str, str]:
    headers = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name.strip():
            raise typer.BadParameter(f"--header {pair!r}: write NAME=VALUE")
        headers[name.strip().lower()] = value.strip()
    return headers


def _request(path: Path | None, prompt: str) -> tuple[Mapping[str, Any], bytes]:
    if path is None:
        body = _chat(prompt)
        return body, orjson.dumps(body)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    return parse_json(raw, {}), raw


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
