"""``sidecar drill``: what it says first, each step, the verdict, the exit status."""

import asyncio
import json
import os
import pty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.drill import DrillFacts
from sidecar.core.model.drill_event import DrillCancelled, DrillRequested
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillPlan
from sidecar.core.model.event import Event
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.drill_planning import PlannedDrillTime
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.web.response import RequestRefused
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.command_runner import (
    COMMAND,
    DEADLINE_S,
    CommandRunner,
    environment,
    read_to_end,
    serve,
)
from tests.support.drill_world import LEAF, ROOT, DrillWorld
from tests.support.repository import REPOSITORY
from tests.support.rule_world import EPOCH
from tests.support.running_command import RunningCommand, start_command

KILL = ("drill", ROOT, "--fault", "kill")


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    async for runner in serve(ApiServiceFakes(world=DrillWorld)):
        yield runner


def world_of(runner: CommandRunner) -> DrillWorld:
    world = runner.fakes.world
    assert isinstance(world, DrillWorld)
    return world


async def ordered(runner: CommandRunner, kind: type[Event]) -> None:
    """Wait until the command has given an order of this kind; forget the orders."""
    events = runner.fakes.events
    async with asyncio.timeout(DEADLINE_S):
        while not any(isinstance(event, kind) for event in events):
            runner.fakes.was_asked.clear()
            await runner.fakes.was_asked.wait()
    events.clear()


async def begin(runner: CommandRunner) -> DrillWorld:
    """Act as the runner of drills: the fault is there."""
    await ordered(runner, DrillRequested)
    world = world_of(runner)
    world.prepare()
    world.inject()
    return world


async def survive_kill(runner: CommandRunner, command: RunningCommand) -> None:
    """A drill with the fault ``kill``, from its order to a passed verdict."""
    world = await begin(runner)
    await command.line_with("the fault is there")
    world.kill()
    world.wait(1.0)
    await command.line_with("detected after ")
    await command.line_with("decided after ")
    assert f"{ROOT}: start: " in await command.line()
    world.cure()
    await command.line_with("recovered after ")
    world.undo()
    await command.line_with("the fault is undone")
    world.works(LEAF)


