"""The status in the shape of Statuspage."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import AckRequested, PlannedRestartDue
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.text.formatting import rfc3339
from sidecar.notify.message_catalog import read_catalog
from sidecar.web.views.statuspage import (
    _COMPONENT_STATUS,
    StatuspageFacts,
    StatuspageWriter,
)
from tests.support.api_documents import Document, read_document
from tests.support.incident_archive import SERVICE, WALLET
from tests.support.maintenance_windows import begin_window
from tests.support.rule_world import EPOCH, RuleWorld

PLANNED = PlannedTime(WALLET, EPOCH + 9000, "0 3 * * *", "Asia/Seoul", skipped=False)


def writer(
    world: RuleWorld, *planned: PlannedTime, language: str = "en"
) -> StatuspageWriter:
    facts = StatuspageFacts(world.state, world.now, "oratio", planned)
    return StatuspageWriter(facts, read_catalog(language))


def summary(world: RuleWorld, *planned: PlannedTime) -> Document:
    return read_document(writer(world, *planned).write_summary())


def component(world: RuleWorld, name: str) -> Document:
    return next(c for c in summary(world)["components"] if c["id"] == name)


def healthy_world() -> RuleWorld:
    world = RuleWorld()
    world.works(WALLET, SERVICE)
    return world


def test_summary_has_the_members_of_statuspage() -> None:
    document = summary(healthy_world())
    assert set(document) == {
        "page",
        "components",
        "incidents",
        "scheduled_maintenances",
        "status",
    }
    assert document["page"]["id"] == "oratio"
    assert document["status"] == {
        "indicator": "none",
        "description": "Everything works.",
    }
    assert [c["status"] for c in document["components"]] == ["operational"] * 2
    assert [c["position"] for c in document["components"]] == [1, 2]


def test_status_is_that_of_the_summary() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    document = read_document(writer(world).write_status())
    assert document == {key: summary(world)[key] for key in ("page", "status")}


def test_incident_has_title_impact_updates_and_components() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    world.fails(SERVICE, Cause.HTTP_5XX)
    document = summary(world)
    (incident,) = document["incidents"]
    assert incident["name"] == "[P1] electron-cash: it accepts no connections"
    assert incident["impact"] == "major"
    assert incident["status"] == "identified"
    assert [c["id"] for c in incident["components"]] == [WALLET, SERVICE]
    assert incident["incident_updates"][-1]["status"] == "investigating"
    assert document["status"]["indicator"] == "critical"
    assert component(world, WALLET)["status"] == "major_outage"
    assert component(world, WALLET)["description"] == "recovering"


def test_incident_is_monitored_while_its_remedy_is_verified() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    assert summary(world)["incidents"][0]["status"] == "monitoring"
    world.works(WALLET)
    assert summary(world)["incidents"] == []


def test_incident_without_a_remedy_is_investigated_until_somebody_takes_it() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.AUTH)
    (incident,) = summary(world)["incidents"]
    assert incident["status"] == "investigating"
    world.send(AckRequested(world.now, incident["id"], "api"))
    (incident,) = summary(world)["incidents"]
    assert incident["status"] == "identified"
    assert incident["incident_updates"][0]["body"] == "A person takes care of it."
    assert incident["updated_at"] == rfc3339(world.now.wall)


def test_planned_restart_is_a_scheduled_maintenance_until_it_is_skipped() -> None:
    world = healthy_world()
    (maintenance,) = summary(world, PLANNED)["scheduled_maintenances"]
    assert maintenance["status"] == "scheduled"
    assert maintenance["scheduled_for"] == rfc3339(PLANNED.at_wall)
    assert maintenance["scheduled_until"] == rfc3339(PLANNED.at_wall + 600)
    assert maintenance["impact"] == "maintenance"
    assert [c["id"] for c in maintenance["components"]] == [WALLET]
    skipped = PLANNED._replace(skipped=True)
    assert summary(world, skipped)["scheduled_maintenances"] == []


def test_planned_restart_under_way_is_in_progress() -> None:
    world = healthy_world()
    world.wait(30000.0, step=60.0)
    world.works(WALLET, SERVICE)
    began = world.now
    world.send(PlannedRestartDue(began, WALLET))
    assert world.instance(WALLET).remedy is not None
    (maintenance,) = summary(world)["scheduled_maintenances"]
    assert maintenance["status"] == "in_progress"
    assert maintenance["scheduled_for"] == rfc3339(began.wall)
    assert component(world, WALLET)["status"] == "under_maintenance"


def test_window_is_a_maintenance_and_no_outage() -> None:
    world = healthy_world()
    period = begin_window(world, SERVICE)
    (maintenance,) = summary(world)["scheduled_maintenances"]
    assert (maintenance["status"], maintenance["impact"]) == (
        "in_progress",
        "maintenance",
    )
    assert maintenance["scheduled_until"] == rfc3339(period.end_wall)
    assert [c["id"] for c in maintenance["components"]] == [SERVICE]
    assert component(world, SERVICE)["status"] == "operational"
    world.fails(SERVICE, Cause.HTTP_5XX)
    assert component(world, SERVICE)["status"] == "under_maintenance"


def test_coming_window_of_all_targets_is_scheduled() -> None:
    world = healthy_world()
    begin_window(world, in_s=3600.0)
    (maintenance,) = summary(world)["scheduled_maintenances"]
    assert maintenance["status"] == "scheduled"
    assert maintenance["name"] == "Maintenance window: all targets"
    assert [c["id"] for c in maintenance["components"]] == [WALLET, SERVICE]


def test_texts_are_in_the_configured_language() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    document = read_document(writer(world, language="ko").write_summary())
    assert document["incidents"][0]["name"].endswith("연결을 받지 않습니다")
    assert document["components"][0]["description"] == "복구 중"


@pytest.mark.parametrize("state", TargetState)
def test_every_state_has_a_component_status(state: TargetState) -> None:
    assert _COMPONENT_STATUS[state]


def test_links_need_a_public_address() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    assert summary(world)["incidents"][0]["shortlink"] == ""
    notify = replace(world.state.notify, public_url="https://pay.example")
    world.state = replace(world.state, notify=notify)
    (incident,) = summary(world)["incidents"]
    expected = f"https://pay.example/incidents/{incident['id']}"
    assert incident["shortlink"] == expected


def test_nothing_of_a_container_or_a_measurement_is_shown() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    text = str(summary(world, PLANNED))
    assert "demo-electron-cash-1" not in text
    assert "it is refused" not in text
