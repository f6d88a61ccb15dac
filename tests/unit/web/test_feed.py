"""The feed: its entries, their ids and times, both languages, and nothing private."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from sidecar.core.incidents.escalation import acknowledge
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import EntryKind, JournalEntry
from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.text.formatting import rfc3339
from sidecar.notify.message_catalog import read_catalog
from sidecar.web.views.feed import FeedFacts, write_feed
from tests.support.api_services import ApiServiceFakes
from tests.support.incident_archive import (
    WALLET,
    record_healed_incident,
    record_open_incident,
)
from tests.support.rule_world import EPOCH

ATOM = "{http://www.w3.org/2005/Atom}"
HOUR_S = 3600.0


class Entry(NamedTuple):
    entry_id: str
    title: str
    published: str
    updated: str
    content: str


class Feed(NamedTuple):
    head: dict[str, str]
    entries: list[Entry]
    raw: bytes


FACTS = FeedFacts(
    stack="oratio",
    started_wall=EPOCH,
    now_wall=EPOCH + HOUR_S,
    incidents=(),
    planned=(),
    skipped_walls={},
    remedies=(),
    public_url="",
    zone="Asia/Seoul",
    language="en",
)


def read_feed(facts: FeedFacts) -> Feed:
    raw = write_feed(facts, read_catalog(facts.language))
    root = ET.fromstring(raw)
    head = {
        name: root.findtext(ATOM + name) or "" for name in ("id", "updated", "title")
    }
    entries = [
        Entry(*(entry.findtext(ATOM + name) or "" for name in fields))
        for fields in [("id", "title", "published", "updated", "content")]
        for entry in root.iter(f"{ATOM}entry")
    ]
    return Feed(head, entries, raw)


def incident_of(healed: bool) -> Incident:
    fakes = ApiServiceFakes()
    record = record_healed_incident if healed else record_open_incident
    incident_id = record(fakes)
    return fakes.state().incidents[incident_id]


def entry_of(incident: Incident, language: str = "en") -> Entry:
    (entry,) = read_feed(
        FACTS._replace(incidents=(incident,), language=language)
    ).entries
    return entry


def test_open_incident_has_its_severity_and_problem() -> None:
    incident = incident_of(healed=False)
    entry = entry_of(incident)
    assert entry.title == "[P1] electron-cash: it accepts no connections"
    assert entry.entry_id == f"urn:sidecar:incident:{incident.id}"
    assert entry.published == rfc3339(incident.opened_at.wall)
    assert "+09:00: electron-cash: it accepts no connections." in entry.content


def test_resolved_incident_keeps_its_id_and_is_updated() -> None:
    incident = incident_of(healed=True)
    assert incident.resolved_at is not None
    before = replace(incident, resolved_at=None, deeds=(), told_wall=None)
    entry, earlier = entry_of(incident), entry_of(before)
    assert entry.title == "[resolved] electron-cash: it accepted no connections"
    assert (entry.entry_id, entry.published) == (earlier.entry_id, earlier.published)
    assert earlier.updated == earlier.published
    assert entry.updated == rfc3339(incident.resolved_at.wall)
    lines = entry.content.split("\n")
    assert "Also affected: bitcoincash-service." in lines[0]
    assert lines[1].endswith("Sidecar restarted electron-cash: it helped.")
    assert "It works again, after " in lines[-1]
    times = [line.partition(": ")[0] for line in lines]
    assert times == sorted(times)


def test_acknowledgement_updates_the_entry_and_names_nobody() -> None:
    incident = incident_of(healed=False)
    later = incident.opened_at._replace(wall=incident.opened_at.wall + HOUR_S)
    acked = acknowledge(incident, later, "link sent to kim@example.org")
    entry = entry_of(acked)
    assert entry.updated == rfc3339(later.wall)
    assert "A person takes care of it." in entry.content
    assert "example" not in entry.content


def test_feed_is_in_the_configured_language() -> None:
    for incident in (incident_of(healed=False), incident_of(healed=True)):
        entry = entry_of(incident, "ko")
        assert "연결을 받지 않" in entry.title
    root = ET.fromstring(read_feed(FACTS._replace(language="ko")).raw)
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "ko"


def planned_time(at_wall: float, skipped: bool = False) -> PlannedTime:
    return PlannedTime(WALLET, at_wall, "0 3 * * *", "Asia/Seoul", skipped)


def test_planned_restart_is_announced_a_day_before() -> None:
    at_wall = EPOCH + 30 * HOUR_S
    facts = FACTS._replace(planned=[planned_time(at_wall)])
    assert read_feed(facts).entries == []
    (entry,) = read_feed(facts._replace(now_wall=at_wall - 23 * HOUR_S)).entries
    assert entry.title == "Planned restart: electron-cash"
    assert entry.updated == rfc3339(at_wall - 24 * HOUR_S)
    (later,) = read_feed(facts._replace(now_wall=at_wall - 1)).entries
    assert later == entry


def test_skipped_restart_is_updated_when_the_skip_was_seen() -> None:
    at_wall = EPOCH + 2 * HOUR_S
    facts = FACTS._replace(planned=[planned_time(at_wall)])
    (before,) = read_feed(facts).entries
    skipped = facts._replace(
        planned=[planned_time(at_wall, skipped=True)],
        skipped_walls={(WALLET, at_wall): EPOCH + HOUR_S},
    )
    (entry,) = read_feed(skipped).entries
    assert entry.entry_id == before.entry_id
    assert entry.title == "Planned restart that will be skipped: electron-cash"
    assert entry.updated == rfc3339(EPOCH + HOUR_S)


def test_window_is_announced_a_day_before() -> None:
    begin_wall = FACTS.now_wall + 23 * HOUR_S
    windows = [
        WindowPeriod(begin_wall, begin_wall + HOUR_S, (WALLET,)),
        WindowPeriod(begin_wall + 2 * HOUR_S, begin_wall + 3 * HOUR_S),
    ]
    (entry,) = read_feed(FACTS._replace(windows=windows)).entries
    assert entry.title == "Maintenance window: electron-cash"
    assert entry.published == rfc3339(begin_wall - 24 * HOUR_S)
    assert "nobody is told" in entry.content


def remedy(outcome: str, trigger: str = "planned") -> JournalEntry:
    data = {"type": "outcome", "trigger": trigger, "outcome": outcome}
    return JournalEntry(EPOCH, EntryKind.REMEDY, WALLET, None, data)


@pytest.mark.parametrize("outcome", RemedyOutcome)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_planned_restart_that_ended_has_an_entry(outcome: str, language: str) -> None:
    facts = FACTS._replace(remedies=[remedy(outcome)], language=language)
    (entry,) = read_feed(facts).entries
    assert WALLET in entry.title
    assert entry.updated == rfc3339(EPOCH)


def test_other_remedies_have_no_entry() -> None:
    facts = FACTS._replace(remedies=[remedy("recovered", "failure"), remedy("odd")])
    assert read_feed(facts).entries == []


def ids_of(entries: Sequence[Entry]) -> list[str]:
    return [entry.entry_id for entry in entries]


def test_newest_entry_is_first_and_dates_the_feed() -> None:
    incident = incident_of(healed=True)
    facts = FACTS._replace(incidents=[incident], remedies=[remedy("recovered")])
    feed = read_feed(facts)
    updated = [entry.updated for entry in feed.entries]
    assert updated == sorted(updated, reverse=True)
    assert len(set(ids_of(feed.entries))) == 2
    assert feed.head["updated"] == updated[0]
    assert read_feed(FACTS).head == {
        "id": "urn:sidecar:oratio:feed",
        "updated": rfc3339(EPOCH),
        "title": "oratio: incidents and planned restarts",
    }


def test_feed_has_links_only_with_a_public_address() -> None:
    assert b"<link" not in read_feed(FACTS).raw
    raw = read_feed(FACTS._replace(public_url="https://pay.example")).raw
    links = [link.get("href") for link in ET.fromstring(raw).iter(f"{ATOM}link")]
    assert links == ["https://pay.example/feed.atom", "https://pay.example/"]


def test_feed_has_no_container_and_no_measured_reason() -> None:
    fakes = ApiServiceFakes()
    record_healed_incident(fakes)
    instances = fakes.state().instances.values()
    raw = read_feed(FACTS._replace(incidents=[*fakes.state().incidents.values()])).raw
    for instance in instances:
        assert instance.container is not None
        assert instance.container.name.encode() not in raw
    assert b"it is refused" not in raw


def test_characters_that_xml_forbids_are_left_out() -> None:
    feed = read_feed(FACTS._replace(stack="a\ufffe\x00\x1b[2Jb"))
    assert feed.head["title"] == "ab: incidents and planned restarts"
