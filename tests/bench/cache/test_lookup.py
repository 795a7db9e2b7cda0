from __future__ import annotations

from pointsman.bench.cache import lookup
from pointsman.bench.cache.lookup import Shape


def test_every_shape_is_measured_and_edited_texts_find_their_own_entry() -> None:
    report = lookup.run((Shape(300, 1), Shape(300, 30)), 20, lambda said: None)
    assert [row[:2] for row in report.tables[0].rows] == [("300", "1"), ("300", "30")]
    assert [shape["found"] for shape in report.data["shapes"]] == [1.0, 1.0]
