"""Allowed time of a start, and the report of a start that never ends."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ProcessesInspected, RecoverRequested
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.status import start_period
from tests.support.daemon_silence import LOADED, healthy_result, upstream_lost_result
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
START_S = WALLET.cadence.start_period_s
RUN_MONO = 1000.0
RUN = RunId("electron-cash-1-id", 5.0)
NEW = Instance(
    InstanceId(ROOT, 1),
    ROOT,
    container=container(ROOT, started_at=RUN.started_at),
    run_mono=RUN_MONO,
)


def with_health(**changes: object) -> Instance:
    return replace(NEW, health=replace(Health(), **changes))  # type: ignore[arg-type]  # any field of it


@pytest.mark.parametrize(
    ("instance", "times"),
    [
        (NEW, 2.0),
        (with_health(has_answered=True), 1.0),
        (replace(NEW, idle=RUN), 1.0),
        (replace(NEW, idle=RunId("electron-cash-1-id", 4.0)), 2.0),
        (replace(NEW, boot_s=2 * START_S), 2 * 3.0),
        (replace(NEW, boot_s=START_S / 2), 2.0),
    ],
    ids=[
        "its process lives",
        "it has answered",
        "nothing lives in it",
        "nothing lived in the run before",
        "it booted slowly before",
        "it booted quickly before",
    ],
)
def test_start_period_depends_on_the_known_boot_time(
    instance: Instance, times: float
) -> None:
    assert start_period.start_period_s(instance, WALLET) == times * START_S


def test_only_a_wallet_daemon_is_given_twice_its_time() -> None:
    service = replace(NEW, id=InstanceId("bitcoincash-service", 1))
    assert (
        start_period.start_period_s(service, SERVICE) == SERVICE.cadence.start_period_s
    )


@pytest.mark.parametrize(
    ("after", "starting", "late"),
    [(0.0, True, False), (0.99, True, False), (1.0, True, True), (2.0, False, False)],
)
def test_start_past_its_period_is_late(
    after: float, starting: bool, late: bool
) -> None:
    now = RUN_MONO + after * START_S
    assert start_period.is_in_start_period(NEW, WALLET, now) is starting
    assert start_period.is_late(NEW, WALLET, now) is late


def test_first_success_ends_the_start_period() -> None:
    well_now = with_health(ever_answered_well=True)
    assert not start_period.is_in_start_period(well_now, WALLET, RUN_MONO)


REFUSED = probe_failure(Cause.REFUSED, text_reason("refused"))


@pytest.mark.parametrize(
    ("instance", "outcome", "took", "expected"),
    [
        (with_health(last=REFUSED), probe_success(), 1.5, 1.5),
        (with_health(last=REFUSED), REFUSED, 1.5, 0.0),
        (NEW, probe_success(), 1.5, 0.0),
        (with_health(last=REFUSED, ever_answered_well=True), probe_success(), 1.5, 0.0),
        (with_health(last=REFUSED), probe_success(), 10.1, 0.0),
        (
            replace(with_health(last=REFUSED), boot_s=2 * START_S),
            probe_success(),
            0.1,
            1.4,
        ),
    ],
    ids=[
        "first good answer",
        "failure",
        "nobody watched it boot",
        "later answer",
        "no boot takes so long",
        "a quick one shortens it by a part",
    ],
)
def test_boot_time_is_learned_from_the_first_good_answer(
    instance: Instance, outcome: ProbeResult, took: float, expected: float
) -> None:
    began = RUN_MONO + took * START_S
    boot_s = start_period.learn_boot_s(instance, WALLET, outcome, began)
    assert boot_s == pytest.approx(expected * START_S)


# Starts in a world


def notice_start(world: RuleWorld) -> None:
    now = world.now.wall
    world.notice(ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=now)


def refuse_for(world: RuleWorld, seconds: float, *, idle: bool) -> None:
    """Refuse connections for ``seconds`` and carry out each decision."""
    until = world.now_s + seconds
    while world.now_s < until:
        world.probe(ROOT, REFUSED)
        instance = world.instance(ROOT)
        assert instance.container is not None
        if instance.looked == instance.container.run:
            run = instance.container.run
            world.send(
                ProcessesInspected(world.now, instance.id, run, (), is_idle=idle)
            )
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
        world.wait(2.0)


def test_a_boot_of_nearly_two_start_periods_is_waited_for_and_learned() -> None:
    world = RuleWorld((WALLET,))
    notice_start(world)
    refuse_for(world, 1.9 * START_S, idle=False)
    assert world.acts() == []
    world.probe(ROOT, healthy_result())
    world.probe(ROOT, healthy_result())
    assert world.instance(ROOT).state is TargetState.HEALTHY
    notice_start(world)
    refuse_for(world, 2.5 * START_S, idle=False)
    assert world.acts() == [], "it was learned"


def test_port_that_never_opens_pages_after_one_restart() -> None:
    world = RuleWorld((WALLET,))
    notice_start(world)
    refuse_for(world, 12 * START_S, idle=False)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert world.last(ROOT).action is Action.PAGE
    assert world.instance(ROOT).cause is Cause.NEVER_UP
    world.send(RecoverRequested(world.now, ROOT))
    refuse_for(world, 60.0, idle=False)
    assert len(world.acts()) == 2, "a person says that it was mended"


def test_a_daemon_that_dies_at_each_start_keeps_its_three_tries() -> None:
    world = RuleWorld((WALLET,))
    notice_start(world)
    refuse_for(world, 15 * START_S, idle=True)
    assert world.acts() == 3 * [(ROOT, Action.RESTART)]
    assert world.instance(ROOT).cause is Cause.REFUSED


def test_answer_between_two_failed_starts_resets_the_count() -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    notice_start(world)
    refuse_for(world, 2.2 * START_S, idle=False)
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.probe(ROOT, healthy_result())
    notice_start(world)
    refuse_for(world, 2.5 * START_S, idle=False)
    assert world.instance(ROOT).cause is Cause.REFUSED


def test_a_daemon_that_is_killed_in_an_outage_is_started_each_time() -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    for _ in range(4):
        world.probe(ROOT, upstream_lost_result())
        world.wait(140.0)
        world.exits(ROOT, 0)
        world.complete_remedy(ROOT)
        for _ in range(2):
            world.probe(ROOT, upstream_lost_result())
            world.now_s += 2.0
        assert world.instance(ROOT).remedy is None
        assert world.instance(ROOT).cause is Cause.UPSTREAM_LOST
        assert world.instance(ROOT).lane.tries == 0, "it is given back"
    assert world.acts() == 4 * [(ROOT, Action.START)]
    ends = [t.outcome for t in world.transitions if isinstance(t, RemedyEnded)]
    assert ends == 4 * [RemedyOutcome.RECOVERED]


def test_start_without_its_wallet_has_not_recovered() -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    world.exits(ROOT, 0)
    world.complete_remedy(ROOT)
    lacks = replace(LOADED, loaded=False, paths=(), connected=False)
    unloaded = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("x"), rpc_answers=True, wallet=lacks
    )
    for _ in range(2):
        world.probe(ROOT, unloaded)
        world.now_s += 2.0
    assert world.instance(ROOT).remedy is not None


def test_run_of_a_minute_without_wallet_ends_a_crash_loop() -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    for _ in range(3):
        world.exits(ROOT, 1, restart_policy="always")
        world.now_s += 1.0
        notice_start(world)
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP
    lacks = replace(LOADED, loaded=False, paths=())
    unloaded = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("x"), rpc_answers=True, wallet=lacks
    )
    world.probe(ROOT, unloaded)
    assert world.last(ROOT).action is Action.LOAD_WALLET, "a loop holds no load back"
    world.wait(61.0)
    assert world.instance(ROOT).state is not TargetState.CRASH_LOOP


def test_start_in_which_the_daemon_died_does_not_count_as_never_up() -> None:
    world = RuleWorld((WALLET,))
    notice_start(world)
    refuse_for(world, 1.5 * START_S, idle=True)
    assert world.acts() == [(ROOT, Action.RESTART)]
    refuse_for(world, 12 * START_S, idle=False)
    assert world.acts() == 2 * [(ROOT, Action.RESTART)]
    assert world.instance(ROOT).cause is Cause.NEVER_UP
