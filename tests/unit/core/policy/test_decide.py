"""The rules, told as short stories. One test a rule; the names say which."""

import itertools
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.container import NativeHealth, Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import (
    ContainersListed,
    EngineEventKind,
    EngineReachabilityChanged,
    PauseRequested,
    ProbeCompleted,
    RecoverRequested,
    RemedyCallResult,
    RestartRequested,
    ResumeRequested,
    Tick,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import (
    ProbeWarning,
    probe_failure,
    probe_success,
    probe_unknown,
)
from sidecar.core.model.probe_settings import DockerProbe, ElectronCashProbe
from sidecar.core.model.target import (
    AfterDependency,
    InstanceId,
    Mode,
    RestartSettings,
    Target,
)
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
)
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import EPOCH, SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
RESTART = Action.RESTART


def calm(**settings: object) -> RuleWorld:
    """Both targets known to be healthy."""
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def hang(world: RuleWorld, name: str, seconds: float = 60.0) -> None:
    """Silent for that long, with a time-out of 10 s a probe."""
    end = world.now_s + seconds
    while world.now_s < end and not world.instance(name).remedy:
        world.fails(name, Cause.HUNG, 1, took_s=10.0)
        if world.instance(name).health.failures:
            world.looked(name)


# --- streaks and thresholds ------------------------------------------------


@pytest.mark.parametrize(
    "cause",
    [
        Cause.REFUSED,
        Cause.RESET,
        Cause.BAD_BODY,
        Cause.HTTP_5XX,
        Cause.COMMAND_FAILED,
        Cause.ENGINE_UNHEALTHY,
    ],
)
def test_a_curable_cause_is_restarted_at_the_third_failure(cause: Cause) -> None:
    world = calm()
    world.fails(ROOT, cause, 2)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.FAILING
    world.fails(ROOT, cause, 1)
    assert world.acts() == [(ROOT, RESTART)]


def test_each_failure_below_the_threshold_is_said() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 2)
    assert world.said(ROOT) == [(Action.HOLD, Guard.THRESHOLD)] * 2
    assert "failure 2 of 3" in str(world.last(ROOT).reason)


def test_one_success_clears_the_streak() -> None:
    world = calm()
    for _ in range(5):
        world.fails(ROOT, Cause.REFUSED, 2)
        world.works(ROOT, times=1)
    assert world.acts() == []


def test_two_successes_make_a_target_that_was_down_healthy() -> None:
    world = calm(mode=Mode.OBSERVE)
    world.fails(ROOT, Cause.REFUSED)
    world.works(ROOT, times=1)
    assert world.instance(ROOT).state is TargetState.DOWN
    world.works(ROOT, times=1)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_unknown_changes_no_streak() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 2)
    for _ in range(10):
        world.probe(
            ROOT,
            probe_unknown(Cause.PROBER_FAILED, text_reason("no file descriptors left")),
        )
    assert world.acts() == []
    assert world.instance(ROOT).health.failures == 2


def test_failures_in_the_start_period_do_not_count() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    world.fails(ROOT, Cause.REFUSED, 10)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STARTING


def test_the_start_period_ends_with_the_first_success() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_warning_degrades_and_never_restarts() -> None:
    world = calm()
    for _ in range(10):
        world.probe(
            ROOT,
            probe_success(
                warnings=(ProbeWarning.SLOW,), reason=text_reason("answered in 12 s")
            ),
        )
        world.now_s += 15.0
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.DEGRADED


def test_a_result_of_an_older_run_is_not_believed() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 2)
    instance = world.instance(ROOT)
    assert instance.container is not None
    old_run = instance.container.run
    world.notice(ROOT, EngineEventKind.START, started_at=world.now.wall)
    late = probe_success()
    world.send(ProbeCompleted(world.now, instance.id, old_run, world.now_s - 1, late))
    assert world.instance(ROOT).health.last is None


# --- hung ------------------------------------------------------------------


