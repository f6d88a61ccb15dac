"""Settings of drills: the objective of a target and its planned drills."""

from pathlib import Path
from typing import get_args

import pytest

from sidecar.config.file.setting_types import FaultName
from sidecar.config.labels.targets import targets_in_force
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from tests.support.config_files import load_text, target_faults_of
from tests.support.labelled_containers import container


def test_file_knows_every_fault() -> None:
    assert get_args(FaultName) == tuple(DrillFault)


def test_objective_keeps_the_default_of_a_time_not_given(tmp_path: Path) -> None:
    text = "targets: {t: {probe: {type: docker}, objective: {detect: 30s}}}"
    (target,) = load_text(text, tmp_path).targets
    assert target.objective == DrillObjective(detect_s=30.0, recover_s=180.0)
    assert target.drill is None


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ("objective: {detect: 3m, recover: 2m}", "objective.recover"),
        ("drill: {cron: never, fault: kill}", "drill.cron"),
        ('drill: {cron: "0 5 * * *", timezone: Mars, fault: kill}', "drill.timezone"),
        ('drill: {cron: "*/59 * * * *", fault: kill}', "drill.cron"),
        ('drill: {cron: "0 5 * * *", fault: sabotage}', "drill.fault"),
        ('drill: {cron: "0 5 * * *", fault: upstream}', "drill.fault"),
        ('drill: {cron: "0 5 * * *", fault: refuse}', "drill.fault"),
        ('drill: {cron: "0 5 * * *", fault: slow}', "drill.fault"),
    ],
)
def test_drill_that_cannot_work_is_refused(
    settings: str, path: str, tmp_path: Path
) -> None:
    assert set(target_faults_of(settings, tmp_path)) == {f"targets.t.{path}"}


def test_label_may_set_the_objective_but_no_drill(tmp_path: Path) -> None:
    settings = load_text("targets: {}", tmp_path)
    probe = {"sidecar.enable": "true", "sidecar.probe.type": "docker"}
    raw_labels = {**probe, "sidecar.objective.detect": "5s"}
    (target,), _ = targets_in_force(settings, [container("a", raw_labels)])
    assert target.objective == DrillObjective(detect_s=5.0)
    planned = {
        **probe,
        "sidecar.drill.cron": "0 5 * * *",
        "sidecar.drill.fault": "kill",
    }
    targets, faults = targets_in_force(settings, [container("a", planned)])
    assert not targets
    assert "sidecar.drill." in str(faults)
