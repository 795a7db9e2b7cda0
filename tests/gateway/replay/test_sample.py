from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.replay.sample import Sample

Names = st.lists(st.text(max_size=6), unique=True, max_size=60)


def filled(names: list[str], size: int) -> Sample[str]:
    sample: Sample[str] = Sample(size)
    for name in names:
        sample.put(name, name)
    return sample


@given(Names, st.integers(1, 30), st.randoms())
def test_the_same_ids_are_chosen_in_whichever_order(names: list[str], size: int, random) -> None:
    found = filled(names, size)
    assert len(found) == min(size, len(names))
    random.shuffle(names)
    assert set(filled(names, size)) == set(found)


@given(Names, st.integers(1, 10), st.integers(1, 10))
def test_a_smaller_sample_is_a_part_of_a_larger_one(names: list[str], size: int, more: int) -> None:
    assert set(filled(names, size)) <= set(filled(names, size + more))


def test_every_id_is_as_likely() -> None:
    found = {int(name) for name in filled([f"{n}" for n in range(4000)], 400)}
    assert 140 < sum(number < 2000 for number in found) < 260


def test_what_was_put_last_counts_and_what_fell_out_stays_out() -> None:
    sample = filled([f"r{n}" for n in range(100)], 10)
    inside = next(iter(sample))
    sample.put(inside, "again")
    assert sample.get(inside) == "again"
    outside = next(f"r{n}" for n in range(100) if sample.get(f"r{n}") is None)
    assert not sample.takes(outside)
    sample.put(outside, "late")
    assert sample.get(outside) is None
    assert len(sample) == 10
