"""Effect of many malicious clients on the HTTP server and the probes.

1,000 connections that send a line of a head a second, 130 that send heads as long as
the server takes them, and 100 that ask for much and read nothing (benchmarks/crowd.py),
all from one address. Meanwhile somebody at that address asks for /livez, each time on a
connection of its own, and the targets are probed every two seconds.

memory   how much the resident size grows, at its peak
delay    how much later than its place in the interval a probe's request arrives
"""

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import processes, program
from benchmarks.crowd import Crowd
from benchmarks.lab import wait_for
from benchmarks.memory import config, delays, read_inspected_container, run_sidecar
from benchmarks.stand import Stand
from benchmarks.table import Row, at_most

CROWD = Crowd(slow=1000, huge=130, stalled=100)
INTERVAL_S = 2.0
SETTLE_S = 20.0
LIVEZ_EVERY_S = 0.05
OWED_MB = 20.0
OWED_LIVEZ_S = 0.25
OWED_DELAY_S = INTERVAL_S


class Load(NamedTuple):
    """Measurements under load; times sorted. ``alone_s``: /livez without the crowd.

    ``cores``: CPU seconds per second.
    """

    grown_mb: float
    alone_s: tuple[float, ...]
    livez_s: tuple[float, ...]
    cores: float
    delays_s: tuple[float, ...]
    failed: int


def measure(*, quick: bool) -> list[Row]:
    """With two targets."""
    return list(_rows(_run(15.0 if quick else 60.0)))


def _run(seconds: float) -> Load:
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as folder:
        stand = Stand(Path(folder) / "engine.sock", read_inspected_container(), 2)
        sidecar = run_sidecar(stand, Path(folder), config(stand, INTERVAL_S))
        with stand.serve(), sidecar as (process, port):
            wait_for("visits", lambda: all(map(len, stand.visits.values())), 30.0)
            time.sleep(SETTLE_S)
            alone = _measure_load(stand, process.pid, port, seconds / 2)
            with _crowd(port):
                crowded = _measure_load(stand, process.pid, port, seconds)
            return crowded._replace(alone_s=alone.livez_s)


@contextmanager
def _crowd(port: int) -> Iterator[None]:
    numbers = (f"--{kind}={count}" for kind, count in CROWD._asdict().items())
    command = [sys.executable, "-m", "benchmarks.crowd", str(port), *numbers]
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.kill()
        process.wait(20)


def _measure_load(stand: Stand, pid: int, port: int, seconds: float) -> Load:
    stand.forget_visits()
    before, used = processes.memory(pid).rss, processes.cpu(pid).total
    took: list[float] = []
    peak, failed = before, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        failed += not _is_alive(port)
        took.append(time.monotonic() - began)
        peak = max(peak, processes.memory(pid).rss)
        time.sleep(LIVEZ_EVERY_S)
    late = tuple(sorted(delays(stand, INTERVAL_S)))
    cores = (processes.cpu(pid).total - used) / seconds
    return Load(peak - before, (), tuple(sorted(took)), cores, late, failed)


def _is_alive(port: int) -> bool:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)
    try:
        client.request("GET", "/livez")
        return client.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def _p99(times_s: tuple[float, ...]) -> float:
    return times_s[int(len(times_s) * 0.99)]


def _rows(load: Load) -> Iterator[Row]:
    crowd_text = (
        f"{CROWD.slow:,} slow heads, {CROWD.huge} huge ones, {CROWD.stalled} stalled"
    )
    yield at_most(
        f"growth of the memory, {crowd_text}",
        f"{load.grown_mb:.1f} MB",
        load.grown_mb,
        OWED_MB,
        unit=" MB",
    )
    p99, alone = _p99(load.livez_s), _p99(load.alone_s)
    figure = f"{p99 * 1e3:.0f} ms (worst {load.livez_s[-1] * 1e3:.0f} ms)"
    row = at_most("/livez (p99), the same", figure, p99, OWED_LIVEZ_S, unit=" s")
    yield row._replace(beside=f"{alone * 1e3:.0f} ms without them")
    yield Row("CPU, the same", f"{load.cores * 100:.0f} % of a core")
    failure_text = f"{load.failed} of {len(load.livez_s)}"
    yield at_most("/livez that failed, the same", failure_text, load.failed, 0, unit="")
    worst = load.delays_s[-1]
    figure = f"{worst * 1e3:.0f} ms ({len(load.delays_s)} probes)"
    what = f"schedule delay (worst), targets every {INTERVAL_S:g} s, the same"
    yield at_most(what, figure, worst, OWED_DELAY_S, unit=" s")


if __name__ == "__main__":
    program.run(measure, __doc__, "for 15 s instead of 60 s")
