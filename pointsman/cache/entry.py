"""What the cache keeps of an answer, and what is asked of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Bytes = NDArray[np.int8]


class Entry(NamedTuple):
    """In memory, for every answer that is kept; its document may lie elsewhere."""

    id: str
    scope: bytes  # keyed hash of everything but the last user text
    exact: bytes  # keyed hash of scope and text
    category: str
    tenant: str | None
    text: str  # the last user message; '' where only equal texts may find it
    vector: Bytes | None  # [dimension], the text's sentence times 127; None likewise
    created: float  # Unix time
    size: int  # bytes of the document
    cost: float = 0.0  # USD that making it took
    seconds: float = 0.0  # likewise
    asker: str | None = None  # who it was made for, where it may be shared only after others have asked for it
    pool: str = ""  # that answered


class Query(NamedTuple):
    scope: bytes
    exact: bytes
    category: str
    text: str
    now: float  # Unix time
    asker: str | None = None  # who asks; an entry that is not shared yet is his own asker's only


class Hit(NamedTuple):
    entry: Entry
    similarity: float  # 1 for an equal text
    exact: bool
    age: float  # seconds
