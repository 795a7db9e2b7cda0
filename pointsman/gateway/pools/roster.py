"""Who belongs to a pool: what the file and discovery list, and what an operator has changed of it since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from pointsman.gateway.schema.pools import MAX_ENDPOINTS


class Source(StrEnum):
    FILE = "file"
    ADMIN = "admin"
    DISCOVERY = "discovery"


@dataclass(frozen=True, slots=True)
class Member:
    url: str
    weight: float = 1.0
    authority: str = ""  # host and port as requests and TLS name them, if those of the URL are mere addresses
    source: Source = Source.FILE
    draining: bool = False  # gets no new requests


class Roster:
    """A server that is listed twice counts once: as the operator added it, else as the file has it.

    What the operator took out stays out as long as the file or discovery goes on listing it. One that they
    list again after they had dropped it is another server."""

    def __init__(self) -> None:
        self._file: Mapping[str, Member] = {}
        self._found: Mapping[str, Member] = {}
        self._added: dict[str, Member] = {}
        self._removed: set[str] = set()
        self._drained: set[str] = set()
        self.members: tuple[Member, ...] = ()

    def list_file(self, members: Iterable[Member]) -> None:
        self._file = {member.url: member for member in members}
        self._update()

    def list_found(self, members: Iterable[Member]) -> None:
        self._found = {member.url: replace(member, source=Source.DISCOVERY) for member in members}
        self._update()

    def add(self, url: str, weight: float) -> None:
        self._added[url] = Member(url, weight, source=Source.ADMIN)
        self._removed.discard(url)
        self._update()

    def remove(self, url: str) -> None:
        self._added.pop(url, None)
        self._removed.add(url)
        self._update()

    def drain(self, url: str) -> None:
        self._drained.add(url)
        self._update()

    def undrain(self, url: str) -> None:
        self._drained.discard(url)
        self._update()

    def _update(self) -> None:
        listed = {**self._file, **self._found, **self._file, **self._added}  # in the file's order
        self._removed &= listed.keys()
        self._drained &= listed.keys() - self._removed
        members = [self._judged(member) for url, member in listed.items() if url not in self._removed]
        members.sort(key=lambda member: list(Source).index(member.source))
        self.members = tuple(members[:MAX_ENDPOINTS])

    def _judged(self, member: Member) -> Member:
        return replace(member, draining=True) if member.url in self._drained else member
