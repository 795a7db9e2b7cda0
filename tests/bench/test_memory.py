from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from pointsman.bench import memory
from pointsman.bench.children import Cores
from pointsman.bench.memory import QUICK


def test_a_whole_run(tmp_path: Path) -> None:
    """Everything but the figures: it serves the requests and looks at the memory after each part."""
    said: list[str] = []
    made = memory.run(Cores.of_this_machine(), tmp_path, QUICK, said.append)
    assert made.problems == ()
    served, resident = made.data["requests"], made.data["resident_mb"]
    assert served[0] == 0
    assert all(later - sooner >= QUICK.requests // QUICK.parts for sooner, later in pairwise(served))
    assert len(resident) == len(served) == len(made.tables[0].rows) == QUICK.parts + 1 == len(said) + 1
    assert min(resident) >= 0
