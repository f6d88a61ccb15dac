"""Time from the start of the process to the first probe, and cost of a health check.

first probe     from the start of `sidecar run` until its request arrives at the target;
                the engine's API is the stand's (benchmarks/stand.py). Then the same in
                Sidecar's own container, from the start as the engine tells it to the
                wallet's first call as the wallet tells it
healthcheck.py  one check of a server on this machine, beside the same interpreter that
                does nothing, plain and with -I -S
"""

import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import program
from benchmarks.lab import (
    CONTROL_PORT,
    SERVICE,
    address,
    ask,
    lab,
    wait_for,
    wallet_probe,
)
from benchmarks.memory import read_inspected_container, run_sidecar
from benchmarks.stand import Stand
from benchmarks.table import Row, at_most, fraction, spread

OWED_START_S = 1.0
OWED_CHECK = 2.0
HEALTHCHECK = str(Path(__file__).parents[1] / "healthcheck.py")


def measure(*, quick: bool) -> list[Row]:
    """Measure everything, many times."""
    starts, checks = (3, 20) if quick else (10, 100)
    model = read_inspected_container()
    processes = [_first_probe(model) for _ in range(starts)]
    containers = [_first_call() for _ in range(min(starts, 5))]
    return [
        _start_row("process start to first probe", processes),
        _start_row("container start to first probe", containers),
        *_check_rows(model, checks),
    ]


def _start_row(what: str, seconds: list[float]) -> Row:
    return at_most(
        what, spread(seconds), max(seconds), OWED_START_S, unit=" s, every time"
    )


def _first_probe(model: dict[str, Any]) -> float:
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as folder:
        stand = Stand(Path(folder) / "engine.sock", model, 1)
        with stand.serve():
            began = time.monotonic()
            with run_sidecar(stand, Path(folder)):
                (visits,) = stand.visits.values()
                wait_for("a first probe", lambda: bool(visits), 30.0, 0.02)
                return visits[0].came - began


def _first_call() -> float:
    with lab() as opened:
        wallet = opened.wallet("wallet", "startup")
        wallet.start()
        host = address(wallet)
        wait_for("the wallet", lambda: ask(host, CONTROL_PORT, "/state"), 30.0, 0.05)
        probe = wallet_probe(opened.full_name("wallet"))
        targets = {SERVICE: {"probe": probe}}
        sidecar = opened.sidecar("sidecar", {"stack": "startup", "targets": targets})
        sidecar.start()
        calls = wait_for(
            "a first call", lambda: ask(host, CONTROL_PORT, "/calls")["calls"], 30.0
        )
        sidecar.reload()
        started = datetime.fromisoformat(sidecar.attrs["State"]["StartedAt"])
        return float(calls[0]["at"]) - started.timestamp()


def _check_rows(model: dict[str, Any], times: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as folder:
        stand = Stand(Path(folder) / "engine.sock", model, 1)
        with stand.serve():
            url = f"http://127.0.0.1:{stand.port}/{stand.names[0]}"
            return [
                _check_row("python3 -I -S", ["-I", "-S"], url, times),
                _check_row("python3", [], url, times),
            ]


def _check_row(command: str, options: list[str], url: str, times: int) -> Row:
    """Measure alternately, so that both have the same machine load."""
    bare, check = [], []
    for _ in range(times):
        bare.append(_seconds([*options, "-c", "pass"]))
        check.append(_seconds([*options, HEALTHCHECK, "--url", url]))
    ratio = median(check) / median(bare)
    return Row(
        f"healthcheck.py, by {command}; beside it: {command} -c pass",
        f"{median(check) * 1e3:.1f} ms",
        f"{median(bare) * 1e3:.1f} ms",
        fraction(median(check), median(bare)),
        f"< {OWED_CHECK:g}",
        ratio < OWED_CHECK,
    )


def _seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    program.run(measure, __doc__, "fewer times")
