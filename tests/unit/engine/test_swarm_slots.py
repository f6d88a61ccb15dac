"""Tasks of swarm services as containers."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from sidecar.core.model.container import Container, NativeHealth, Status
from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.status.network_reach import (
    OTHER_HOST,
    Surroundings,
    find_reach,
    find_surroundings,
)
from sidecar.engine.swarm_services import SwarmService, read_service
from sidecar.engine.swarm_slots import Slot, find_slots, read_container, read_slot_id
from sidecar.engine.swarm_types import Service, Task
from sidecar.engine.swarm_update import count_up
from tests.support.swarm_objects import STACK, raw_service, raw_task

Raw = dict[str, Any]
STOPPED: Raw = {"desired": "shutdown", "state": "shutdown"}
LOCAL = Container(
    "c-a", "x", "", "", 1, Status.RUNNING, pid=9, health=NativeHealth.UNHEALTHY
)


def service_of(raw: Raw, stack: str = STACK) -> SwarmService | None:
    return read_service(msgspec.json.decode(json.dumps(raw), type=Service), stack)


def slots_of(raw: Raw, *tasks: Raw) -> tuple[Slot, ...]:
    service = service_of(raw)
    assert service is not None
    return find_slots(service, msgspec.convert(list(tasks), list[Task]))


def container_of(
    raw: Raw, *tasks: Raw, local: Container | None = None, is_replaced: bool = False
) -> Container:
    (slot,) = slots_of(raw, *tasks)
    return read_container(slot, local, str, is_replaced=is_replaced)


def test_running_task_of_another_node_is_a_container_of_the_stack() -> None:
    container = container_of(raw_service(), raw_task("a"))
    assert (container.stack, container.service, container.number) == (
        STACK,
        "payments",
        1,
    )
    assert container.name == "shop_payments.1"
    assert container.status is Status.RUNNING
    assert container.health is NativeHealth.HEALTHY
    assert container.pid == 0
    assert container.restart_policy == "always"
    assert read_slot_id(container.id) == ("s" * 25, 1)
    assert container.labels == {
        "com.docker.stack.namespace": STACK,
        "of": "service",
        "own": "yes",
    }


def test_task_is_reached_at_its_own_address_by_each_name_of_its_service() -> None:
    container = container_of(raw_service(), raw_task("a"))
    around = Surroundings(own=container)
    for name in ("payments", "shop_payments", "tasks.payments", "tasks.shop_payments"):
        reach = find_reach(name, container, replace(around, own=None))
        assert reach is not None
        assert reach.addresses == ("10.0.1.7",)


def test_own_engine_tells_health_and_process_but_not_the_identity() -> None:
    container = container_of(raw_service(), raw_task("a"), local=LOCAL)
    assert container.health is NativeHealth.UNHEALTHY
    assert container.pid == 9
    assert container.id == "s" * 25 + ".1"
    assert container.run == container_of(raw_service(), raw_task("a")).run


@pytest.mark.parametrize(
    ("status", "policy", "expected"),
    [
        (Status.PAUSED, "any", Status.PAUSED),
        (Status.EXITED, "any", Status.RESTARTING),
        (Status.EXITED, "none", Status.EXITED),
    ],
)
def test_own_engine_knows_first_that_the_container_does_not_run(
    status: Status, policy: str, expected: Status
) -> None:
    raw = raw_service(RestartPolicy={"Condition": policy})
    local = replace(LOCAL, status=status, exit_code=3)
    container = container_of(raw, raw_task("a"), local=local)
    assert (container.status, container.exit_code) == (expected, 3)


def test_new_task_is_a_new_run_of_the_same_container() -> None:
    old = container_of(raw_service(), raw_task("a"))
    new = container_of(raw_service(), raw_task("b", minute=1), raw_task("a", **STOPPED))
    assert new.id == old.id
    assert new.run != old.run
    assert new.status is Status.RUNNING


@pytest.mark.parametrize("state", ["ready", "preparing", "starting"])
def test_old_task_is_the_run_until_the_new_one_is_up(state: str) -> None:
    old = raw_task("a", desired="shutdown")
    container = container_of(raw_service(), raw_task("b", state, minute=1), old)
    assert container.run == container_of(raw_service(), raw_task("a")).run
    assert container.status is Status.RUNNING


def test_failed_task_that_swarm_replaces_is_restarting() -> None:
    failed = raw_task("a", "failed", desired="shutdown", exit_code=5)
    container = container_of(raw_service(), raw_task("b", "ready", minute=1), failed)
    assert (container.status, container.exit_code) == (Status.RESTARTING, 5)
    assert container.error == ""


@pytest.mark.parametrize(
    ("policy", "state", "exit_code", "expected"),
    [
        ({}, "complete", 0, Status.RESTARTING),
        ({"Condition": "any"}, "failed", 1, Status.RESTARTING),
        ({"Condition": "any", "MaxAttempts": 3}, "failed", 1, Status.EXITED),
        ({"Condition": "on-failure"}, "failed", 1, Status.RESTARTING),
        ({"Condition": "on-failure"}, "complete", 0, Status.EXITED),
        ({"Condition": "none"}, "failed", 1, Status.EXITED),
    ],
)
def test_task_without_a_successor_is_judged_by_the_restart_policy(
    policy: Raw, state: str, exit_code: int, expected: Status
) -> None:
    ended = raw_task("a", state, desired="shutdown", exit_code=exit_code)
    container = container_of(raw_service(RestartPolicy=policy), ended)
    assert (container.status, container.exit_code) == (expected, exit_code)


def test_task_that_no_node_can_take_says_so() -> None:
    pending = raw_task("b", "pending", minute=1, err="no suitable node")
    container = container_of(raw_service(), pending, raw_task("a", **STOPPED))
    assert container.status is Status.RESTARTING
    assert container.error == "no suitable node"


def test_rejected_task_says_why() -> None:
    rejected = raw_task("a", "rejected", desired="shutdown", err="No such image: x")
    container = container_of(raw_service(), raw_task("b", "new", minute=1), rejected)
    assert container.error == "No such image: x"


def test_first_task_of_a_service_is_created_until_it_runs() -> None:
    container = container_of(raw_service(), raw_task("a", "preparing"))
    assert container.status is Status.CREATED
    assert not container.could_not_start


def test_task_that_an_update_replaces_has_not_failed() -> None:
    tasks = raw_task("b", "ready", minute=1), raw_task("a", exit_code=143, **STOPPED)
    replaced = container_of(raw_service(), *tasks, is_replaced=True)
    assert (replaced.status, replaced.exit_code) == (Status.CREATED, 0)
    assert container_of(raw_service(), *tasks).status is Status.RESTARTING


def test_service_scaled_to_zero_is_one_container_that_was_never_started() -> None:
    container = container_of(raw_service(replicas=0))
    assert container.status is Status.CREATED
    assert container.service_hold is ServiceHold.SCALED_TO_ZERO


def test_slots_that_were_removed_do_not_count() -> None:
    raw = raw_service(replicas=2)
    ended = raw_task("z", "failed", slot=3, desired="shutdown")
    going = raw_task("y", slot=4, desired="remove")
    drained = raw_task("x", slot=5, **STOPPED)
    tasks = raw_task("a"), raw_task("b", slot=2), ended, going, drained
    assert [slot.number for slot in slots_of(raw, *tasks)] == [1, 2]


def test_slot_whose_task_died_for_good_counts_while_it_is_missing() -> None:
    raw = raw_service(replicas=2)
    dead = raw_task("z", "failed", slot=7, desired="shutdown")
    assert [slot.number for slot in slots_of(raw, raw_task("a"), dead)] == [1, 7]


def test_task_that_is_being_removed_is_no_slot_although_one_is_missing() -> None:
    going = raw_task("y", "failed", slot=4, desired="remove")
    slots = slots_of(raw_service(replicas=2), raw_task("a"), going)
    assert [slot.number for slot in slots] == [1]


def test_nodes_of_a_global_service_keep_their_numbers() -> None:
    raw = raw_service(replicas=None)
    nodes = [raw_task(n, slot=0, node=n) for n in ("node-a", "node-b", "node-c")]
    numbers = {s.tasks[0].node_id: s.number for s in slots_of(raw, *nodes)}
    fewer = {s.tasks[0].node_id: s.number for s in slots_of(raw, *nodes[1:])}
    assert len(set(numbers.values())) == 3
    assert fewer == {node: numbers[node] for node in ("node-b", "node-c")}
    assert all(len(str(number)) == 6 for number in numbers.values())


def test_task_of_a_drained_node_of_a_global_service_is_gone() -> None:
    raw = raw_service(replicas=None)
    assert slots_of(raw, raw_task("a", slot=0, **STOPPED)) == ()


@pytest.mark.parametrize("is_local", [True, False])
def test_task_on_the_network_of_a_host_is_probed_on_its_own_node_only(
    is_local: bool,
) -> None:
    local = LOCAL if is_local else None
    task = raw_task("a", network="host")
    container = container_of(raw_service(), task, local=local)
    own = replace(LOCAL, id="own", network_mode="host")
    reach = find_reach("payments", container, find_surroundings(own, [container]))
    assert reach is not None
    assert reach.addresses == (("127.0.0.1",) if is_local else ())
    assert (container.network_mode == OTHER_HOST) is not is_local
    assert is_local or not reach.is_judged


def test_service_of_another_stack_and_job_are_no_services_of_the_stack() -> None:
    assert service_of(raw_service(stack="shop"), "shop2") is None
    job = raw_service()
    job["Spec"]["Mode"] = {"ReplicatedJob": {"MaxConcurrent": 1}}
    assert service_of(job) is None


OTHER = raw_service(ContainerSpec={"Image": "old"})["Spec"]
FORCED = raw_service(ForceUpdate=4)["Spec"]


@pytest.mark.parametrize(
    ("state", "previous", "hold"),
    [
        ("updating", OTHER, ServiceHold.UPDATING),
        ("paused", OTHER, ServiceHold.UPDATE_PAUSED),
        ("rollback_started", OTHER, ServiceHold.ROLLING_BACK),
        ("rollback_paused", OTHER, ServiceHold.ROLLBACK_PAUSED),
        ("completed", OTHER, ServiceHold.NONE),
        ("rollback_completed", OTHER, ServiceHold.NONE),
        ("updating", FORCED, ServiceHold.UPDATING),
        ("paused", FORCED, ServiceHold.NONE),
        ("rollback_paused", FORCED, ServiceHold.NONE),
    ],
)
def test_update_that_has_not_ended_holds_the_service(
    state: str, previous: Raw, hold: ServiceHold
) -> None:
    update = {"State": state, "StartedAt": "2026-01-02T03:04:05Z"}
    service = service_of(raw_service(update=update, previous=previous))
    assert service is not None
    assert service.hold is hold


@pytest.mark.parametrize(
    ("state", "now_s", "expected"),
    [("updating", 599.0, True), ("updating", 600.0, False), ("paused", 1.0, False)],
)
def test_update_replaces_tasks_for_a_limited_time(
    state: str, now_s: float, expected: bool
) -> None:
    update = {"State": state, "StartedAt": "1970-01-01T00:00:00Z"}
    service = service_of(raw_service(update=update, previous=OTHER))
    assert service is not None
    assert service.replaces_tasks(now_s) is expected


def test_forced_update_changes_one_number_and_keeps_every_other_byte() -> None:
    unchanged = (
        b'{"Zz":{"u":1.50e2,"l":[null]},"TaskTemplate":{"A":12345678901234567890'
    )
    settings, count = count_up(
        msgspec.Raw(unchanged + b',"ForceUpdate":41,"B":" \\u00e9"}}')
    )
    assert count == 42
    assert settings == unchanged + b',"ForceUpdate":42,"B":" \\u00e9"}}'


def test_counter_that_was_never_set_becomes_one() -> None:
    settings, count = count_up(msgspec.Raw(b'{"TaskTemplate":{}}'))
    assert (json.loads(settings), count) == ({"TaskTemplate": {"ForceUpdate": 1}}, 1)


@pytest.mark.parametrize("text", ["", "abc", "abc.", "a/b.1", "../x.1", "abc.x"])
def test_text_that_is_no_slot_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"slot|int"):
        read_slot_id(text)
