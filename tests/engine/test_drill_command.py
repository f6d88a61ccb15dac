"""``sidecar drill`` in a real stack: as planned, by ``chaos run``, and refused."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.harness import (
    WALLET,
    Json,
    SidecarBox,
    Stack,
    config,
    wallet_target,
)
from tests.support.container_commands import run_in

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

CHAOS = Path(sys.executable).with_name("chaos")
FAULTS = ("slow", "upstream")
SLOW = {"slow_after": "700ms"}
PLANNED_AFTER_S = 15


def drill(watcher: SidecarBox, *arguments: str) -> tuple[int, str]:
    """Exit status and output of the command in the sidecar's container."""
    result = run_in(watcher.docker, ["sidecar", "drill", *arguments])
    return result.exit_code, result.output.decode()


def soon() -> str:
    """A cron line, with seconds, that is due when the stack has just become healthy."""
    due = datetime.now(UTC) + timedelta(seconds=PLANNED_AFTER_S)
    return f"{due.second} {due.minute} {due.hour} * * *"


def last(watcher: SidecarBox) -> Json:
    """The last drill that has ended."""
    drills = watcher.get_api("/drills")["drills"]
    assert drills
    return dict(drills[0])


def run_experiment(experiment: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "experiment.json").write_text(experiment)
    return subprocess.run(
        [CHAOS, "--no-version-check", "--no-log-file", "run", "experiment.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_drills_run_as_planned_and_by_chaos_but_lose_no_wallet(
    stack: Stack, tmp_path: Path
) -> None:
    wallet = stack.wallet()
    objective = {"detect": "30s", "recover": "1m"}
    plan = {"cron": soon(), "fault": "slow"}
    target = wallet_target(SLOW) | {"objective": objective, "drill": plan}
    watcher = stack.sidecar(config({WALLET: target}))
    stack.wait_healthy(WALLET)
    began_at = wallet.started_at
    planned = stack.wait_for("the planned drill has ended", lambda: last(watcher), 60.0)
    assert (planned["trigger"], planned["outcome"]) == ("planned", "passed")

    status, said = drill(watcher, WALLET, "--fault", "kill", "--yes")
    assert status == 3
    assert "can lose money" in said
    assert "is on a volume without a name" in said

    command = f"docker exec {watcher.name} sidecar"
    faults = [word for fault in FAULTS for word in ("--fault", fault)]
    status, experiment = drill(watcher, "export", WALLET, *faults, "--command", command)
    assert status == 0
    result = run_experiment(experiment, tmp_path)
    assert result.returncode == 0, result.stderr
    journal = json.loads((tmp_path / "journal.json").read_text())
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    drills = [json.loads(run["output"]["stdout"])[0] for run in journal["run"]]
    assert [(d["fault"], d["outcome"]) for d in drills] == [
        (f, "passed") for f in FAULTS
    ]

    _, listed = drill(watcher, "list")
    rows = [line.split() for line in listed.partition("\n\n")[0].splitlines()]
    assert [row[2] for row in rows] == ["FAULT", *FAULTS[::-1], "slow"]
    assert (
        f'drill_last_result{{fault="slow",target="{WALLET}"}} 1.0' in watcher.metrics()
    )
    assert wallet.started_at == began_at
