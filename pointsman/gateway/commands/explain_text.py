"""The text of `pointsman explain`, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from pointsman.gateway.reasons import shown

Form = dict[str, Any]

_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}
_KINDS = {"and": "all of", "or": "any of", "not": "not"}
_LONGEST = 100  # characters of a condition in one line
_COLUMN = 36  # where values begin


def describe(form: Form) -> Text:
    return Text("\n").join(_lines(form))


def _lines(form: Form) -> Iterator[Text]:
    yield Text.assemble("decision   ", (form["decision"], "bold"))
    yield from map(Text, _outcome(form))
    yield Text("signals")
    signals = [Text(_signal(name, signal)) for name, signal in form["signals"].items()]
    yield from signals or [Text("  none was needed")]
    if form["skipped"]:
        yield Text(f"skipped    {', '.join(form['skipped'])}")
        yield from map(Text, _by_reason(form["skipped_because"]))
    if form["decisions"]:
        yield Text("why")
    for decision in form["decisions"]:
        yield from _decision(decision, form)
    yield Text(f"overhead   {form['overhead_ms']:.3f} ms")
    if "to" in form:
        yield Text(f"for {form['to']['decision']}: {_changes(form['to'])}")
    yield Text(_would_change(form["would_change"]))


def _outcome(form: Form) -> Iterator[str]:
    selection = form["selection"]
    if form["models"]:
        yield f"models     {', '.join(form['models'])}"
    if selection["choice"]:
        reason = f": {selection['reason']}" if selection["reason"] else ""
        yield f"choice     {selection['choice']} (by {selection['by']}{reason})"
        for step in selection.get("steps", ()):
            yield f"           {step['pool']}: {_accept(step['accept'])}"
    else:
        yield "choice     none: the decision answers itself"


def _accept(how: str | Form) -> str:
    if isinstance(how, str):
        return "its answer is the one"
    tests = [name if value is True else f"{name} {_judge(value)}" for name, value in how.items() if value is not False]
    return f"accepted if {', '.join(tests)}"


def _judge(limit: object) -> str:
    return f"{limit['pool']} ≥ {limit['score']:g}" if isinstance(limit, dict) else f"{limit:g}"


def _signal(name: str, signal: Form) -> str:
    score = f"  score {signal['score']:.2f}" if signal["score"] is not None else ""
    return f"  {name:<20} {_value(signal['value'])}{score}  {signal['ms']:.3f} ms"


def _value(value: object) -> str:
    return "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _by_reason(because: Form) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for name, reason in because.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        yield f"  {reason}: {', '.join(names)}"


def _decision(decision: Form, form: Form) -> Iterator[Text]:
    name = decision["name"]
    role = "winner" if name == form["winner"] else "runner-up" if name == form["runner_up"] else ""
    notes = [
        role,
        f"priority {decision['priority']}" if decision["priority"] else "",
        f"confidence {decision['confidence']:.2f}" if "confidence" in decision else "",
        "a guard" if decision["guard"] else "",
    ]
    title = ", ".join(filter(None, notes))
    yield _marked(decision["holds"], 2, Text.assemble((name, "bold"), f" ({title})" if title else ""))
    yield from _part(decision["tree"], 6)


def _part(part: Form, indent: int) -> Iterator[Text]:
    operands = part.get("operands", [])
    if part["kind"] == "not" and "operands" not in operands[0]:
        yield _marked(part["holds"], indent, _atom(part["text"], operands[0], indent))
        return
    yield _marked(part["holds"], indent, Text(_KINDS[part["kind"]]) if operands else _atom(part["text"], part, indent))
    for operand in operands:
        yield from _part(operand, indent + 2)


def _atom(text: str, atom: Form, indent: int) -> Text:
    told = []
    if "source" in atom:
        score = f" {atom['score']:.2f}" if atom.get("score") is not None else ""
        told.append(f"{shown(atom['value'])}{score}")
        told.append(_unknown(atom) if atom["source"] == "unknown" else atom["source"])
    if "not_read" in atom:
        told.append(f"not read: {atom['not_read']}")
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return Text.assemble(short.ljust(_COLUMN - indent), ("  " + ", ".join(told), "dim")) if told else Text(short)


def _unknown(atom: Form) -> str:
    why = f" ({atom['why']})" if "why" in atom else ""
    return f"on_unknown: {str(atom['on_unknown']).lower()}{why}"


def _marked(holds: bool | None, indent: int, text: Text) -> Text:
    mark, style = _MARKS[holds]
    return Text.assemble(" " * indent, (mark, style), " ", text)


def _would_change(found: Form) -> str:
    if not found["changes"]:
        return f"would change: {_changes(found)}"
    end = f"`{found['decision']}`" if found["decision"] else "no decision"
    return f"would change: {_changes(found)} gives {end}"


def _changes(found: Form) -> str:
    changes = found["changes"]
    if changes:
        return ", ".join(change["text"] for change in changes)
    if changes is not None:
        return "it is the decision already"
    most = f"up to {found['at_most']} signals"
    return f"no change of {most} does" if found["complete"] else f"no change of {most} was found, not all were tried"
