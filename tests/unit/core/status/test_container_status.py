"""Container status from the engine, right or wrong, and its consequences."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    RemedyCallResult,
    RemedyExecuted,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.lane import LaneName
from sidecar.core.model.message import MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_unknown
from sidecar.core.model.probe_settings import DockerProbe
from sidecar.core.model.target import InstanceId, Mode, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import StateChanged
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.retry_budget import MAX_UNSENT
from sidecar.core.recovery.takeover import restore_state
from tests.support.notification_recipients import SETTINGS
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

ROOT, LEAF = "electron-cash", "bitcoincash-service"
FAULT = "the engine answered 500: layer is broken"


def healthy_world() -> RuleWorld:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    return world


def make_unreadable(world: RuleWorld, name: str, **changes: object) -> None:
    """Let the engine give no usable answer about the container from now on."""
    instance_id = world.instance(name).id
    plain = replace(world.containers[instance_id], started_at=0.0, pid=0, **changes)  # type: ignore[arg-type]  # any field of it
    world.containers[instance_id] = replace(plain, status=Status.UNKNOWN, fault=FAULT)
    world.relist()


# a container of which the engine gives no usable answer


def test_a_container_that_cannot_be_read_is_unknown_with_the_reason() -> None:
    world = healthy_world()
    make_unreadable(world, ROOT)
    instance = world.instance(ROOT)
    assert (instance.state, instance.cause) == (
        TargetState.UNKNOWN,
        Cause.PROBER_FAILED,
    )
    assert str(instance.reason) == f"what its container is doing is not known: {FAULT}"
    assert world.decisions == []


def test_a_container_that_cannot_be_read_from_the_start_is_named_once() -> None:
    world = RuleWorld(lists=False)
    world.containers = dict(world.containers)
    make_unreadable(world, ROOT)
    for _ in range(5):
        world.relist()
    changes = [t for t in world.transitions if isinstance(t, StateChanged)]
    assert [
        str(t.reason) for t in changes if t.name == ROOT and FAULT in str(t.reason)
    ] == [f"what its container is doing is not known: {FAULT}"]


def test_unreadable_container_does_not_block_other_targets() -> None:
    world = healthy_world()
    make_unreadable(world, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_container_that_is_readable_again_keeps_its_run() -> None:
    world = healthy_world()
    before = world.instance(ROOT)
    readable = world.containers[before.id]
    make_unreadable(world, ROOT)
    world.containers[before.id] = readable
    world.relist()
    after = world.instance(ROOT)
    assert (after.state, after.health) == (TargetState.HEALTHY, before.health)


def test_container_that_stays_unreadable_pages_after_its_grace() -> None:
    world = healthy_world()
    make_unreadable(world, ROOT)
    world.wait(590.0)
    assert Action.PAGE not in {d.action for d in world.decisions}
    world.wait(15.0)
    assert world.last(ROOT).action is Action.PAGE
    assert FAULT in str(world.last(ROOT).reason)
    assert world.acts() == []


def test_a_looping_container_that_cannot_be_read_is_not_started() -> None:
    world = healthy_world()
    for _ in range(3):
        world.exits(ROOT, 1)
        world.complete_remedy(ROOT)
        world.wait(2.0)
    acts = len(world.acts())
    make_unreadable(world, ROOT)
    world.wait(3600.0, step=10.0)
    assert len(world.acts()) == acts


def test_operator_restart_of_unreadable_container_is_held_with_reason() -> None:
    world = healthy_world()
    make_unreadable(world, ROOT)
    world.send(RestartRequested(world.now, ROOT))
    assert world.last(ROOT).action is Action.HOLD
    assert FAULT in str(world.last(ROOT).reason)


def test_unknown_target_has_a_reason_from_the_first_probe() -> None:
    world = RuleWorld()
    world.probe(
        ROOT, probe_unknown(Cause.PROBER_FAILED, text_reason("it is on no network"))
    )
    instance = world.instance(ROOT)
    assert (instance.state, str(instance.reason)) == (
        TargetState.UNKNOWN,
        "it is on no network",
    )
    world.wait(300.0)
    assert (world.acts(), world.state.incidents) == ([], {})


# signals that are or are not an operator's stop

HUP, INT, KILL, USR1, TERM, WINCH = 1, 2, 9, 10, 15, 28


@pytest.mark.parametrize(
    ("signal", "after_s", "exit_code", "is_a_stop"),
    [
        (TERM, 1.0, 143, True),
        (TERM, 9.0, 0, True),
        (TERM, 1.0, 1, True),
        (TERM, 1.0, 137, False),
        (TERM, 1.0, 139, False),
        (TERM, 30.0, 143, False),
        (INT, 1.0, 130, True),
        (KILL, 0.1, 137, True),
        (KILL, 0.1, 1, False),
        (KILL, 30.0, 137, False),
        (HUP, 0.1, 129, True),
        (HUP, 5.0, 137, False),
        (HUP, 5.0, 1, False),
        (USR1, 0.1, 138, True),
        (USR1, 5.0, 1, False),
        (WINCH, 0.1, 137, False),
        (WINCH, 0.1, 1, False),
        (WINCH, 0.1, 0, False),
        (WINCH, 0.1, 128 + WINCH, False),
    ],
)
def test_a_signal_is_a_stop_where_it_explains_the_exit(
    signal: int, after_s: float, exit_code: int, *, is_a_stop: bool
) -> None:
    world = healthy_world()
    world.notice(ROOT, EngineEventKind.KILL, signal=signal)
    world.wait(after_s, step=after_s)
    world.exits(ROOT, exit_code)
    world.wait(3.0)
    acts = [] if is_a_stop else [(ROOT, Action.START)]
    assert world.acts() == acts
    if is_a_stop:
        assert world.instance(ROOT).state is TargetState.STOPPED


def test_the_containers_own_stop_signal_is_a_stop_whatever_it_is() -> None:
    world = healthy_world()
    world.notice(ROOT, EngineEventKind.KILL, signal=WINCH, stop_signal=WINCH)
    world.wait(2.0)
    world.exits(ROOT, 0)
    world.wait(5.0)
    assert world.acts() == []


@pytest.mark.parametrize("signal", [HUP, USR1, WINCH])
def test_failure_after_a_harmless_signal_is_restarted(signal: int) -> None:
    world = healthy_world()
    world.notice(ROOT, EngineEventKind.KILL, signal=signal)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_stop_is_awaited_for_the_stop_timeout_of_the_container() -> None:
    world = healthy_world()
    world.notice(ROOT, EngineEventKind.KILL, signal=TERM, stop_timeout_s=90.0)
    world.fails(ROOT, Cause.REFUSED)
    world.wait(80.0)
    assert (world.acts(), world.last(ROOT).guard) == ([], Guard.STOPPING)
    world.wait(10.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_stop_longer_than_its_timeout_is_recognised_by_its_event() -> None:
    """``docker stop -t 60``: the stop event comes a moment after the exit."""
    world = healthy_world()
    world.notice(ROOT, EngineEventKind.KILL, signal=TERM)
    world.wait(40.0)
    world.exits(ROOT, 0)
    world.wait(1.0)
    assert world.acts() == []
    world.notice(ROOT, EngineEventKind.STOP)
    world.wait(600.0)
    assert (world.acts(), world.instance(ROOT).state) == ([], TargetState.STOPPED)


def test_stop_event_before_the_exit_counts() -> None:
    world = healthy_world()
    world.notice(ROOT, EngineEventKind.KILL, signal=TERM)
    world.wait(40.0)
    world.notice(ROOT, EngineEventKind.STOP)
    world.exits(ROOT, 0)
    world.wait(600.0)
    assert (world.acts(), world.instance(ROOT).state) == ([], TargetState.STOPPED)


def test_kill_event_after_the_exit_explains_it() -> None:
    world = healthy_world()
    world.exits(ROOT, 0, restart_policy="always")
    world.notice(ROOT, EngineEventKind.KILL, ago_s=0.5, signal=TERM)
    world.wait(60.0)
    assert (world.acts(), world.instance(ROOT).state) == ([], TargetState.STOPPED)


def test_kill_times_are_converted_to_the_clock_of_the_successor() -> None:
    world = healthy_world()
    world.notice(ROOT, EngineEventKind.KILL, signal=TERM)
    (kill,) = world.instance(ROOT).kills
    later = Moment(world.now.mono - 500.0, world.now.wall)
    restored = restore_state(world.state, world.now, later).restored_instances[
        world.instance(ROOT).id
    ]
    assert restored.kills == (kill._replace(mono=kill.mono - 500.0),)


# actions of others during our restart


NEW = container(
    ROOT, id="new-id", name="abc_demo-electron-cash-1", status=Status.CREATED
)
"""The container that a redeploy made to replace the old one."""


def restart_during(
    *engine_events: EngineEventKind, beside: tuple[Container, ...] = ()
) -> RuleWorld:
    """Play our restart, with these engine events of others during it."""
    world = healthy_world()
    world.beside = beside
    world.relist()
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(ROOT)
    for kind in (EngineEventKind.STOP, *engine_events):
        world.notice(ROOT, kind)
    world.complete_remedy(ROOT, engine_stops=1)
    world.notice(ROOT, EngineEventKind.RESTART)
    return world


def test_operator_stop_that_our_restart_undid_is_repeated() -> None:
    world = restart_during(EngineEventKind.STOP)
    world.wait(3.0)
    assert world.acts() == [(ROOT, Action.RESTART), (ROOT, Action.STOP)]
    assert "an operator stopped it while" in str(world.last(ROOT).reason)
    stopped = replace(
        world.containers[world.instance(ROOT).id], status=Status.EXITED, exit_code=143
    )
    world.containers[world.instance(ROOT).id] = stopped
    event = RemedyExecuted(
        world.now,
        world.instance(ROOT).id,
        RemedyCallResult.DONE,
        text_reason("it is stopped"),
        stopped,
    )
    world.send(event)
    assert world.instance(ROOT).state is TargetState.STOPPED
    world.exits(ROOT, 137)  # a late event of the engine
    world.wait(600.0)
    assert len(world.acts()) == 2
    assert world.instance(ROOT).state is TargetState.STOPPED


def test_operator_stop_is_repeated_after_an_immediate_recovery() -> None:
    world = restart_during(EngineEventKind.STOP)
    world.works(ROOT, times=3)
    world.wait(3.0)
    assert world.acts()[-1] == (ROOT, Action.STOP)


def test_a_restart_by_somebody_else_during_ours_is_no_stop() -> None:
    world = restart_during(EngineEventKind.STOP, EngineEventKind.RESTART)
    world.works(ROOT)
    world.wait(60.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_stop_event_of_our_restart_is_no_operator_stop() -> None:
    world = restart_during()
    world.works(ROOT)
    world.wait(60.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_start_event_after_our_restart_cancels_the_operator_stop() -> None:
    world = restart_during(EngineEventKind.STOP)
    world.wait(1.0)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    world.works(ROOT)
    world.wait(60.0)
    assert Action.STOP not in {action for _, action in world.acts()}


def test_observe_mode_holds_the_repeated_stop_once() -> None:
    world = restart_during(EngineEventKind.STOP)
    world.state = replace(world.state, mode=Mode.OBSERVE)
    world.wait(60.0)
    decisions = [d for d in world.decisions if d.guard is Guard.OBSERVE]
    assert len(decisions) == 1
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_redeploy_interrupted_by_our_restart_pages_and_is_not_stopped() -> None:
    world = restart_during(EngineEventKind.STOP)
    world.beside = (NEW,)
    world.relist()
    world.works(ROOT)
    world.wait(100.0)
    assert world.acts() == [(ROOT, Action.RESTART)]
    instance = world.instance(ROOT)
    reason = f"its new container {NEW.name} was created and never started"
    assert (instance.state, reason in str(instance.reason)) == (
        TargetState.DEGRADED,
        True,
    )
    assert world.last(ROOT).action is Action.PAGE
    assert "docker compose up -d" in str(world.last(ROOT).reason)
    world.beside = ()
    world.relist()
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_a_redeploy_that_was_known_before_our_restart_is_not_stopped() -> None:
    world = restart_during(EngineEventKind.STOP, beside=(NEW,))
    world.works(ROOT)
    world.wait(100.0)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert NEW.name in str(world.instance(ROOT).reason)


def test_redeploy_under_way_makes_no_decision() -> None:
    world = healthy_world()
    world.beside = (container(ROOT, id="new-id", status=Status.CREATED),)
    world.relist()
    world.wait(50.0)
    world.beside = ()
    world.relist()
    world.wait(600.0)
    assert world.decisions == []


# a container that the engine could not start

PORT_TAKEN = "driver failed: Bind for 0.0.0.0:7777 failed: port is already allocated"


def unstarted_world(**changes: object) -> RuleWorld:
    policy = "unless-stopped"
    new_container = container(
        ROOT, status=Status.CREATED, started_at=0.0, restart_policy=policy
    )
    new_container = replace(new_container, **changes)  # type: ignore[arg-type]  # any field of it
    return RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): new_container})


def test_failed_start_opens_an_incident_with_the_engine_error() -> None:
    world = unstarted_world(exit_code=128, error=PORT_TAKEN)
    instance = world.instance(ROOT)
    assert instance.cause is Cause.NOT_RUNNING
    (incident,) = world.state.incidents.values()
    assert incident.target == ROOT
    assert any(PORT_TAKEN in str(getattr(t, "reason", "")) for t in world.transitions)
    assert world.acts() == [(ROOT, Action.START)]


def test_repeatedly_failing_start_ends_in_dead_letter() -> None:
    world = unstarted_world(exit_code=128, error=PORT_TAKEN)
    for _ in range(60):
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
        world.wait(600.0, step=30.0)
    assert len(world.acts()) == 8
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER


def test_container_that_was_never_started_is_left_alone() -> None:
    world = unstarted_world()
    world.wait(600.0)
    assert world.acts() == []
    assert world.state.incidents == {}
    assert str(world.instance(ROOT).reason) == "it was created and never started"


# a job that is done

JOB = Target("job", service="job", probes=(DockerProbe(),), may_finish=True)


def job_world(**changes: object) -> RuleWorld:
    target = replace(JOB, **changes)  # type: ignore[arg-type]  # any field of it
    world = RuleWorld((target, replace(SERVICE, depends_on=("job",))))
    world.works("job", LEAF)
    return world


def test_finished_job_is_left_alone_without_messages() -> None:
    world = job_world()
    world.exits("job", 0)
    world.wait(600.0)
    assert (world.acts(), world.state.incidents, world.messages) == ([], {}, [])
    instance = world.instance("job")
    assert (instance.state, str(instance.reason)) == (
        TargetState.STOPPED,
        "its work is done (exit 0)",
    )


def test_job_finished_before_our_start_is_left_alone() -> None:
    finished_job = container("job", status=Status.EXITED, exit_code=0, pid=0)
    world = RuleWorld((JOB,), containers={InstanceId("job", 1): finished_job})
    world.wait(600.0)
    assert (world.acts(), world.decisions) == ([], [])


def test_finished_job_does_not_block_its_dependents() -> None:
    world = job_world()
    world.exits("job", 0)
    world.wait(60.0)
    world.fails(LEAF, Cause.REFUSED)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_finished_job_resolves_its_incident() -> None:
    world = job_world()
    world.fails("job", Cause.AUTH)
    assert len(world.state.incidents) == 1
    world.exits("job", 0)
    assert [i.open for i in world.state.incidents.values()] == [False]


@pytest.mark.parametrize(
    ("changes", "exit_code", "policy"),
    [
        ({}, 1, "no"),
        ({}, 0, "unless-stopped"),
        ({"may_finish": False}, 0, "no"),
    ],
)
def test_exit_of_a_target_that_is_no_finished_job_is_started(
    changes: dict[str, object], exit_code: int, policy: str
) -> None:
    world = job_world(**changes)
    world.exits("job", exit_code, restart_policy=policy)
    world.wait(40.0)
    assert world.acts() == [("job", Action.START)]


# without the engine's events


def world_without_events(policy: str = "no") -> RuleWorld:
    world = RuleWorld((WALLET,))
    instance_id = InstanceId(ROOT, 1)
    world.containers[instance_id] = replace(
        world.containers[instance_id], restart_policy=policy
    )
    world.send(
        EngineReachabilityChanged(world.now, reachable=True, deaf="403: no events")
    )
    world.relist()
    world.works(ROOT)
    return world


def list_as_stopped(world: RuleWorld, exit_code: int, **changes: object) -> None:
    """Show the exit in the next listing only."""
    instance_id = InstanceId(ROOT, 1)
    running = world.containers[instance_id]
    exited = replace(running, status=Status.EXITED, exit_code=exit_code, pid=0)
    world.containers[instance_id] = replace(exited, **changes)  # type: ignore[arg-type]  # any field of it
    world.relist()


def relist_for(world: RuleWorld, seconds: float) -> None:
    """List the containers every 10 s, as Sidecar does without events."""
    for _ in range(int(seconds // 10)):
        world.wait(10.0)
        world.relist()


@pytest.mark.parametrize("exit_code", [0, 137, 143, 1])
def test_without_events_exit_without_restart_policy_is_started(exit_code: int) -> None:
    world = world_without_events()
    list_as_stopped(world, exit_code)
    relist_for(world, 60.0)
    assert world.acts() == [(ROOT, Action.START)]


@pytest.mark.parametrize("exit_code", [0, 137, 143])
def test_without_events_second_stop_after_our_start_is_left_alone(
    exit_code: int,
) -> None:
    world = world_without_events()
    list_as_stopped(world, exit_code)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.wait(60.0)
    list_as_stopped(world, exit_code)
    relist_for(world, 300.0)
    assert world.acts() == [(ROOT, Action.START)]
    assert world.instance(ROOT).state is TargetState.STOPPED


def test_without_events_out_of_memory_exit_is_started_each_time() -> None:
    world = world_without_events()
    for _ in range(2):
        list_as_stopped(world, 137, oom_killed=True)
        assert world.is_acting(ROOT)
        world.complete_remedy(ROOT)
        world.works(ROOT)
        world.wait(60.0)
    assert world.acts() == [(ROOT, Action.START)] * 2


@pytest.mark.parametrize("exit_code", [0, 137, 143, 1])
def test_without_events_stop_despite_restart_policy_is_an_operators(
    exit_code: int,
) -> None:
    """The engine would have started it after an exit of its own."""
    world = world_without_events("unless-stopped")
    list_as_stopped(world, exit_code)
    relist_for(world, 600.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STOPPED


def test_without_events_restart_by_the_engine_is_awaited() -> None:
    world = world_without_events("always")
    list_as_stopped(world, 1)
    list_as_stopped(world, 1, status=Status.RESTARTING)
    relist_for(world, 60.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.DOWN


def test_without_events_container_stopped_before_us_is_left_alone() -> None:
    stopped = container(ROOT, status=Status.EXITED, exit_code=143, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): stopped})
    world.send(
        EngineReachabilityChanged(world.now, reachable=True, deaf="403: no events")
    )
    relist_for(world, 300.0)
    assert world.acts() == []


# tries that are not counted


@pytest.mark.parametrize("trouble", ["start", "restart"])
def test_unsent_tries_end_in_dead_letter_with_messages(
    trouble: str,
) -> None:
    world = RuleWorld(notify=SETTINGS)
    world.works(ROOT, LEAF)
    if trouble == "start":
        world.exits(ROOT, 1)
    else:
        world.fails(ROOT, Cause.REFUSED)
    for _ in range(400):
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT, RemedyCallResult.NOT_SENT, restart=False)
        world.wait(120.0, step=20.0)
    assert len(world.acts()) <= MAX_UNSENT + 9
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER
    kinds = {message.kind for message in world.messages}
    assert {MessageKind.ACTION_FAILED, MessageKind.DEAD_LETTER} <= kinds


def test_few_unsent_tries_use_no_budget() -> None:
    world = healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    for _ in range(3):
        world.complete_remedy(ROOT, RemedyCallResult.NOT_SENT, restart=False)
        world.wait(10.0)
    lane = world.instance(ROOT).lane
    assert (lane.tries, lane.name) == (1, LaneName.FAST)
