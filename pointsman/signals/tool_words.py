"""How much of what a user asks a tool's description says, by its letters.

A text is the groups of four letters in its words, each word between spaces: these match across inflections and within
compounds, and in scripts without spaces. They are weighted as in BM25 (Robertson and Zaragoza, 2009), with the tools
that are offered as the collection. A group of four bytes is a number, so that thousands of tools are compared in
few passes over one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointsman.signals.encoder.encoding import Vector

Groups = NDArray[np.uint32]

_MOST = 192  # groups of a query: the first and the last half of them
_K, _B = 1.2, 0.6  # how fast repetition wears out, and how much length counts
_SPACE = 32
_BUCKETS = 1 << 16


_PLAIN = bytes(byte if byte > 127 or chr(byte).isalnum() else _SPACE for byte in range(256))


class ToolWords:
    """Built once for a list of tools, each as one text."""

    def __init__(self, texts: Sequence[str]) -> None:
        found = [_plain(text) for text in texts]
        groups = _groups(b"".join(found))
        within = np.flatnonzero(_within(groups))
        owners = np.repeat(np.arange(len(found), dtype=np.uint16), [len(text) for text in found])
        self._groups, self._tools = groups[within], owners[within]
        lengths = np.bincount(self._tools, minlength=len(found))
        usual = max(1.0, lengths.sum() / max(1, len(found)))
        self._long = (_K * (1 - _B + _B * lengths / usual)).astype(np.float32)[:, None]

    def share(self, query: str) -> Vector:
        """[tools], in [0, 1]: of the query's groups, weighted by how few tools have them, what each tool has."""
        asked = _asked(query)
        often = self._occurrences(asked)
        having = (often > 0).sum(0)
        rare = np.log(1 + (len(often) - having + 0.5) / (having + 0.5)).astype(np.float32)
        found: Vector = (often / (often + self._long)) @ rare
        return found / max(float(rare.sum()), 1e-9)

    def _occurrences(self, asked: Groups) -> NDArray[np.float32]:
        """[tools, asked]"""
        column = np.full(_BUCKETS, -1, np.int16)
        # Of two groups in one bucket the first is not found, which is too rare to matter.
        column[_bucket(asked)] = np.arange(len(asked))
        columns = column[_bucket(self._groups)]
        hits = np.flatnonzero(columns >= 0)
        hits = hits[asked[columns[hits]] == self._groups[hits]]
        cells = self._tools[hits].astype(np.int64) * len(asked) + columns[hits]
        tools = len(self._long)
        return np.bincount(cells, minlength=tools * len(asked)).reshape(tools, len(asked)).astype(np.float32)


def _plain(text: str) -> bytes:
    """UTF-8 in lower case between spaces, with a space for every sign of ASCII."""
    return b" " + text.lower().encode("utf-8", "replace").translate(_PLAIN) + b"   "


def _groups(text: bytes) -> Groups:
    """Every four bytes that follow each other, the first one lowest; as many as there are bytes."""
    return np.ndarray((len(text),), "<u4", text + b"   ", 0, (1,)).astype(np.uint32)


def _within(groups: Groups) -> NDArray[np.bool_]:
    """Those of one word: a space stands at an end of them only."""
    found: NDArray[np.bool_] = (groups & 0xFF00 != _SPACE << 8) & (groups & 0xFF0000 != _SPACE << 16)
    return found


def _bucket(groups: Groups) -> Groups:
    return groups * np.uint32(0x9E3779B1) >> np.uint32(16)


def _asked(query: str) -> Groups:
    """Different groups of the query."""
    groups = _groups(_plain(query))
    groups = groups[_within(groups)]
    if len(groups) > _MOST:
        groups = np.concatenate((groups[: _MOST // 2], groups[-_MOST // 2 :]))
    return np.asarray(sorted(set(groups.tolist())), np.uint32)