def test_silence_is_a_hang_only_after_hang_after() -> None:
    world = calm()
    hang(world, ROOT, 36.0)
    assert world.instance(ROOT).health.failures >= 3
    assert world.acts() == []
    hang(world, ROOT, 20.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_network_call_of_30_s_is_left_alone() -> None:
    world = calm()
    world.fails(ROOT, Cause.HUNG, 2, took_s=10.0)
    world.probe(ROOT, probe_success(), 6.0)
    world.works(ROOT)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_a_stopped_process_is_certain_at_once() -> None:
    world = calm()
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    assert world.last(ROOT).action is Action.LOOK
    world.looked(ROOT, "electron-cash daemon")
    assert world.acts() == [(ROOT, RESTART)]
    assert "state T" in str(world.last(ROOT).reason)


def test_a_silent_container_is_looked_into_once_a_streak() -> None:
    world = calm()
    hang(world, ROOT, 30.0)
    world.works(ROOT)
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    looks = [d for d in world.decisions if d.action is Action.LOOK]
    assert len(looks) == 2


def test_hung_and_refused_are_stopped_quickly_and_others_gently() -> None:
    manners = {}
    for cause in (Cause.REFUSED, Cause.HTTP_5XX):
        world = calm()
        found = probe_failure(
            cause, text_reason("x"), rpc_answers=cause is Cause.HTTP_5XX
        )
        for _ in range(3):
            world.probe(ROOT, found)
        decision = world.last(ROOT)
        manners[cause] = (decision.stop_timeout_s, decision.polite_stop_s)
    assert manners == {Cause.REFUSED: (5.0, 0.0), Cause.HTTP_5XX: (30.0, 90.0)}


# --- causes that a restart does not cure -----------------------------------

INCURABLE = [
    c
    for c, rule in CAUSES.items()
    if rule.remedy is None
    and c
    not in {
        Cause.CRASH_LOOP,
        Cause.STOPPED,
        Cause.PAUSED,
        Cause.MISSING,
        Cause.PROBER_FAILED,
        Cause.OWN_NETWORK,
        Cause.SUSPENDED,
    }
]


@pytest.mark.parametrize("cause", INCURABLE)
def test_an_incurable_cause_is_told_and_never_restarted(
    cause: Cause,
) -> None:
    world = calm()
    grace = CAUSES[cause].grace_s
    world.fails(ROOT, cause, 3)
    if grace:
        assert world.last(ROOT).action is Action.HOLD
        assert world.state.incidents == {}
    for _ in range(int(grace / 100.0) + 1):
        world.fails(ROOT, cause, 1, took_s=98.0)
    assert world.acts() == []
    assert world.last(ROOT).action is Action.PAGE
    assert f"because {CAUSES[cause].why_not}" in str(world.last(ROOT).reason)
    assert [i.cause for i in world.state.incidents.values()] == [cause]


def test_a_person_is_told_once() -> None:
    world = calm()
    for _ in range(50):
        world.fails(ROOT, Cause.AUTH, 1)
        world.wait(2.0)
    pages = [d for d in world.decisions if d.action is Action.PAGE]
    assert len(pages) == 1


def test_restart_on_upstream_loss_acts_after_the_grace_where_it_is_asked_for() -> None:
    probe = ElectronCashProbe(
        "http://e:7777/", restart_on_upstream_loss=True, upstream_grace_s=60.0
    )
    world = calm(targets=(replace(WALLET, probes=(probe,)),))
    world.fails(ROOT, Cause.UPSTREAM_LOST, 5)
    assert world.acts() == []
    world.fails(ROOT, Cause.UPSTREAM_LOST, 30)
    assert world.acts() == [(ROOT, RESTART)]


# --- the wallet ------------------------------------------------------------


def test_a_wallet_that_is_not_loaded_is_loaded_at_once_and_nothing_restarted() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    world.probe(
        ROOT,
        probe_failure(
            Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
        ),
    )
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    world.acted(ROOT, restart=False)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_every_start_gets_its_load_whatever_became_of_those_before() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(100):
        world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
        if world.instance(ROOT).loading:
            world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    assert world.last(ROOT).guard is Guard.BACKOFF
    before = len(world.acts())
    who = InstanceId(ROOT, 1)
    world.containers[who] = container(ROOT, started_at=world.now.wall)
    world.relist()
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 5)
    assert world.acts()[before:] == [(ROOT, Action.LOAD_WALLET)]


def test_the_wallet_is_loaded_within_the_verification_of_a_restart() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.probe(
        ROOT,
        probe_failure(
            Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
        ),
    )
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.LOAD_WALLET)]
    world.acted(ROOT, restart=False)
    world.works(ROOT)
    ended = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [(e.action, e.outcome) for e in ended] == [
        (RESTART, RemedyOutcome.RECOVERED)
    ]


