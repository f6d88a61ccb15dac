"""The commands about the past: processes against a real server."""

import json
import os
import re
import sys
from asyncio import create_subprocess_exec, subprocess, timeout
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model.event import AckRequested
from sidecar.web.server import WebServer
from tests.adapters.web.test_reports import (
    SERVICE,
    WALLET,
    Archive,
    holds,
    refused,
    refused_and_healed,
)
from tests.support.api_services import TOKEN
from tests.support.repository import REPOSITORY

ROOT = REPOSITORY
COMMAND = (sys.executable, "-m", "tests.support.cli_process")
DEADLINE_S = 20.0


class Ran(NamedTuple):
    status: int
    out: str
    err: str


class Served:
    def __init__(self, office: Archive, url: str) -> None:
        self.office = office
        self.url = url

    async def __call__(self, *arguments: str, token: str = "") -> Ran:
        process = await create_subprocess_exec(
            *COMMAND,
            *arguments,
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "SIDECAR_URL": self.url,
                "SIDECAR_API_TOKEN": token,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with timeout(DEADLINE_S):
            out, err = await process.communicate()
        assert "Traceback" not in err.decode()
        return Ran(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    office = Archive()
    server = WebServer(office.desk, "127.0.0.1", 0)
    await server.start()
    yield Served(office, f"http://127.0.0.1:{server.port}")
    await server.stop()


async def test_incidents(served: Served) -> None:
    assert (await served("incidents")).out == "no incident is on record\n"
    which = refused_and_healed(served.office)
    head, line = (await served("incidents")).out.splitlines()
    assert head.split() == [
        "ID",
        "SEVERITY",
        "TARGET",
        "CAUSE",
        "BEGAN",
        "STATE",
        "AFFECTED",
    ]
    for part in (which, "P1", WALLET, "refused", "ago)", "resolved", SERVICE):
        assert part in line
    assert (await served("incidents", "--open")).out == "no incident is open\n"
    told = json.loads((await served("incidents", "--json")).out)
    assert told["incidents"][0]["id"] == which


async def test_times_are_told_in_the_zone_of_the_messages(served: Served) -> None:
    world = served.office.world
    seoul = replace(world.state.notify, timezone="Asia/Seoul")
    world.state = replace(world.state, notify=seoul)
    which = refused_and_healed(served.office)
    began = world.state.incidents[which].since_wall
    here = datetime.fromtimestamp(began, ZoneInfo("Asia/Seoul"))
    expected = here.isoformat(timespec="seconds")
    assert expected.endswith("+09:00")
    for command in (("incidents",), ("incident", which)):
        assert expected in (await served(*command)).out
    for name in ("status", "history", "schedule"):
        said = (await served(name)).out
        assert "+09:00" in said or name == "status"
        assert not re.search(r"\d{2}:\d{2}:\d{2}(?:\.\d+)?Z", said), said
    told = json.loads((await served("incidents", "--json")).out)
    assert told["incidents"][0]["began_at"].endswith("Z")


async def test_one_incident(served: Served) -> None:
    which = refused_and_healed(served.office)
    ran = await served("incident", which)
    assert ran.status == 0
    assert f"incident {which} P1 electron-cash: refused, resolved after " in ran.out
    assert "electron-cash: away for " in ran.out
    assert "restart helped 1 of 1 times against refused" in ran.out
    assert "restart: recovered" in ran.out
    assert json.loads((await served("incident", which, "--json")).out)["id"] == which


async def test_who_took_care_of_an_incident_is_told(served: Served) -> None:
    which = refused(served.office)
    assert "acknowledged" not in (await served("incident", which)).out
    world = served.office.world
    world.send(AckRequested(world.now, which, "link sent to ops"))
    (told,) = json.loads((await served("incidents", "--json")).out)["incidents"]
    assert told["acked_by"] == "link sent to ops"
    (status,) = json.loads((await served("status", "--json")).out)["incidents"]
    assert status["acked_by"] == "link sent to ops"
    shown = (await served("incident", which)).out
    assert f"acknowledged at {told['acked_at'][:19]}Z (link sent to ops)\n" in shown


async def test_one_incident_with_what_was_in_the_wallet(served: Served) -> None:
    world = served.office.world
    world.probe(WALLET, holds("9917.25"))
    which = refused(served.office)
    world.acted(WALLET)
    world.works(WALLET)
    said = "the wallet's balance afterwards is not known yet"
    without = await served("incident", which)
    assert f": {said}\n" in without.out
    told = await served("incident", which, token=TOKEN)
    amounts = "confirmed 9917.25, unconfirmed 0, unmatured 0"
    assert f": {said}; before: {amounts}\n" in told.out
    past = await served("history", token=TOKEN)
    assert "balance: not known" in past.out


async def test_one_incident_with_the_end_of_its_evidence(served: Served) -> None:
    which = refused_and_healed(served.office)
    log = "\n".join(f"line {n}\x1b[31m" for n in range(20))
    served.office.journal.bundles[which] = [
        {"name": WALLET, "decision": "a person is needed", "log": "of old"},
        {"name": WALLET, "log": "older"},
        {"name": WALLET, "log": log, "processes": [[7, 1, "T", "wallet.py daemon"]]},
    ]
    assert "line 19" not in (await served("incident", which)).out
    told = (await served("incident", which, token=TOKEN)).out
    assert "  process: 7 1 T wallet.py daemon\n" in told
    assert told.endswith("  log: line 18\n  log: line 19\n")
    assert "line 9\n" not in told
    assert "of old" not in told


async def test_a_postmortem_with_and_without_the_token(served: Served) -> None:
    which = refused_and_healed(served.office)
    served.office.journal.bundles[which] = [{"name": WALLET, "log": "last words"}]
    ran = await served("postmortem", which)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("# Post-mortem: ")
    assert "last words" not in ran.out
    assert "last words" in (await served("postmortem", which, token=TOKEN)).out


async def test_history(served: Served) -> None:
    refused_and_healed(served.office)
    lines = (await served("history", "--since", "1h")).out.splitlines()
    assert lines[0].split() == ["AT", "TARGET", "WHAT", "WHY"]
    shown = "\n".join(lines)
    for part in (
        "healthy -> failing (refused)",
        "hold (threshold)",
        "restart: recovered, ",
        "incident resolved",
    ):
        assert part in shown
    assert "restart  " in shown
    assert "(none)" not in shown
    one = (await served("history", "--target", SERVICE)).out
    assert WALLET not in "".join(line[:45] for line in one.splitlines())
    told = json.loads((await served("history", "--json")).out)
    assert len(told["entries"]) == len(lines) - 1


async def test_remedies_tell_tries_and_helps(served: Served) -> None:
    refused_and_healed(served.office)
    head, line = (await served("remedies")).out.splitlines()
    assert head.split() == ["TARGET", "CAUSE", "REMEDY", "TRIES", "HELPED", "MEDIAN"]
    assert line.split()[:5] == [WALLET, "refused", "restart", "1", "1"]
    other = await served("remedies", "--target", SERVICE, "--json")
    assert json.loads(other.out) == {"remedies": []}


async def test_option_of_an_earlier_version_names_the_command_of_today(
    served: Served,
) -> None:
    ran = await served("history", "--cures")
    assert ran.status == 2
    assert "sidecar remedies" in ran.err


async def test_report(served: Served) -> None:
    refused_and_healed(served.office)
    served.office.world.wait(3600.0, step=60.0)
    out = (await served("report", "--window", "2h")).out
    wallet = next(x for x in out.splitlines() if x.startswith(WALLET))
    assert "99." in wallet
    assert "no data" in wallet
    assert "refused" in out
    assert "nobody watched for 43m" in out
    assert "\nall " in out
    told = json.loads((await served("report", "--window", "2h", "--json")).out)
    assert {t["target"] for t in told["targets"]} == {WALLET, SERVICE}


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
async def test_what_cannot_be_told_is_2_and_says_why(
    served: Served, arguments: tuple[str, ...], says: str
) -> None:
    ran = await served(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert says in ran.err
