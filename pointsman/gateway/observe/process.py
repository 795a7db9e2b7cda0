"""The process's own memory, time and files, under the names that every Prometheus client gives them; Linux only.

prometheus_client's collector lists /proc/self/fd, and each of its entries lets go of the interpreter's lock: with
thousands of connections a busy event loop stands still for it. Since Linux 6.2 the directory's size is the number."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_SELF = Path("/proc/self")
_FILES = _SELF / "fd"
_MEMORY = _SELF / "statm"


class Process(Collector):
    def __init__(self) -> None:
        self._started = _started() if _MEMORY.exists() else None

    def collect(self) -> Iterator[Metric]:
        if self._started is None:
            return
        virtual, resident = _pages()
        yield _gauge("virtual_memory_bytes", "Virtual memory size in bytes.", virtual * resource.getpagesize())
        yield _gauge("resident_memory_bytes", "Resident memory size in bytes.", resident * resource.getpagesize())
        yield _gauge("start_time_seconds", "Start time of the process since the Unix epoch.", self._started)
        yield _gauge("open_fds", "Number of open file descriptors.", _open_files())
        yield _gauge("max_fds", "Maximum number of open file descriptors.", _max_files())
        yield CounterMetricFamily(
            "process_cpu_seconds", "Total user and system CPU time spent in seconds.", value=time.process_time()
        )

    def describe(self) -> Iterator[Metric]:
        return iter(())


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"process_{name}", help, value=value)


def _started() -> float:
    """Unix time."""
    ticks = (_SELF / "stat").read_text().rpartition(")")[2].split()[19]
    uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - uptime + int(ticks) / os.sysconf("SC_CLK_TCK")


def _pages() -> tuple[int, int]:
    virtual, resident = _MEMORY.read_text().split()[:2]
    return int(virtual), int(resident)


def _open_files() -> int:
    return _FILES.stat().st_size or len(os.listdir(_FILES))


def _max_files() -> float:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return float("inf") if soft == resource.RLIM_INFINITY else soft
