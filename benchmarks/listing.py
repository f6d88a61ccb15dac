"""Lag of the event loop while a stack of 10,000 containers is listed.

The process is the real `sidecar run`, the engine's API is the stand's
(benchmarks/stand.py). The settings name one target. Of the other containers none, or
1,000 by their labels, are targets. The lag is that of the whole run, with its start
(benchmarks/lagging.py).
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import lagging, program
from benchmarks.lab import free_port, wait_for
from benchmarks.memory import config, read_inspected_container
from benchmarks.stand import Stand
from benchmarks.table import Row, at_most

COUNT = 10_000
LABELLED = 1_000
LABELS = {"sidecar.enable": "true", "sidecar.probe.type": "running"}
SECONDS = 75.0
"""Two listings at least: they are 30 s apart."""
START_S = 120.0
OWED_LAG_S = 0.2


def measure(*, quick: bool) -> list[Row]:
    """Measure with unmonitored containers, then with labelled ones as well."""
    model = read_inspected_container()
    seconds = SECONDS / 2 if quick else SECONDS
    return [_row(model, labelled, seconds) for labelled in (0, LABELLED)]


def _row(model: dict[str, Any], labelled: int, seconds: float) -> Row:
    with tempfile.TemporaryDirectory(prefix="sidecar-benchmark-") as name:
        folder = Path(name)
        stand = Stand(folder / "engine.sock", model, COUNT)
        stand.label(stand.names[1 : labelled + 1], LABELS)
        with stand.serve():
            _run(stand, folder, seconds)
        late = sorted(lag.late_s for lag in lagging.read(folder / "lags"))
    p99, worst = late[int(len(late) * 0.99)], late[-1]
    what = f"loop lag (worst), {COUNT:,} containers listed, {labelled:,} by labels"
    figure = f"{worst * 1e3:.0f} ms (p99 {p99 * 1e3:.1f} ms)"
    return at_most(what, figure, worst, OWED_LAG_S, unit=" s")


def _run(stand: Stand, folder: Path, seconds: float) -> None:
    """Run until the one target has been probed, and ``seconds`` longer."""
    file = folder / "sidecar.yaml"
    file.write_text(json.dumps(_one_target(stand)))
    environment = {
        "DOCKER_HOST": f"unix://{stand.socket}",
        "SIDECAR_LISTEN": f"127.0.0.1:{free_port()}",
        "SIDECAR_STATE_DIR": str(folder),
        lagging.FILE: str(folder / "lags"),
    }
    command = [sys.executable, "-m", "benchmarks.lagging", "run", "--config", str(file)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        wait_for("a visit", lambda: stand.visits[stand.names[0]], START_S)
        time.sleep(seconds)
    finally:
        process.terminate()
        process.wait(30)


def _one_target(stand: Stand) -> Mapping[str, Any]:
    settings, first = config(stand), stand.names[0]
    return {**settings, "targets": {first: settings["targets"][first]}}


if __name__ == "__main__":
    program.run(measure, __doc__, "one listing each")
