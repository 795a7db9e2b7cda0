"""How the lists of words are written down: with spaces between."""

from __future__ import annotations

from collections.abc import Mapping


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def in_order(text: str) -> list[str]:
    return text.split()


def named(groups: Mapping[str, str]) -> dict[str, str]:
    """By form, the name of its group; `groups` has the forms by the name."""
    return {form: name for name, forms in groups.items() for form in forms.split()}
