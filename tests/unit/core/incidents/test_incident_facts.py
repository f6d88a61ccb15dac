"""What messages are told of an incident: beginning, present cause, deeds, payments."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.incidents.escalation import MOST_CHANGES
from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.incidents.remedy_facts import (
    CONFIG_FILES,
    WORKING_DIR,
    compose_command,
)
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.completed_remedy import (
    KEPT_REMEDIES,
    CompletedRemedy,
    add_completed_remedy,
    read_completed_remedies,
)
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    AckRequested,
    EngineEventKind,
    EngineReachabilityChanged,
    SettingsApplied,
)
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.probe_result import probe_failure, probe_unknown
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.state import SettingsStatus
from sidecar.core.model.target import Mode, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.status.target_status import unknown_since_wall
from tests.support.rule_world import RuleWorld, container
from tests.unit.core.incidents.test_recipients import SERVICE, SETTINGS, WALLET, Told


def incident_of(told: Told) -> Incident:
    (incident,) = told.state.incidents.values()
    return incident


def of_kind(told: Told, kind: MessageKind) -> list[Message]:
    told.turn()
    return [m for m in told.messages if m.kind is kind and m.channel == "ops"]


def facts(told: Told) -> dict[str, str]:
    return facts_of(told.state, incident_of(told), told.world.now)


# --- the beginning


def test_an_incident_begins_with_the_first_failure() -> None:
    told = Told()
    began = told.world.now.wall
    told.world.fails(WALLET, Cause.REFUSED)
    (opened,) = of_kind(told, MessageKind.OPENED)
    assert float(opened.facts["since_wall"]) == pytest.approx(began, abs=0.02)
    assert opened.created_wall - began > 3.0
    assert incident_of(told).since_wall == pytest.approx(began, abs=0.02)


def test_a_silence_begins_with_the_request_that_was_not_answered() -> None:
    told = Told()
    began = told.world.now.wall
    for waited in (10.0, 20.0, 30.0, 40.0, 50.0):
        silent = replace(
            probe_failure(Cause.HUNG, text_reason("no answer")), waited_s=waited
        )
        told.world.probe(WALLET, silent, took_s=10.0)
    assert incident_of(told).since_wall == pytest.approx(began, abs=0.1)


def test_an_exit_begins_when_it_happens() -> None:
    told = Told()
    began = told.world.now.wall
    told.world.exits(WALLET)
    told.turn()
    assert incident_of(told).since_wall == pytest.approx(began, abs=0.1)
    assert facts(told)["reason"] == "the container exited by itself (exit 1)"


def test_who_failed_before_the_root_moves_the_beginning() -> None:
    told = Told()
    began = told.world.now.wall
    told.world.fails(SERVICE, Cause.HTTP_5XX, times=1)
    told.world.fails(WALLET, Cause.REFUSED)
    told.world.fails(SERVICE, Cause.HTTP_5XX)
    assert incident_of(told).affected == (SERVICE,)
    assert incident_of(told).since_wall == pytest.approx(began, abs=0.02)


# --- what was done


def test_each_remedy_is_remembered_with_its_time_and_outcome() -> None:
    told = Told()
    world = told.world
    world.fails(WALLET, Cause.REFUSED)
    decided = world.last(WALLET).at.wall
    world.acted(WALLET)
    world.works(WALLET)
    (resolved,) = of_kind(told, MessageKind.RESOLVED)
    (deed,) = read_completed_remedies(resolved.facts["deeds"])
    assert (deed.name, deed.action) == (WALLET, Action.RESTART)
    assert deed.outcome is RemedyOutcome.RECOVERED
    assert deed.began_wall == pytest.approx(decided, abs=0.01)


def test_deeds_are_bounded_and_the_last_ones_stay() -> None:
    deeds: tuple[CompletedRemedy, ...] = ()
    for number in range(KEPT_REMEDIES + 3):
        done = CompletedRemedy(
            float(number), WALLET, Action.RESTART, RemedyOutcome.FAILED
        )
        deeds = add_completed_remedy(deeds, done)
    assert len(deeds) == KEPT_REMEDIES
    assert [deed.began_wall for deed in deeds][-1] == KEPT_REMEDIES + 2.0


def test_what_is_being_done_is_told_with_its_number() -> None:
    told = Told()
    world = told.world
    world.fails(WALLET, Cause.REFUSED)
    (opened,) = of_kind(told, MessageKind.OPENED)
    said = opened.facts
    assert (said["doing"], said["attempt"], said["attempts"]) == ("restart", "1", "8")
    world.acted(WALLET)
    said = facts(told)
    assert said["doing"] == "verify_restart"
    assert float(said["until_wall"]) - world.now.wall == pytest.approx(120.0, abs=0.1)


def test_the_next_message_is_told_and_comes_by_then() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    (opened,) = of_kind(told, MessageKind.OPENED)
    due = float(opened.facts["next_wall"])
    assert due - incident_of(told).since_wall == pytest.approx(900.0, abs=0.1)
    told.world.send(AckRequested(told.world.now, incident_of(told).id, "api"))
    told.world.wait(due - told.world.now.wall + 1.0, step=20.0)
    told.turn()
    assert [m for m in told.messages if m.created_wall > opened.created_wall]


@pytest.mark.parametrize("severity", [Severity.P2, Severity.P1])
def test_an_escalation_puts_the_next_reminder_off(severity: Severity) -> None:
    told = Told(routes_p2=("ops",))
    cause = Cause.AUTH if severity is Severity.P2 else Cause.KILLED_BY_PROBE
    told.world.fails(WALLET, cause)
    told.turn()
    seen = len(told.messages)
    due = float(told.messages[0].facts["next_wall"])
    for _ in range(40):
        told.world.wait(300.0, step=50.0)
        new = [m for m in told.messages[seen:] if m.channel == "ops"]
        if new:
            assert new[0].created_wall <= due + 51.0
            return
    raise AssertionError("nothing came")


# --- the present cause


def answers_401(told: Told) -> None:
    """Restarted for refused connections, it answers and rejects the password."""
    world = told.world
    world.fails(WALLET, Cause.REFUSED)
    told.turn()
    world.acted(WALLET)
    for _ in range(60):
        world.fails(WALLET, Cause.AUTH, times=1)
        world.wait(2.0)


def test_a_cause_that_changes_is_told_once() -> None:
    told = Told()
    answers_401(told)
    assert incident_of(told).cause is Cause.REFUSED
    assert facts(told)["cause"] == "auth"
    changed = of_kind(told, MessageKind.CHANGED)
    failed = of_kind(told, MessageKind.ACTION_FAILED)
    first = min((*changed, *failed), key=lambda m: m.created_wall)
    assert first.facts["cause"] == "auth"
    assert len(changed) <= 1
    assert {m.facts["cause"] for m in (*changed, *failed)} == {"auth"}


def test_causes_that_alternate_are_told_a_few_times_only() -> None:
    told = Told(routes_p2=("ops",))
    told.world.fails(WALLET, Cause.AUTH)
    told.turn()
    for cause in (Cause.MISCONFIGURED, Cause.AUTH) * 6:
        told.world.fails(WALLET, cause, times=4)
        told.turn()
    assert len(of_kind(told, MessageKind.CHANGED)) == MOST_CHANGES


def test_causes_with_the_same_answer_are_one() -> None:
    told = Told()
    told.world.mode = Mode.ACT
    told.world.fails(WALLET, Cause.REFUSED)
    told.turn()
    told.world.acted(WALLET)
    for _ in range(70):
        told.world.fails(WALLET, Cause.RESET, times=1)
        told.world.wait(2.0)
    assert of_kind(told, MessageKind.CHANGED) == []


def test_a_worse_cause_makes_it_more_urgent() -> None:
    told = Told(routes_p2=("ops",))
    told.world.fails(WALLET, Cause.AUTH)
    told.turn()
    told.world.fails(WALLET, Cause.DETACHED, times=4)
    (changed,) = of_kind(told, MessageKind.CHANGED)
    assert changed.severity is Severity.P1
    assert changed.facts["known_cause"] == "auth"


def test_once_the_root_works_who_does_not_is_told_of() -> None:
    told = Told()
    world = told.world
    world.fails(WALLET, Cause.REFUSED)
    world.fails(SERVICE, Cause.HTTP_5XX)
    told.turn()
    world.acted(WALLET)
    world.works(WALLET)
    world.fails(SERVICE, Cause.HTTP_5XX)
    assert world.instance(WALLET).state is TargetState.HEALTHY
    said = facts(told)
    assert (said["target"], said["about"]) == (WALLET, SERVICE)
    assert (said["cause"], said["reason"]) == ("http_5xx", "it is http_5xx")


# --- payments, and how urgent it is


def payments(told: Told) -> tuple[str, str]:
    said = facts(told)
    return said["payments"], said["payments_of"]


def test_a_wallet_that_is_down_stops_payments() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    assert payments(told) == ("stopped", WALLET)
    told.world.fails(SERVICE, Cause.HTTP_5XX)
    assert payments(told) == ("stopped", f"{WALLET}, {SERVICE}")
    told.world.acted(WALLET)
    told.world.works(WALLET, SERVICE)
    (resolved,) = of_kind(told, MessageKind.RESOLVED)
    assert resolved.facts["payments"] == "fine"


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (Cause.AUTH, "unknown"),
        (Cause.MISCONFIGURED, "unknown"),
        (Cause.DETACHED, "unknown"),
    ],
)
def test_what_cannot_be_asked_is_known_by_who_needs_it(
    cause: Cause, expected: str
) -> None:
    told = Told(routes_p2=("ops",))
    told.world.fails(WALLET, cause)
    assert payments(told)[0] == "unseen", "the service works"
    told.world.fails(SERVICE, Cause.AUTH, times=1)
    assert payments(told)[0] == expected


def test_a_wallet_without_its_server_sees_no_payments() -> None:
    told = Told(routes_p2=("ops",))
    for _ in range(60):
        told.world.fails(WALLET, Cause.UPSTREAM_LOST, times=1)
        told.world.wait(12.0)
    assert payments(told)[0] == "blind"


def test_what_no_wallet_needs_is_apart_and_without_a_wallet_nothing_is_known() -> None:
    shop = Target("shop", probes=(HttpProbe("http://shop/"),))
    for others, expected in (((), "unknown"), (Told().world.targets, "apart")):
        world = RuleWorld(targets=(shop, *others), notify=SETTINGS)
        world.works(*(target.name for target in world.targets))
        world.fails("shop", Cause.REFUSED)
        (incident,) = world.state.incidents.values()
        assert facts_of(world.state, incident, world.now)["payments"] == expected


def test_a_wrong_password_is_p1_once_payments_stop_and_names_who_needs_it() -> None:
    told = Told(routes_p2=("ops",))
    told.world.fails(WALLET, Cause.AUTH)
    (opened,) = of_kind(told, MessageKind.OPENED)
    assert opened.severity is Severity.P2
    told.world.fails(SERVICE, Cause.AUTH, times=4)
    assert incident_of(told).severity is Severity.P2, "auth measures nothing"
    told.world.fails(SERVICE, Cause.HTTP_5XX, times=4)
    told.world.wait(2.0)
    raised = of_kind(told, MessageKind.RAISED)
    assert [m.severity for m in raised[:1]] == [Severity.P1]
    assert raised[0].facts["affected"] == SERVICE
    assert raised[0].facts["payments"] == "stopped"


def test_what_is_for_information_is_never_p1() -> None:
    told = Told(routes_p2=("ops",))
    world = told.world
    view = SettingsStatus("targets: x", world.now)
    world.state = replace(world.state, settings=view)
    told.turn()
    world.send(SettingsApplied(world.now, Mode.ACT, world.state.notify))
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.wait(61.0)
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    told.turn()
    by_kind = {m.kind: m.severity for m in told.messages}
    assert by_kind[MessageKind.SETTINGS_REFUSED] is Severity.P1
    assert by_kind[MessageKind.SETTINGS_TAKEN] is Severity.P3
    assert by_kind[MessageKind.ENGINE_BACK] is Severity.P3
    begun = {m.kind: m.facts.get("from_wall") for m in told.messages}
    assert begun[MessageKind.SETTINGS_TAKEN] == f"{view.since.wall:.3f}"
    assert float(begun[MessageKind.ENGINE_BACK] or 0) >= view.since.wall


def test_an_operators_own_stop_is_for_information() -> None:
    told = Told()
    told.world.notice(WALLET, EngineEventKind.KILL)
    told.world.exits(WALLET, exit_code=143)
    told.world.notice(WALLET, EngineEventKind.STOP, status=Status.EXITED)
    told.world.wait(2.0)
    (notice,) = of_kind(told, MessageKind.NOTICE)
    assert notice.severity is Severity.P3
    assert notice.facts["payments"] == "stopped"


# --- what can be pasted


def labelled(folder: str, files: str = "") -> Container:
    labels = MappingProxyType({WORKING_DIR: folder, CONFIG_FILES: files})
    return container(WALLET, labels=labels)


@pytest.mark.parametrize(
    ("folder", "files", "expected"),
    [
        ("/srv/shop", "/srv/shop/compose.yaml", "cd /srv/shop && docker compose"),
        ("/srv/shop", "", "cd /srv/shop && docker compose"),
        (
            "/srv/shop",
            "/srv/shop/compose.yaml,/srv/shop/prod.yaml",
            "cd /srv/shop && docker compose -f compose.yaml -f prod.yaml",
        ),
        ("/srv/shop", "/etc/x.yml", "cd /srv/shop && docker compose -f /etc/x.yml"),
        ("/srv/my shop", "", "cd '/srv/my shop' && docker compose"),
        ("/srv/$(reboot)", "", "cd '/srv/$(reboot)' && docker compose"),
        ("/srv/a\nb\x1b[31m", "", "cd '/srv/a b' && docker compose"),
        ("; reboot", "", ""),
        ("", "/srv/shop/compose.yaml", ""),
        ("/" + "x" * 400, "", ""),
    ],
)
def test_the_compose_command_is_quoted_and_bounded(
    folder: str, files: str, expected: str
) -> None:
    assert compose_command(labelled(folder, files)) == expected


def test_a_missing_container_is_found_by_its_sisters_labels() -> None:
    world = RuleWorld(notify=SETTINGS)
    who = world.instance(SERVICE).id
    world.containers[who] = replace(
        world.containers[who], labels=labelled("/srv/shop").labels
    )
    world.relist()
    world.works(WALLET, SERVICE)
    del world.containers[world.instance(WALLET).id]
    world.relist()
    world.wait(62.0)
    (incident,) = world.state.incidents.values()
    said = facts_of(world.state, incident, world.now)
    assert said["compose"] == "cd /srv/shop && docker compose"
    assert said["service"] == WALLET


def test_a_name_finds_its_instance_and_its_replica() -> None:
    world = RuleWorld(notify=SETTINGS)
    twin = container(SERVICE, 2)
    world.containers[world.instance(SERVICE).id._replace(number=2)] = twin
    world.relist()
    for name in (WALLET, f"{SERVICE}-1", f"{SERVICE}-2"):
        found = instance_named(world.state, name)
        assert found is not None
        assert found.name == name
    for name in (SERVICE, "nobody", f"{SERVICE}-3", ""):
        assert instance_named(world.state, name) is None


def test_what_was_not_learnt_for_long_is_told_from_its_beginning() -> None:
    told = Told(("ops",))
    world = told.world
    began_wall = world.now.wall
    for _ in range(130):
        world.probe(
            WALLET, probe_unknown(Cause.PROBER_FAILED, text_reason("too many files"))
        )
        world.wait(5.0)
    (notice,) = of_kind(told, MessageKind.NOTICE)
    assert float(notice.facts["since_wall"]) - began_wall < 5.0
    assert float(notice.facts["as_of_wall"]) - began_wall >= 600.0


def test_a_stop_is_not_told_from_when_nothing_was_learnt() -> None:
    world = Told(("ops",)).world
    world.probe(
        WALLET, probe_unknown(Cause.PROBER_FAILED, text_reason("too many files"))
    )
    health = world.instance(WALLET).health
    assert unknown_since_wall(health, Cause.PROBER_FAILED, world.now) is not None
    assert unknown_since_wall(health, Cause.STOPPED, world.now) is None
