"""Steps of a world of two drained dependents of a root, and the time after them."""

from dataclasses import replace

from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import probe_success
from sidecar.core.model.target import (
    AfterDependency,
    InstanceId,
    PlannedRestartSettings,
    RollingSettings,
)
from tests.support.rule_steps import APPLY, Steps
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

ROOT = WALLET.name
DEPENDENTS = ("pay", "shop")
REPLICAS = tuple(f"{name}-{n}" for name in DEPENDENTS for n in (1, 2))
PLANNED = PlannedRestartSettings("0 3 * * *", skip_if_restarted_within_s=0.0)
DRAIN_S = 5.0
TARGETS = (
    replace(WALLET, preventive=PLANNED),
    *(
        replace(
            SERVICE,
            name=name,
            after_dependency=AfterDependency.ALWAYS,
            preventive=PLANNED,
            rolling=RollingSettings(DRAIN_S),
        )
        for name in DEPENDENTS
    ),
)

targets = st.sampled_from((ROOT, *DEPENDENTS))
instances = st.sampled_from((ROOT, *REPLICAS))
DRAIN_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fails3"), st.just(ROOT), st.just(Cause.REFUSED)),
        st.tuples(st.just("fails3"), instances, st.just(Cause.REFUSED)),
        st.tuples(st.just("exits"), instances, st.just(1)),
        st.tuples(st.just("due"), targets),
        st.tuples(st.just("ask"), instances, st.just(False)),
        st.tuples(st.just("ask"), st.sampled_from(DEPENDENTS), st.just(False)),
        st.tuples(st.just("calm"), st.sampled_from([1, 3, 8])),
    ),
    max_size=12,
)


def work(world: RuleWorld, seconds: int) -> None:
    """The engine carries out what is under way, and everything that runs works."""
    for _ in range(seconds):
        world.wait(1.0)
        for name in (ROOT, *REPLICAS):
            if world.is_acting(name):
                world.complete_remedy(name)
            world.probe(name, probe_success())


def play_drains(steps: Steps) -> RuleWorld:
    """A world after these steps."""
    pairs = {InstanceId(t, n): container(t, n) for t in DEPENDENTS for n in (1, 2)}
    world = RuleWorld(TARGETS, containers=pairs)
    world.works(ROOT, *REPLICAS)
    for step in steps:
        if step[0] == "calm":
            work(world, int(str(step[1])))
        else:
            APPLY[str(step[0])](world, *step[1:])
    return world
