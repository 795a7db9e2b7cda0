"""Single-flight: of those who ask the same at once one calls, and the others go along. Pure.

Everybody reads at his own pace what has been sent so far, and then what comes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

_PIECE = 64 * 1024
"""Bytes that one `take` gives at most, unless one part is larger."""
_TIDY = 256
"""Parts that everybody has read before they are let go of together."""


class Rider:
    """One client of a flight."""

    __slots__ = ("at", "taken")

    def __init__(self) -> None:
        self.at = 0  # the part that he reads next
        self.taken = 0  # bytes


R = TypeVar("R", bound=Rider)


class Flight(Generic[R]):
    """One call's answer: `begin`, `add` as it comes, and `end` or `fail`.

    Up to `longest` bytes all of it is kept, so that others can still come aboard; beyond that only what somebody has
    not read yet."""

    def __init__(self, longest: int) -> None:
        self.status = 0  # 0 until it has begun
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        self.size = 0  # bytes so far
        self.ended = False
        self.failure: Exception | None = None
        self.abandoned = False  # nobody wanted the rest
        self.riders: set[R] = set()
        self._longest = longest
        self._parts: list[bytes] = []
        self._gone = 0  # parts that are kept no longer

    @property
    def joinable(self) -> bool:
        """Whether who comes now gets the whole answer. An error is for those who were there when it came."""
        return self.failure is None and not self.abandoned and self.status < 400 and self.size <= self._longest

    @property
    def over(self) -> bool:
        return self.ended or self.failure is not None

    @property
    def ahead(self) -> int:
        """Bytes that even the quickest has not read yet."""
        return self.size - max((rider.taken for rider in self.riders), default=self.size)

    def begin(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.status, self.headers = status, headers

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)

    def end(self) -> None:
        self.ended = True

    def fail(self, failure: Exception) -> None:
        """Nothing more will come."""
        if not self.over:
            self.failure = failure

    def board(self, rider: R) -> None:
        self.riders.add(rider)

    def leave(self, rider: R) -> None:
        self.riders.discard(rider)
        if not self.riders and not self.over:
            self.abandoned = True

    def has_more(self, rider: R) -> bool:
        """Right now."""
        return rider.taken < self.size

    def take(self, rider: R) -> bytes:
        """What comes next for him; nothing if he has all there is."""
        parts, start, size = self._parts, rider.at - self._gone, 0
        end = start
        while end < len(parts) and (end == start or size + len(parts[end]) <= _PIECE):
            size += len(parts[end])
            end += 1
        taken = parts[start] if end - start == 1 else b"".join(parts[start:end])
        rider.at += end - start
        rider.taken += size
        self._tidy()
        return taken

    def left_behind(self, most: int) -> list[R]:
        """Who hinders the letting go: more than `most` bytes behind the quickest, once not everything is kept."""
        if self.size <= self._longest or len(self.riders) < 2:
            return []
        quickest = max(rider.taken for rider in self.riders)
        return [rider for rider in self.riders if quickest - rider.taken > most]

    def _tidy(self) -> None:
        if self.size <= self._longest or not self.riders:
            return
        read = min(rider.at for rider in self.riders) - self._gone
        if read >= _TIDY:
            del self._parts[:read]
            self._gone += read


F = TypeVar("F", bound=Flight)  # type: ignore[type-arg]  # whatever rides in it


class Flights(Generic[F]):
    """Those that are under way, by what they answer; at most `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._flights: dict[Hashable, F] = {}
        self.landings = 0  # so far

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def followers(self) -> int:
        """Clients beyond each flight's first."""
        return sum(max(0, len(flight.riders) - 1) for flight in self._flights.values())

    def join(self, key: Hashable) -> F | None:
        flight = self._flights.get(key)
        return flight if flight is not None and flight.joinable else None

    def lead(self, key: Hashable, make: Callable[[], F]) -> F | None:
        """In the place of one that can no longer be joined; None if there are too many."""
        if key not in self._flights and len(self._flights) >= self._most:
            return None
        flight = self._flights[key] = make()
        return flight

    def landed(self, key: Hashable, flight: F) -> None:
        """Its answer is kept elsewhere by now, or never will be."""
        self.landings += 1
        if self._flights.get(key) is flight:
            del self._flights[key]
