"""Memory and CPU of Sidecar with 2 to 10,000 targets, probed every 10 s.

The process is the real `sidecar run`; the targets and the engine's API are the stand's
(benchmarks/stand.py), for a thousand containers do not fit here. One of them is said to
have a health event every second, all are listed every 30 s, and the metrics are
scraped every 15 s, as Prometheus does. The stand and Sidecar have a core each, where
there are two. First comes Sidecar's own container, with two
targets on the real engine.

memory   resident (RSS) at the end of the measurement; PSS shares out what several
         processes map
delay    how much later than its place in the interval a probe's request arrives at the
         target; the place is that of the target's earliest request
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import processes, program
from benchmarks.lab import (
    SERVICE,
    ask_text,
    find_sample,
    http_probe,
    lab,
    pid,
    wait_for,
    wallet_probe,
)
from benchmarks.stand import STACK, Stand
from benchmarks.table import Row, at_most
from tests.support.reserved_port import ReservedPort

INTERVAL_S = 10.0
SCRAPE_EVERY_S = 15.0
SCRAPE_WITHIN_S = 60.0
SETTLE_S = 11 * INTERVAL_S
"""A probe moves towards its place by a tenth of the interval at most, each time."""
LATE_S = 0.05 * INTERVAL_S
"""The average delay of probes beyond which the start is not over; Sidecar, too, says
below it that an overload has ended."""
SETTLE_MOST_S = 400.0
"""After so long the measurement begins, whatever the delay is."""
OWED_MB = {2: 60.0, 1000: 120.0, 10_000: 300.0}
OWED_CORE = {1000: 0.25, 10_000: 1.0}
OWED_DELAY_S = {1000: 0.1, 10_000: 0.25}
START_S = 300.0


class Usage(NamedTuple):
    """Use of one run; ``delays`` in seconds, sorted."""

    memory: processes.Memory
    cores: float
    delays: tuple[float, ...]


def measure(*, quick: bool) -> list[Row]:
    """Measure in a container, then with increasing numbers of targets."""
    rows = [_container_row()]
    model = read_inspected_container()
    for count in (2, 1000) if quick else (2, 100, 1000, 10_000):
        seconds = 45.0 if quick or count < 1000 else 90.0
        rows += _rows(count, _run(model, count, seconds))
    return rows


def _container_row() -> Row:
    with lab() as opened:
        wallet = opened.wallet("wallet", "memory")
        host = opened.full_name("wallet")
        other = opened.wallet("other", "memory-other")
        targets = {
            SERVICE: {"container": host, "probe": wallet_probe(host)},
            "http": {
                "container": opened.full_name("other"),
                "probe": http_probe(opened.full_name("other")),
            },
        }
        sidecar = opened.sidecar("sidecar", {"stack": "memory", "targets": targets})
        for container in (wallet, other, sidecar):
            container.start()
        time.sleep(40.0)  # a listing, and some probes of each
        measurements = [processes.memory(pid_) for pid_ in processes.tree(pid(sidecar))]
    memory = max(measurements)
    text = f"{memory.rss:.0f} MB (PSS {memory.pss:.0f})"
    return at_most(
        "memory in its container, 2 targets on the real engine",
        text,
        memory.rss,
        OWED_MB[2],
        unit=" MB",
    )


def read_inspected_container() -> dict[str, Any]:
    """The engine's inspect of a running container."""
    with lab() as opened:
        wallet = opened.wallet("model", STACK)
        wallet.start()
        wallet.reload()
        return dict(wallet.attrs)


def _run(model: dict[str, Any], count: int, seconds: float) -> Usage:
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as folder:
        stand = Stand(Path(folder) / "engine.sock", model, count)
        with (
            _on_one_core() as other_cores,
            stand.serve(),
            run_sidecar(stand, Path(folder)) as (process, port),
        ):
            os.sched_setaffinity(process.pid, other_cores)
            wait_for(
                "two visits to each target", lambda: has_two_visits(stand), START_S
            )
            _settle(port)
            return _measure_usage(stand, process.pid, port, seconds)


@contextmanager
def _on_one_core() -> Iterator[set[int]]:
    """Have this process, which is the stand, on one core; the cores for Sidecar."""
    cores = os.sched_getaffinity(0)
    first = {min(cores)}
    os.sched_setaffinity(0, first)
    try:
        yield cores - first or first
    finally:
        os.sched_setaffinity(0, cores)


