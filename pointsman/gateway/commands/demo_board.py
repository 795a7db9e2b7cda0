"""The demo's table: a row for each request, printed when it has been answered."""

from __future__ import annotations

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from pointsman.gateway.observe.outcome import Outcome

_WIDE = 110  # columns of a terminal from which there is room for whole addresses
_SHOWN = 500  # characters of a prompt
_NOTHING = Text("–", style="dim")


class Board:
    """`show` is an observer of the gateway."""

    def __init__(self, console: Console, by_pool: bool = False) -> None:
        """`by_pool`: names of pools stand for those of models, which may be too long."""
        self.console = console
        self._by_pool = by_pool
        self._wide = console.width >= _WIDE
        self._gap = 2 if self._wide else 1
        fixed = (15, 9, 15, 6, 6, 9) if self._wide else (13, 9, 5, 6, 6, 9)
        free = max(20, console.width - sum(fixed) - 7 * self._gap)
        self._widths = (free - free // 3, free // 3, *fixed)

    def head(self, title: str) -> None:
        self.console.print(title, style="bold", highlight=False)
        place = "endpoint" if self._wide else "port"
        names = ("prompt", "signals", "decision", "pool" if self._by_pool else "model", place, "cache", "TTFT", "cost")
        self._print(*(Text(name, style="bold") for name in names))
        self._print(*(Text("─" * width, style="dim") for width in self._widths))

    def waiting(self, prompt: str) -> Status:
        """A line that moves until the row comes; nothing where stdout is no terminal."""
        line = _one_line(prompt)
        line.truncate(self.console.width - 4, overflow="ellipsis")
        return self.console.status(line)

    def show(self, outcome: Outcome) -> None:
        chosen = outcome.chosen
        self._print(
            _one_line((outcome.facts.user_text if outcome.facts else "") or outcome.route.value),
            _signals(outcome),
            Text(outcome.decision or outcome.error_code or "–"),
            self._model(outcome),
            Text(self._address(chosen.endpoint)) if chosen and chosen.endpoint else _NOTHING,
            Text(outcome.cache, style="dim"),
            _first_byte(outcome),
            _NOTHING if outcome.cost is None else Text(f"${outcome.cost:.6f}"),
        )

    def _model(self, outcome: Outcome) -> Text:
        if outcome.status >= 400:
            return Text(f"error {outcome.status}", style="red")
        if outcome.chosen is None:
            return _NOTHING
        name = outcome.chosen.pool if self._by_pool else outcome.chosen.model
        return Text(name, style="magenta" if outcome.chosen.pool == "large" else "green")

    def _address(self, endpoint: str) -> str:
        return endpoint if self._wide else endpoint.rpartition(":")[2]

    def _print(self, *cells: Text) -> None:
        row = Table.grid(padding=(0, self._gap, 0, 0), pad_edge=False)
        for index, width in enumerate(self._widths):
            row.add_column(width=width, no_wrap=True, overflow="ellipsis", justify="right" if index > 5 else "left")
        row.add_row(*cells)
        self.console.print(row)


def _one_line(text: str) -> Text:
    """What a terminal would take for a command becomes a dot."""
    shown = " ".join(text[:_SHOWN].split())
    return Text("".join(c if c.isprintable() else "·" for c in shown))


def _signals(outcome: Outcome) -> Text:
    """Those that fired, then the numbers that were read."""
    fired, numbers = [], []
    for name, signal in outcome.signals.items():
        if signal.value is True:
            fired.append(name)
        elif isinstance(signal.value, str):
            fired.append(f"{name} {signal.value}")
        elif isinstance(signal.value, int | float) and signal.value:
            numbers.append(f"{name} {signal.value:g}")
    if not fired and not numbers:
        return _NOTHING
    return Text(" ").join(
        [Text(name, style="cyan") for name in fired] + [Text(number, style="dim") for number in numbers]
    )


def _first_byte(outcome: Outcome) -> Text:
    """To the client, who has an answer in one piece when it is complete."""
    seconds = outcome.timings.total if outcome.timings.ttft is None else outcome.timings.ttft
    return Text(f"{seconds * 1000:.0f} ms")
