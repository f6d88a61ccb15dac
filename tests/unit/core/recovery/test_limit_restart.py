"""Planned restarts before memory reaches its limit."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Severity
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.event import PauseRequested, PlannedRestartDue
from sidecar.core.model.memory import (
    LimitForecast,
    MemoryHistory,
    MemorySample,
    Silence,
)
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import NotifySettings, Routes
from sidecar.core.model.probe_result import probe_success
from sidecar.core.model.probe_settings import MemoryProbe
from sidecar.core.model.target import PlannedRestartSettings, Target
from sidecar.core.model.update import replace_instances
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

ROOT = "electron-cash"
DAY_S, HOUR_S = 86_400.0, 3_600.0
QUIET = PlannedRestartSettings("0 3 * * *", before_limit=True)
ROUTES = NotifySettings(routes=Routes(("ops",), dict.fromkeys(Severity, ("ops",))))


def start_world(
    earliest_s: float | None,
    preventive: PlannedRestartSettings | None = QUIET,
    silence: Silence | None = None,
) -> RuleWorld:
    """A wallet whose memory reaches its limit ``earliest_s`` from now, or never."""
    target: Target = replace(
        WALLET, probes=(*WALLET.probes, MemoryProbe()), preventive=preventive
    )
    world = RuleWorld(targets=(target, SERVICE), notify=ROUTES)
    world.works(ROOT, "bitcoincash-service")
    wallet, now = world.instance(ROOT), world.now.mono
    assert wallet.container is not None
    earliest = None if earliest_s is None else now + earliest_s
    if earliest_s is None:
        silence = Silence.NOT_RISING
    forecast = LimitForecast(now, silence, 1.0, earliest, earliest, earliest)
    history = MemoryHistory(
        wallet.container.run, "", now, MemorySample(1.0, 2.0), now, 60.0
    )
    history = replace(history, forecast=forecast)
    world.state = replace_instances(world.state, replace(wallet, memory=history))
    return world


def list_planned(world: RuleWorld) -> list[Decision]:
    return [d for d in world.decisions if d.trigger is Trigger.PLANNED]


@pytest.mark.parametrize(
    ("earliest_s", "restarts"),
    [
        (None, False),
        (25 * HOUR_S, False),
        (24 * HOUR_S, True),
        (2 * HOUR_S, True),
    ],
)
def test_restart_happens_at_the_last_planned_time_before_the_limit(
    earliest_s: float | None, restarts: bool
) -> None:
    world = start_world(earliest_s)
    world.send(PlannedRestartDue(world.now, ROOT, world.now.wall + DAY_S))
    assert bool(list_planned(world)) is restarts
    if restarts:
        (planned,) = list_planned(world)
        assert planned.action is Action.RESTART
        assert "this is the last planned time before that" in str(planned.reason)


def test_uncertain_forecast_is_good_enough_for_a_planned_time() -> None:
    world = start_world(2 * HOUR_S, silence=Silence.FAR)
    world.send(PlannedRestartDue(world.now, ROOT, world.now.wall + DAY_S))
    assert [d.action for d in list_planned(world)] == [Action.RESTART]


def test_last_time_of_a_schedule_is_used_for_any_forecast() -> None:
    world = start_world(90 * DAY_S)
    world.send(PlannedRestartDue(world.now, ROOT, None))
    assert [d.action for d in list_planned(world)] == [Action.RESTART]


def test_plan_without_before_limit_needs_no_forecast() -> None:
    world = start_world(None, PlannedRestartSettings("0 3 * * *"))
    world.send(PlannedRestartDue(world.now, ROOT, world.now.wall + DAY_S))
    assert [d.action for d in list_planned(world)] == [Action.RESTART]


@pytest.mark.parametrize(
    ("earliest_s", "preventive", "silence", "restarts"),
    [
        (300.0, QUIET, None, True),
        (300.0, PlannedRestartSettings(before_limit=True), None, True),
        (HOUR_S, QUIET, None, False),
        (300.0, QUIET, Silence.FAR, False),
        (300.0, PlannedRestartSettings("0 3 * * *"), None, False),
        (300.0, None, None, False),
    ],
)
def test_limit_that_is_near_needs_no_planned_time(
    earliest_s: float,
    preventive: PlannedRestartSettings | None,
    silence: Silence | None,
    restarts: bool,
) -> None:
    world = start_world(earliest_s, preventive, silence)
    world.probe(ROOT, probe_success())
    assert bool(list_planned(world)) is restarts


@pytest.mark.parametrize(
    ("earliest_s", "preventive", "severity"),
    [
        (2 * HOUR_S, None, Severity.P2),
        (2 * HOUR_S, QUIET, Severity.P3),
        (2 * DAY_S, None, Severity.P3),
        (None, None, None),
    ],
)
def test_forecast_is_told_once_in_a_run(
    earliest_s: float | None,
    preventive: PlannedRestartSettings | None,
    severity: Severity | None,
) -> None:
    world = start_world(earliest_s, preventive)
    world.wait(5.0)
    messages = [m for m in world.messages if m.kind is MessageKind.LIMIT_FORESEEN]
    assert [m.severity for m in messages] == ([] if severity is None else [severity])


def test_forecast_is_told_again_when_it_becomes_urgent() -> None:
    world = start_world(DAY_S + 100.0, None)
    world.wait(200.0, step=10.0)
    messages = [m for m in world.messages if m.kind is MessageKind.LIMIT_FORESEEN]
    assert [m.severity for m in messages] == [Severity.P3, Severity.P2]


def test_forecast_of_a_paused_target_is_not_told() -> None:
    world = start_world(2 * HOUR_S, None)
    world.send(PauseRequested(world.now, (ROOT,)))
    world.wait(5.0)
    assert not [m for m in world.messages if m.kind is MessageKind.LIMIT_FORESEEN]
