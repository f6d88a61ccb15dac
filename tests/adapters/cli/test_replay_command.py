"""The command ``replay``: a process against a real server."""

import json
from collections.abc import AsyncIterator

import pytest

from sidecar.web.server import WebServer
from tests.support.command_runner import CommandResult, sidecar
from tests.support.incident_archive import WALLET, Archive, record_healed_incident


@pytest.fixture
async def url() -> AsyncIterator[str]:
    archive = Archive()
    record_healed_incident(archive)
    server = WebServer(archive.desk, "127.0.0.1", 0)
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()


async def run_replay(url: str, *arguments: str) -> CommandResult:
    return await sidecar("replay", *arguments, SIDECAR_URL=url)


async def test_difference_is_a_table_with_its_moments(url: str) -> None:
    result = await run_replay(url, "--config", "new")
    assert result.status == 0
    recorded, present, new = result.out.splitlines()[1:4]
    assert recorded.split()[:3] == ["recorded", "-", "2"]
    assert present.split() == [
        "present",
        "settings",
        "(estimated)",
        "1",
        "1",
        "2",
        "15s",
    ]
    assert new.split() == ["new", "settings", "(estimated)", "1", "2", "2", "12s"]
    assert WALLET in result.out
    assert "after 6s" in result.out
    assert "after 2s" in result.out
    assert "assumed: any other outage lasts as long as it did" in result.out


async def test_same_settings_say_that_there_is_no_difference(url: str) -> None:
    result = await run_replay(url, "--config", "same")
    assert result.status == 0
    assert "no difference in 2 outages" in result.out


async def test_json_marks_what_is_estimated(url: str) -> None:
    document = json.loads((await run_replay(url, "--config", "new", "--json")).out)
    assert document["complete"] is True
    assert document["recorded"]["incidents"] is None
    assert [document[key]["estimated"] for key in ("present", "new")] == [True, True]
    assert document["outages"][0]["first_restart_new_seconds"] == 2.0
    assert len(document["assumptions"]) == 4
