"""The shipped scenarios: what they expect is what the rules do."""

from pathlib import Path

import pytest
import yaml

from sidecar.app.simulation import SimulationResult, simulate
from sidecar.config.load import load
from sidecar.config.problem import ConfigError
from sidecar.config.scenario_file import read_scenario
from sidecar.core.model.target_state import TargetState
from tests.support.repository import REPOSITORY

SCENARIOS = REPOSITORY / "compose" / "scenarios"
FILES = sorted(p for p in SCENARIOS.glob("*.yaml") if p.name != "sidecar.yaml")
SETTINGS = load({}, SCENARIOS / "sidecar.yaml", reads_secrets=False)


def run(path: Path) -> SimulationResult:
    return simulate(SETTINGS, read_scenario(path, (t.name for t in SETTINGS.targets)))


def run_text(tmp_path: Path, **document: object) -> SimulationResult:
    path = tmp_path / "scenario.yaml"
    path.write_text(yaml.safe_dump(document))
    return run(path)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_scenario_meets_its_expectations(path: Path) -> None:
    result = run(path)
    assert result.scenario.expectations, "a scenario without one proves nothing"
    assert result.failures == ()


def test_same_scenario_has_the_same_record_each_time() -> None:
    first, second = run(FILES[0]), run(FILES[0])
    assert first.record.facts == second.record.facts


def test_expectation_that_is_not_met_is_a_failure(tmp_path: Path) -> None:
    result = run_text(
        tmp_path,
        duration="5m",
        steps=[{"at": "1m", "type": "exit", "target": "payments"}],
        expect=[{"target": "payments", "restarts": 7}],
    )
    assert result.failures == ("expect[0]: restarts: expected 7, was 0",)


def test_replicas_fail_alone(tmp_path: Path) -> None:
    step = {"at": "1m", "type": "fail", "target": "payments", "cause": "refused"}
    result = run_text(
        tmp_path,
        duration="15m",
        services={"payments": {"replicas": 3, "boot": "2s"}},
        steps=[step | {"replica": 2}],
        expect=[
            {"target": "payments-2", "restarts": 1, "state": "healthy"},
            {"target": "payments", "restarts": 1},
        ],
    )
    assert result.failures == ()
    assert [i.name for i in result.instances if i.target == "payments"] == [
        "payments-1",
        "payments-2",
        "payments-3",
    ]


def test_container_that_exits_without_a_policy_is_started_by_sidecar(
    tmp_path: Path,
) -> None:
    result = run_text(
        tmp_path,
        duration="10m",
        services={"payments": {"restart_policy": "no"}},
        steps=[{"at": "1m", "type": "exit", "target": "payments", "code": 137}],
    )
    assert result.record.restarts == {"payments": 1}
    assert {i.state for i in result.instances} == {TargetState.HEALTHY}


def test_paused_target_is_not_restarted_before_it_is_resumed(tmp_path: Path) -> None:
    result = run_text(
        tmp_path,
        duration="30m",
        steps=[
            {"at": "1m", "type": "operator", "target": "payments", "act": "pause"},
            {"at": "2m", "type": "fail", "target": "payments", "cause": "refused"},
            {"at": "20m", "type": "operator", "target": "payments", "act": "resume"},
        ],
        expect=[{"target": "payments", "guard": "paused", "restarts": 1}],
    )
    assert result.failures == ()
    restart = next(f for f in result.record.facts if f.text.startswith("restart: "))
    assert restart.at_s >= 20 * 60


def test_faults_of_the_file_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        run_text(
            tmp_path,
            duration="5m",
            begin="yesterday",
            services={"wallet": {}},
            steps=[
                {"at": "1m", "type": "fail", "target": "payments", "cause": "bored"},
                {"at": "6m", "type": "exit", "target": "payments"},
            ],
            expect=[{"state": "fine", "guard": "dog", "causes": ["tired"]}],
        )
    assert {fault.path for fault in error.value.faults} == {
        "begin",
        "services",
        "steps[0].cause",
        "steps[1].at",
        "expect[0].state",
        "expect[0].guard",
        "expect[0].causes",
    }


def test_shape_of_the_file_is_checked_as_that_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        run_text(
            tmp_path,
            duration="5 minutes",
            steps=[{"at": "1m", "type": "explode", "target": "payments"}],
        )
    assert [fault.path for fault in error.value.faults] == [
        "duration",
        "steps[0].type",
    ]
