"""What came of replaying: tables for people, one object for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pointsman.gateway.replay.replayer import Replayed
from pointsman.gateway.replay.tally import Cell, Pair, Sums, Tally

MAX_ROWS = 50
"""Of a table that people read."""

CANNOT_TELL = "cannot be told"
ELSEWHERE = "to another decision, it cannot be told which"
ASSUMPTION = "if the answers have as many tokens as they had"

Form = dict[str, Any]


class Table(NamedTuple):
    title: str
    columns: Sequence[str]
    numbers: frozenset[int]  # columns that are aligned to the right
    rows: Sequence[tuple[str, ...]]
    more: int  # rows that are left out


def summary(tally: Tally) -> Iterator[str]:
    sums = tally.all
    span = f", {_time(tally.first)} to {_time(tally.last)}" if tally.first and tally.last else ""
    yield f"{_requests(sums.requests)}{span}"
    for name, count in (("changed", sums.changed), ("unchanged", sums.unchanged), (CANNOT_TELL, sums.untold)):
        where = f"  ({sums.elsewhere:,} of them {ELSEWHERE})" if name == "changed" and sums.elsewhere else ""
        yield f"  {name:<14} {count:>10,} {_share(count, sums.requests):>8}{where}"
    left = sums.untold + sums.elsewhere + sums.unpriced
    if sums.requests > left:
        less = f", without {_requests(left)} of which it cannot be told" if left else ""
        yield f"cost: {_usd(sums.cost_then)} then, {_usd(sums.cost_now)} now{_relative(sums)}, {ASSUMPTION}{less}"
    if tally.undecided:
        yield f"left out: {_requests(tally.undecided)} that came to no decision"
    if tally.broken:
        yield f"left out: {tally.broken:,} broken line{'' if tally.broken == 1 else 's'}"


def tables(tally: Tally) -> Iterator[Table]:
    """Those that have rows."""
    total = tally.all.requests
    rows = [
        (shown(pair.then), _now(pair), f"{cell.requests:,}", _share(cell.requests, total), _examples(cell))
        for pair, cell in _ranked(tally)
    ]
    pools = sorted(tally.pools_then.keys() | tally.pools_now.keys())
    load = [_pool(name, tally) for name in pools]
    tenants = [(shown(name or "–"), *_counts(sums)) for name, sums in sorted(tally.tenants.items(), key=_by_requests)]
    missing = [(shown(m.name), m.why, m.needs, f"{n:,}") for m, n in tally.missing.most_common()]
    yield from _table("Decisions", ("then", "now", "requests", "share", "examples"), {2, 3}, rows)
    yield from _table("Pools asked first", ("pool", "then", "now", "change"), {1, 2, 3}, load)
    if any(name is not None for name in tally.tenants):
        columns = ("tenant", "requests", "changed", CANNOT_TELL, "cost then", "cost now")
        yield from _table("Tenants", columns, {1, 2, 3, 4, 5}, tenants)
    yield from _table("What was missing", ("signal", "why", "needs", "requests"), {3}, missing)


def lines(table: Table) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
    for row in (table.columns, *table.rows):
        cells = [
            cell.rjust(width) if index in table.numbers else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    if table.more:
        yield f"… {table.more:,} more; --json has all"


def changed_line(replayed: Replayed) -> str:
    entry = replayed.entry
    pair = Pair(entry.decided or "", replayed.decided, replayed.changed)
    pools = f"  {shown(entry.asked or '–')} → {shown(replayed.asked or '–')}"
    return f"{_time(entry.time)}  {shown(entry.id)}  {shown(pair.then)} → {_now(pair)}{pools}"


def changed_form(replayed: Replayed) -> Form:
    entry = replayed.entry
    return {
        "id": entry.id,
        "time": _time(entry.time),
        "tenant": entry.tenant,
        "then": entry.decided,
        "now": replayed.decided,
        "pool_then": entry.asked,
        "pool_now": replayed.asked,
        "cost_usd_then": entry.cost,
        "cost_usd_now": replayed.cost,
    }


def form(logs: Sequence[str], config: str, tally: Tally) -> Form:
    sums = tally.all
    pools = sorted(tally.pools_then.keys() | tally.pools_now.keys())
    return {
        "logs": list(logs),
        "config": config,
        "first": tally.first and _time(tally.first),
        "last": tally.last and _time(tally.last),
        **_sums(sums),
        "left_out": {"undecided": tally.undecided, "broken_lines": tally.broken},
        "matrix": [
            {
                "then": pair.then,
                "now": pair.now,
                "changed": pair.changed,
                "requests": cell.requests,
                "share": _part(cell.requests, sums.requests),
                "examples": cell.examples,
            }
            for pair, cell in _ranked(tally)
        ],
        "pools": {name: {"then": tally.pools_then[name], "now": tally.pools_now[name]} for name in pools},
        "tenants": [{"tenant": name, **_sums(of)} for name, of in sorted(tally.tenants.items(), key=_by_requests)],
        "missing": [{**m._asdict(), "requests": n} for m, n in tally.missing.most_common()],
    }


def _sums(sums: Sums) -> Form:
    return {
        "requests": sums.requests,
        "changed": sums.changed,
        "changed_elsewhere": sums.elsewhere,
        "unchanged": sums.unchanged,
        "cannot_tell": sums.untold,
        "changed_share": _part(sums.changed, sums.told),
        "cannot_tell_share": _part(sums.untold, sums.requests),
        "cost_usd": {"then": sums.cost_then, "now": sums.cost_now, "unpriced": sums.unpriced},
    }


def _ranked(tally: Tally) -> list[tuple[Pair, Cell]]:
    """What changes first, then what cannot be told, then the rest, each with the most requests first."""

    def rank(item: tuple[Pair, Cell]) -> tuple[int, int]:
        pair, cell = item
        return (True, None, False).index(pair.changed), -cell.requests

    return sorted(tally.matrix.items(), key=rank)


def _by_requests(item: tuple[str | None, Sums]) -> tuple[int, str]:
    return -item[1].requests, item[0] or ""


def _table(title: str, columns: Sequence[str], numbers: set[int], rows: Sequence[tuple[str, ...]]) -> Iterator[Table]:
    if rows:
        yield Table(title, columns, frozenset(numbers), rows[:MAX_ROWS], max(0, len(rows) - MAX_ROWS))


def _pool(name: str, tally: Tally) -> tuple[str, ...]:
    then, now = tally.pools_then[name], tally.pools_now[name]
    change = f"{(now - then) / then:+.1%}" if then else "new" if now else "–"
    return shown(name), f"{then:,}", f"{now:,}", change


def _counts(sums: Sums) -> tuple[str, ...]:
    counts = (sums.requests, sums.changed, sums.untold)
    return (*(f"{count:,}" for count in counts), _usd(sums.cost_then), _usd(sums.cost_now))


def _now(pair: Pair) -> str:
    if pair.now is None:
        return "another one" if pair.changed else CANNOT_TELL
    return f"{shown(pair.now)}, other models" if pair.changed and pair.now == pair.then else shown(pair.now)


def _examples(cell: Cell) -> str:
    return " ".join(map(shown, cell.examples))


def _relative(sums: Sums) -> str:
    return f" ({(sums.cost_now - sums.cost_then) / sums.cost_then:+.1%})" if sums.cost_then else ""


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"


def _part(count: int, whole: int) -> float | None:
    return round(count / whole, 6) if whole else None


def _share(count: int, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else "–"


def _usd(cost: float) -> str:
    return f"${cost:,.2f}" if cost >= 10 or not cost else f"${cost:.6f}"


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def shown(text: str) -> str:
    """What a terminal would take for a command becomes a dot."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "·" for c in text)
