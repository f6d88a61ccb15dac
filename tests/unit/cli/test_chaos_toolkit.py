"""Experiments and journals of drills, beside those of the Chaos Toolkit itself."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sidecar.api_types.drills import (
    DrillMeasures,
    DrillMessages,
    DrillSummary,
    DrillTimes,
)
from sidecar.cli.chaos_toolkit import (
    ExperimentPlan,
    Machine,
    write_experiment,
    write_journal,
)

CHAOS = Path(sys.executable).with_name("chaos")
MACHINE = Machine("here", "Linux")
STAND_IN = """#!/bin/sh
# Stands for `sidecar`: its verdict on the fault of the second drill is "not passed".
echo "$@" >> "$0.calls"
case "$*" in
  *"drill last"*hang*) grep -q "drill run.*hang --yes --json" "$0.calls" && exit 1 ;;
esac
exit 0
"""


def summary(outcome: str = "passed", fault: str = "kill") -> DrillSummary:
    return DrillSummary(
        id="01J0000000000000000000000A",
        target="wallet",
        fault=fault,
        cured=True,
        trigger="operator",
        phase=None,
        outcome=outcome,
        reason="",
        reason_code="",
        began="2026-01-01T00:00:00.000Z",
        injected="2026-01-01T00:00:01.000Z",
        undone="2026-01-01T00:00:20.000Z",
        ended="2026-01-01T00:00:30.500Z",
        objective=DrillTimes(30.0, 120.0),
        seconds=DrillMeasures(2.8, 9.0, 2.9),
        acts=(),
        messages=DrillMessages(held=2, sent=0),
    )


def plan(command: str = "sidecar") -> ExperimentPlan:
    return ExperimentPlan("wallet", ("kill", "hang"), "30s", yes=True, command=command)


def chaos(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CHAOS, "--no-version-check", "--no-log-file", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shape(document: object) -> object:
    """The members of a document with the types of their values."""
    if isinstance(document, dict):
        return {key: shape(value) for key, value in document.items()}
    return type(document).__name__


def test_chaos_runs_the_experiment_and_deviates_where_a_drill_misses(
    tmp_path: Path,
) -> None:
    stand_in = tmp_path / "sidecar"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    experiment = write_experiment(plan(f"env WHY=none {stand_in}"))
    (tmp_path / "experiment.json").write_text(json.dumps(experiment))
    result = chaos("run", "experiment.json", folder=tmp_path)
    assert result.returncode == 1, result.stderr
    real = json.loads((tmp_path / "journal.json").read_text())
    assert (real["status"], real["deviated"]) == ("completed", True)
    assert real["steady_states"]["before"]["steady_state_met"]
    calls = (tmp_path / "sidecar.calls").read_text().splitlines()
    assert calls[1] == "drill last wallet --fault kill --within 2m"
    assert calls[3:5] == [
        f"drill run wallet --fault {fault} --yes --json" for fault in ("kill", "hang")
    ]
    assert calls[-1] == "drill cancel wallet"

    ours = write_journal(plan(), [summary(), summary("missed", "hang")], MACHINE)
    assert shape({**ours, "experiment": {}}) == shape({**real, "experiment": {}})
    for part in ("before", "after"):
        (ours_probe, *_), (real_probe, *_) = (
            journal["steady_states"][part]["probes"] for journal in (ours, real)
        )
        assert shape(ours_probe) == shape(real_probe)
    assert ours["run"][0].keys() == real["run"][0].keys()
    assert ours["run"][0]["activity"]["name"] == real["run"][0]["activity"]["name"]


@pytest.mark.parametrize(
    ("outcomes", "status", "deviated"),
    [
        (["passed"], "completed", False),
        (["passed", "missed"], "completed", True),
        (["failed", "passed"], "completed", True),
        (["interrupted"], "interrupted", True),
        (["passed", "refused"], "aborted", True),
    ],
)
def test_journal_has_the_status_and_deviation_of_its_drills(
    outcomes: list[str], status: str, deviated: bool
) -> None:
    drills = [summary(outcome) for outcome in outcomes]
    journal = write_journal(plan(), drills, MACHINE)
    assert (journal["status"], journal["deviated"]) == (status, deviated)
    assert journal["steady_states"]["after"]["steady_state_met"] is not deviated
    assert journal["start"] == "2026-01-01T00:00:00+00:00"
    assert journal["duration"] == 30.5
    assert journal["run"][0]["output"] == msgspec.to_builtins(drills[0])
