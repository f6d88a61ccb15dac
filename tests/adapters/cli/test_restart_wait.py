"""``sidecar restart --wait``: each step as it happens, and the result."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import RemedyProgressed
from sidecar.core.model.target import InstanceId, RollingSettings
from sidecar.core.reason.reason import text_reason
from tests.support.api_services import ApiServiceFakes
from tests.support.command_runner import DEADLINE_S, CommandRunner, serve, sidecar
from tests.support.rule_world import SERVICE, RuleWorld, container
from tests.support.running_command import RunningCommand, start_command

WALLET = "electron-cash"
REPLICAS = (f"{SERVICE.name}-1", f"{SERVICE.name}-2")
RESTART = ("restart", WALLET, "--wait")


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    async for runner in serve(ApiServiceFakes()):
        yield runner


async def begin(runner: CommandRunner, command: RunningCommand) -> None:
    """Wait until the command has printed that the restart begins."""
    await asyncio.wait_for(runner.fakes.was_asked.wait(), DEADLINE_S)
    assert (await command.line()).startswith(f"{WALLET}: restart: ")
    await command.line_with("recovering: restart")


async def test_each_step_is_printed_and_recovery_is_status_0(
    run_command: CommandRunner,
) -> None:
    world = run_command.fakes.world
    async with start_command(run_command, *RESTART) as command:
        await begin(run_command, command)
        doing = text_reason("it waits for the daemon to save its addresses")
        instance_id = world.instance(WALLET).id
        world.send(RemedyProgressed(world.now, instance_id, doing))
        await command.line_with("it waits for the daemon to save its addresses")
        world.complete_remedy(WALLET)
        await command.line_with("verif")
        world.works(WALLET)
        await command.line_with(f"{WALLET}: restart: recovered after ")
        assert (await command.result()) == (0, "", "")


async def test_restart_that_does_not_help_is_status_1(
    run_command: CommandRunner,
) -> None:
    world = run_command.fakes.world
    async with start_command(run_command, *RESTART) as command:
        await begin(run_command, command)
        world.complete_remedy(WALLET)
        world.wait(600.0, step=5.0)
        await command.line_with(f"{WALLET}: restart: not_recovered after ")
        assert (await command.result()).status == 1


def add_replicas(world: RuleWorld) -> None:
    """Give the service a second replica, and a drain."""
    service = replace(SERVICE, depends_on=(), rolling=RollingSettings(10.0, 5.0))
    world.targets = (service,)
    world.containers = {
        InstanceId(SERVICE.name, n): container(SERVICE.name, n) for n in (1, 2)
    }
    world.relist()
    world.works(*REPLICAS)


async def test_replicas_are_followed_one_after_the_other(
    run_command: CommandRunner,
) -> None:
    world = run_command.fakes.world
    add_replicas(world)
    first, second = REPLICAS
    async with start_command(run_command, "restart", SERVICE.name, "--wait") as command:
        await asyncio.wait_for(run_command.fakes.was_asked.wait(), DEADLINE_S)
        assert (await command.line()).startswith(f"{first}: drain: ")
        for name in REPLICAS:
            await command.line_with(f"{name}: draining: ")
            world.wait(10.0)
            await command.line_with(f"{name}: recovering: restart")
            world.complete_remedy(name)
            world.works(name)
            if name == first:
                await command.line_with(f"{first}: restart: recovered (1 of 2)")
                world.wait(5.0)
        await command.line_with(f"{second}: restart: recovered after ")
        assert (await command.result()) == (0, "", "")


async def test_the_first_replica_that_does_not_recover_is_the_result(
    run_command: CommandRunner,
) -> None:
    world = run_command.fakes.world
    add_replicas(world)
    first, second = REPLICAS
    order = ("restart", SERVICE.name, "--wait", "--now")
    async with start_command(run_command, *order) as command:
        await asyncio.wait_for(run_command.fakes.was_asked.wait(), DEADLINE_S)
        world.complete_remedy(first)
        world.wait(600.0, step=5.0)
        await command.line_with(f"{first}: restart: not_recovered after ")
        assert (await command.result()).status == 1
    assert world.instance(second).restarts_total == 0


async def test_a_drain_that_ends_without_the_restart_is_status_1(
    run_command: CommandRunner,
) -> None:
    world = run_command.fakes.world
    add_replicas(world)
    first, second = REPLICAS
    async with start_command(run_command, "restart", first, "--wait") as command:
        await asyncio.wait_for(run_command.fakes.was_asked.wait(), DEADLINE_S)
        world.fails(second, Cause.REFUSED, 1)
        line = await command.line_with(f"{first}: not restarted: ")
        assert "no other replica of it works" in line
        assert (await command.result()).status == 1


async def test_ctrl_c_ends_the_waiting_and_not_the_restart(
    run_command: CommandRunner,
) -> None:
    async with start_command(run_command, *RESTART) as command:
        await begin(run_command, command)
        command.interrupt()
        result = await command.result()
    assert result.status == 130
    note = "the restart goes on; sidecar status shows its state"
    assert result.err.strip() == note
    assert run_command.fakes.world.instance(WALLET).remedy is not None


async def test_refused_restart_is_not_waited_for(run_command: CommandRunner) -> None:
    assert (await run_command("pause", WALLET)).status == 0
    result = await run_command(*RESTART)
    assert (result.status, result.out) == (3, "")
    assert result.err.startswith("refused (paused): ")


async def test_program_gets_one_document_with_decision_and_result(
    run_command: CommandRunner,
) -> None:
    world = run_command.fakes.world
    async with start_command(run_command, *RESTART, "--json") as command:
        await asyncio.wait_for(run_command.fakes.was_asked.wait(), DEADLINE_S)
        world.complete_remedy(WALLET)
        world.works(WALLET)
        result = await command.result()
    document = json.loads(result.out)
    assert (result.status, result.err) == (0, "")
    assert document["decision"]["action"] == "restart"
    assert document["result"]["outcome"] == "recovered"


async def test_end_of_the_sidecar_is_status_2() -> None:
    async for runner in serve(ApiServiceFakes()):
        async with start_command(runner, *RESTART) as command:
            await begin(runner, command)
            await runner.server.stop()
            result = await command.result()
        assert result.status == 2
        assert result.err.startswith("the result is not known: ")


DECISION = {
    "at": "2026-01-02T03:04:05Z",
    "action": "restart",
    "guard": "none",
    "trigger": "operator",
    "reason": "ordered",
    "reason_code": "ordered",
}
RECORDS_OF_A_NEWER_SIDECAR: tuple[dict[str, object], ...] = (
    {"type": "dream", "at": "later"},
    {
        "type": "outcome",
        "at": "2026-01-02T03:04:15Z",
        "target": WALLET,
        "incident": None,
        "action": "restart",
        "outcome": "recovered",
        "seconds": 10.0,
        "new": ["unknown"],
    },
)


@pytest.fixture
async def newer_url() -> AsyncIterator[str]:
    """The address of a sidecar that sends a type of record that is not known."""
    is_ordered = asyncio.Event()

    async def send_events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.wait_for(is_ordered.wait(), DEADLINE_S)
        for record in RECORDS_OF_A_NEWER_SIDECAR:
            await response.write(f"data: {json.dumps(record)}\n\n".encode())
        return response

    async def decide(_: web.Request) -> web.Response:
        is_ordered.set()
        return web.json_response({"decision": DECISION, "incident": None}, status=202)

    app = web.Application()
    app.router.add_get("/api/v1/events", send_events)
    app.router.add_post("/api/v1/targets/{target}/restart", decide)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_record_of_an_unknown_type_is_ignored(newer_url: str) -> None:
    result = await sidecar(*RESTART, "--url", newer_url)
    assert result == (
        0,
        f"{WALLET}: restart: ordered\n{WALLET}: restart: recovered after 10s\n",
        "",
    )