def test_no_wallet_is_loaded_where_that_is_switched_off() -> None:
    probe = ElectronCashProbe("http://e:7777/", load_wallet=False)
    world = calm(targets=(replace(WALLET, probes=(probe,)),))
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 5)
    assert world.acts() == []
    assert world.last(ROOT).action is Action.PAGE


# --- root and dependents ---------------------------------------------------


def test_a_dependent_waits_until_its_root_has_answered_since() -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    assert world.acts() == []
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    world.works(ROOT, times=1)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_dependent_is_held_while_the_root_has_an_open_streak() -> None:
    world = calm()
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    world.fails(LEAF, Cause.HTTP_5XX, 10)
    assert world.acts() == []
    assert world.last(LEAF).guard is Guard.DEPENDENCY


def test_root_first_then_a_dependent_that_follows_by_itself_is_not_touched() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.acted(ROOT)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.works(LEAF)
    world.wait(60.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_dependent_that_does_not_follow_is_restarted_second() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.acted(ROOT)
    world.works(ROOT)
    recovered = world.now_s
    for _ in range(30):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    assert world.acts() == [(ROOT, RESTART), (LEAF, RESTART)]
    second = world.decisions[-1] if world.decisions else None
    acted = next(d for d in world.decisions if d.name == LEAF and d.action is RESTART)
    assert second is not None
    assert acted.trigger is Trigger.DEPENDENCY
    assert acted.at.mono - recovered >= 29.0


@pytest.mark.parametrize(
    ("after_dependency", "restarted"),
    [
        (AfterDependency.ALWAYS, True),
        (AfterDependency.NEVER, False),
        (AfterDependency.IF_FAILING, False),
    ],
)
def test_after_dependency_decides_about_a_dependent_that_works(
    after_dependency: AfterDependency, restarted: bool
) -> None:
    world = calm(targets=(WALLET, replace(SERVICE, after_dependency=after_dependency)))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT, LEAF)
    world.wait(1.0)
    assert ((LEAF, RESTART) in world.acts()) is restarted


def test_after_dependency_never_tells_a_person_instead() -> None:
    never = replace(SERVICE, after_dependency=AfterDependency.NEVER)
    world = calm(targets=(WALLET, never))
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.acted(ROOT)
    world.works(ROOT)
    for _ in range(30):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.last(LEAF).action is Action.PAGE


def test_one_incident_at_the_root_with_the_dependent_attached() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.wait(1.0)
    (incident,) = world.state.incidents.values()
    assert (incident.target, incident.affected) == (ROOT, (LEAF,))
    world.acted(ROOT)
    world.works(ROOT)
    assert incident.id in {i for i, v in world.state.incidents.items() if v.open}
    world.works(LEAF)
    steps = [t.step for t in world.transitions if isinstance(t, IncidentChanged)]
    assert steps == [IncidentStep.OPENED, IncidentStep.AFFECTED, IncidentStep.RESOLVED]


# --- exits -----------------------------------------------------------------


def test_a_container_that_exits_by_itself_is_started_at_once() -> None:
    world = calm()
    world.exits(ROOT, 1)
    assert world.acts() == [(ROOT, Action.START)]


def test_exit_0_by_itself_is_an_exit_all_the_same() -> None:
    world = calm()
    world.exits(ROOT, 0)
    assert world.acts() == [(ROOT, Action.START)]


def test_the_engines_own_policy_is_given_its_time_first() -> None:
    world = calm()
    world.exits(ROOT, 1, restart_policy="always")
    assert world.last(ROOT).guard is Guard.ENGINE_POLICY
    world.wait(29.0)
    assert world.acts() == []
    world.wait(2.0)
    assert world.acts() == [(ROOT, Action.START)]


@pytest.mark.parametrize(
    "kinds", [(EngineEventKind.KILL,), (EngineEventKind.KILL, EngineEventKind.STOP)]
)
def test_an_operators_stop_or_kill_is_respected(
    kinds: tuple[EngineEventKind, ...],
) -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 137)
    if EngineEventKind.STOP in kinds:
        world.notice(ROOT, EngineEventKind.STOP)
    world.wait(3600.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STOPPED
    pages = [d for d in world.decisions if d.action is Action.PAGE]
    assert [p.cause for p in pages] == [Cause.STOPPED]
    assert world.state.incidents == {}


def test_what_somebody_is_stopping_is_left_to_end() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL)
    world.fails(ROOT, Cause.REFUSED)
    assert world.last(ROOT).guard is Guard.STOPPING
    world.exits(ROOT, 137)
    world.notice(ROOT, EngineEventKind.STOP)
    world.wait(600.0)
    assert world.acts() == []
    assert world.state.incidents == {}


