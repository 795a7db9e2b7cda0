from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.pools.roster import Member, Roster, Source
from pointsman.gateway.schema.pools import MAX_ENDPOINTS


def at(*urls: str) -> list[Member]:
    return [Member(url) for url in urls]


def urls(roster: Roster) -> str:
    """Draining ones in brackets."""
    return " ".join(f"({m.url})" if m.draining else m.url for m in roster.members)


@pytest.fixture
def roster() -> Roster:
    roster = Roster()
    roster.list_file(at("a", "b"))
    return roster


def test_the_file_first_then_what_was_added_then_what_was_found(roster: Roster) -> None:
    roster.list_found(at("x", "b"))
    roster.add("n", 2.0)
    assert [(m.url, m.source) for m in roster.members] == [
        ("a", Source.FILE),
        ("b", Source.FILE),
        ("n", Source.ADMIN),
        ("x", Source.DISCOVERY),
    ]
    assert roster.members[2].weight == 2.0


def test_what_an_operator_did_survives_a_reload(roster: Roster) -> None:
    roster.add("n", 1.0)
    roster.remove("a")
    roster.drain("b")
    roster.drain("n")
    roster.list_file(at("a", "b", "c"))
    assert urls(roster) == "(b) c (n)"
    roster.undrain("b")
    roster.undrain("n")
    assert urls(roster) == "b c n"


def test_a_removed_one_that_is_added_again_is_as_it_is_added(roster: Roster) -> None:
    roster.drain("a")
    roster.remove("a")
    roster.add("a", 3.0)
    (added,) = [m for m in roster.members if m.url == "a"]
    assert added == Member("a", 3.0, source=Source.ADMIN)


def test_an_added_one_that_is_removed_does_not_come_back(roster: Roster) -> None:
    roster.add("n", 1.0)
    roster.remove("n")
    roster.list_file(at("a", "n"))
    assert urls(roster) == "a n"  # listed since: the file says so now


@pytest.mark.parametrize("listed", [Roster.list_file, Roster.list_found])
def test_one_that_was_dropped_and_is_listed_again_is_another_server(
    listed: Callable[[Roster, list[Member]], None],
) -> None:
    roster = Roster()
    listed(roster, at("a", "b", "c"))
    roster.remove("a")
    roster.drain("b")
    assert urls(roster) == "(b) c"
    listed(roster, at("c"))
    listed(roster, at("a", "b", "c"))
    assert urls(roster) == "a b c"


def test_what_discovery_drains_an_operator_does_not_undrain(roster: Roster) -> None:
    roster.list_found([Member("x", draining=True)])
    roster.undrain("x")
    assert urls(roster) == "a b (x)"
    roster.list_found(at("x"))
    assert urls(roster) == "a b x"


def test_there_is_a_most(roster: Roster) -> None:
    roster.list_found(Member(f"x{n}") for n in range(MAX_ENDPOINTS))
    assert len(roster.members) == MAX_ENDPOINTS
    assert urls(roster).startswith("a b x0 ")


actions = st.lists(
    st.tuples(
        st.sampled_from(["file", "found", "add", "remove", "drain", "undrain"]), st.frozensets(st.sampled_from("abcd"))
    )
)


@given(actions)
def test_whatever_happens_everyone_is_there_once_and_for_a_reason(schedule: list[tuple[str, frozenset[str]]]) -> None:
    roster, file, found, added = Roster(), frozenset[str](), frozenset[str](), frozenset[str]()
    for action, names in schedule:
        if action == "file":
            roster.list_file(at(*names))
            file = names
        elif action == "found":
            roster.list_found(at(*names))
            found = names
        for name in names:
            if action == "add":
                roster.add(name, 1.0)
                added |= {name}
            elif action == "remove":
                roster.remove(name)
                added -= {name}
                assert name not in urls(roster)
            elif action == "drain":
                roster.drain(name)
            elif action == "undrain":
                roster.undrain(name)
                assert f"({name})" not in urls(roster)
        there = [m.url for m in roster.members]
        assert len(there) == len(set(there))
        assert added <= set(there) <= file | found | added
