"""Lag of the event loop while a stack of 10,000 containers is listed.

The process is the real `sidecar run`, the engine's API is the stand's
(benchmarks/stand.py). The settings name one target, and of the other containers none,
1,000 or all are targets by their labels; or the settings name all. The lag is that of
the whole run, with its start (benchmarks/lagging.py). Where all are targets, the start
has a row of its own: until all are healthy, more is asked than a machine can do.
"""

import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from benchmarks import lagging, program
from benchmarks.lab import wait_for
from benchmarks.memory import config, read_inspected_container, run_sidecar
from benchmarks.stand import Stand
from benchmarks.table import Row, at_most

COUNT = 10_000
LABELLED = 1_000
LABELS = {
    "sidecar.enable": "true",
    "sidecar.probe.type": "running",
    "sidecar.interval": "30s",
}
EVERY_S = 30.0
"""Not 10 s: the lag of a full core is no lag of a list. benchmarks/memory.py has it."""
HEALTHY_S = 600.0
SECONDS = 75.0
"""Two listings at least: they are 30 s apart."""
START_S = 120.0
OWED_LAG_S = 0.2


def measure(*, quick: bool) -> list[Row]:
    """Measure with unmonitored containers, then with labelled ones as well."""
    model = read_inspected_container()
    seconds = SECONDS / 2 if quick else SECONDS
    return [
        *_rows(model, "0 by labels", 0, seconds),
        *_rows(model, f"{LABELLED:,} by labels", LABELLED, seconds),
        *_rows(model, f"{COUNT:,} by labels", COUNT, seconds),
        *_rows(model, f"{COUNT:,} by settings", None, seconds),
    ]


def _rows(
    model: dict[str, Any],
    which: str,
    labelled: int | None,
    seconds: float,
) -> Iterator[Row]:
    """``labelled`` None: all are targets by the settings."""
    are_all = labelled in {None, COUNT}
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as name:
        folder = Path(name)
        stand = Stand(folder / "engine.sock", model, COUNT)
        if labelled is not None:
            stand.label(stand.names[1 : labelled + 1], LABELS)
        with stand.serve():
            settings = (
                config(stand, EVERY_S) if labelled is None else _one_target(stand)
            )
            started = _run(stand, folder, settings, seconds, are_all=are_all)
        lags = lagging.read(folder / "lags")
    what = f"loop lag (worst), {COUNT:,} containers listed, {which}"
    if are_all:
        late = sorted(lag.late_s for lag in lags if lag.due < started)
        yield Row(f"{what}, start", _figure(late))
        lags = [lag for lag in lags if lag.due >= started]
    late = sorted(lag.late_s for lag in lags)
    yield at_most(what, _figure(late), late[-1], OWED_LAG_S, unit=" s")


def _figure(late: list[float]) -> str:
    p99, worst = late[int(len(late) * 0.99)], late[-1]
    return f"{worst * 1e3:.0f} ms (p99 {p99 * 1e3:.1f} ms)"


def _run(
    stand: Stand,
    folder: Path,
    settings: Mapping[str, Any],
    seconds: float,
    *,
    are_all: bool,
) -> float:
    """Run until the first target was probed or all work, and ``seconds`` longer.

    The moment when that was, by the monotonic clock.
    """
    with run_metered_sidecar(stand, folder, settings) as (_, port):
        wait_for("a visit", lambda: stand.visits[stand.names[0]], START_S)
        if are_all:
            wait_until_healthy(port, COUNT)
        began = time.monotonic()
        time.sleep(seconds)
        return began


def wait_until_healthy(port: int, count: int) -> None:
    """Wait until ``count`` targets are known and all of them are healthy."""

    def look() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTHY_S)
        try:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            body = json.loads(answer.read())
        finally:
            connection.close()
        return answer.status == http.client.OK and len(body["targets"]) == count

    wait_for(f"{count} healthy targets", look, HEALTHY_S, every_s=10.0)


def run_metered_sidecar(
    stand: Stand, folder: Path, settings: Mapping[str, Any]
) -> AbstractContextManager[tuple["subprocess.Popen[bytes]", int]]:
    """`sidecar run`, which writes its loop's lags to the file ``lags`` at its end."""
    variables = {lagging.FILE: str(folder / "lags")}
    return run_sidecar(stand, folder, settings, "benchmarks.lagging", variables)


def _one_target(stand: Stand) -> Mapping[str, Any]:
    settings, first = config(stand), stand.names[0]
    return {**settings, "targets": {first: settings["targets"][first]}}


if __name__ == "__main__":
    program.run(measure, __doc__, "one listing each")
