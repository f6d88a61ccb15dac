"""Events and listings of containers that are new, old, or gone."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, NativeHealth, Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    ContainerEventSeen,
    ContainersListed,
    ProbeCompleted,
    ProcessesInspected,
)
from sidecar.core.model.probe_result import probe_success
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from tests.support.rule_scenarios import (
    ROOT,
    ROOT_INSTANCE,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import WALLET, RuleWorld, container


def send_container_event(
    world: RuleWorld,
    kind: EngineEventKind,
    container_id: str,
    view: Container | None = None,
) -> None:
    """An engine event as it comes: about whichever container, seen or not."""
    now = world.now
    instance_id = InstanceId(ROOT, 1)
    world.send(ContainerEventSeen(now, instance_id, kind, container_id, now.wall, view))


def test_a_target_that_is_no_longer_listed_is_forgotten() -> None:
    world = start_healthy_world()
    world.send(ContainersListed(world.now, (WALLET,), ()))
    assert [i.target for i in world.state.instances] == [ROOT]


def test_a_health_event_updates_the_health_of_the_container() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.HEALTH, health=NativeHealth.UNHEALTHY)
    view = world.instance(ROOT).container
    assert view is not None
    assert view.health is NativeHealth.UNHEALTHY


def test_an_event_of_the_former_container_changes_nothing() -> None:
    world = start_healthy_world(targets=(WALLET,))
    old = container(ROOT, id="old", status=Status.EXITED, exit_code=1, pid=0)
    send_container_event(world, EngineEventKind.DIE, "old", old)
    send_container_event(world, EngineEventKind.DESTROY, "old")
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.acts() == []


def test_a_removed_container_is_missing_at_once() -> None:
    world = start_healthy_world(targets=(WALLET,))
    send_container_event(
        world, EngineEventKind.DESTROY, world.containers[InstanceId(ROOT, 1)].id
    )
    assert world.instance(ROOT).state is TargetState.MISSING


def test_an_event_without_a_container_keeps_the_former_view() -> None:
    world = start_healthy_world(targets=(WALLET,))
    view = world.containers[InstanceId(ROOT, 1)]
    send_container_event(world, EngineEventKind.UNPAUSE, view.id)
    assert world.instance(ROOT).container == view
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_results_for_a_removed_container_change_nothing() -> None:
    world = start_healthy_wallet()
    view = world.instance(ROOT).container
    assert view is not None
    world.fails(ROOT, Cause.HUNG, 1)
    world.notice(ROOT, EngineEventKind.DESTROY)
    before = world.state
    world.send(ProcessesInspected(world.now, ROOT_INSTANCE, view.run, ("wallet",)))
    world.send(
        ProbeCompleted(world.now, ROOT_INSTANCE, view.run, world.now_s, probe_success())
    )
    assert world.state == before
