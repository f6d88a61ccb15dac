"""The commands about the past: processes against a real server."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model.event import AckRequested
from sidecar.web.server import WebServer
from tests.support.api_services import TOKEN
from tests.support.command_runner import CommandResult, sidecar
from tests.support.incident_archive import (
    SERVICE,
    WALLET,
    Archive,
    balance_probe,
    record_healed_incident,
    record_open_incident,
)


class CommandRunner:
    def __init__(self, archive: Archive, url: str) -> None:
        self.archive = archive
        self.url = url

    async def __call__(self, *arguments: str, token: str = "") -> CommandResult:
        return await sidecar(*arguments, SIDECAR_URL=self.url, SIDECAR_API_TOKEN=token)


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    archive = Archive()
    server = WebServer(archive.desk, "127.0.0.1", 0)
    await server.start()
    yield CommandRunner(archive, f"http://127.0.0.1:{server.port}")
    await server.stop()


async def test_incidents_prints_one_line_per_incident(
    run_command: CommandRunner,
) -> None:
    assert (await run_command("incidents")).out == "no incident is on record\n"
    incident_id = record_healed_incident(run_command.archive)
    head, line = (await run_command("incidents")).out.splitlines()
    assert head.split() == [
        "ID",
        "SEVERITY",
        "TARGET",
        "CAUSE",
        "BEGAN",
        "STATE",
        "AFFECTED",
    ]
    for part in (incident_id, "P1", WALLET, "refused", "ago)", "resolved", SERVICE):
        assert part in line
    assert (await run_command("incidents", "--open")).out == "no incident is open\n"
    body = json.loads((await run_command("incidents", "--json")).out)
    assert body["incidents"][0]["id"] == incident_id


async def test_times_are_printed_in_the_zone_of_the_messages(
    run_command: CommandRunner,
) -> None:
    world = run_command.archive.world
    seoul = replace(world.state.notify, timezone="Asia/Seoul")
    world.state = replace(world.state, notify=seoul)
    incident_id = record_healed_incident(run_command.archive)
    began = world.state.incidents[incident_id].since_wall
    here = datetime.fromtimestamp(began, ZoneInfo("Asia/Seoul"))
    expected = here.isoformat(timespec="seconds")
    assert expected.endswith("+09:00")
    for command in (("incidents",), ("incident", incident_id)):
        assert expected in (await run_command(*command)).out
    for name in ("status", "history", "schedule"):
        output = (await run_command(name)).out
        assert "+09:00" in output or name == "status"
        assert not re.search(r"\d{2}:\d{2}:\d{2}(?:\.\d+)?Z", output), output
    body = json.loads((await run_command("incidents", "--json")).out)
    assert body["incidents"][0]["began_at"].endswith("Z")


async def test_incident_prints_its_course_and_its_remedy(
    run_command: CommandRunner,
) -> None:
    incident_id = record_healed_incident(run_command.archive)
    result = await run_command("incident", incident_id)
    assert result.status == 0
    assert (
        f"incident {incident_id} P1 electron-cash: refused, resolved after "
        in result.out
    )
    assert "electron-cash: away for " in result.out
    assert "restart helped 1 of 1 times against refused" in result.out
    assert "restart: recovered" in result.out
    assert (
        json.loads((await run_command("incident", incident_id, "--json")).out)["id"]
        == incident_id
    )


async def test_incident_shows_who_acknowledged_it(run_command: CommandRunner) -> None:
    incident_id = record_open_incident(run_command.archive)
    assert "acknowledged" not in (await run_command("incident", incident_id)).out
    world = run_command.archive.world
    world.send(AckRequested(world.now, incident_id, "link sent to ops"))
    (incident,) = json.loads((await run_command("incidents", "--json")).out)[
        "incidents"
    ]
    assert incident["acked_by"] == "link sent to ops"
    (status,) = json.loads((await run_command("status", "--json")).out)["incidents"]
    assert status["acked_by"] == "link sent to ops"
    output = (await run_command("incident", incident_id)).out
    assert (
        f"acknowledged at {incident['acked_at'][:19]}Z (link sent to ops)\n" in output
    )


async def test_incident_shows_the_balance_only_with_the_token(
    run_command: CommandRunner,
) -> None:
    world = run_command.archive.world
    world.probe(WALLET, balance_probe("9917.25"))
    incident_id = record_open_incident(run_command.archive)
    world.complete_remedy(WALLET)
    world.works(WALLET)
    balance_text = "the wallet's balance afterwards is not known yet"
    without_token = await run_command("incident", incident_id)
    assert f": {balance_text}\n" in without_token.out
    with_token = await run_command("incident", incident_id, token=TOKEN)
    amounts = "confirmed 9917.25, unconfirmed 0, unmatured 0"
    assert f": {balance_text}; before: {amounts}\n" in with_token.out
    past = await run_command("history", token=TOKEN)
    assert "balance: not known" in past.out


async def test_incident_shows_the_end_of_its_evidence_only_with_the_token(
    run_command: CommandRunner,
) -> None:
    incident_id = record_healed_incident(run_command.archive)
    log = "\n".join(f"line {n}\x1b[31m" for n in range(20))
    run_command.archive.journal.bundles[incident_id] = [
        {"name": WALLET, "decision": "a person is needed", "log": "of old"},
        {"name": WALLET, "log": "older"},
        {"name": WALLET, "log": log, "processes": [[7, 1, "T", "wallet.py daemon"]]},
    ]
    assert "line 19" not in (await run_command("incident", incident_id)).out
    output = (await run_command("incident", incident_id, token=TOKEN)).out
    assert "  process: 7 1 T wallet.py daemon\n" in output
    assert output.endswith("  log: line 18\n  log: line 19\n")
    assert "line 9\n" not in output
    assert "of old" not in output


async def test_a_postmortem_with_and_without_the_token(
    run_command: CommandRunner,
) -> None:
    incident_id = record_healed_incident(run_command.archive)
    run_command.archive.journal.bundles[incident_id] = [
        {"name": WALLET, "log": "last words"}
    ]
    result = await run_command("postmortem", incident_id)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("# Post-mortem: ")
    assert "last words" not in result.out
    assert (
        "last words" in (await run_command("postmortem", incident_id, token=TOKEN)).out
    )


async def test_last_incident_needs_no_id(run_command: CommandRunner) -> None:
    for command in ("incident", "postmortem"):
        result = await run_command(command, "last")
        assert (result.status, result.out) == (2, "")
        assert result.err == "no incident is on record\n"
    incident_id = record_healed_incident(run_command.archive)
    result = await run_command("incident", "last")
    assert result.out == (await run_command("incident", incident_id)).out
    result = await run_command("postmortem", "last", "--json")
    document = json.loads(result.out)
    assert document["markdown"] == (await run_command("postmortem", incident_id)).out


async def test_history_prints_transitions_decisions_and_remedies(
    run_command: CommandRunner,
) -> None:
    record_healed_incident(run_command.archive)
    lines = (await run_command("history", "--since", "1h")).out.splitlines()
    assert lines[0].split() == ["AT", "TARGET", "WHAT", "WHY"]
    text = "\n".join(lines)
    for part in (
        "healthy -> failing (refused)",
        "hold (threshold)",
        "restart: recovered, ",
        "incident resolved",
    ):
        assert part in text
    assert "restart  " in text
    assert "(none)" not in text
    service_output = (await run_command("history", "--target", SERVICE)).out
    assert WALLET not in "".join(line[:45] for line in service_output.splitlines())
    body = json.loads((await run_command("history", "--json")).out)
    assert len(body["entries"]) == len(lines) - 1


async def test_remedies_prints_tries_and_successes(run_command: CommandRunner) -> None:
    record_healed_incident(run_command.archive)
    head, line = (await run_command("remedies")).out.splitlines()
    assert head.split() == ["TARGET", "CAUSE", "REMEDY", "TRIES", "HELPED", "MEDIAN"]
    assert line.split()[:5] == [WALLET, "refused", "restart", "1", "1"]
    other = await run_command("remedies", "--target", SERVICE, "--json")
    assert json.loads(other.out) == {"remedies": []}


async def test_option_of_an_earlier_version_names_the_command_of_today(
    run_command: CommandRunner,
) -> None:
    result = await run_command("history", "--cures")
    assert result.status == 2
    assert "sidecar remedies" in result.err


async def test_report_prints_availability_causes_and_gaps(
    run_command: CommandRunner,
) -> None:
    record_healed_incident(run_command.archive)
    run_command.archive.world.wait(3600.0, step=60.0)
    out = (await run_command("report", "--window", "2h")).out
    wallet = next(x for x in out.splitlines() if x.startswith(WALLET))
    assert "99." in wallet
    assert "no data" in wallet
    assert "refused" in out
    assert "nobody watched for 43m" in out
    assert "the figures count only the time with data" in out
    assert re.search(r"^data from \S+Z: 1h \S+ of 2h 0m; ", out, re.MULTILINE), out
    assert "\nall " in out
    body = json.loads((await run_command("report", "--window", "2h", "--json")).out)
    assert body["period"]["from"] < body["data_from"] < body["period"]["until"]
    assert all(0 < t["measured_seconds"] < 7200 for t in body["targets"])
    assert {t["data_from"] for t in body["targets"]} >= {body["data_from"]}
    assert {t["target"] for t in body["targets"]} == {WALLET, SERVICE}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("incident", "nonsense"), "26 letters"),
        (("postmortem", "0" * 26), "there is no incident"),
        (("history", "--since", "soon"), "since=soon"),
        (("history", "--target", "never-was"), "nothing is on record"),
        (("report", "--window", "1000d"), "at most 366d"),
        (("incident",), "Missing argument"),
    ],
)
async def test_unanswerable_request_exits_2_and_says_why(
    run_command: CommandRunner, arguments: tuple[str, ...], says: str
) -> None:
    result = await run_command(*arguments)
    assert (result.status, result.out) == (2, "")
    assert says in result.err
