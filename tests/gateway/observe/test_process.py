from __future__ import annotations

import os
import sys
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.process_collector import ProcessCollector

from pointsman.gateway.observe import process
from pointsman.gateway.observe.process import Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def read() -> dict[str, float]:
    return {sample.name: sample.value for metric in Process().collect() for sample in metric.samples}


def test_the_names_are_those_of_the_prometheus_client() -> None:
    theirs = ProcessCollector(registry=None).collect()
    assert set(read()) == {sample.name for metric in theirs for sample in metric.samples}


def test_the_values_are_those_of_the_prometheus_client() -> None:
    ours = read()
    theirs = {s.name: s.value for metric in ProcessCollector(registry=None).collect() for s in metric.samples}
    for name in ("process_virtual_memory_bytes", "process_resident_memory_bytes"):
        assert ours[name] == pytest.approx(theirs[name], rel=0.2)
    assert ours["process_start_time_seconds"] == pytest.approx(theirs["process_start_time_seconds"], abs=2)
    assert ours["process_max_fds"] == theirs["process_max_fds"]
    assert 0 < ours["process_cpu_seconds_total"] <= time.process_time()


class OldFolder:
    """Its size tells nothing."""

    def stat(self) -> os.stat_result:
        return os.stat_result([0] * 10)

    def __fspath__(self) -> str:
        return "/proc/self/fd"


@pytest.mark.parametrize("size", [None, 0], ids=["this kernel", "one before Linux 6.2"])
def test_open_files_are_counted(size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if size is not None:
        monkeypatch.setattr(process, "_FILES", OldFolder())
    before = read()["process_open_fds"]
    reader, writer = os.pipe()
    try:
        assert read()["process_open_fds"] == before + 2
    finally:
        os.close(reader)
        os.close(writer)


def test_a_registry_can_write_them() -> None:
    registry = CollectorRegistry()
    registry.register(Process())
    assert b"\nprocess_cpu_seconds_total " in generate_latest(registry)
