"""Steps of a world of three replicas in any order, with the invariants checked."""

from collections.abc import Callable

from hypothesis import strategies as st

from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict
from sidecar.core.model.cause import Cause
from sidecar.core.model.event import (
    BusyAnswered,
    EngineReachabilityChanged,
    PlannedRestartCancelled,
    ReleaseRequested,
)
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.target import (
    BusySettings,
    InstanceId,
    PlannedRestartSettings,
    RollingSettings,
    Target,
)
from sidecar.core.recovery.takeover import restore_state
from tests.support.process_takeover import store_and_load
from tests.support.rule_invariants import check_replicas
from tests.support.rule_steps import APPLY, Steps
from tests.support.rule_world import RuleWorld, container

NAME = "payments"
REPLICAS = tuple(f"{NAME}-{n}" for n in (1, 2, 3))
PAYMENTS = Target(
    NAME,
    probes=(HttpProbe("http://payments:8080/health"),),
    preventive=PlannedRestartSettings("0 3 * * *", skip_if_restarted_within_s=0.0),
    rolling=RollingSettings(drain_s=20.0, pause_s=30.0),
    busy=BusySettings(url="http://payments:8080/busy"),
)

replicas = st.sampled_from(REPLICAS)
causes = st.sampled_from((Cause.REFUSED, Cause.HTTP_5XX, Cause.AUTH))
REQUESTS = st.one_of(
    st.tuples(st.just("ask"), st.just(NAME), st.booleans()),
    st.tuples(st.just("due"), st.just(NAME)),
    st.tuples(st.just("ask"), replicas, st.booleans()),
)
PROGRESS = st.one_of(
    st.tuples(st.just("all_work")),
    st.tuples(st.just("acted")),
    st.tuples(st.just("turn")),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 6.0, 20.0, 31.0])),
)
TROUBLE = st.one_of(
    st.tuples(st.just("works"), replicas),
    st.tuples(st.just("fails"), replicas, causes),
    st.tuples(st.just("fails3"), replicas, causes),
    st.tuples(st.just("exits"), replicas, st.sampled_from([0, 1, 137])),
    st.tuples(st.just("start"), replicas),
    st.tuples(st.just("kill"), replicas),
    st.tuples(st.just("says"), replicas, st.sampled_from(BusyVerdict)),
    st.tuples(st.just("takeover")),
)
ORDERS = st.one_of(
    st.tuples(st.just("pause"), st.just(NAME)),
    st.tuples(st.just("resume"), st.just(NAME)),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("release"), replicas),
    st.tuples(st.just("engine"), st.booleans()),
    st.tuples(st.just("wait"), st.just(400.0)),
)
STEPS = st.one_of(PROGRESS, PROGRESS, PROGRESS, REQUESTS, TROUBLE, ORDERS)
"""Most steps go on with a restart: otherwise few worlds would see one end."""
REPLICA_STEPS = st.builds(lambda first, rest: [first, *rest], REQUESTS, st.lists(STEPS))


def all_work_step(world: RuleWorld) -> None:
    running = [name for name in REPLICAS if not world.is_acting(name)]
    world.works(*running)


def acted_step(world: RuleWorld) -> None:
    """The engine carries out what is under way, and the replica works again."""
    for name in REPLICAS:
        if world.is_acting(name):
            world.complete_remedy(name)
            world.works(name)


def turn_step(world: RuleWorld) -> None:
    """The time of a drain and of a pause passes, and what is restarted works again."""
    for _ in range(3):
        world.wait(11.0, 1.0)
        acted_step(world)


def says_step(world: RuleWorld, name: str, verdict: BusyVerdict) -> None:
    instance = world.instance(name)
    if instance.container is not None:
        run_id = instance.container.run
        world.send(BusyAnswered(world.now, instance.id, run_id, BusyAnswer(verdict)))


def takeover_step(world: RuleWorld) -> None:
    """Another process goes on with what this one has stored."""
    world.state = restore_state(store_and_load(world.state), world.now, world.now)
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.relist()


REPLICA_APPLY: dict[str, Callable[..., object]] = {
    **APPLY,
    "all_work": all_work_step,
    "acted": acted_step,
    "turn": turn_step,
    "says": says_step,
    "takeover": takeover_step,
    "cancel": lambda w: w.send(PlannedRestartCancelled(w.now, NAME)),
    "release": lambda w, name: w.send(ReleaseRequested(w.now, name)),
}


def play_replicas(steps: Steps) -> RuleWorld:
    """A world after these steps; the invariants held after each event."""
    containers = {InstanceId(NAME, n): container(NAME, n) for n in (1, 2, 3)}
    world = RuleWorld((PAYMENTS,), containers=containers, witness=check_replicas)
    world.works(*REPLICAS)
    for step in steps:
        REPLICA_APPLY[str(step[0])](world, *step[1:])
    return world
