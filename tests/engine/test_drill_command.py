"""``sidecar drill`` in a real stack: as planned, by ``chaos run``, and refused."""

import json
import subprocess
import sys
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
from tests.support.soon_due import plan_soon

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

CHAOS = Path(sys.executable).with_name("chaos")
FAULTS = ("slow", "upstream")
SLOW = {"slow_after": "7s", "timeout": "10s", "hang_after": "20s"}
"""One answer that a busy machine delays must not object to a drill."""


def drill(watcher: SidecarBox, *arguments: str) -> tuple[int, str]:
    """Exit status and output of the command in the sidecar's container."""
    result = run_in(watcher.docker, ["sidecar", "drill", *arguments])
    return result.exit_code, result.output.decode()


def drilled_config(**drill: object) -> Json:
    """The settings of a wallet daemon with an objective, and maybe with a plan."""
    objective = {"detect": "60s", "recover": "120s"}
    target = wallet_target(SLOW) | {"objective": objective} | drill
    return config({WALLET: target})


def last(watcher: SidecarBox) -> Json:
    """The last drill that has ended."""
    drills = watcher.get_api("/drills")["drills"]
    assert drills
    return dict(drills[0])


def run_experiment(experiment: str, folder: Path) -> Json:
    """The journal of an experiment that ``chaos run`` has carried out."""
    (folder / "experiment.json").write_text(experiment)
    result = subprocess.run(
        [CHAOS, "--no-version-check", "--no-log-file", "run", "experiment.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return dict(json.loads((folder / "journal.json").read_text()))


def test_drills_run_as_planned_and_by_chaos_but_lose_no_wallet(
    stack: Stack, tmp_path: Path
) -> None:
    wallet = stack.wallet()
    watcher = stack.sidecar(drilled_config())
    stack.wait_healthy(WALLET)
    began_at = wallet.started_at

    def read_plan(cron: str) -> None:
        plan = {"cron": cron, "fault": "upstream"}
        stack.rewrite_config(json.dumps(drilled_config(drill=plan)))
        watcher.run("sidecar", "reload")

    plan_soon(read_plan, lambda: f"drill of {WALLET}" in watcher.log())
    planned = stack.wait_for(
        "the planned drill has ended", lambda: last(watcher), 180.0
    )
    assert (planned["trigger"], planned["outcome"]) == ("planned", "passed")

    status, said = drill(watcher, WALLET, "--fault", "kill", "--yes")
    assert status == 3
    assert "can lose money" in said
    assert "is on a volume without a name" in said

    command = f"docker exec {watcher.name} sidecar"
    faults = [word for fault in FAULTS for word in ("--fault", fault)]
    status, experiment = drill(watcher, "export", WALLET, *faults, "--command", command)
    assert status == 0
    journal = run_experiment(experiment, tmp_path)
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    outputs = [run["output"] for run in journal["run"]]
    assert [output["status"] for output in outputs] == [0, 0], outputs
    # Not from stdout: ``docker exec`` may lose it (moby 27289).
    _, *chaos_drills = reversed(watcher.get_api("/drills")["drills"])
    assert [(d["fault"], d["outcome"]) for d in chaos_drills] == [
        (f, "passed") for f in FAULTS
    ]

    _, listed = drill(watcher, "list")
    rows = [line.split() for line in listed.partition("\n\n")[0].splitlines()]
    assert [row[2] for row in rows] == ["FAULT", *FAULTS[::-1], "upstream"]
    assert (
        f'drill_last_result{{fault="slow",target="{WALLET}"}} 1.0' in watcher.metrics()
    )
    assert wallet.started_at == began_at
