"""The command ``replay``: a process against a real server."""

import json
from collections.abc import AsyncIterator

import pytest

from sidecar.core.model.journal_entry import EntryKind, JournalEntry
from sidecar.web.routes.history import MAX_ENTRIES
from sidecar.web.server import WebServer
from tests.support.command_runner import CommandResult, sidecar
from tests.support.incident_archive import WALLET, Archive, record_healed_incident


@pytest.fixture
def archive() -> Archive:
    archive = Archive()
    record_healed_incident(archive)
    return archive


@pytest.fixture
async def url(archive: Archive) -> AsyncIterator[str]:
    server = WebServer(archive.desk, "127.0.0.1", 0)
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()


def record_outage(archive: Archive, target: str, age_s: float) -> None:
    """The begin of an outage whose cause only a newer Sidecar knows."""
    change = {"type": "transition", "from": "healthy", "to": "down", "cause": "newer"}
    at_wall = archive.world.now.wall - age_s
    entry = JournalEntry(at_wall, EntryKind.STATE, target, None, change)
    archive.journal.stored_entries.insert(0, entry)


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


async def test_outage_that_cannot_be_replayed_is_named(
    url: str, archive: Archive
) -> None:
    record_outage(archive, "pay", age_s=60.0)
    output = (await run_replay(url, "--config", "same")).out
    assert "not replayed: pay, cause not known, " in output
    document = json.loads((await run_replay(url, "--config", "same", "--json")).out)
    (line,) = document["not_replayed"]
    assert line.startswith("pay, cause not known, ")


async def test_only_the_time_that_is_asked_for_is_replayed(
    url: str, archive: Archive
) -> None:
    record_outage(archive, "pay", age_s=7200.0)
    for since, is_replayed in (("3h", True), ("1h", False)):
        result = await run_replay(url, "--config", "same", "--since", since)
        assert ("pay" in result.out) is is_replayed


async def test_history_that_is_too_long_says_that_the_old_part_is_left_out(
    url: str, archive: Archive
) -> None:
    assert "left out" not in (await run_replay(url, "--config", "same")).err
    for _ in range(MAX_ENTRIES):
        record_outage(archive, "pay", age_s=60.0)
    result = await run_replay(url, "--config", "same")
    assert result.status == 0
    assert "older records are left out" in result.err