def test_what_runs_on_after_a_signal_is_restarted_in_time() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL)
    world.fails(ROOT, Cause.REFUSED)
    world.wait(4.0)
    assert (world.acts(), world.state.incidents) == ([], {})
    world.wait(3.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert len(world.state.incidents) == 1


def test_a_signal_to_an_earlier_run_is_none_to_this_one() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL)
    world.wait(5.0)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_signal_that_is_told_of_late_was_sent_when_it_was() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL, ago_s=12.0)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)]


def test_whoever_asks_for_it_may_restart_what_is_being_stopped() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL)
    world.send(RestartRequested(world.now, ROOT))
    assert world.acts() == [(ROOT, RESTART)]


def test_a_start_picks_it_up_again() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 137)
    world.wait(10.0)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_paused_container_is_left_alone() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.PAUSE, status=Status.PAUSED)
    world.wait(600.0)
    assert world.acts() == []
    assert world.instance(ROOT).cause is Cause.PAUSED


def test_a_signal_long_ago_does_not_excuse_a_death() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.KILL)
    world.wait(601.0, 30.0)
    world.exits(ROOT, 137)
    assert world.acts() == [(ROOT, Action.START)]


def test_found_stopped_is_left_alone_until_its_own_death_is_reported() -> None:
    dead = container(ROOT, status=Status.EXITED, exit_code=0, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): dead})
    world.wait(60.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STOPPED
    world.notice(ROOT, EngineEventKind.DIE, ago_s=30.0)
    assert world.acts() == [(ROOT, Action.START)]


@pytest.mark.parametrize(("exit_code", "oom"), [(1, False), (139, False), (137, True)])
def test_found_crashed_is_started(exit_code: int, oom: bool) -> None:
    dead = container(
        ROOT, status=Status.EXITED, exit_code=exit_code, oom_killed=oom, pid=0
    )
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): dead})
    assert world.acts() == [(ROOT, Action.START)]


def test_created_but_never_started_is_nobodys_business() -> None:
    new = container(ROOT, status=Status.CREATED, started_at=0.0, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): new})
    world.wait(600.0)
    assert world.acts() == []


def test_a_missing_container_gets_60_s_for_a_redeploy() -> None:
    world = calm()
    world.containers.pop(InstanceId(ROOT, 1))
    world.relist()
    world.wait(55.0)
    assert world.last(ROOT).action is Action.HOLD
    world.wait(10.0)
    assert world.last(ROOT).action is Action.PAGE
    assert world.instance(ROOT).state is TargetState.MISSING
    assert world.acts() == []


def test_a_recreated_container_starts_from_nothing() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 2)
    world.containers[InstanceId(ROOT, 1)] = container(
        ROOT, id="another", started_at=world.now.wall
    )
    world.relist()
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []


# --- loops -----------------------------------------------------------------


def _dies_soon(world: RuleWorld, times: int, policy: str) -> None:
    for _ in range(times):
        world.wait(5.0)
        world.exits(ROOT, 1, restart_policy=policy)
        if world.is_acting(ROOT):
            world.acted(ROOT)
        else:
            now = world.now.wall
            world.notice(
                ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=now
            )


def test_the_engines_own_loop_is_not_fed() -> None:
    world = calm()
    _dies_soon(world, 4, "always")
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP
    assert world.acts() == []
    assert world.last(ROOT).action is Action.PAGE
    assert world.last(ROOT).cause is Cause.CRASH_LOOP
    told = len(world.decisions)
    _dies_soon(world, 20, "always")
    assert len(world.decisions) == told


def test_a_loop_is_over_when_a_run_works_and_lasts() -> None:
    world = calm()
    _dies_soon(world, 4, "always")
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP
    world.wait(61.0)
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_without_a_policy_a_loop_ends_in_the_slow_lane() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(2400):
        world.wait(1.0)
        if world.is_acting(ROOT):
            world.acted(ROOT)
        elif world.containers[InstanceId(ROOT, 1)].status is Status.RUNNING:
            world.exits(ROOT, 1)
    starts = [d.at.mono for d in world.decisions if d.action is Action.START]
    assert len(starts) <= 6
    assert starts[-1] - starts[-2] >= 600.0


