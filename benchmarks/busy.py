"""The loop of the real `sidecar run` with a thousand targets, kept busy in every way.

The targets and the engine's API are the stand's (benchmarks/stand.py): probes,
listings, restarts, logs and events are real requests over real sockets. The store is
on the disk, and already holds a year (benchmarks/history.py).

lag      how late the loop wakes up, asked every 5 ms (benchmarks/lagging.py); beside
         it an idle loop on the same machine at the same time
writing  each second BLIPS_A_SECOND targets fail once: two changes and a decision each
burst    BURST targets fail at once and stay down until they are restarted, one by one,
         or the burst is over
scrape   the metrics in OpenMetrics, one scrape after the other
report   90 days beside the 90 before, one report after the other
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import lagging
from benchmarks.lab import wait_for
from benchmarks.memory import config
from benchmarks.stand import STACK, Stand
from benchmarks.table import Row, at_most, spread
from tests.support.reserved_port import ReservedPort

COUNT = 1000
BLIPS_A_SECOND = 20
BURST = 200
OWED_LAG_S = 0.02
OWED_ANSWER_S = 1.0
PAUSE_S = 0.5
SETTLE_S = 60.0
"""Longer than the sidecar's own settling after its start (sidecar/app)."""
OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

KEEPS_A_YEAR = {"maintenance": {"retention": "366d"}}
_LAGGING = (sys.executable, "-m", "benchmarks.lagging")

INSPECTED = {
    "Id": "",
    "Name": "",
    "Image": f"sha256:{0:064x}",
    "RestartCount": 0,
    "State": {"OOMKilled": False, "ExitCode": 0, "FinishedAt": "0001-01-01T00:00:00Z"},
    "HostConfig": {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
    "Config": {"Tty": False},
    "NetworkSettings": {"Networks": {f"{STACK}_default": {}}},
}
"""The relevant parts of a container's inspect, as the engine writes them."""


class Phase(NamedTuple):
    """A phase of load, from ``began`` to ``ended`` (the monotonic clock).

    ``took``: seconds of each answer, for a phase of repeated requests.
    """

    what: str
    began: float
    ended: float
    took: tuple[float, ...] = ()


class Busy:
    """One running sidecar, and the load on it."""

    def __init__(self, stand: Stand, port: int, seconds: float) -> None:
        self._stand = stand
        self._seconds = seconds
        self._port = port

    def all_phases(self) -> Iterator[Phase]:
        """Run all phases one after the other."""
        yield measure_phase("alone", lambda: time.sleep(self._seconds))
        yield measure_phase(f"writing {BLIPS_A_SECOND} failures a second", self._write)
        yield measure_phase(f"{BURST} failing at once", self._burst)
        yield self._measure_requests("scraped", "/metrics")
        yield self.measure_reports()

    def measure_reports(self) -> Phase:
        """Request reports repeatedly."""
        return self._measure_requests("reporting 90 days", "/api/v1/report?window=90d")

    def _write(self) -> None:
        until = time.monotonic() + self._seconds
        names = cycle(self._stand.names)
        while time.monotonic() < until:
            self._stand.fail_once |= {next(names) for _ in range(BLIPS_A_SECOND)}
            time.sleep(1.0)

    def _burst(self) -> None:
        self._stand.broken |= set(self._stand.names[:: COUNT // BURST])
        time.sleep(self._seconds)
        self._stand.broken.clear()
        time.sleep(self._seconds / 2)

    def _measure_requests(self, what: str, path: str) -> Phase:
        took = []
        began = time.monotonic()
        while time.monotonic() < began + self._seconds / 2:
            sent_at = time.monotonic()
            self._get(path)
            took.append(time.monotonic() - sent_at)
            time.sleep(PAUSE_S)
        return Phase(what, began, time.monotonic(), tuple(took))

    def _get(self, path: str) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", headers=OPEN_METRICS
        )
        with urllib.request.urlopen(request, timeout=60.0) as answer:
            return bytes(answer.read())


def measure_phase(what: str, work: Callable[[], None]) -> Phase:
    began = time.monotonic()
    work()
    return Phase(what, began, time.monotonic())


def measure(state_dir: Path, count: int, seconds: float) -> Iterator[Row]:
    """The loop's lag with this store; with few targets only the report phase.

    Each phase lasts about ``seconds``.
    """
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as name:
        folder = Path(name)
        stand = Stand(folder / "engine.sock", INSPECTED, count)
        with (
            stand.serve(),
            run_idle_loop(folder / "idle"),
            run_sidecar(stand, folder, state_dir) as port,
        ):
            wait_for("two visits to each target", lambda: has_two_visits(stand), 120.0)
            time.sleep(SETTLE_S)
            busy = Busy(stand, port, seconds)
            phases = (
                tuple(busy.all_phases())
                if count >= COUNT
                else (busy.measure_reports(),)
            )
        lags = lagging.read(folder / "lags"), lagging.read(folder / "idle")
    for phase in phases:
        yield from _rows(phase, *lags, f"{count:,} targets")


def has_two_visits(stand: Stand) -> bool:
    return all(len(visits) >= 2 for visits in stand.visits.values())


@contextmanager
def run_sidecar(stand: Stand, folder: Path, state_dir: Path) -> Iterator[int]:
    """The port of `sidecar run`; its lags are in the folder when it has ended."""
    port, file = ReservedPort(), folder / "sidecar.yaml"
    file.write_text(json.dumps({**config(stand), **KEEPS_A_YEAR}))
    environment = {
        "DOCKER_HOST": f"unix://{stand.socket}",
        "SIDECAR_LISTEN": f"127.0.0.1:{port.number}",
        "SIDECAR_STATE_DIR": str(state_dir),
        lagging.FILE: str(folder / "lags"),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*_LAGGING, "run", "--config", str(file)], env=environment, stderr=log
        )
    try:
        yield port.number
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def run_idle_loop(lags: Path) -> Iterator[None]:
    process = subprocess.Popen([*_LAGGING], env={lagging.FILE: str(lags)})
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def _rows(
    phase: Phase, busy: list[lagging.Lag], idle: list[lagging.Lag], target_count: str
) -> Iterator[Row]:
    p99, worst = _late(phase, busy)
    text = f"{p99 * 1e3:.1f} ms (worst {worst * 1e3:.0f} ms)"
    beside = f"{_late(phase, idle).p99 * 1e3:.1f} ms"
    row = at_most(
        f"loop lag (p99), {target_count}, {phase.what}",
        text,
        p99,
        OWED_LAG_S,
        unit=" s",
    )
    yield row._replace(beside=beside)
    if phase.took:
        middle = median(phase.took)
        text = f"answer, {target_count}, {phase.what}"
        yield at_most(text, spread(list(phase.took)), middle, OWED_ANSWER_S, unit=" s")


class _Late(NamedTuple):
    """Seconds."""

    p99: float
    worst: float


def _late(phase: Phase, lags: list[lagging.Lag]) -> _Late:
    during = sorted(lag.late_s for lag in lags if phase.began <= lag.due < phase.ended)
    return _Late(during[int(len(during) * 0.99)], during[-1])
