"""What the engine says of a container, right or wrong, and what follows from it."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    EngineEventKind,
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
from sidecar.core.recovery.retry_budget import MOST_UNSENT
from sidecar.core.recovery.takeover import restore_state
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container
from tests.unit.core.incidents.test_recipients import SETTINGS

ROOT, LEAF = "electron-cash", "bitcoincash-service"
FAULT = "the engine answered 500: layer is broken"


def calm() -> RuleWorld:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    return world


def unreadable(world: RuleWorld, name: str, **changes: object) -> None:
    """The engine gives no usable answer about it from now on."""
    who = world.instance(name).id
    plain = replace(world.containers[who], started_at=0.0, pid=0, **changes)  # type: ignore[arg-type]  # any field of it
    world.containers[who] = replace(plain, status=Status.UNKNOWN, fault=FAULT)
    world.relist()


# a container of which the engine gives no usable answer


def test_a_container_that_cannot_be_read_is_unknown_with_the_reason() -> None:
    world = calm()
    unreadable(world, ROOT)
    seen = world.instance(ROOT)
    assert (seen.state, seen.cause) == (TargetState.UNKNOWN, Cause.PROBER_FAILED)
    assert str(seen.reason) == f"what its container is doing is not known: {FAULT}"
    assert world.decisions == []


def test_a_container_that_cannot_be_read_from_the_start_is_named_once() -> None:
    world = RuleWorld(lists=False)
    world.containers = dict(world.containers)
    unreadable(world, ROOT)
    for _ in range(5):
        world.relist()
    told = [t for t in world.transitions if isinstance(t, StateChanged)]
    assert [
        str(t.reason) for t in told if t.name == ROOT and FAULT in str(t.reason)
    ] == [f"what its container is doing is not known: {FAULT}"]


def test_the_others_of_a_container_that_cannot_be_read_are_healed() -> None:
    world = calm()
    unreadable(world, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_a_container_that_can_be_read_again_is_in_the_run_that_was_known() -> None:
    world = calm()
    before = world.instance(ROOT)
    known = world.containers[before.id]
    unreadable(world, ROOT)
    world.containers[before.id] = known
    world.relist()
    after = world.instance(ROOT)
    assert (after.state, after.health) == (TargetState.HEALTHY, before.health)


def test_a_container_that_stays_unreadable_is_told_after_its_grace() -> None:
    world = calm()
    unreadable(world, ROOT)
    world.wait(590.0)
    assert Action.PAGE not in {d.action for d in world.decisions}
    world.wait(15.0)
    assert world.last(ROOT).action is Action.PAGE
    assert FAULT in str(world.last(ROOT).reason)
    assert world.acts() == []


def test_a_looping_container_that_cannot_be_read_is_not_started() -> None:
    world = calm()
    for _ in range(3):
        world.exits(ROOT, 1)
        world.acted(ROOT)
        world.wait(2.0)
    acts = len(world.acts())
    unreadable(world, ROOT)
    world.wait(3600.0, step=10.0)
    assert len(world.acts()) == acts


def test_an_operator_who_asks_for_what_cannot_be_read_is_told_why_not() -> None:
    world = calm()
    unreadable(world, ROOT)
    world.send(RestartRequested(world.now, ROOT))
    assert world.last(ROOT).action is Action.HOLD
    assert FAULT in str(world.last(ROOT).reason)


def test_what_cannot_be_judged_says_why_from_the_first_probe_on() -> None:
    world = RuleWorld()
    world.probe(
        ROOT, probe_unknown(Cause.PROBER_FAILED, text_reason("it is on no network"))
    )
    seen = world.instance(ROOT)
    assert (seen.state, str(seen.reason)) == (
        TargetState.UNKNOWN,
        "it is on no network",
    )
    world.wait(300.0)
    assert (world.acts(), world.state.incidents) == ([], {})


# signals: which of them are an operator's stop

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
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL, signal=signal)
    world.wait(after_s, step=after_s)
    world.exits(ROOT, exit_code)
    world.wait(3.0)
    acts = [] if is_a_stop else [(ROOT, Action.START)]
    assert world.acts() == acts
    if is_a_stop:
        assert world.instance(ROOT).state is TargetState.STOPPED


def test_the_containers_own_stop_signal_is_a_stop_whatever_it_is() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL, signal=WINCH, stop_signal=WINCH)
    world.wait(2.0)
    world.exits(ROOT, 0)
    world.wait(5.0)
    assert world.acts() == []


@pytest.mark.parametrize("signal", [HUP, USR1, WINCH])
def test_a_hang_after_a_signal_that_ends_nothing_is_not_held(signal: int) -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL, signal=signal)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_a_stop_is_left_to_end_for_the_containers_own_stop_time() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL, signal=TERM, stop_timeout_s=90.0)
    world.fails(ROOT, Cause.REFUSED)
    world.wait(80.0)
    assert (world.acts(), world.last(ROOT).guard) == ([], Guard.STOPPING)
    world.wait(10.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_a_stop_longer_than_the_stop_time_is_known_by_the_engines_word() -> None:
    """``docker stop -t 60``: the word comes a moment after the exit."""
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL, signal=TERM)
    world.wait(40.0)
    world.exits(ROOT, 0)
    world.wait(1.0)
    assert world.acts() == []
    world.notice(ROOT, EngineEventKind.STOP)
    world.wait(600.0)
    assert (world.acts(), world.instance(ROOT).state) == ([], TargetState.STOPPED)


def test_an_engine_that_tells_of_a_stop_before_the_exit_is_believed() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL, signal=TERM)
    world.wait(40.0)
    world.notice(ROOT, EngineEventKind.STOP)
    world.exits(ROOT, 0)
    world.wait(600.0)
    assert (world.acts(), world.instance(ROOT).state) == ([], TargetState.STOPPED)


def test_a_signal_that_is_told_of_after_the_exit_explains_it_too() -> None:
    world = calm()
    world.exits(ROOT, 0, restart_policy="always")
    world.notice(ROOT, EngineEventKind.KILL, ago_s=0.5, signal=TERM)
    world.wait(60.0)
    assert (world.acts(), world.instance(ROOT).state) == ([], TargetState.STOPPED)


def test_signals_are_kept_on_the_clock_of_whoever_takes_over() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL, signal=TERM)
    (sent,) = world.instance(ROOT).kills
    later = Moment(world.now.mono - 500.0, world.now.wall)
    left = restore_state(world.state, world.now, later).left[world.instance(ROOT).id]
    assert left.kills == (sent._replace(mono=sent.mono - 500.0),)


# what others have the engine do while we have it restart


NEW = container(
    ROOT, id="new-id", name="abc_demo-electron-cash-1", status=Status.CREATED
)
"""What a redeploy made, to replace the old one by."""


def restarted_while(
    *others: EngineEventKind, beside: tuple[Container, ...] = ()
) -> RuleWorld:
    """Our restart, and what the engine tells of others meanwhile."""
    world = calm()
    world.beside = beside
    world.relist()
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(ROOT)
    for kind in (EngineEventKind.STOP, *others):
        world.notice(ROOT, kind)
    world.acted(ROOT, engine_stops=1)
    world.notice(ROOT, EngineEventKind.RESTART)
    return world


def test_a_stop_that_our_restart_undid_is_done_again() -> None:
    world = restarted_while(EngineEventKind.STOP)
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
    world.exits(ROOT, 137)  # the engine tells of it late
    world.wait(600.0)
    assert len(world.acts()) == 2
    assert world.instance(ROOT).state is TargetState.STOPPED


def test_a_stop_of_a_restart_that_recovers_at_once_is_done_again_too() -> None:
    world = restarted_while(EngineEventKind.STOP)
    world.works(ROOT, times=3)
    world.wait(3.0)
    assert world.acts()[-1] == (ROOT, Action.STOP)


def test_a_restart_by_somebody_else_during_ours_is_no_stop() -> None:
    world = restarted_while(EngineEventKind.STOP, EngineEventKind.RESTART)
    world.works(ROOT)
    world.wait(60.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_our_own_stop_alone_is_nobodys() -> None:
    world = restarted_while()
    world.works(ROOT)
    world.wait(60.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_whoever_starts_it_after_our_restart_wants_it_to_run() -> None:
    world = restarted_while(EngineEventKind.STOP)
    world.wait(1.0)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    world.works(ROOT)
    world.wait(60.0)
    assert Action.STOP not in {action for _, action in world.acts()}


def test_in_observe_mode_nothing_is_stopped_and_that_is_said_once() -> None:
    world = restarted_while(EngineEventKind.STOP)
    world.state = replace(world.state, mode=Mode.OBSERVE)
    world.wait(60.0)
    held = [d for d in world.decisions if d.guard is Guard.OBSERVE]
    assert len(held) == 1
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_a_redeploy_that_our_restart_cut_off_is_explained_and_not_stopped() -> None:
    world = restarted_while(EngineEventKind.STOP)
    world.beside = (NEW,)
    world.relist()
    world.works(ROOT)
    world.wait(100.0)
    assert world.acts() == [(ROOT, Action.RESTART)]
    seen = world.instance(ROOT)
    said = f"its new container {NEW.name} was created and never started"
    assert (seen.state, said in str(seen.reason)) == (TargetState.DEGRADED, True)
    assert world.last(ROOT).action is Action.PAGE
    assert "docker compose up -d" in str(world.last(ROOT).reason)
    world.beside = ()
    world.relist()
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_a_redeploy_that_was_known_before_our_restart_is_not_stopped() -> None:
    world = restarted_while(EngineEventKind.STOP, beside=(NEW,))
    world.works(ROOT)
    world.wait(100.0)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert NEW.name in str(world.instance(ROOT).reason)


def test_a_redeploy_under_way_is_not_told() -> None:
    world = calm()
    world.beside = (container(ROOT, id="new-id", status=Status.CREATED),)
    world.relist()
    world.wait(50.0)
    world.beside = ()
    world.relist()
    world.wait(600.0)
    assert world.decisions == []


# a container that the engine could not start

TAKEN = "driver failed: Bind for 0.0.0.0:7777 failed: port is already allocated"


def not_started(**changes: object) -> RuleWorld:
    policy = "unless-stopped"
    made = container(ROOT, status=Status.CREATED, started_at=0.0, restart_policy=policy)
    made = replace(made, **changes)  # type: ignore[arg-type]  # any field of it
    return RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): made})


def test_a_start_that_failed_is_an_incident_that_quotes_the_engine() -> None:
    world = not_started(exit_code=128, error=TAKEN)
    seen = world.instance(ROOT)
    assert seen.cause is Cause.NOT_RUNNING
    (incident,) = world.state.incidents.values()
    assert incident.target == ROOT
    assert any(TAKEN in str(getattr(t, "reason", "")) for t in world.transitions)
    assert world.acts() == [(ROOT, Action.START)]


def test_a_start_that_fails_again_and_again_is_slowed_and_given_up() -> None:
    world = not_started(exit_code=128, error=TAKEN)
    for _ in range(60):
        if world.is_acting(ROOT):
            world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
        world.wait(600.0, step=30.0)
    assert len(world.acts()) == 8
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER


def test_what_was_created_and_never_started_is_a_persons() -> None:
    world = not_started()
    world.wait(600.0)
    assert world.acts() == []
    assert world.state.incidents == {}
    assert str(world.instance(ROOT).reason) == "it was created and never started"


# a job that is done

JOB = Target("job", service="job", probes=(DockerProbe(),), may_finish=True)


def a_job(**changes: object) -> RuleWorld:
    target = replace(JOB, **changes)  # type: ignore[arg-type]  # any field of it
    world = RuleWorld((target, replace(SERVICE, depends_on=("job",))))
    world.works("job", LEAF)
    return world


def test_a_job_that_is_done_is_left_alone_and_nobody_is_told() -> None:
    world = a_job()
    world.exits("job", 0)
    world.wait(600.0)
    assert (world.acts(), world.state.incidents, world.messages) == ([], {}, [])
    seen = world.instance("job")
    assert (seen.state, str(seen.reason)) == (
        TargetState.STOPPED,
        "its work is done (exit 0)",
    )


def test_a_job_that_was_done_before_we_came_is_left_alone() -> None:
    done = container("job", status=Status.EXITED, exit_code=0, pid=0)
    world = RuleWorld((JOB,), containers={InstanceId("job", 1): done})
    world.wait(600.0)
    assert (world.acts(), world.decisions) == ([], [])


def test_a_job_that_is_done_does_not_hold_what_depends_on_it() -> None:
    world = a_job()
    world.exits("job", 0)
    world.wait(60.0)
    world.fails(LEAF, Cause.REFUSED)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_a_job_that_is_done_resolves_its_incident() -> None:
    world = a_job()
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
def test_what_is_no_finished_job_is_started(
    changes: dict[str, object], exit_code: int, policy: str
) -> None:
    world = a_job(**changes)
    world.exits("job", exit_code, restart_policy=policy)
    world.wait(40.0)
    assert world.acts() == [("job", Action.START)]


# without the engine's events


def deaf(policy: str = "no") -> RuleWorld:
    world = RuleWorld((WALLET,))
    who = InstanceId(ROOT, 1)
    world.containers[who] = replace(world.containers[who], restart_policy=policy)
    world.send(
        EngineReachabilityChanged(world.now, reachable=True, deaf="403: no events")
    )
    world.relist()
    world.works(ROOT)
    return world


def found_stopped(world: RuleWorld, exit_code: int, **changes: object) -> None:
    """The next list shows it so; nothing else does."""
    who = InstanceId(ROOT, 1)
    known = world.containers[who]
    ended = replace(known, status=Status.EXITED, exit_code=exit_code, pid=0)
    world.containers[who] = replace(ended, **changes)  # type: ignore[arg-type]  # any field of it
    world.relist()


def look_for(world: RuleWorld, seconds: float) -> None:
    """Lists every 10 s, as without events."""
    for _ in range(int(seconds // 10)):
        world.wait(10.0)
        world.relist()


@pytest.mark.parametrize("exit_code", [0, 137, 143, 1])
def test_deaf_an_exit_that_no_policy_answers_is_started(exit_code: int) -> None:
    world = deaf()
    found_stopped(world, exit_code)
    look_for(world, 60.0)
    assert world.acts() == [(ROOT, Action.START)]


@pytest.mark.parametrize("exit_code", [0, 137, 143])
def test_deaf_what_stops_again_soon_after_our_start_is_left(exit_code: int) -> None:
    world = deaf()
    found_stopped(world, exit_code)
    world.acted(ROOT)
    world.works(ROOT)
    world.wait(60.0)
    found_stopped(world, exit_code)
    look_for(world, 300.0)
    assert world.acts() == [(ROOT, Action.START)]
    assert world.instance(ROOT).state is TargetState.STOPPED


def test_deaf_a_death_for_memory_is_started_each_time() -> None:
    world = deaf()
    for _ in range(2):
        found_stopped(world, 137, oom_killed=True)
        assert world.is_acting(ROOT)
        world.acted(ROOT)
        world.works(ROOT)
        world.wait(60.0)
    assert world.acts() == [(ROOT, Action.START)] * 2


@pytest.mark.parametrize("exit_code", [0, 137, 143, 1])
def test_deaf_what_the_engines_policy_leaves_stopped_is_an_operators(
    exit_code: int,
) -> None:
    """Had it ended by itself, the engine would have started it."""
    world = deaf("unless-stopped")
    found_stopped(world, exit_code)
    look_for(world, 600.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STOPPED


def test_deaf_an_engine_that_is_at_it_is_given_its_time() -> None:
    world = deaf("always")
    found_stopped(world, 1)
    found_stopped(world, 1, status=Status.RESTARTING)
    look_for(world, 60.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.DOWN


def test_deaf_what_was_stopped_before_we_came_is_left_alone() -> None:
    stopped = container(ROOT, status=Status.EXITED, exit_code=143, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): stopped})
    world.send(
        EngineReachabilityChanged(world.now, reachable=True, deaf="403: no events")
    )
    look_for(world, 300.0)
    assert world.acts() == []


# what is not counted


@pytest.mark.parametrize("trouble", ["start", "restart"])
def test_tries_that_cannot_be_sent_come_to_an_end_and_people_are_told(
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
            world.acted(ROOT, RemedyCallResult.NOT_SENT, restart=False)
        world.wait(120.0, step=20.0)
    assert len(world.acts()) <= MOST_UNSENT + 9
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER
    kinds = {message.kind for message in world.messages}
    assert {MessageKind.ACTION_FAILED, MessageKind.DEAD_LETTER} <= kinds


def test_a_few_tries_that_cannot_be_sent_cost_nothing() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    for _ in range(3):
        world.acted(ROOT, RemedyCallResult.NOT_SENT, restart=False)
        world.wait(10.0)
    lane = world.instance(ROOT).lane
    assert (lane.tries, lane.name) == (1, LaneName.FAST)