# --- budgets ---------------------------------------------------------------


def _never_recovers(world: RuleWorld, seconds: float) -> list[float]:
    end = world.now_s + seconds
    while world.now_s < end:
        if world.is_acting(ROOT):
            world.now_s += 1.0
            world.acted(ROOT)
        world.fails(ROOT, Cause.RESET, 1)
        world.send(Tick(world.now))
        if world.now_s % 30 < 2.5:
            world.relist()
    return [d.at.mono for d in world.decisions if d.action is RESTART]


def test_three_tries_with_growing_gaps_then_the_slow_lane_then_a_person() -> None:
    quick = RestartSettings(recovery_timeout_s=20.0)
    cadence = replace(WALLET.cadence, start_period_s=10.0)
    world = calm(targets=(replace(WALLET, restart=quick, cadence=cadence),))
    tries = _never_recovers(world, 25_000.0)
    gaps = [b - a for a, b in itertools.pairwise(tries)]
    assert len(tries) == 8
    assert gaps == sorted(gaps)
    assert gaps[1] > gaps[0] + 9.0
    slow = [round((g - 21.0) / 600.0) for g in gaps[2:]]
    assert slow == [1, 2, 4, 8, 16]
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER
    world.send(RecoverRequested(world.now, ROOT))
    world.fails(ROOT, Cause.RESET, 1)
    assert len([d for d in world.decisions if d.action is RESTART]) == 9


def test_health_rearms_everything() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(4):
        world.fails(ROOT, Cause.REFUSED)
        world.acted(ROOT)
        world.works(ROOT)
    assert len(world.acts()) == 4
    assert world.instance(ROOT).lane.tries == 0


def test_a_restart_that_returned_refunds_nothing() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    assert world.instance(ROOT).lane.tries == 1


def test_what_was_never_sent_is_not_counted() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT, RemedyCallResult.NOT_SENT, restart=False)
    assert world.instance(ROOT).lane.tries == 0
    assert world.state.restarts == ()
    assert world.instance(ROOT).restarts_total == 0


def test_an_unknown_answer_of_the_engine_counts_once() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.notice(ROOT, EngineEventKind.START, started_at=world.now.wall)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.instance(ROOT).restarts_total == 1


def test_the_storm_brake_holds_after_ten_restarts_an_hour() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(12):
        world.fails(ROOT, Cause.REFUSED)
        if world.is_acting(ROOT):
            world.acted(ROOT)
            world.works(ROOT)
    assert len(world.acts()) == 10
    assert world.last(ROOT).guard is Guard.RATE_LIMIT


def test_a_cure_that_never_cured_is_not_repeated() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(4):
        world.fails(ROOT, Cause.REFUSED)
        world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
        world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert len(world.acts()) == 4
    assert world.last(ROOT).guard is Guard.INEFFECTIVE


# --- the other guards ------------------------------------------------------


def test_observe_mode_says_what_it_would_do() -> None:
    world = calm(mode=Mode.OBSERVE)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.OBSERVE
    assert "would now restart" in str(world.last(ROOT).reason)


def test_opting_out_stops_the_acting_and_not_the_measuring() -> None:
    watched = replace(WALLET, restart=RestartSettings(enabled=False))
    world = calm(targets=(watched,))
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.OPTED_OUT
    assert world.instance(ROOT).state is TargetState.DOWN


def test_a_pause_holds_until_it_ends_by_itself() -> None:
    world = calm(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 60.0))
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.last(ROOT).guard is Guard.PAUSED
    world.wait(61.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_pause_holds_until_it_is_resumed() -> None:
    world = calm(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,)))
    world.fails(ROOT, Cause.REFUSED, 5)
    world.send(ResumeRequested(world.now, (ROOT,)))
    assert world.acts() == [(ROOT, RESTART)]


def test_an_engine_out_of_reach_holds_and_its_return_resumes() -> None:
    world = calm(targets=(WALLET,))
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.last(ROOT).guard is Guard.ENGINE
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.relist()
    assert world.acts() == [(ROOT, RESTART)]


def test_an_old_list_of_containers_holds() -> None:
    world = calm(targets=(WALLET,))
    world.lists = False
    world.now_s += 91.0
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.ENGINE


