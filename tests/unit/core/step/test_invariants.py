"""Invariants of the rules in any order of events."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartDue,
    RemedyCallResult,
    RestartRequested,
    ResumeRequested,
)
from sidecar.core.model.lane import Lane
from sidecar.core.model.probe_result import (
    ProbeResult,
    probe_failure,
    probe_success,
    probe_unknown,
)
from sidecar.core.model.target import PlannedRestartSettings
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery import retry_budget
from sidecar.core.recovery.restart_rate import RESTART_LIMIT
from sidecar.core.status.current_cause import current_cause
from sidecar.core.status.presumed_dependencies import is_only_verified
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
OTHER = "rates"
NAMES = (ROOT, LEAF, OTHER)
TARGETS = (
    replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *")),
    SERVICE,
    replace(SERVICE, name=OTHER, depends_on=()),
)
PROBE_CAUSES = [
    c
    for c in Cause
    if c
    not in {
        Cause.STOPPED,
        Cause.PAUSED,
        Cause.MISSING,
        Cause.NOT_RUNNING,
        Cause.CRASH_LOOP,
        Cause.PROBER_FAILED,
        Cause.SUSPENDED,
    }
]

names = st.sampled_from(NAMES)
Steps = list[tuple[object, ...]]
STEPS = st.one_of(
    st.tuples(st.just("works"), names),
    st.tuples(st.just("fails"), names, st.sampled_from(PROBE_CAUSES)),
    st.tuples(st.just("fails3"), names, st.sampled_from(PROBE_CAUSES)),
    st.tuples(st.just("unknown"), names),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 10.0, 60.0, 400.0])),
    st.tuples(st.just("acted"), names, st.sampled_from(list(RemedyCallResult))),
    st.tuples(st.just("exits"), names, st.sampled_from([0, 1, 137])),
    st.tuples(st.just("start"), names),
    st.tuples(st.just("kill"), names),
    st.tuples(st.just("pause"), names),
    st.tuples(st.just("resume"), names),
    st.tuples(st.just("ask"), names, st.booleans()),
    st.tuples(st.just("due"), st.just(ROOT)),
    st.tuples(st.just("engine"), st.booleans()),
    st.tuples(st.just("looked"), names, st.booleans()),
)


def probe_step(
    world: RuleWorld, name: str, result: ProbeResult, times: int = 1
) -> None:
    for _ in range(times):
        world.probe(name, result, 10.0 if times > 1 else 0.01)
        world.now_s += 2.0


def acted_step(world: RuleWorld, name: str, result: RemedyCallResult) -> None:
    if world.instance(name).loading is not None:
        world.complete_remedy(name, result, restart=False)
    elif world.is_acting(name):
        world.complete_remedy(name, result)


def exits_step(world: RuleWorld, name: str, code: int) -> None:
    if world.containers[world.instance(name).id].status is Status.RUNNING:
        world.exits(name, code)


def start_step(world: RuleWorld, name: str) -> None:
    now = world.now.wall
    world.notice(name, EngineEventKind.START, status=Status.RUNNING, started_at=now)


APPLY: dict[str, Callable[..., object]] = {
    "works": lambda w, name: probe_step(w, name, probe_success()),
    "fails": lambda w, name, cause: probe_step(
        w, name, probe_failure(cause, text_reason("x"))
    ),
    "fails3": lambda w, name, cause: probe_step(
        w, name, probe_failure(cause, text_reason("x")), 3
    ),
    "unknown": lambda w, name: probe_step(
        w, name, probe_unknown(Cause.PROBER_FAILED, text_reason("x"))
    ),
    "wait": lambda w, seconds: w.wait(seconds, max(0.5, seconds / 20)),
    "acted": acted_step,
    "exits": exits_step,
    "start": start_step,
    "kill": lambda w, name: w.notice(name, EngineEventKind.KILL),
    "pause": lambda w, name: w.send(PauseRequested(w.now, (name,))),
    "resume": lambda w, name: w.send(ResumeRequested(w.now, (name,))),
    "ask": lambda w, name, now: w.send(RestartRequested(w.now, name, now)),
    "due": lambda w, name: w.send(PlannedRestartDue(w.now, name)),
    "engine": lambda w, reachable: w.send(EngineReachabilityChanged(w.now, reachable)),
    "looked": lambda w, name, stopped: w.inspect_processes(name, *["daemon"] * stopped),
}


def play(steps: Steps) -> RuleWorld:
    world = RuleWorld(TARGETS, witness=check_invariants)
    for step in steps:
        APPLY[str(step[0])](world, *step[1:])
    return world


def check_invariants(world: RuleWorld, new: tuple[Decision, ...]) -> None:
    """Check the invariants after every event."""
    check_one_remedy_at_a_time(world)
    for decision in new:
        assert decision.reason
        if decision.action in {Action.START, Action.RESTART}:
            check_unforced_action(world, decision)
    for instance in world.state.instances.values():
        check_budget(world, instance.name)
        if instance.state in WORKING_STATES:
            assert instance.lane == Lane(), "health re-arms"
        interval_s = probe_interval_s(world.state, instance)
        assert interval_s is None or interval_s > 0


def check_one_remedy_at_a_time(world: RuleWorld) -> None:
    """A verified remedy may give way to another, but a root never to its dependent."""
    busy = [i for i in world.state.instances.values() if i.remedy or i.loading]
    names = {i.name for i in busy}
    acted_on = [i.name for i in busy if not is_only_verified(i)]
    assert len(acted_on) <= 1, f"two remedies at once: {acted_on}"
    assert not {ROOT, LEAF} <= names, "one waits for the other"
    if OTHER in names and ROOT in names:
        mine, wallets = (world.instance(n).remedy for n in (OTHER, ROOT))
        began = [r.began.mono if r else world.now_s for r in (mine, wallets)]
        assert began[0] <= began[1], "the wallet gave way"


def check_unforced_action(world: RuleWorld, decision: Decision) -> None:
    if decision.trigger in {Trigger.FAILURE, Trigger.DEPENDENCY}:
        assert world.state.engine.reachable
        if decision.name == LEAF:
            root = world.instance(ROOT)
            health = root.health
            assert health.failures == 0, "a dependent before its down root"
            assert health.blind or current_cause(root) is None, "it just failed"


def check_budget(world: RuleWorld, name: str) -> None:
    instance = world.instance(name)
    settings = world.state.target_of(instance).restart
    lane = instance.lane
    assert retry_budget.tries_in_window(lane, settings, world.now_s) <= settings.budget
    assert lane.slow_tries <= len(settings.slow_lane_s)
    forced = [d for d in world.decisions if d.trigger is Trigger.OPERATOR]
    if not forced:
        assert len(world.state.restarts) <= RESTART_LIMIT


ROOT_FAILS_AT_START: Steps = [
    ("start", ROOT),
    ("fails3", LEAF, Cause.REFUSED),
    ("fails3", ROOT, Cause.REFUSED),
]

LEAF_EXITS_WHILE_ROOT_STARTS: Steps = [
    ("start", ROOT),
    ("fails", ROOT, Cause.REFUSED),
    ("exits", LEAF, 1),
]


@given(st.lists(STEPS, max_size=60))
@example(ROOT_FAILS_AT_START)
@example(LEAF_EXITS_WHILE_ROOT_STARTS)
def test_the_invariants_hold_for_any_order_of_events(
    steps: Steps,
) -> None:
    play(steps)


@given(st.lists(st.tuples(names, st.integers(1, 20)), max_size=40))
def test_unknown_alone_never_leads_to_a_remedy(rounds: list[tuple[str, int]]) -> None:
    world = RuleWorld(TARGETS)
    world.works(*NAMES)
    for name, times in rounds:
        for _ in range(times):
            world.probe(
                name, probe_unknown(Cause.PROBER_FAILED, text_reason("x")), 10.0
            )
        world.wait(30.0, 5.0)
    assert world.acts() == []


@given(st.lists(STEPS, max_size=40))
def test_good_answers_reset_lanes_and_leave_nothing_open(
    steps: Steps,
) -> None:
    world = play(steps)
    for name in NAMES:
        now = world.now.wall
        world.send(ResumeRequested(world.now, (name,)))
        world.notice(name, EngineEventKind.START, status=Status.RUNNING, started_at=now)
    for _ in range(40):
        for name in NAMES:
            instance = world.instance(name)
            if instance.loading is not None:
                world.complete_remedy(name, restart=False)
            elif world.is_acting(name):
                world.complete_remedy(name)
            world.probe(name, probe_success())
        world.wait(5.0, 1.0)
    for name in NAMES:
        instance = world.instance(name)
        assert instance.state in WORKING_STATES, instance.reason
        assert instance.lane == Lane()
        assert (instance.remedy, instance.loading) == (None, None)
    assert [i for i in world.state.incidents.values() if i.open] == []
    assert (world.state.plan, dict(world.state.due)) == (None, {})


@given(st.lists(st.sampled_from(PROBE_CAUSES), min_size=1, max_size=30))
def test_only_curable_causes_are_ever_treated(causes: list[Cause]) -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    for cause in causes:
        result = probe_failure(cause, text_reason("x"))
        world.probe(ROOT, result, 10.0)
        world.now_s += 2.0
        for decision in world.decisions:
            if decision.action is Action.RESTART:
                assert decision.cause not in {
                    Cause.AUTH,
                    Cause.MISCONFIGURED,
                    Cause.DETACHED,
                    Cause.UPSTREAM_LOST,
                    Cause.UPSTREAM_STALE,
                    Cause.WALLET_SYNCING,
                    Cause.WALLET_NOT_LOADED,
                }
