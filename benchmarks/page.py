"""The status page with 1,000 targets, and what it costs in memory.

The process is the real `sidecar run`; the targets and the engine's API are the stand's
(benchmarks/stand.py).

first byte  from the request of a browser to the first byte of the page
whole page  to its last byte
memory      growth of the resident size (RSS) with two targets, from before the first
            visit to after VISITS pages in both languages
"""

import http.client
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import processes, program
from benchmarks.lab import wait_for
from benchmarks.memory import has_two_visits, read_inspected_container, run_sidecar
from benchmarks.stand import Stand
from benchmarks.table import Row, at_most, spread

MANY = 1000
OWED_FIRST_BYTE_S = 0.05
OWED_GROWTH_MB = 6.0
VISITS = 100
WEIGHED = 20
"""Targets of the page that is weighed."""

OWED_WEIGHT_KB = 150.0
_BROWSER = {"Accept": "text/html", "Accept-Language": "en"}


def measure(*, quick: bool) -> list[Row]:
    """Measure the times with many targets, then weight and memory with few."""
    model = read_inspected_container()
    visits = 10 if quick else VISITS
    return [
        *_measure_times(model, visits),
        *_measure_weight(model),
        *_measure_memory(model, visits),
    ]


def _measure_times(model: dict[str, Any], visits: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as folder:
        stand = Stand(Path(folder) / "engine.sock", model, MANY)
        with stand.serve(), run_sidecar(stand, Path(folder)) as (_, port):
            wait_for("two visits to each target", lambda: has_two_visits(stand), 120.0)
            visit(port)
            times = [visit(port) for _ in range(visits)]
    firsts, wholes = [t[0] for t in times], [t[1] for t in times]
    yield at_most(
        f"status page, first byte, {MANY:,} targets",
        spread([1e3 * s for s in firsts], "ms"),
        median(firsts),
        OWED_FIRST_BYTE_S,
        unit=" s",
    )
    yield Row(
        f"status page, whole, {MANY:,} targets ({times[-1][2] / 1e3:.0f} kB)",
        spread([1e3 * s for s in wholes], "ms"),
    )


def _measure_weight(model: dict[str, Any]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as folder:
        stand = Stand(Path(folder) / "engine.sock", model, WEIGHED)
        with stand.serve(), run_sidecar(stand, Path(folder)) as (_, port):
            wait_for("two visits to each target", lambda: has_two_visits(stand), 120.0)
            paths = ("/", "/static/page.css", "/static/page.js", "/static/strip.js")
            size_kb = sum(visit(port, path)[2] for path in paths) / 1e3
    what = f"status page with style and scripts, {WEIGHED} targets"
    yield at_most(what, f"{size_kb:.0f} kB", size_kb, OWED_WEIGHT_KB, unit=" kB")


def _measure_memory(model: dict[str, Any], visits: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as folder:
        stand = Stand(Path(folder) / "engine.sock", model, 2)
        with stand.serve(), run_sidecar(stand, Path(folder)) as (process, port):
            wait_for("two visits to each target", lambda: has_two_visits(stand), 120.0)
            time.sleep(30.0)  # listings, and the freeze of the objects of the start
            before = processes.memory(process.pid).rss
            for nth in range(visits):
                visit(port, f"/?lang={('en', 'ko')[nth % 2]}")
            after = processes.memory(process.pid).rss
    grown = after - before
    text = f"+{grown:.1f} MB ({before:.0f} to {after:.0f})"
    what = "memory of the status page in use, 2 targets"
    yield at_most(what, text, grown, OWED_GROWTH_MB, unit=" MB")


def visit(port: int, path: str = "/") -> tuple[float, float, int]:
    """Ask for a page: seconds to the first byte and to the last, and its size."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
    try:
        began = time.perf_counter()
        connection.request("GET", path, headers=_BROWSER)
        response = connection.getresponse()
        size = len(response.read(1))
        first_s = time.perf_counter() - began
        size += len(response.read())
        return first_s, time.perf_counter() - began, size
    finally:
        connection.close()


if __name__ == "__main__":
    program.run(measure, __doc__, "fewer visits")