def test_two_targets_out_of_reach_at_once_make_our_own_network_suspect() -> None:
    other = replace(SERVICE, depends_on=("db",))
    world = calm(targets=(WALLET, other, Target("db", probes=(DockerProbe(),))))
    for _ in range(8):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.looked(ROOT)
        world.fails(LEAF, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.looked(LEAF)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.OWN_NETWORK


def test_one_remedy_at_a_time_in_a_stack() -> None:
    other = replace(SERVICE, depends_on=())
    world = calm(targets=(WALLET, other))
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.last(LEAF).guard is Guard.REMEDY_RUNNING
    world.acted(ROOT)
    world.works(ROOT)
    assert world.last(LEAF).guard is Guard.DEPENDENCY, "it may have needed the wallet"
    world.wait(other.settle_s)
    assert world.acts() == [(ROOT, RESTART), (LEAF, RESTART)]


def test_a_remedy_that_does_not_end_is_given_up_at_its_deadline() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.wait(150.0)
    assert world.is_acting(ROOT)
    world.wait(4.0)
    ended = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [e.outcome for e in ended] == [RemedyOutcome.UNKNOWN]
    assert world.instance(ROOT).remedy is None


# --- the operator ----------------------------------------------------------


def test_an_operators_restart_is_done_and_answered() -> None:
    world = calm()
    (decision,) = world.send(RestartRequested(world.now, ROOT))
    assert (decision.action, decision.trigger) == (RESTART, Trigger.OPERATOR)
    assert world.instance(ROOT).lane.tries == 0


def test_an_operators_restart_is_refused_with_the_guards_reason() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    (decision,) = world.send(RestartRequested(world.now, LEAF))
    assert decision.action is Action.HOLD
    assert decision.guard is Guard.REMEDY_RUNNING
    assert not world.instance(LEAF).asked


def test_now_waives_what_waits_and_not_what_protects() -> None:
    world = calm()
    world.send(PauseRequested(world.now, (ROOT,)))
    (held,) = world.send(RestartRequested(world.now, ROOT))
    assert held.guard is Guard.PAUSED
    (done,) = world.send(RestartRequested(world.now, ROOT, now=True))
    assert done.action is RESTART


def test_no_container_no_restart() -> None:
    world = calm()
    world.containers.pop(InstanceId(ROOT, 1))
    world.relist()
    (decision,) = world.send(RestartRequested(world.now, ROOT))
    assert decision.action is Action.HOLD


# --- replicas and lists ----------------------------------------------------


def test_replicas_are_instances_with_names_of_their_own() -> None:
    world = calm(targets=(WALLET,))
    assert [i.name for i in world.state.instances.values()] == [ROOT]
    world.containers[InstanceId(ROOT, 2)] = container(ROOT, 2)
    world.relist()
    names = [i.name for i in world.state.instances.values()]
    assert names == [f"{ROOT}-1", f"{ROOT}-2"]
    world.works(f"{ROOT}-2")
    world.fails(f"{ROOT}-1", Cause.REFUSED)
    assert world.acts() == [(f"{ROOT}-1", RESTART)]


def test_a_target_that_left_is_forgotten() -> None:
    world = calm()
    world.send(ContainersListed(world.now, (WALLET,), ()))
    assert [i.target for i in world.state.instances] == [ROOT]


def test_native_health_rides_along_with_the_container() -> None:
    world = calm()
    world.notice(ROOT, EngineEventKind.HEALTH, health=NativeHealth.UNHEALTHY)
    seen = world.instance(ROOT).container
    assert seen is not None
    assert seen.health is NativeHealth.UNHEALTHY


def test_an_operators_restart_of_a_target_that_is_just_starting_waits_for_now() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    (held,) = world.send(RestartRequested(world.now, ROOT))
    assert held.guard is Guard.STARTING
    (done,) = world.send(RestartRequested(world.now, ROOT, now=True))
    assert done.action is RESTART


def test_what_a_failed_restart_of_ours_left_stopped_is_started() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    who = world.instance(ROOT).id
    world.containers[who] = replace(
        world.containers[who], status=Status.EXITED, exit_code=0, pid=0
    )
    world.relist()
    world.wait(30.0)
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.START)]


def test_between_a_failed_load_and_the_next_probe_nobody_is_told_anything() -> None:
    world = calm(targets=(WALLET,))
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 3)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    world.wait(5.0)
    for _ in range(10):
        world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
        if world.instance(ROOT).loading:
            world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
            world.wait(1.0)
    assert not [d for d in world.decisions if d.action is Action.PAGE]
