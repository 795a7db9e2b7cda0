"""What a kubelet and a Prometheus see meanwhile: latencies of /healthz and /metrics, and the gateway's memory.

`python -m pointsman.bench.probes --url URL --pid PID --seconds S` prints one JSON object. `/healthz` is asked on a new
connection each time, as a kubelet does, `/metrics` on one that stays, as Prometheus does."""

from __future__ import annotations

import argparse
import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import orjson

from pointsman.bench.children import resident_mb
from pointsman.bench.load import address

PATIENCE = 2.0
"""Seconds until a probe has failed, and what then counts as its latency."""


@dataclass(frozen=True, slots=True)
class Probed:
    """Seconds, and MB; `resident` from the first to the last sample."""

    healthz: list[float]
    metrics: list[float]
    failures: list[str]
    resident: list[float]


class Prober:
    def __init__(self, url: str, pid: int, seconds: float, interval: float) -> None:
        self._host, self._port = address(url)
        self._pid = pid
        self._end = time.monotonic() + seconds
        self._interval = interval
        self._failures: list[str] = []

    def run(self) -> Probed:
        healthz: list[float] = []
        metrics: list[float] = []
        resident: list[float] = []
        kept = self._connection()
        tasks: list[Callable[[], None]] = [
            lambda: healthz.append(self._ask(self._connection(), "/healthz", keep=False)),
            lambda: metrics.append(self._ask(kept, "/metrics", keep=True)),
            lambda: resident.append(resident_mb(self._pid)),
        ]
        threads = [threading.Thread(target=self._often, args=(task,)) for task in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept.close()
        return Probed(healthz, metrics, self._failures, resident)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)

    def _often(self, task: Callable[[], None]) -> None:
        due = time.monotonic()
        while due < self._end:
            time.sleep(max(0.0, due - time.monotonic()))
            task()
            due = max(due + self._interval, time.monotonic())

    def _ask(self, connection: http.client.HTTPConnection, path: str, *, keep: bool) -> float:
        began = time.perf_counter()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            seconds = time.perf_counter() - began
            if answer.status != 200:
                self._failures.append(f"{path}: {answer.status}")
                seconds = PATIENCE
        except (OSError, http.client.HTTPException) as error:
            self._failures.append(f"{path}: {type(error).__name__}")
            seconds = PATIENCE
            keep = False
        if not keep:
            connection.close()
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--interval", type=float, default=0.1)
    options = parser.parse_args()
    prober = Prober(options.url, options.pid, options.seconds, options.interval)
    print(orjson.dumps(asdict(prober.run())).decode())


if __name__ == "__main__":
    main()
