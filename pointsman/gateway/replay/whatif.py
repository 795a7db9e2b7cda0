"""A configuration with other selectors than its file has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pointsman.gateway.config import examine_document
from pointsman.gateway.document import Document, parse_document
from pointsman.gateway.errors import ConfigError, Problem
from pointsman.gateway.includes import read_documents
from pointsman.gateway.schema.config import Config
from pointsman.policies.nearest import did_you_mean


def read_overrides(texts: Sequence[str]) -> dict[str, Any]:
    """From `DECISION={by: …}` to what stands after the sign, by decision. ConfigError if it is not of this form."""
    found = {}
    for text in texts:
        name, sign, select = text.partition("=")
        if not sign or not select.lstrip().startswith("{"):
            raise ConfigError([Problem("write DECISION={by: …}, or nothing for all decisions", f"--select {text}")])
        found[name.strip()] = parse_document(select, f"--select {name.strip()}").data
    return found


def load_with(path: str, selects: Mapping[str, Any]) -> Config:
    """The file, with these in the place of the decisions' own `select`. ConfigError with every problem."""
    document = read_documents(path)
    decisions = {decision.get("name"): decision for decision in _decisions(document)}
    for name, select in selects.items():
        if name not in decisions:
            names = [str(known) for known in decisions]
            raise ConfigError([Problem(f"there is no such decision{did_you_mean(name, names)}", f"--select {name}")])
        decisions[name]["select"] = select
    return examine_document(document, analysed=False).usable()


def _decisions(document: Document) -> Iterator[dict[str, Any]]:
    virtual = document.data.get("virtual_models")
    lists = [document.data, *(virtual.values() if isinstance(virtual, dict) else ())]
    for each in lists:
        listed = each.get("decisions") if isinstance(each, dict) else None
        yield from (decision for decision in listed or () if isinstance(decision, dict))
