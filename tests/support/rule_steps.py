"""Steps that a small world takes in any order, with the invariants checked."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PauseRequested,
    PlannedRestartDue,
    RemedyCallResult,
    RestartRequested,
    ResumeRequested,
)
from sidecar.core.model.probe_result import (
    ProbeResult,
    probe_failure,
    probe_success,
    probe_unknown,
)
from sidecar.core.model.target import PlannedRestartSettings
from sidecar.core.reason.reason import text_reason
from tests.support.rule_invariants import check_invariants
from tests.support.rule_scenarios import LEAF, OTHER, ROOT
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

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
    """A world after these steps; the invariants held after each event."""
    world = RuleWorld(TARGETS, witness=check_invariants)
    for step in steps:
        APPLY[str(step[0])](world, *step[1:])
    return world
