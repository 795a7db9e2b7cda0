from __future__ import annotations

from pointsman.policies.nearest import did_you_mean


def test_a_near_name_is_suggested_whatever_its_case():
    assert did_you_mean("Domian", ["size", "domain"]) == "; did you mean `domain`?"
    assert did_you_mean("urgent", ["Urgent"]) == "; did you mean `Urgent`?"


def test_otherwise_the_names_are_listed_up_to_a_bound():
    assert did_you_mean("xyz", ["load", "kv"]) == "; known are kv, load"
    assert did_you_mean("xyz", [f"n{i:02}" for i in range(40)]).endswith("n10, n11 and 28 more")


def test_nothing_to_suggest():
    assert did_you_mean("xyz", []) == ""