async def test_drill_says_each_step_and_then_a_table_with_the_objective(
    run_command: CommandRunner, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    order = (*KILL, "--yes", "--journal", str(journal))
    async with start_command(run_command, *order) as command:
        assert await command.line() == f"{ROOT}: kill\n"
        assert "the container: its processes are killed" in await command.line()
        await survive_kill(run_command, command)
        header = await command.line_with("FAULT")
        row = await command.line()
        assert (await command.result()) == (0, "", "")
    assert header.split()[:3] == ["FAULT", "DETECTED", "DECIDED"]
    assert " s of 1m  " in row
    assert " s of 3m  " in row
    assert row.split()[-1] == "passed"
    document = json.loads(journal.read_text())
    assert (document["status"], document["deviated"]) == ("completed", False)
    assert document["run"][0]["output"]["outcome"] == "passed"


async def test_second_fault_waits_for_the_end_of_the_first(
    run_command: CommandRunner,
) -> None:
    order = (*KILL, "--fault", "stop", "--yes")
    async with start_command(run_command, *order) as command:
        await survive_kill(run_command, command)
        world = world_of(run_command)
        world.fails(LEAF, Cause.REFUSED, times=1)
        await command.line_with(f"{ROOT}: stop")
        await command.line_with("ends  ")
        assert world.instance(LEAF).state is TargetState.FAILING
        world.works(LEAF)
        await begin(run_command)
        world.stop()
        world.wait(16.0)
        world.start()
        world.undo()
        world.works(ROOT, LEAF, times=3)
        await command.line_with("since the end of the fault")
        first = (await command.line_with("kill  ")).split()
        second = (await command.line()).split()
        assert (first[-1], second[-1]) == ("passed", "passed")
        assert (await command.result()).status == 0


async def test_drill_that_is_missed_is_status_1_with_its_reason(
    run_command: CommandRunner,
) -> None:
    async with start_command(run_command, *KILL, "--yes") as command:
        world = await begin(run_command)
        world.wait(70.0)
        world.kill()
        world.wait(1.0)
        world.cure()
        world.undo()
        world.works(LEAF)
        await command.line_with("missed")
        assert "kill: missed: it was detected after " in await command.line()
        assert (await command.result()).status == 1


async def test_ctrl_c_cancels_the_drill_and_waits_for_its_undo(
    run_command: CommandRunner,
) -> None:
    async with start_command(run_command, *KILL, "--yes") as command:
        world = await begin(run_command)
        await command.line_with("the fault is there")
        command.interrupt()
        await ordered(run_command, DrillCancelled)
        world.undo()
        world.works(ROOT, LEAF, times=3)
        await command.line_with("the fault is undone")
        await command.line_with("interrupted")
        status, _, error = await command.result()
        assert (status, error) == (130, "cancelling: Sidecar ends the fault\n")


async def test_dry_run_says_what_would_happen_and_orders_nothing(
    run_command: CommandRunner,
) -> None:
    status, output, error = await run_command(*KILL, "--yes", "--dry-run")
    assert (status, error) == (0, "")
    assert "nothing objects" in output
    assert "addresses that the daemon handed out" in output
    assert "objective  detected within 1m, recovered within 3m" in output
    assert not run_command.fakes.events


async def test_dry_run_of_a_drill_that_would_be_refused_is_status_3(
    run_command: CommandRunner,
) -> None:
    status, output, _ = await run_command(*KILL, "--dry-run")
    assert status == 3
    assert "refused: " in output
    assert not run_command.fakes.events


async def test_drill_that_is_refused_after_its_order_is_status_3(
    run_command: CommandRunner,
) -> None:
    async with start_command(run_command, *KILL, "--yes") as command:
        await ordered(run_command, DrillRequested)
        world_of(run_command).prepare(text_reason("no shell in it"))
        await command.line_with("kill: refused: no shell in it")
        assert (await command.result()).status == 3


async def test_wrong_action_is_said_and_counted_and_is_status_1(
    run_command: CommandRunner,
) -> None:
    order = ("drill", ROOT, "--fault", "netcut", "--yes")
    async with start_command(run_command, *order) as command:
        world = await begin(run_command)
        world.fails(ROOT, Cause.REFUSED)
        await command.line_with(f"{ROOT}: restart (wrong): ")
        world.cure()
        world.undo()
        world.works(ROOT, LEAF, times=3)
        row = (await command.line_with(" failed")).split()
        assert row[-2:] == ["1", "failed"]
        assert (await command.result()).status == 1
    last = await run_command("drill", "last", ROOT)
    assert last.status == 1, "chaos run deviates by it"


async def test_target_without_another_replica_needs_yes(
    run_command: CommandRunner,
) -> None:
    status, _, error = await run_command(*KILL)
    assert status == 3
    assert "--yes" in error
    assert not run_command.fakes.events


async def test_wallet_that_would_be_lost_is_refused_also_with_yes(
    run_command: CommandRunner,
) -> None:
    run_command.fakes.drills.facts = DrillFacts(loss=text_reason("no volume"))
    status, _, error = await run_command(*KILL, "--yes")
    assert status == 3
    assert "no volume" in error
    assert "--yes" not in error
    assert not run_command.fakes.events


async def test_terminal_is_asked_for_consent(run_command: CommandRunner) -> None:
    """A person who says no has ordered nothing."""
    controller, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *KILL,
        cwd=REPOSITORY,
        env=environment(SIDECAR_URL=run_command.url, SIDECAR_API_TOKEN=TOKEN),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    os.write(controller, b"n\n")
    async with asyncio.timeout(DEADLINE_S):
        output = await asyncio.to_thread(read_to_end, controller)
        assert await process.wait() == 130
    os.close(controller)
    assert b"Drill it all the same? [y/N]" in output
    assert not run_command.fakes.events


async def test_journal_that_cannot_be_written_is_refused_before_the_drill(
    run_command: CommandRunner, tmp_path: Path
) -> None:
    file = tmp_path / "missing" / "journal.json"
    status, _, error = await run_command(*KILL, "--yes", "--journal", str(file))
    assert status == 2
    assert "is missing or cannot be written" in error
    assert not run_command.fakes.events


async def test_objection_that_stays_is_not_waited_for_between_two_faults(
    run_command: CommandRunner,
) -> None:
    order = ("drill", LEAF, "--fault", "upstream", "--fault", "upstream", "--yes")
    status, _, error = await run_command(*order)
    assert status == 3
    assert error.count("only wallet daemons have an upstream server") == 2


async def test_order_with_a_new_objection_is_given_again_once_it_has_ended(
    run_command: CommandRunner,
) -> None:
    """The state may change between the preview and the order."""
    busy = DrillFacts(busy=Reason.of(R.DRILL_BUSY, root=ROOT, reason="3 payments"))
    run_command.fakes.drills.next_facts.extend((DrillFacts(), busy))
    async with start_command(run_command, *KILL, "--yes") as command:
        await survive_kill(run_command, command)
        await command.line_with(" passed")
        assert (await command.result()).status == 0


async def test_order_with_an_objection_that_stays_is_refused_with_its_reason(
    run_command: CommandRunner,
) -> None:
    drills = run_command.fakes.drills
    drills.next_facts.append(DrillFacts())
    drills.facts = DrillFacts(loss=text_reason("no volume"))
    status, _, error = await run_command(*KILL, "--yes")
    assert status == 3
    assert "refused: " in error
    assert "no volume" in error


async def test_error_in_a_later_drill_does_not_hide_the_verdict_on_the_first(
    run_command: CommandRunner, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    order = (*KILL, "--fault", "stop", "--yes", "--journal", str(journal))
    async with start_command(run_command, *order) as command:
        await begin(run_command)
        run_command.fakes.drills.next_facts.append(RequestRefused(503, "no answer"))
        world = world_of(run_command)
        world.kill()
        world.cure()
        world.undo()
        world.works(LEAF)
        await command.line_with("kill  ")
        status, _, error = await command.result()
    assert status != 0
    assert "no answer" in error
    assert len(json.loads(journal.read_text())["run"]) == 1


async def test_journal_that_cannot_be_written_after_the_drill_hides_no_verdict(
    run_command: CommandRunner, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    order = (*KILL, "--yes", "--journal", str(journal))
    async with start_command(run_command, *order) as command:
        await survive_kill(run_command, command)
        journal.mkdir()
        world_of(run_command).works(LEAF)
        await command.line_with("FAULT")
        row = await command.line()
        status, _, error = await command.result()
    assert row.split()[-1] == "passed"
    assert status == 2
    assert f"the journal {journal} cannot be written: Is a directory" in error


async def test_open_failure_is_refused_with_its_reason(
    run_command: CommandRunner,
) -> None:
    world_of(run_command).fails(LEAF, Cause.REFUSED)
    status, _, error = await run_command(*KILL, "--yes")
    assert status == 3
    assert LEAF in error


async def test_drills_on_record_are_listed_with_the_planned_ones(
    run_command: CommandRunner,
) -> None:
    plan = DrillPlan("0 5 * * 1", DrillFault.HANG)
    run_command.fakes.drills.planned = (PlannedDrillTime(LEAF, EPOCH, plan),)
    world = world_of(run_command)
    world.begin(DrillFault.KILL)
    world.kill()
    world.wait(1.0)
    _, under_way, _ = await run_command("drill", "list")
    assert under_way.splitlines()[1].split()[-1] == "watching"
    world.cure()
    world.undo()
    world.works(LEAF)
    status, listed, _ = await run_command("drill", "list", "--json")
    document = json.loads(listed)
    assert status == 0
    assert document["under_way"] is None
    assert [drill["outcome"] for drill in document["drills"]] == ["passed"]
    assert document["planned"][0]["fault"] == "hang"

    assert (await run_command("drill", "last", ROOT)).status == 0
    status, output, _ = await run_command("drill", "last", ROOT, "--fault", "hang")
    assert (status, output) == (1, f"{ROOT}: no drill has ended\n")
    recent = ("drill", "last", ROOT, "--fault", "hang", "--within", "2h")
    assert (await run_command(*recent)).status == 0
    assert (await run_command("drill", "cancel", ROOT)).status == 0


async def test_history_marks_what_happened_in_a_drill(
    run_command: CommandRunner,
) -> None:
    world = world_of(run_command)
    world.begin(DrillFault.KILL)
    world.kill()
    world.cure()
    world.undo()
    world.works(LEAF, times=3)
    lines = (await run_command("history", "--since", "1h")).out.splitlines()
    begin = next(n for n, line in enumerate(lines) if "drill kill: began" in line)
    end = next(n for n, line in enumerate(lines) if "drill kill: passed" in line)
    assert all("[drill]" in line for line in lines[begin + 1 : end])
    assert any("-> healthy [drill]" in line for line in lines[begin + 1 : end])
    others = [*lines[: begin + 1], *lines[end:]]
    assert not [line for line in others if "[drill]" in line]


async def test_report_counts_what_drills_caused_only_if_asked(
    run_command: CommandRunner,
) -> None:
    world = world_of(run_command)
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.cure()
    world.undo()
    world.works(LEAF, times=3)
    world.wait(600.0, step=10.0)
    totals = []
    for arguments in ((), ("--drills",)):
        order = ("report", "--window", "1h", "--json", *arguments)
        document = json.loads((await run_command(*order)).out)
        totals.append(document["total"])
    assert [total["outages"] for total in totals] == [0, 1]
    assert 0.0 < totals[0]["planned_seconds"] < 120.0, "as long as the drill"


async def test_export_is_an_experiment_with_the_command_of_the_user(
    run_command: CommandRunner,
) -> None:
    order = ("drill", "export", ROOT, "--fault", "kill", "--command", "docker exec s x")
    status, output, error = await run_command(*order)
    assert (status, error) == (0, "")
    action = json.loads(output)["method"][0]["provider"]
    assert action["path"] == "docker"
    arguments = ["exec", "s", "x", "drill", "run", ROOT, "--fault", "kill", "--json"]
    assert action["arguments"] == arguments
    unknown = await run_command("drill", "export", "nobody", "--fault", "kill")
    assert unknown.status == 2
    assert "there is no target nobody" in unknown.err


@pytest.mark.parametrize(
    ("command", "words"),
    [("", "it is empty"), ("docker 'exec", "No closing quotation")],
)
async def test_export_refuses_a_command_that_nobody_can_call(
    command: str, words: str, run_command: CommandRunner
) -> None:
    order = ("drill", "export", ROOT, "--fault", "kill", "--command", command)
    refused = await run_command(*order)
    assert refused.status == 2
    assert words in refused.err
