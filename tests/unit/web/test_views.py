"""JSON of the API, from states that the rules produced."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import AckRequested, PauseRequested
from sidecar.core.model.probe_result import ProbeWarning, probe_success
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.core.reason.reason import text_reason
from sidecar.core.text.formatting import rfc3339
from sidecar.web.views import health
from sidecar.web.views import status as views
from tests.support.api_documents import read_document, read_health
from tests.support.rule_world import EPOCH, RuleWorld, container

PLANNED = (
    PlannedTime("electron-cash", EPOCH + 100, "0 3 * * *", "Asia/Seoul", True),
    PlannedTime("electron-cash", EPOCH + 200, "0 3 * * *", "Asia/Seoul", False),
)


def status(world: RuleWorld) -> dict[str, object]:
    answer = views.status(
        world.state,
        world.now,
        version="0.1.0",
        stack="oratio",
        ready=True,
        targets=tuple(
            views.target_statuses(world.state, world.now, {"electron-cash": PLANNED})
        ),
    )
    document: dict[str, object] = read_document(answer)
    return document


def target(world: RuleWorld, name: str) -> dict[str, object]:
    targets = status(world)["targets"]
    assert isinstance(targets, list)
    (view,) = (t for t in targets if t["name"] == name)
    assert isinstance(view, dict)
    return view


def healthy_world() -> RuleWorld:
    world = RuleWorld()
    world.works("electron-cash", "bitcoincash-service")
    return world


def world_with_two_replicas() -> RuleWorld:
    """A world with two replicas of the service."""
    world = RuleWorld()
    world.containers[InstanceId("bitcoincash-service", 2)] = container(
        "bitcoincash-service", 2
    )
    world.relist()
    world.works("electron-cash", "bitcoincash-service-1", "bitcoincash-service-2")
    return world


def test_the_status_is_the_promised_document() -> None:
    """Scripts of users read this document, so a new field must be added here."""
    world = healthy_world()
    world.fails("electron-cash", Cause.REFUSED)
    world.fails("bitcoincash-service", Cause.HTTP_5XX)
    number = world.instance("electron-cash").incident
    assert number is not None
    world.send(AckRequested(world.now, number, "api"))
    document = status(world)
    del document["targets"]
    view = target(world, "electron-cash")
    probe, decision = view.pop("last_probe"), view.pop("last_decision")
    assert document == {
        "version": "0.1.0",
        "mode": "act",
        "stack": "oratio",
        "ready": True,
        "at": "2023-11-14T22:30:14.100Z",
        "engine": {
            "reachable": True,
            "reason": "",
            "since": "2023-11-14T22:30:00.000Z",
        },
        "incidents": [
            {
                "id": number,
                "target": "electron-cash",
                "affected": ["bitcoincash-service"],
                "followers": [],
                "severity": "P1",
                "state": "open",
                "cause": "refused",
                "began_at": "2023-11-14T22:30:02.040Z",
                "opened_at": "2023-11-14T22:30:06.070Z",
                "acked_at": "2023-11-14T22:30:14.100Z",
                "acked_by": "api",
                "resolved_at": None,
                "drill": None,
            }
        ],
    }
    assert view == {
        "name": "electron-cash",
        "target": "electron-cash",
        "replica": 1,
        "state": "recovering",
        "cause": "refused",
        "reason": "restart: acting",
        "reason_code": "remedy_acting",
        "since": "2023-11-14T22:30:06.070Z",
        "container": {
            "id": "electron-cash-1-id",
            "name": "demo-electron-cash-1",
            "status": "running",
            "started_at": "2023-11-13T22:13:20.000Z",
        },
        "consecutive_failures": 3,
        "warnings": [],
        "held_by": None,
        "paused": False,
        "paused_until": None,
        "lane": "fast",
        "restarts": {"in_window": 1, "budget": 3, "total": 0},
        "next_planned_restart": rfc3339(EPOCH + 200),
        "incident": number,
        "maintenance_until": None,
        "memory": None,
    }
    assert probe == {
        "seconds": pytest.approx(0.01),
        "at": "2023-11-14T22:30:06.070Z",
        "outcome": "failure",
        "cause": "refused",
        "reason": "it is refused",
        "reason_code": "text",
    }
    assert decision == {
        "at": "2023-11-14T22:30:06.070Z",
        "action": "restart",
        "guard": "none",
        "trigger": "failure",
        "reason": "failure 3: it is refused: restart now",
        "reason_code": "act_now",
    }


def test_the_schedule_is_the_promised_document() -> None:
    assert read_document(views.schedule(PLANNED[:1])) == {
        "planned": [
            {
                "target": "electron-cash",
                "at": rfc3339(EPOCH + 100),
                "cron": "0 3 * * *",
                "timezone": "Asia/Seoul",
                "skipped": True,
                "in_maintenance": False,
                "before_limit": False,
            }
        ]
    }


def test_the_answer_to_an_order_names_its_incident() -> None:
    world = healthy_world()
    world.fails("electron-cash", Cause.REFUSED)
    decision = world.last("electron-cash")
    document = read_document(views.decision(decision))
    assert document["incident"] == decision.incident
    assert decision.incident is not None
    assert read_document(views.decision(None)) == {"decision": None, "incident": None}


def test_target_being_restarted_is_shown_as_recovering() -> None:
    world = healthy_world()
    world.fails("electron-cash", Cause.REFUSED)
    view = target(world, "electron-cash")
    assert view["state"] == "recovering"
    assert view["cause"] == "refused"
    assert view["consecutive_failures"] == 3
    assert view["lane"] == "fast"
    assert view["restarts"] == {"in_window": 1, "budget": 3, "total": 0}
    probe = view["last_probe"]
    assert isinstance(probe, dict)
    assert probe["outcome"] == "failure"
    assert probe["seconds"] == pytest.approx(0.01)
    decision = view["last_decision"]
    assert isinstance(decision, dict)
    assert decision["action"] == "restart"
    assert decision["reason"]
    container_view = view["container"]
    assert isinstance(container_view, dict)
    assert container_view["id"] == "electron-cash-1-id"
    incident = status(world)["incidents"]
    assert isinstance(incident, list)
    assert incident[0]["id"] == view["incident"]
    assert incident[0]["state"] == "open"
    assert incident[0]["resolved_at"] is None


def test_a_dependent_says_what_it_waits_for() -> None:
    world = healthy_world()
    world.fails("electron-cash", Cause.REFUSED)
    world.fails("bitcoincash-service", Cause.HTTP_5XX)
    assert target(world, "bitcoincash-service")["held_by"] == "electron-cash"
    assert target(world, "electron-cash")["held_by"] is None


def test_a_dependent_that_works_waits_for_nothing() -> None:
    world = healthy_world()
    world.fails("electron-cash", Cause.REFUSED)
    assert target(world, "bitcoincash-service")["held_by"] is None


def failing_after_its_root() -> RuleWorld:
    """A world whose root works again while its dependent still fails."""
    world = healthy_world()
    world.fails("electron-cash", Cause.REFUSED)
    world.fails("bitcoincash-service", Cause.HTTP_5XX)
    world.complete_remedy("electron-cash")
    world.works("electron-cash")
    world.fails("bitcoincash-service", Cause.HTTP_5XX, 1)
    return world


def reason(view: Mapping[str, object]) -> str:
    decision = view["last_decision"]
    assert isinstance(decision, dict)
    return str(decision["reason"])


def test_remaining_time_in_a_reason_is_that_of_now() -> None:
    world = failing_after_its_root()
    first = target(world, "bitcoincash-service")
    assert first["held_by"] == "electron-cash"
    assert "this has 27 s left to follow by itself" in reason(first)
    world.wait(10.0)
    later = target(world, "bitcoincash-service")
    assert "this has 17 s left to follow by itself" in reason(later)
    one, other = first["last_decision"], later["last_decision"]
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    assert one["at"] == other["at"]


def test_reason_of_a_recovered_target_is_not_shown() -> None:
    world = failing_after_its_root()
    world.works("bitcoincash-service")
    assert world.last("bitcoincash-service").reason
    view = target(world, "bitcoincash-service")
    assert (view["state"], view["last_decision"]) == ("healthy", None)
    assert view["held_by"] is None
    assert target(world, "electron-cash")["last_decision"] is None


def test_dependent_is_not_held_once_its_settle_time_is_over() -> None:
    world = failing_after_its_root()
    world.send(PauseRequested(world.now, ("bitcoincash-service",)))
    world.wait(40.0)
    view = target(world, "bitcoincash-service")
    assert view["held_by"] is None
    assert "left to follow" not in reason(view)
    assert "paused until an operator resumes it" in reason(view)


def test_remedy_under_way_is_shown_with_its_reason() -> None:
    world = healthy_world()
    world.fails("electron-cash", Cause.WALLET_NOT_LOADED, 1)
    assert "no wallet loaded: load_wallet now" in reason(target(world, "electron-cash"))
    world.complete_remedy("electron-cash", restart=False)
    assert "no wallet loaded: load_wallet now" in reason(target(world, "electron-cash"))


def test_the_newest_incident_comes_first() -> None:
    world = healthy_world()
    for cause in (Cause.REFUSED, Cause.RESET):
        world.fails("electron-cash", cause)
        world.complete_remedy("electron-cash")
        world.works("electron-cash", times=3)
        world.wait(30)
    incidents = status(world)["incidents"]
    assert isinstance(incidents, list)
    assert [i["cause"] for i in incidents] == ["reset", "refused"]
    assert {i["state"] for i in incidents} == {"resolved"}


def test_warnings_and_the_planned_restart_are_shown() -> None:
    world = healthy_world()
    world.probe(
        "electron-cash",
        probe_success(warnings=(ProbeWarning.SLOW,), reason=text_reason("slow")),
    )
    view = target(world, "electron-cash")
    assert (view["state"], view["warnings"]) == ("degraded", ["slow"])
    assert view["next_planned_restart"] == rfc3339(EPOCH + 200)
    assert target(world, "bitcoincash-service")["next_planned_restart"] is None


def test_a_pause_is_shown_until_it_ends() -> None:
    world = healthy_world()
    world.send(PauseRequested(world.now, ("electron-cash",), world.now.wall + 60))
    view = target(world, "electron-cash")
    assert (view["paused"], view["paused_until"]) == (
        True,
        rfc3339(world.now.wall + 60),
    )
    world.send(PauseRequested(world.now, ("electron-cash",), None))
    view = target(world, "electron-cash")
    assert (view["paused"], view["paused_until"]) == (True, None)
    view = target(world, "bitcoincash-service")
    assert (view["paused"], view["paused_until"]) == (False, None)


def test_a_target_without_a_container_is_shown() -> None:
    world = RuleWorld()
    del world.containers[InstanceId("electron-cash", 1)]
    world.relist()
    view = target(world, "electron-cash")
    assert (view["state"], view["container"]) == ("missing", None)


def test_a_container_that_never_started_has_no_start() -> None:
    world = RuleWorld()
    instance_id = InstanceId("electron-cash", 1)
    world.containers[instance_id] = replace(
        world.containers[instance_id], started_at=0.0
    )
    world.relist()
    container_view = target(world, "electron-cash")["container"]
    assert isinstance(container_view, dict)
    assert container_view["started_at"] is None


def test_health_of_all_lists_every_target() -> None:
    world = healthy_world()
    assert health.health_of_all(list(health.health_of_each(world.state)))[0]
    world.fails("bitcoincash-service", Cause.HTTP_5XX, times=1)
    views_of_all = list(health.health_of_each(world.state))
    well, view = read_health(health.health_of_all(views_of_all))
    assert not well
    targets = view["targets"]
    assert isinstance(targets, list)
    assert [(t["name"], t["state"]) for t in targets] == [
        ("electron-cash", "healthy"),
        ("bitcoincash-service", "failing"),
    ]


def test_health_of_one_target_or_none() -> None:
    world = healthy_world()
    assert health.health_of(world.state, "nobody") is None
    world.fails("electron-cash", Cause.REFUSED)
    well, view = read_health(health.health_of(world.state, "electron-cash"))
    assert not well
    assert set(view) == {"name", "state", "cause", "reason"}
    assert (view["name"], view["cause"]) == ("electron-cash", "refused")


def test_the_health_of_one_is_the_promised_document() -> None:
    world = healthy_world()
    world.fails("electron-cash", Cause.REFUSED, times=1)
    assert read_health(health.health_of(world.state, "electron-cash")) == (
        False,
        {
            "name": "electron-cash",
            "state": "failing",
            "cause": "refused",
            "reason": "it is refused",
        },
    )
    for _ in range(2):
        world.probe("bitcoincash-service", probe_success(warnings=(ProbeWarning.SLOW,)))
    well, document = read_health(health.health_of(world.state, "bitcoincash-service"))
    assert (well, document["state"]) == (True, "degraded")


def test_a_target_works_while_one_of_its_replicas_does() -> None:
    world = world_with_two_replicas()
    world.fails("bitcoincash-service-2", Cause.HTTP_5XX)
    well, view = read_health(health.health_of(world.state, "bitcoincash-service"))
    assert well
    assert (view["name"], view["state"]) == ("bitcoincash-service", "degraded")
    assert "bitcoincash-service-2" in str(view["reason"])
    world.fails("bitcoincash-service-1", Cause.HTTP_5XX)
    well, view = read_health(health.health_of(world.state, "bitcoincash-service"))
    assert not well


def test_a_replica_is_known_by_number_and_by_name() -> None:
    world = world_with_two_replicas()
    world.fails("bitcoincash-service-2", Cause.HTTP_5XX, times=1)
    for replica, expected in (
        ("1", True),
        ("2", False),
        ("bitcoincash-service-2", False),
    ):
        result = health.health_of_replica(world.state, "bitcoincash-service", replica)
        assert result is not None
        assert result[0] is expected
    assert health.health_of_replica(world.state, "bitcoincash-service", "3") is None
    assert health.health_of_replica(world.state, "nobody", "1") is None
    result = health.health_of(world.state, "bitcoincash-service-2")
    assert read_health(result)[1]["name"] == "bitcoincash-service-2"


def test_components_are_ok_when_all_are_ok() -> None:
    good = Component("loop", True, "", EPOCH)
    bad = Component("engine", False, "connection refused", EPOCH)
    assert health.components([good])[0]
    well, view = read_health(health.components([good, bad]))
    assert not well
    assert view == {
        "ok": False,
        "components": [
            {"name": "loop", "ok": True, "reason": "", "since": rfc3339(EPOCH)},
            {
                "name": "engine",
                "ok": False,
                "reason": "connection refused",
                "since": rfc3339(EPOCH),
            },
        ],
    }


def test_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(1_767_323_045.0) == "2026-01-02T03:04:05.000Z"
