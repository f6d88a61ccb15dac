"""Objections to a drill: why it may not begin."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.drills.objection import find_drill_objection
from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import DrillFacts, DrillOutcome
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PauseRequested,
    RestartRequested,
)
from sidecar.core.model.lease import ClusterSettings, LeaseStatus
from sidecar.core.model.maintenance_task import Task, TaskKind, TaskProgress, TaskRun
from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.probe_result import ProbeWarning, probe_success
from sidecar.core.model.state import DueRestart, PlannedRestart
from sidecar.core.model.target import InstanceId, Mode, RestartSettings, Target
from sidecar.core.model.update import replace_instances
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from tests.support.drill_world import LEAF, ROOT, DrillWorld
from tests.support.rule_world import SERVICE, WALLET, container

Change = Callable[[DrillWorld], None]


def objection_to(
    world: DrillWorld,
    fault: DrillFault = DrillFault.KILL,
    name: str = ROOT,
    facts: DrillFacts = DrillFacts(),  # noqa: B008
    *,
    forced: bool = True,
) -> Reason | None:
    instance_id = world.instance(name).id
    return find_drill_objection(
        world.state, instance_id, fault, facts, world.now, forced=forced
    )


def code_of(objection: Reason | None) -> R | None:
    return None if objection is None else objection.code


def pause(world: DrillWorld) -> None:
    world.send(PauseRequested(world.now, (ROOT,)))


def pause_for_a_minute(world: DrillWorld) -> None:
    world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 60.0))


def begin_window(world: DrillWorld) -> None:
    period = WindowPeriod(world.now.wall - 1.0, world.now.wall + 60.0)
    world.state = replace(world.state, windows=(period,))


def observe(world: DrillWorld) -> None:
    world.state = replace(world.state, mode=Mode.OBSERVE)


def lose_engine(world: DrillWorld) -> None:
    world.send(EngineReachabilityChanged(world.now, reachable=False, reason="gone"))


def lose_lease(world: DrillWorld) -> None:
    lease = LeaseStatus(ClusterSettings("redis://r"), "me", holder="other", asked=True)
    world.state = replace(world.state, lease=lease)


def fail_dependent(world: DrillWorld) -> None:
    world.fails(LEAF, Cause.HTTP_5XX, times=1)


def open_incident(world: DrillWorld) -> None:
    world.fails(ROOT, Cause.REFUSED)


def begin_restart(world: DrillWorld) -> None:
    world.send(RestartRequested(world.now, LEAF, now=True))


def plan_restart(world: DrillWorld) -> None:
    due = {LEAF: DueRestart(world.now_s + 60.0, text_reason("planned"))}
    world.state = replace(world.state, due=MappingProxyType(due))


def begin_planned_restart(world: DrillWorld) -> None:
    plan = PlannedRestart("shop", (InstanceId("shop", 1),), world.now_s + 60.0)
    world.state = replace(world.state, plan=plan)


def load_wallet(world: DrillWorld) -> None:
    """Its remedy was a restart a moment ago; now the wallet is loaded."""
    begin_restart(world)
    restarted = world.instance(LEAF)
    assert restarted.remedy is not None
    loading = replace(restarted, remedy=None, loading=world.decisions[-1])
    world.state = replace_instances(world.state, loading)


def use_up_restarts(world: DrillWorld) -> None:
    world.state = replace(world.state, restarts=(world.now_s,) * 19)


def begin_drill(world: DrillWorld) -> None:
    world.ask(DrillFault.KILL, LEAF)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (pause, R.ACTING_PAUSED),
        (pause_for_a_minute, R.ACTING_PAUSED_FOR),
        (begin_window, R.IN_MAINTENANCE),
        (observe, R.DRILL_OBSERVED),
        (lose_engine, R.ENGINE_UNREACHABLE),
        (lose_lease, R.LEASE_ELSEWHERE),
        (fail_dependent, R.DRILL_NOT_WORKING),
        (open_incident, R.DRILL_INCIDENT),
        (begin_restart, R.DRILL_REMEDY),
        (load_wallet, R.DRILL_REMEDY),
        (plan_restart, R.DRILL_PLAN),
        (begin_planned_restart, R.DRILL_PLAN),
        (use_up_restarts, R.DRILL_LIMIT),
        (begin_drill, R.DRILL_OTHER),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_drill_is_refused_while_something_else_is_the_matter(
    change: Change, code: R
) -> None:
    world = DrillWorld()
    assert objection_to(world) is None
    change(world)
    assert code_of(objection_to(world)) is code


@pytest.mark.parametrize(
    ("name", "of_stack", "of_target", "code"),
    [
        (ROOT, 8, 0, None),
        (ROOT, 9, 0, R.DRILL_LIMIT),
        (LEAF, 5, 0, None),
        (LEAF, 6, 0, R.DRILL_LIMIT),
        (LEAF, 4, 4, None),
        (LEAF, 5, 5, R.DRILL_LIMIT),
    ],
)
def test_limits_must_leave_a_restart_for_the_drill_and_one_for_a_real_failure(
    name: str, of_stack: int, of_target: int, code: R | None
) -> None:
    """Ten in the stack, seven of them for others than a root, six for one of these."""
    world = DrillWorld()
    counted = replace(world.instance(name), counted_mono=(world.now_s,) * of_target)
    state = replace(world.state, restarts=(world.now_s,) * of_stack)
    world.state = replace_instances(state, counted)
    assert code_of(objection_to(world, name=name)) is code


FACTS = [
    (DrillFacts(loss=text_reason("no volume")), R.DRILL_LOSS),
    (DrillFacts(engine=text_reason("403")), R.TEXT),
    (DrillFacts(store=text_reason("disk full")), R.DRILL_NOT_STORED),
    (DrillFacts(busy=Reason.of(R.DRILL_BUSY, root=LEAF)), R.DRILL_BUSY),
]


@pytest.mark.parametrize(
    ("facts", "code"), FACTS, ids=("loss", "engine", "store", "busy")
)
def test_consent_lifts_no_objection_of_a_fact(facts: DrillFacts, code: R) -> None:
    assert code_of(objection_to(DrillWorld(), facts=facts, forced=True)) is code


@pytest.mark.parametrize("fault", DrillFault)
def test_wallet_that_would_be_lost_is_never_drilled(fault: DrillFault) -> None:
    facts = DrillFacts(loss=text_reason("no volume"))
    assert code_of(objection_to(DrillWorld(), fault, facts=facts)) is R.DRILL_LOSS


@pytest.mark.parametrize("fault", DrillFault)
def test_single_replica_needs_consent_where_clients_notice(fault: DrillFault) -> None:
    objection = objection_to(DrillWorld(), fault, forced=False)
    assert code_of(objection) is (R.DRILL_NO_REPLICA if fault.rule.interrupts else None)


@pytest.mark.parametrize(
    ("target", "code"), [(ROOT, R.DRILL_TASK), (None, R.DRILL_TASK), ("shop", None)]
)
def test_task_under_way_objects_if_it_may_be_about_the_chain(
    target: str | None, code: R | None
) -> None:
    world = DrillWorld()
    task = Task("copy", TaskKind.COMMAND, "0 5 * * *", target=target)
    run = TaskRun("copy", TaskKind.COMMAND, world.now.wall, world.now)
    progress = TaskProgress("0 5 * * *", "UTC", world.now.wall, running=run)
    world.state = replace(
        world.state,
        tasks=MappingProxyType({"copy": task}),
        task_progress=MappingProxyType({"copy": progress}),
    )
    assert code_of(objection_to(world, name=LEAF)) is code
    ended = replace(progress, running=None)
    world.state = replace(world.state, task_progress=MappingProxyType({"copy": ended}))
    assert objection_to(world, name=LEAF) is None


def test_replica_beside_one_that_works_needs_no_consent() -> None:
    world = DrillWorld()
    world.containers[InstanceId(LEAF, 2)] = container(LEAF, 2)
    world.relist()
    world.works(f"{LEAF}-1", f"{LEAF}-2")
    assert objection_to(world, name=f"{LEAF}-1", forced=False) is None
    world.fails(f"{LEAF}-2", Cause.HTTP_5XX, times=1)
    assert code_of(objection_to(world, name=f"{LEAF}-1")) is R.DRILL_NOT_WORKING


@pytest.mark.parametrize(
    ("target", "fault", "code"),
    [
        (SERVICE, DrillFault.UPSTREAM, R.DRILL_WALLETS_ONLY),
        (replace(SERVICE, probes=()), DrillFault.SLOW, R.DRILL_NO_CONNECTION),
        (replace(SERVICE, probes=()), DrillFault.REFUSE, R.DRILL_NO_CONNECTION),
        (
            replace(SERVICE, restart=RestartSettings(enabled=False)),
            DrillFault.HANG,
            R.RESTARTS_OFF,
        ),
        (
            replace(SERVICE, restart=RestartSettings(enabled=False)),
            DrillFault.STOP,
            None,
        ),
    ],
)
def test_fault_must_fit_the_target(
    target: Target, fault: DrillFault, code: R | None
) -> None:
    world = DrillWorld(targets=(WALLET, target))
    assert code_of(objection_to(world, fault, LEAF)) is code


@pytest.mark.parametrize("fault", [DrillFault.SLOW, DrillFault.UPSTREAM])
def test_fault_that_only_degrades_needs_a_healthy_target(fault: DrillFault) -> None:
    """Otherwise it could not be told whether the fault was detected."""
    world = DrillWorld()
    slow = replace(
        probe_success(), warnings=(ProbeWarning.SLOW,), reason=text_reason("5.0 s")
    )
    world.probe(ROOT, slow)
    assert code_of(objection_to(world, fault)) is R.DRILL_NOT_WORKING
    assert objection_to(world, DrillFault.KILL) is None


def test_target_without_a_container_is_not_drilled() -> None:
    world = DrillWorld()
    gone = world.instance(LEAF)
    del world.containers[gone.id]
    world.relist()
    assert code_of(objection_to(world, name=LEAF)) is R.DRILL_NO_CONTAINER


def test_refusal_is_recorded_and_touches_nothing() -> None:
    world = DrillWorld()
    world.ask(DrillFault.KILL, trigger=Trigger.PLANNED, forced=False)
    assert world.state.drill is None
    (record,) = world.drill_records
    assert (record.outcome, record.reason.code, record.injected_wall) == (
        DrillOutcome.REFUSED,
        R.DRILL_NO_REPLICA,
        None,
    )


def test_planned_drill_is_left_to_the_watchdog_with_the_lease() -> None:
    world = DrillWorld()
    lose_lease(world)
    world.ask(DrillFault.KILL, trigger=Trigger.PLANNED)
    assert world.drill_records == []
    world.ask(DrillFault.KILL, trigger=Trigger.OPERATOR)
    assert world.drill_records[-1].reason.code is R.LEASE_ELSEWHERE


def test_second_drill_does_not_end_the_first() -> None:
    world = DrillWorld()
    world.begin(DrillFault.KILL)
    first = world.drill
    world.now_s += 1.0
    world.ask(DrillFault.STOP)
    assert world.drill.id == first.id
    assert world.drill_records[-1].reason.code is R.DRILL_OTHER
