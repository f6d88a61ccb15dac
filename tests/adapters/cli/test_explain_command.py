"""The command ``explain`` and its API, against a real server."""

import json
from collections.abc import AsyncIterator

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import PauseRequested
from sidecar.core.policy.guards.table import GUARDS
from tests.support.api_services import ApiServiceFakes
from tests.support.command_runner import CommandRunner, serve


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    async for runner in serve(ApiServiceFakes()):
        yield runner


async def test_explain_of_a_healthy_target_names_the_next_failure(
    run_command: CommandRunner,
) -> None:
    result = await run_command("explain", "electron-cash")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("electron-cash is healthy since ")
    assert "guards about the restart that would follow a failure:" in result.out
    assert (
        "if it fails next, as refused: 3 of 3 failed probes are missing" in result.out
    )
    assert "then restart: try 1 of 3 in the lane fast" in result.out
    rows = [line.split()[:2] for line in result.out.splitlines()]
    assert [[guard, "no"] for guard, _ in GUARDS] == [
        r for r in rows if r[1:] == ["no"]
    ]
    assert "\x1b" not in result.out


async def test_explain_of_a_paused_target_says_what_lifts_the_objection(
    run_command: CommandRunner,
) -> None:
    world = run_command.fakes.world
    world.send(PauseRequested(world.now, ("electron-cash",)))
    result = await run_command("explain", "electron-cash")
    assert "sidecar resume electron-cash" in result.out
    assert "not until the guard paused no longer objects" in result.out


async def test_explain_of_a_failing_target_counts_what_is_missing(
    run_command: CommandRunner,
) -> None:
    run_command.fakes.world.fails("electron-cash", Cause.REFUSED, 2)
    result = await run_command("explain", "electron-cash", "--json")
    document = json.loads(result.out)
    assert document["target"]["state"] == "failing"
    failure = document["next_failure"]
    assert (failure["missing_failures"], failure["failure_threshold"]) == (1, 3)
    assert failure["assumed"] is False
    assert (failure["remedy"], failure["try"], failure["lane"]) == (
        "restart",
        1,
        "fast",
    )
    assert failure["earliest_at"] is not None
    assert document["remedy"]["proposed"] is False


async def test_explain_needs_no_token_and_changes_nothing(
    run_command: CommandRunner,
) -> None:
    before = run_command.fakes.world.state
    result = await run_command("explain", "electron-cash", "--json", token="")
    assert result.status == 0
    assert run_command.fakes.world.state is before
    assert run_command.fakes.events == []


async def test_explain_of_an_unknown_target_lists_the_known(
    run_command: CommandRunner,
) -> None:
    result = await run_command("explain", "no/body")
    assert (result.status, result.out) == (2, "")
    assert result.err == (
        "there is no target no/body; there are: electron-cash, bitcoincash-service\n"
    )


async def test_explanation_is_the_promised_document(
    run_command: CommandRunner,
) -> None:
    """Scripts of users read this document, so a new field must be added here."""
    result = await run_command("explain", "electron-cash", "--json")
    document = json.loads(result.out)
    assert document.keys() == {
        "at",
        "mode",
        "target",
        "remedy",
        "guards",
        "next_failure",
    }
    assert document["remedy"] == {
        "action": "restart",
        "trigger": "failure",
        "proposed": False,
    }
    assert [guard["guard"] for guard in document["guards"]] == [g for g, _ in GUARDS]
    assert document["guards"][0] == {
        "guard": "opted_out",
        "asked": True,
        "objects": False,
        "reason": None,
        "reason_code": None,
        "lifted_when": None,
        "lifts_in_seconds": None,
        "lifts_at": None,
    }
    assert document["next_failure"].keys() == {
        "cause",
        "assumed",
        "missing_failures",
        "failure_threshold",
        "certain_in_seconds",
        "certain_at",
        "remedy",
        "no_remedy_because",
        "lane",
        "try",
        "tries_in_lane",
        "earliest_in_seconds",
        "earliest_at",
        "held_by",
    }
