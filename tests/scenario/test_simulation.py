"""The shipped scenarios: what they expect is what the rules do."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from sidecar.app.simulation import SimulationResult, simulate
from sidecar.app.simulation_report import report_simulation
from sidecar.config.load import load
from sidecar.config.problem import ConfigError
from sidecar.config.scenario_file import read_scenario
from sidecar.core.model.cause import Severity
from sidecar.core.model.notification_settings import NotifySettings, Routes
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.loop import StepListener
from tests.support.repository import REPOSITORY

SCENARIOS = REPOSITORY / "compose" / "scenarios"
FILES = sorted(p for p in SCENARIOS.glob("*.yaml") if p.name != "sidecar.yaml")
LIMITS = ("1m", "2m")
NIGHT = SCENARIOS / "night-restart.yaml"
SETTINGS = load({}, SCENARIOS / "sidecar.yaml", reads_secrets=False)


def run(path: Path, *listeners: StepListener) -> SimulationResult:
    scenario = read_scenario(path, (t.name for t in SETTINGS.targets))
    return simulate(SETTINGS, scenario, listeners=listeners)


@dataclass
class StepCounter:
    """Counts the steps of the loop, and keeps the last state."""

    count: int = 0
    state: State | None = None

    def on_step(self, result: StepResult) -> None:
        self.count += 1
        self.state = result.state


def run_text(
    tmp_path: Path, *listeners: StepListener, **document: object
) -> SimulationResult:
    path = tmp_path / "scenario.yaml"
    path.write_text(yaml.safe_dump(document))
    return run(path, *listeners)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_scenario_meets_its_expectations(path: Path) -> None:
    result = run(path)
    assert result.scenario.expectations, "a scenario without one proves nothing"
    assert result.failures == ()


def test_same_scenario_has_the_same_record_each_time() -> None:
    first, second = run(FILES[0]), run(FILES[0])
    assert first.record.facts == second.record.facts


def test_record_is_the_same_where_quiet_time_is_left_out() -> None:
    scenario = read_scenario(NIGHT, (t.name for t in SETTINGS.targets))
    longer = replace(scenario, duration_s=5000.0)
    short, whole = StepCounter(), StepCounter()
    skipping = simulate(SETTINGS, longer, listeners=[short])
    complete = simulate(SETTINGS, longer, listeners=[whole], skips_quiet_time=False)
    assert skipping.record.facts == complete.record.facts
    assert short.state == whole.state
    assert short.count < whole.count / 2


def test_days_with_nightly_restarts_are_simulated_in_few_steps(tmp_path: Path) -> None:
    steps = StepCounter()
    result = run_text(tmp_path, steps, duration="10d")
    assert result.record.restarts == {"electron-cash": 10, "payments": 10}
    # Eight minutes of each night, of 2.5 steps a second.
    assert steps.count < 10 * 8 * 60 * 2.5


def test_expectation_that_is_not_met_is_a_failure(tmp_path: Path) -> None:
    result = run_text(
        tmp_path,
        duration="5m",
        steps=[{"at": "1m", "type": "exit", "target": "payments"}],
        expect=[{"target": "payments", "restarts": 7}],
    )
    assert result.failures == ("expect[0]: restarts: expected 7, was 0",)


def test_order_and_earliest_times_that_differ_are_failures(tmp_path: Path) -> None:
    result = run_text(
        tmp_path,
        duration="5m",
        steps=[
            {"at": "1m", "type": "fail", "target": "payments", "cause": "refused"},
            {"at": "2m", "type": "fail", "target": "electron-cash", "cause": "refused"},
        ],
        expect=[
            {"order": ["payments", "electron-cash"], "no_restart_before": "1m"},
            {"order": ["electron-cash", "payments"]},
            {"target": "electron-cash", "no_restart_before": "4m"},
        ],
    )
    order, early = result.failures
    assert order == (
        "expect[1]: order: expected electron-cash, payments,"
        " was payments, electron-cash"
    )
    assert early.startswith("expect[2]: first restart of electron-cash: expected after")


def test_message_before_its_earliest_time_is_a_failure(tmp_path: Path) -> None:
    notify = NotifySettings(routes=Routes(("ops",), dict.fromkeys(Severity, ("ops",))))
    path = tmp_path / "scenario.yaml"
    step = {"at": "1m", "type": "fail", "target": "payments", "cause": "refused"}
    expect = [{"target": "payments", "no_message_before": limit} for limit in LIMITS]
    document = {"duration": "3m", "steps": [step], "expect": expect}
    path.write_text(yaml.safe_dump(document))
    scenario = read_scenario(path, (t.name for t in SETTINGS.targets))
    (failure,) = simulate(replace(SETTINGS, notify=notify), scenario).failures
    assert failure.startswith("expect[1]: first message of payments: expected after")


def test_report_has_the_timeline_the_sums_and_what_is_not_met(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    step = {"at": "1m", "type": "fail", "target": "payments", "cause": "refused"}
    expect = [{"target": "payments", "restarts": count} for count in (1, 2)]
    document = {"duration": "5m", "steps": [step], "expect": expect}
    path.write_text(yaml.safe_dump(document))
    shares: list[float] = []
    report = report_simulation(SETTINGS, path, shares.append)
    act = ("1:00", "payments", "act", "fails with refused, until a restart")
    assert report.rows[0] == act, "what came before the begin is left out"
    (restart,) = (
        r for r in report.rows if r[3].startswith("restart: ") and r[2] == "decision"
    )
    assert restart[1] == "payments"
    wallet, payments = report.summary
    assert wallet == ("electron-cash", "healthy", "0", "0:00")
    assert payments[:3] == ("payments", "healthy", "1")
    assert payments[3] != "0:00"
    assert report.failures == ("expect[1]: restarts: expected 2, was 1",)
    assert report.expectation_count == 2
    assert report.document["failures"] == list(report.failures)
    facts, targets = report.document["facts"], report.document["targets"]
    assert isinstance(facts, list)
    assert isinstance(targets, list)
    assert [fact["text"] for fact in facts] == [row[3] for row in report.rows]
    assert (targets[1]["restarts"], targets[1]["causes"]) == (1, ["refused"])
    assert report.plot.startswith("<svg ")
    assert sorted(shares) == shares
    assert shares[-1] <= 1.0


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
            expect=[
                {"state": "fine", "guard": "dog", "causes": ["tired"], "order": ["x"]}
            ],
        )
    assert {fault.path for fault in error.value.faults} == {
        "begin",
        "services",
        "steps[0].cause",
        "steps[1].at",
        "expect[0].state",
        "expect[0].guard",
        "expect[0].causes",
        "expect[0].order",
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
