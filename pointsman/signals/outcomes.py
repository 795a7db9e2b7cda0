"""What became of past prompts at each model, and the file that keeps it for the selectors `knn` and `clusters`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pointsman.signals import fitted, kmeans
from pointsman.signals.encoder.encoding import Encoder, EncoderError
from pointsman.signals.encoder.heads import Head

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MAX_ROWS = 10_000
"""That are kept one by one: to compare a prompt with more takes more than a millisecond."""

MAX_CLUSTERS = 48
_ROWS_EACH = 20
"""At least, on average, of a cluster: of fewer the means say little."""


class Outcomes(NamedTuple):
    models: tuple[str, ...]  # names of pools, or of pools' models
    vectors: Floats  # [rows, dimension], of length 1
    scores: Floats  # [rows, models]: quality in [0, 1]; NaN where it is not known
    centres: Floats  # [clusters, dimension], of length 1
    evidence: Doubles  # [clusters, models]: how many known scores there are, of rows that are not kept, too
    totals: Doubles  # [clusters, models]: their sums

    @property
    def means(self) -> Doubles:
        """[models]; NaN where nothing is known."""
        known = self.evidence.sum(0)
        found: Doubles = np.divide(self.totals.sum(0), known, out=np.full(len(known), np.nan), where=known > 0)
        return found

    @property
    def fingerprint(self) -> int:
        """Of the clusters: what was learned of others says nothing of these."""
        return crc32(np.ascontiguousarray(self.centres, np.float32).tobytes())


def gather(models: Sequence[str], vectors: Floats, scores: Floats) -> Outcomes:
    """`scores` [rows, models]; of more than `MAX_ROWS` rows an even sample is kept, and the clusters know all."""
    centres = kmeans.centres(vectors, int(np.clip(len(vectors) // _ROWS_EACH, 1, MAX_CLUSTERS)))
    owners, known = kmeans.nearest(vectors, centres), ~np.isnan(scores)
    evidence, totals = np.zeros((2, len(centres), len(models)))
    np.add.at(evidence, owners, known)
    np.add.at(totals, owners, np.where(known, scores, 0.0))
    kept = np.unique(np.linspace(0, len(vectors) - 1, min(len(vectors), MAX_ROWS)).astype(np.int64))
    return Outcomes(tuple(models), vectors[kept], scores[kept].astype(np.float32), centres, evidence, totals)


class Table(NamedTuple):
    """Outcomes, and the encoder that they know."""

    path: Path
    outcomes: Outcomes
    encoder: str
    probes: Floats

    def check(self, encoder: Encoder) -> None:
        """EncoderError if that is another one."""
        if not fitted.same(encoder, self.probes):
            raise EncoderError(
                f"{self.path} was fitted for another encoder (`{self.encoder}`, {self.probes.shape[1]} dimensions; "
                f"here is `{encoder.name}` with {encoder.dimension}): run `pointsman fit selector` again with "
                "`--config`, this configuration."
            )


def save(path: Path, outcomes: Outcomes, encoder: Encoder, need: Head | None = None) -> None:
    """`need` is what `fitted.load` finds in the same file. OSError if that is not possible."""
    arrays: dict[str, Any] = {
        **outcomes._asdict(),
        "vectors": outcomes.vectors.astype(np.float16),
        **fitted.known(encoder),
        **({} if need is None else {**fitted.arrays(need), "told": need.weights.shape[1] - encoder.dimension}),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: Path) -> Table:
    """ValueError with the fix if the file cannot be used."""
    try:
        with np.load(path.expanduser(), allow_pickle=False) as file:
            outcomes = Outcomes(
                tuple(str(model) for model in file["models"]),
                file["vectors"].astype(np.float32),
                file["scores"].astype(np.float32),
                file["centres"].astype(np.float32),
                file["evidence"].astype(np.float64),
                file["totals"].astype(np.float64),
            )
            found = Table(path, outcomes, str(file["encoder"]), file["probes"])
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no such file"
        raise ValueError(
            f"the outcomes {path} cannot be read ({reason}); make them with `pointsman fit selector`"
        ) from None
    if not _sound(outcomes, found.probes):
        raise ValueError(f"the outcomes {path} are damaged; make them again with `pointsman fit selector`")
    return found


def _sound(found: Outcomes, probes: Floats) -> bool:
    models, width = len(found.models), probes.shape[-1:]
    rows, clusters = len(found.vectors), len(found.centres)
    return (
        0 < rows <= MAX_ROWS
        and 0 < clusters <= MAX_CLUSTERS
        and found.vectors.shape == (rows, *width)
        and found.centres.shape == (clusters, *width)
        and found.scores.shape == (rows, models)
        and found.evidence.shape == found.totals.shape == (clusters, models)
        and all(bool(np.isfinite(a).all()) for a in (found.vectors, found.centres, found.evidence, found.totals))
    )
