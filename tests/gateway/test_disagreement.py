from __future__ import annotations

from pointsman.gateway.disagreement import EXAMPLES, MAX_PAIRS, Disagreement


def test_those_that_differ_come_first_with_their_latest_requests() -> None:
    found = Disagreement()
    for number in range(10):
        found.add("a", "a", f"r{number}")
    for number in range(EXAMPLES + 2):
        found.add("a", "b", f"d{number}")
    found.add("b", "none", "last")
    report = found.report()
    assert (report["compared"], report["disagreed"]) == (16, 6)
    assert report["disagreement"] == 0.375
    assert report["matrix"] == [
        {"decision": "a", "candidate": "b", "count": 5, "examples": ["d2", "d3", "d4"]},
        {"decision": "b", "candidate": "none", "count": 1, "examples": ["last"]},
        {"decision": "a", "candidate": "a", "count": 10, "examples": []},
    ]


def test_nothing_was_compared_yet() -> None:
    assert Disagreement().report() == {"compared": 0, "disagreed": 0, "disagreement": None, "matrix": []}


def test_pairs_are_bounded_and_the_share_stays_right() -> None:
    found = Disagreement()
    for number in range(MAX_PAIRS + 10):
        found.add("a", f"d{number}", "r")
    report = found.report()
    assert (len(report["matrix"]), report["compared"], report["disagreed"]) == (
        MAX_PAIRS,
        MAX_PAIRS + 10,
        MAX_PAIRS + 10,
    )
