"""Where the figures come from: processor, kernel, versions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pointsman.bench.children import Cores
from pointsman.bench.contenders import Rivals

_PACKAGES = ("pointsman", "uvicorn", "uvloop", "httptools", "aiohttp", "orjson", "onnxruntime")


def describe(cores: Cores, rivals: Rivals) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES} | _rivals(rivals),
        "placement": str(cores),
        "load_before": os.getloadavg()[0],
    }


def lines(machine: dict[str, Any], command: str) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return "\n".join(
        [
            f"- Date: {machine['date']}",
            f"- Machine: {machine['processor']}, {machine['cores']} cores; {machine['kernel']}",
            f"- Python {machine['python']}; {versions}",
            f"- Placement: {machine['placement']}",
            f"- Command: `{command}`",
        ]
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _rivals(rivals: Rivals) -> dict[str, str]:
    found = {}
    if rivals.litellm is not None:
        found["LiteLLM"] = _printed([str(rivals.litellm.with_name("python")), "-c", _LITELLM_VERSION])
    if rivals.portkey is not None:
        package = rivals.portkey.resolve().parent.parent / "package.json"
        found["Portkey"] = _printed(["node", "-p", f"require({str(package)!r}).version"])
        found["Node"] = _printed(["node", "--version"]).removeprefix("v")
    return found


_LITELLM_VERSION = "from importlib.metadata import version; print(version('litellm'))"


def _printed(argv: list[str]) -> str:
    """The version that a program prints; it is no reason to give up the measurement if it does not."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"the version of {argv[0]} is unknown: {error}", file=sys.stderr)
        return "?"
    return done.stdout.strip()
