"""Lag of the event loop while answers about 10,000 targets are made.

The process is the real `sidecar run` with 10,000 targets every 30 s, all healthy; the
targets and the engine's API are the stand's (benchmarks/stand.py). Four clients ask for
each answer at once; four listen to the stream of events all the time. The lag is the
worst from the first request to the last byte (benchmarks/lagging.py); beside it is the
worst of the ten seconds before, without a request.
"""

import contextlib
import http.client
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import lagging, program
from benchmarks.lab import wait_for
from benchmarks.listing import (
    EVERY_S,
    OWED_LAG_S,
    run_metered_sidecar,
    wait_until_healthy,
)
from benchmarks.memory import config, read_inspected_container
from benchmarks.stand import Stand
from benchmarks.table import Row, at_most, spread

COUNT = 10_000
CLIENTS = 4
QUIET_S = 10.0
START_S = 120.0
DEADLINE_S = 120.0
PATHS = (
    "/",
    "/page/state.json",
    "/metrics",
    "/api/v1/status",
    "/healthz",
    "/api/v1/balancer/traefik",
    "/api/v2/summary.json",
)
_BROWSER = {"Accept": "text/html"}


class _Answers(NamedTuple):
    """The answers to one path; times of the monotonic clock."""

    path: str
    began: float
    ended: float
    seconds: list[float]
    size_bytes: int


def measure(*, quick: bool) -> list[Row]:
    """Measure each answer, one after the other; ``quick``: with 1,000 targets."""
    count = COUNT // 10 if quick else COUNT
    model = read_inspected_container()
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as name:
        folder = Path(name)
        stand = Stand(folder / "engine.sock", model, count)
        with stand.serve():
            answers = list(_run(stand, folder))
        lags = lagging.read(folder / "lags")
    return [_row(count, answer, lags) for answer in answers]


def _run(stand: Stand, folder: Path) -> Iterator[_Answers]:
    settings = config(stand, EVERY_S)
    with run_metered_sidecar(stand, folder, settings) as (_, port):
        wait_for("a visit", lambda: stand.visits[stand.names[0]], START_S)
        wait_until_healthy(port, len(stand.names))
        for _ in range(CLIENTS):
            threading.Thread(target=_listen, args=(port,), daemon=True).start()
        for path in PATHS:
            time.sleep(QUIET_S)
            yield _ask(port, path)


def _listen(port: int) -> None:
    """Read the stream of events until the server ends."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/api/v1/events")
    response = connection.getresponse()
    with contextlib.suppress(http.client.IncompleteRead):
        while response.read1(65_536):
            pass


def _ask(port: int, path: str) -> _Answers:
    """Ask CLIENTS times at once."""
    seconds: list[float] = []
    sizes: list[int] = []

    def ask() -> None:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        connection.request("GET", path, headers=_BROWSER if path == "/" else {})
        sizes.append(len(connection.getresponse().read()))
        connection.close()
        seconds.append(time.monotonic() - began)

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    began = time.monotonic()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len(sizes) == CLIENTS, f"{path}: only {len(sizes)} clients had an answer"
    return _Answers(path, began, time.monotonic(), seconds, max(sizes))


def _row(count: int, answers: _Answers, lags: list[lagging.Lag]) -> Row:
    worst = _worst(lags, answers.began, answers.ended)
    quiet = _worst(lags, answers.began - QUIET_S, answers.began)
    size = f"{answers.size_bytes / 1e6:.1f} MB in {spread(answers.seconds)}"
    row = at_most(
        f"loop lag (worst), {count:,} targets, {answers.path} for {CLIENTS} at once",
        f"{worst * 1e3:.0f} ms ({size})",
        worst,
        OWED_LAG_S,
        unit=" s",
    )
    return row._replace(beside=f"{quiet * 1e3:.0f} ms without a request")


def _worst(lags: list[lagging.Lag], begin: float, end: float) -> float:
    late = (lag.late_s for lag in lags if begin <= lag.due < end)
    return max(late, default=0.0)


if __name__ == "__main__":
    program.run(measure, __doc__, "1,000 targets")