def _settle(port: int) -> None:
    """Wait until the overload of the start has been over for SETTLE_S."""
    began = since = time.monotonic()
    while (now := time.monotonic()) - since < SETTLE_S and now - began < SETTLE_MOST_S:
        time.sleep(SCRAPE_EVERY_S)
        if _read_delay_s(port) > LATE_S:
            since = time.monotonic()


def _read_delay_s(port: int) -> float:
    name = "sidecar_probe_delay_seconds"
    delay_s = find_sample(_read_metrics(port), name)
    if delay_s is None:
        raise LookupError(f"Sidecar has no metric {name}")
    return delay_s


def has_two_visits(stand: Stand) -> bool:
    return all(len(visits) >= 2 for visits in stand.visits.values())


def _measure_usage(stand: Stand, pid_: int, port: int, seconds: float) -> Usage:
    stop = threading.Event()
    scraping = threading.Thread(target=_scrape, args=(port, stop))
    scraping.start()
    stand.forget_visits()
    began, before = time.monotonic(), processes.cpu(pid_).total
    time.sleep(seconds)
    used, took = processes.cpu(pid_).total - before, time.monotonic() - began
    stop.set()
    scraping.join()
    return Usage(processes.memory(pid_), used / took, tuple(sorted(delays(stand))))


def _scrape(port: int, stop: threading.Event) -> None:
    while not stop.wait(SCRAPE_EVERY_S):
        _read_metrics(port)


def _read_metrics(port: int) -> str:
    return ask_text("127.0.0.1", port, "/metrics", timeout_s=SCRAPE_WITHIN_S)


def delays(stand: Stand, interval_s: float = INTERVAL_S) -> Iterator[float]:
    """Seconds by which each visit was later than its place in the interval."""
    for visits in stand.visits.values():
        if not visits:
            continue
        # Half an interval of room: the earliest need not be the first.
        origin = visits[0].came - interval_s / 2
        phases = [(visit.came - origin) % interval_s for visit in visits]
        yield from (phase - min(phases) for phase in phases)


@contextmanager
def run_sidecar(
    stand: Stand,
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    module: str = "sidecar",
    variables: Mapping[str, str] | None = None,
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """`sidecar run` on the stand's engine, and the port it listens on.

    ``settings`` None: all targets of the stand. ``module`` runs it, with ``variables``
    in its environment.
    """
    port, file = ReservedPort(), folder / "sidecar.yaml"
    file.write_text(json.dumps(settings or config(stand)))
    command = [sys.executable, "-m", module, "run", "--config", str(file)]
    environment = {
        "DOCKER_HOST": f"unix://{stand.socket}",
        "SIDECAR_LISTEN": f"127.0.0.1:{port.number}",
        "SIDECAR_STATE_DIR": str(folder),
        **(variables or {}),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        yield process, port.number
    finally:
        process.terminate()
        process.wait(30)


def config(stand: Stand, interval_s: float = INTERVAL_S) -> Mapping[str, Any]:
    """The settings that watch the stand's targets."""
    address = f"http://127.0.0.1:{stand.port}"
    return {
        "stack": STACK,
        "defaults": {"interval": f"{interval_s:g}s"},
        "targets": {
            name: {"probe": {"type": "http", "url": f"{address}/{name}"}}
            for name in stand.names
        },
    }


def _rows(count: int, usage: Usage) -> Iterator[Row]:
    memory = f"{usage.memory.rss:.0f} MB (PSS {usage.memory.pss:.0f})"
    core = f"{usage.cores * 100:.1f} % of a core"
    p99 = usage.delays[int(len(usage.delays) * 0.99)]
    delay = f"{p99 * 1e3:.1f} ms"
    many = f"{count:,} targets every {INTERVAL_S:.0f} s"
    if count in OWED_MB:
        limit = OWED_MB[count]
        yield at_most(f"memory, {many}", memory, usage.memory.rss, limit, unit=" MB")
    else:
        yield Row(f"memory, {many}", memory)
    if count not in OWED_CORE:
        yield Row(f"CPU, {many}", core)
        yield Row(f"schedule delay (p99), {many}", delay)
        return
    yield at_most(f"CPU, {many}", core, usage.cores, OWED_CORE[count], unit=" core")
    yield at_most(
        f"schedule delay (p99), {many}", delay, p99, OWED_DELAY_S[count], unit=" s"
    )


if __name__ == "__main__":
    program.run(measure, __doc__, "shorter, without 100")
