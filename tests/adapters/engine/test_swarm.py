"""The engine of a swarm against a small engine that answers as a manager."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.core.model.container import NativeHealth, Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.ports.engine import (
    Connected,
    ContainerGone,
    EngineEvent,
    EngineRefused,
    EngineTimeout,
    LeftAlone,
    ReplacedAlready,
)
from sidecar.engine.swarm import SwarmEngine
from tests.support.engine_connection import Requests, link_to, until
from tests.support.engine_server import EngineServer, raw_container, raw_event
from tests.support.swarm_objects import (
    SERVICE_ID,
    STACK,
    raw_service,
    raw_task,
    serve_swarm,
)

SLOT = f"{SERVICE_ID}.1"
UPDATE = f"/services/{SERVICE_ID}/update"


@pytest.fixture
async def engine(
    server: EngineServer, requests: Requests
) -> AsyncIterator[SwarmEngine]:
    serve_swarm(server, raw_service(), raw_task("a"))
    engine = SwarmEngine(link_to(server, requests), STACK, answer_margin_s=1.0)
    yield engine
    await engine.close()


def updates(server: EngineServer) -> list[str]:
    return [request for request in server.acts() if "/update" in request]


async def test_sidecars_own_service_is_not_listed(
    server: EngineServer, requests: Requests
) -> None:
    serve_swarm(server, raw_service(), raw_task("a"))
    engine = SwarmEngine(link_to(server, requests), STACK, "c-a")
    assert await engine.containers() == ()
    await engine.close()


async def test_what_only_the_other_nodes_engine_knows_is_not_available(
    engine: SwarmEngine,
) -> None:
    (container,) = await engine.containers()
    assert container.status is Status.RUNNING
    calls = (
        engine.logs(SLOT, 5),
        engine.processes(SLOT),
        engine.stats(SLOT),
        engine.execute(SLOT, ("true",), 1.0),
        engine.signal(SLOT, "SIGCONT"),
        engine.file_version(SLOT, "/x"),
    )
    for call in calls:
        with pytest.raises(EngineRefused, match=r"^not available: its task runs on an"):
            await call


async def test_task_of_this_node_is_asked_through_its_container(
    engine: SwarmEngine, server: EngineServer
) -> None:
    container_id = server.add(raw_container("c" * 64, Pid=42))
    server.log = b"a line"
    task = raw_task("a")
    task["Status"]["ContainerStatus"]["ContainerID"] = container_id
    serve_swarm(server, raw_service(), task)
    (container,) = await engine.containers()
    assert (container.id, container.pid) == (SLOT, 42)
    assert container.health is NativeHealth.NONE
    await engine.logs(SLOT, 5)
    assert server.log_queries()[-1]["tail"] == ["5"]


async def test_container_that_cannot_be_inspected_does_not_hide_the_others(
    engine: SwarmEngine, server: EngineServer
) -> None:
    container_id = server.add(raw_container("c" * 64))
    server.say[f"/containers/{container_id}/json"] = (500, b'{"message": "broken"}')
    task = raw_task("a")
    task["Status"]["ContainerStatus"]["ContainerID"] = container_id
    serve_swarm(server, raw_service(replicas=2), task, raw_task("b", slot=2))
    first, second = await engine.containers()
    assert (first.status, second.status) == (Status.UNKNOWN, Status.RUNNING)
    assert "broken" in first.fault


async def test_service_that_is_gone_or_of_another_stack_is_a_container_that_is_gone(
    engine: SwarmEngine, server: EngineServer
) -> None:
    serve_swarm(server, raw_service(stack="other"), raw_task("a"))
    with pytest.raises(ContainerGone):
        await engine.inspect(SLOT)
    message = f'{{"message": "service {SERVICE_ID} not found"}}'
    server.say[f"/services/{SERVICE_ID}"] = (404, message.encode())
    with pytest.raises(ContainerGone):
        await engine.inspect(SLOT)
    server.say[f"/services/{SERVICE_ID}"] = (404, b"<html>no such page</html>")
    with pytest.raises(EngineRefused):
        await engine.inspect(SLOT)


@pytest.mark.parametrize(
    ("service", "tasks", "why"),
    [
        (raw_service(), [raw_task("b")], "replaced meanwhile"),
        (raw_service(replicas=0), [], "scaled to 0"),
        (
            raw_service(
                update={"State": "paused", "StartedAt": "2026-01-02T03:04:05Z"},
                previous=raw_service(ContainerSpec={"Image": "old"})["Spec"],
            ),
            [raw_task("a")],
            "update of its service has not ended",
        ),
        (
            raw_service(),
            [raw_task("b", "pending", minute=1), raw_task("a", desired="shutdown")],
            "making a new task",
        ),
    ],
)
async def test_service_that_an_operator_or_swarm_changes_is_left_alone(
    service: dict[str, Any],
    tasks: list[dict[str, Any]],
    why: str,
    engine: SwarmEngine,
    server: EngineServer,
) -> None:
    await engine.inspect(SLOT)
    serve_swarm(server, service, *tasks)
    with pytest.raises(LeftAlone, match=why):
        await engine.restart(SLOT, 1.0)
    assert updates(server) == []


async def test_forced_update_that_brings_no_new_task_has_an_unknown_effect(
    engine: SwarmEngine, server: EngineServer
) -> None:
    server.say[UPDATE] = (200, b"{}")
    await engine.inspect(SLOT)
    serve_swarm(server, raw_service(StopGracePeriod=0), raw_task("a"))
    with pytest.raises(EngineTimeout, match="new task is not up yet"):
        await engine.restart(SLOT, 0.0)
    assert updates(server) == [f"POST {UPDATE}?version=7"]


async def test_forced_update_that_swarm_gives_up_has_failed(
    engine: SwarmEngine, server: EngineServer
) -> None:
    server.say[UPDATE] = (200, b"{}")
    await engine.inspect(SLOT)
    restarting = asyncio.ensure_future(engine.restart(SLOT, 5.0))
    await until(lambda: bool(updates(server)))
    paused = {
        "State": "paused",
        "StartedAt": "2026-01-02T03:04:05Z",
        "Message": "too many failures",
    }
    previous = raw_service(ForceUpdate=9)["Spec"]
    serve_swarm(server, raw_service(update=paused, previous=previous), raw_task("a"))
    with pytest.raises(EngineRefused, match=r"did not complete.*too many failures"):
        await restarting


async def test_task_of_another_slot_that_a_forced_update_made_is_not_replaced_again(
    engine: SwarmEngine, server: EngineServer
) -> None:
    server.say[UPDATE] = (200, b"{}")
    serve_swarm(server, raw_service(replicas=2), raw_task("a"), raw_task("b", slot=2))
    await engine.containers()
    restarting = asyncio.ensure_future(engine.restart(SLOT, 5.0))
    await until(lambda: bool(updates(server)))
    new = [raw_task("c", minute=1), raw_task("d", slot=2, minute=1)]
    for task in new:
        task["Spec"]["ForceUpdate"] = 1
    serve_swarm(server, raw_service(replicas=2, ForceUpdate=1), *new)
    await restarting
    await engine.containers()
    with pytest.raises(ReplacedAlready, match="for another task of the service"):
        await engine.restart(f"{SERVICE_ID}.2", 1.0)
    assert len(updates(server)) == 1


async def test_sibling_is_left_alone_also_where_the_answer_to_the_update_was_lost(
    engine: SwarmEngine, server: EngineServer
) -> None:
    server.say[UPDATE] = (504, b"no answer")
    serve_swarm(server, raw_service(replicas=2), raw_task("a"), raw_task("b", slot=2))
    await engine.containers()
    with pytest.raises(EngineTimeout):
        await engine.restart(SLOT, 5.0)
    # The judged task of the second slot was replaced since it was inspected.
    new = [raw_task("c", minute=1), raw_task("d", slot=2, minute=1)]
    for task in new:
        task["Spec"]["ForceUpdate"] = 1
    serve_swarm(server, raw_service(replicas=2, ForceUpdate=1), *new)
    for _ in range(2):
        with pytest.raises(ReplacedAlready):
            await engine.restart(f"{SERVICE_ID}.2", 1.0)
        await engine.containers()
    assert len(updates(server)) == 1


async def test_event_of_a_task_that_swarm_ends_only_says_that_something_changed(
    engine: SwarmEngine, server: EngineServer
) -> None:
    await engine.containers()
    items = engine.events()
    assert await anext(items) == Connected()
    server.publish(raw_event("die", "c-a", 10**18, exitCode="3"))
    own_end = await anext(items)
    assert isinstance(own_end, EngineEvent)
    assert (own_end.kind, own_end.container_id) == (EngineEventKind.DIE, SLOT)
    new = raw_task("b", "ready", minute=1)
    serve_swarm(server, raw_service(), new, raw_task("a", desired="shutdown"))
    server.publish(
        raw_event("die", "c-a", 10**18 + 1, exitCode="3"),
        raw_event("kill", "c-a", 10**18 + 2, signal="15"),
        raw_event("destroy", "c-a", 10**18 + 3),
        raw_event("die", "c-unknown", 10**18 + 4, exitCode="3"),
        raw_event("oom", "c-a", 10**18 + 5),
    )
    events = [await anext(items) for _ in range(5)]
    kinds = [event.kind for event in events if isinstance(event, EngineEvent)]
    assert kinds == [EngineEventKind.OTHER] * 4 + [EngineEventKind.OOM]
    await items.aclose()
    (query,) = server.event_queries()
    label = f"com.docker.stack.namespace={STACK}"
    assert json.loads(query["filters"][0])["label"] == [label]


async def test_what_swarm_cannot_do_is_refused(engine: SwarmEngine) -> None:
    await engine.containers()
    with pytest.raises(EngineRefused, match="cannot be stopped for good"):
        await engine.stop(SLOT, 1.0)
    with pytest.raises(EngineRefused, match="is not recreated"):
        await engine.plan_replacement(SLOT, None)
