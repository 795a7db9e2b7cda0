"""What an answer is worth, however and whenever it becomes known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.outcome import (
    TRUST,
    TURNS,
    VERDICTS,
    Change,
    Evidence,
    Parts,
    Source,
    changes,
    combined,
    evidence,
)

qualities = st.floats(0, 1)
parts = st.dictionaries(
    st.sampled_from(["feedback", "judge", "implicit", "measured", "than a", "than b"]),
    st.builds(Evidence, st.floats(0.01, 1), qualities, st.sampled_from([None, None, "small", "large"])),
    max_size=6,
)


def summed(told: list[Change]) -> dict[str | None, tuple[float, float]]:
    found: dict[str | None, tuple[float, float]] = {}
    for weight, reward, over, _ in told:
        before = found.get(over, (0.0, 0.0))
        found[over] = before[0] + weight, before[1] + reward
    return found


def close(one: dict[str | None, tuple[float, float]], other: dict[str | None, tuple[float, float]]) -> bool:
    return all(one.get(key, (0, 0)) == pytest.approx(other.get(key, (0, 0)), abs=1e-9) for key in one.keys() | other)


def test_nothing_known_is_no_reward() -> None:
    assert combined({}) is None


def test_one_source_is_what_it_says() -> None:
    found = combined({"judge": evidence(Source.JUDGE, 0.7)})
    assert found is not None
    assert found.quality == pytest.approx(0.7)
    assert found.weight == TRUST[Source.JUDGE]


def test_sources_are_weighted_by_how_far_they_are_trusted() -> None:
    found = combined({"feedback": evidence(Source.FEEDBACK, 1.0), "judge": evidence(Source.JUDGE, 0.0)})
    assert found is not None
    assert found.quality == pytest.approx(1.0 / 1.5)
    assert found.weight == 1.5


@given(qualities, st.lists(qualities, min_size=3, max_size=3))
def test_what_somebody_says_outweighs_all_else(said: float, others: list[float]) -> None:
    rest = {s.value: evidence(s, q) for s, q in zip(list(Source)[1:], others, strict=True)}
    alone, found = combined(rest), combined({"feedback": evidence(Source.FEEDBACK, said), **rest})
    assert alone is not None
    assert found is not None
    assert abs(found.quality - said) <= abs(found.quality - alone.quality) + 1e-9


@given(parts)
def test_the_reward_is_between_the_qualities_of_its_parts(known: Parts) -> None:
    found = combined(known)
    said = [part.quality for part in known.values()]
    assert (found is None) == (not said)
    if found is not None:
        assert min(said) - 1e-9 <= found.quality <= max(said) + 1e-9


@given(parts, st.data())
def test_the_order_of_arrival_does_not_matter(known: Parts, data: st.DataObject) -> None:
    order = data.draw(st.permutations(list(known)))
    told: list[Change] = []
    so_far: Parts = {}
    for name in order:
        then = {**so_far, name: known[name]}
        told += changes(so_far, then)
        so_far = then
    assert close(summed(told), summed(changes({}, known)))


@given(parts, parts, parts)
def test_corrections_leave_no_trace(first: Parts, second: Parts, last: Parts) -> None:
    told = changes({}, first) + changes(first, second) + changes(second, last)
    assert close(summed(told), summed(changes({}, last)))


@given(parts)
def test_saying_it_again_changes_nothing(known: Parts) -> None:
    assert changes(known, dict(known)) == []


def test_a_turn_that_is_satisfied_speaks_for_the_answer_and_the_others_against_it() -> None:
    assert TURNS["satisfied"] > 0.5 > max(quality for label, quality in TURNS.items() if label != "satisfied")
    assert "none" not in TURNS


def test_words_for_good_and_bad() -> None:
    assert {VERDICTS[word] for word in ("good", "up", "thumbs_up", "👍")} == {1.0}
    assert {VERDICTS[word] for word in ("bad", "down", "thumbs_down", "👎")} == {0.0}


@pytest.mark.parametrize(("said", "meant"), [(-0.5, 0.0), (1.5, 1.0), (0.25, 0.25)])
def test_qualities_are_between_0_and_1(said: float, meant: float) -> None:
    assert evidence(Source.JUDGE, said).quality == meant
