"""Pending messages: refreshed, or dropped because their state is over."""

from dataclasses import replace
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.incidents.message_refresh import drop_outdated, refresh_message
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.event import (
    AckRequested,
    EngineReachabilityChanged,
    SettingsApplied,
    Tick,
)
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.state import State
from sidecar.core.model.target import Mode
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.notify.render import Renderer
from tests.support.notification_recipients import WALLET, Notifier
from tests.support.notify_receivers import PLACE, WALL, message


def pending_messages(notifier: Notifier, channel: str = "ops") -> list[Message]:
    return [m for m in notifier.messages if m.channel == channel]


def find_outdated_kinds(notifier: Notifier, channel: str = "ops") -> list[MessageKind]:
    return [
        m.kind
        for m in drop_outdated(notifier.state, pending_messages(notifier, channel))
    ]


def notifier_with_outage() -> Notifier:
    notifier = Notifier(("ops",))
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    return notifier


def end_outage(notifier: Notifier) -> None:
    notifier.world.complete_remedy(WALLET)
    notifier.world.works(WALLET)
    notifier.new_messages()


def test_message_of_an_open_incident_is_kept() -> None:
    assert find_outdated_kinds(notifier_with_outage()) == []


def test_pending_opened_message_is_dropped_once_resolved() -> None:
    notifier = notifier_with_outage()
    end_outage(notifier)
    assert find_outdated_kinds(notifier) == [MessageKind.OPENED]
    resolved = pending_messages(notifier)[-1]
    assert resolved.kind is MessageKind.RESOLVED
    facts = refresh_message(notifier.state, resolved, notifier.world.now).facts
    assert facts == resolved.facts
    lasted = float(facts["resolved_at_wall"]) - float(facts["since_wall"])
    assert lasted == pytest.approx(float(facts["seconds"]), abs=0.6)


def test_hook_is_not_called_for_a_resolved_incident() -> None:
    notifier = notifier_with_outage()
    assert find_outdated_kinds(notifier, "hook:2") == []
    end_outage(notifier)
    assert find_outdated_kinds(notifier, "hook:2") == [MessageKind.OPENED]


def test_message_has_the_facts_of_the_time_of_sending() -> None:
    notifier = notifier_with_outage()
    opened = pending_messages(notifier)[0]
    assert (opened.facts["last_action"], opened.facts["remedies"]) == ("restart", "0")
    notifier.world.complete_remedy(WALLET)
    for _ in range(47):
        notifier.world.wait(2.0)
        notifier.world.fails(WALLET, Cause.HUNG, times=1)
    now = notifier.world.now
    fresh = refresh_message(notifier.state, opened, now)
    incident = notifier.state.incidents[opened.incident]
    assert (fresh.id, fresh.kind) == (opened.id, opened.kind)
    assert fresh.facts == facts_of(notifier.state, incident, now)
    assert fresh.facts["reason"] == "it is hung"
    assert float(fresh.facts["seconds"]) >= float(opened.facts["seconds"]) + 94.0
    assert fresh.facts["opened_at_wall"] == opened.facts["opened_at_wall"]


def test_refreshed_message_has_the_raised_severity() -> None:
    notifier = notifier_with_outage()
    opened = pending_messages(notifier)[0]
    notifier.world.wait(901.0)
    assert (
        refresh_message(notifier.state, opened, notifier.world.now).severity
        is Severity.P0
    )


def test_earlier_of_two_equal_messages_is_dropped() -> None:
    notifier = notifier_with_outage()
    first = pending_messages(notifier)[0]
    last = replace(first, id="later", sequence=first.sequence + 3)
    assert drop_outdated(notifier.state, [first, last]) == (first,)
    of_another = replace(last, incident="another")
    assert drop_outdated(notifier.state, [first, of_another]) == ()


def test_acknowledged_incident_drops_reminders_and_escalations() -> None:
    notifier = Notifier(("ops",))
    notifier.world.fails(WALLET, Cause.AUTH)
    notifier.new_messages()
    notifier.world.wait(7201.0, step=20.0)
    number = notifier.world.instance(WALLET).incident
    assert number is not None
    kinds = [m.kind for m in notifier.messages]
    assert MessageKind.ESCALATED in kinds
    assert MessageKind.REMINDER in kinds
    for channel in ("ops", "phone"):
        assert set(find_outdated_kinds(notifier, channel)) <= {MessageKind.REMINDER}
    notifier.world.send(AckRequested(notifier.world.now, number, "api"))
    ops = set(find_outdated_kinds(notifier))
    phone = set(find_outdated_kinds(notifier, "phone"))
    assert ops | phone == {MessageKind.REMINDER, MessageKind.ESCALATED}
    opened = refresh_message(
        notifier.state, pending_messages(notifier)[0], notifier.world.now
    )
    assert opened.facts["acked_by"] == "api"


def test_message_of_an_unknown_incident_is_sent_as_stored() -> None:
    notifier = notifier_with_outage()
    empty = State(started=notifier.world.now)
    for pending in pending_messages(notifier):
        assert drop_outdated(empty, [pending]) == ()
        assert refresh_message(empty, pending, notifier.world.now) is pending
    unseen = replace(notifier.state, instances=build_table({}))
    opened = pending_messages(notifier)[0]
    assert refresh_message(unseen, opened, notifier.world.now) is opened


def test_crash_loop_message_keeps_its_facts_and_ends_with_the_loop() -> None:
    notifier = notifier_with_outage()
    root = notifier.world.instance(WALLET)
    loops = replace(root, looping=True)
    instances = {**notifier.state.instances, root.id: loops}
    state = replace(notifier.state, instances=build_table(instances))
    opened = pending_messages(notifier)[0]
    facts = {**opened.facts, "log": "boom", "cause": "crash_loop", "seconds": "0"}
    looped = replace(opened, kind=MessageKind.CRASH_LOOP, facts=facts)
    assert drop_outdated(state, [looped]) == ()
    notifier.world.wait(30.0)
    fresh = refresh_message(state, looped, notifier.world.now).facts
    assert (fresh["log"], fresh["cause"]) == ("boom", "crash_loop")
    assert float(fresh["seconds"]) >= 30.0
    assert drop_outdated(notifier.state, [looped]) == (looped,)


def notifier_with_relapse(severity: Severity = Severity.P1) -> tuple[Notifier, Message]:
    """A resolved message, and the state in which its target is broken again."""
    notifier = notifier_with_outage()
    end_outage(notifier)
    resolved = pending_messages(notifier)[-1]
    notifier.world.wait(60.0)
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    number = notifier.world.instance(WALLET).incident
    assert number is not None
    again = replace(notifier.state.incidents[number], severity=severity)
    incidents = {**notifier.state.incidents, number: again}
    notifier.world.state = replace(
        notifier.state, incidents=MappingProxyType(incidents)
    )
    return notifier, resolved


def test_late_resolved_message_has_the_start_of_the_new_outage() -> None:
    notifier, resolved = notifier_with_relapse()
    assert drop_outdated(notifier.state, [resolved]) == ()
    number = notifier.world.instance(WALLET).incident
    assert number is not None
    since = notifier.state.incidents[number].opened_at.wall
    facts = refresh_message(notifier.state, resolved, notifier.world.now).facts
    assert float(facts["again_since_wall"]) == pytest.approx(since, abs=0.001)


@pytest.mark.parametrize(
    ("severity", "is_called"),
    [(Severity.P0, False), (Severity.P1, False), (Severity.P2, True)],
)
def test_resolved_hook_is_dropped_when_its_target_is_broken_again(
    severity: Severity, is_called: bool
) -> None:
    notifier, resolved = notifier_with_relapse(severity)
    hook = replace(resolved, channel="hook:1")
    assert (drop_outdated(notifier.state, [hook]) == ()) is is_called


def test_engine_lost_message_is_dropped_once_the_engine_is_back() -> None:
    notifier = Notifier(("ops",))
    notifier.world.send(
        EngineReachabilityChanged(
            notifier.world.now, reachable=False, reason="no socket"
        )
    )
    notifier.world.wait(61.0)
    assert find_outdated_kinds(notifier) == []
    notifier.world.send(EngineReachabilityChanged(notifier.world.now, reachable=True))
    notifier.new_messages()
    assert find_outdated_kinds(notifier) == [MessageKind.ENGINE_LOST]


def test_settings_refused_message_is_dropped_once_settings_are_taken() -> None:
    notifier = Notifier(("ops",))
    notifier.world.state = replace(
        notifier.state, settings=replace(notifier.state.settings, faults="a fault")
    )
    notifier.world.send(Tick(notifier.world.now))
    assert find_outdated_kinds(notifier) == []
    now = notifier.world.now
    notifier.world.send(SettingsApplied(now, Mode.ACT, notifier.state.notify))
    notifier.new_messages()
    kinds = [m.kind for m in pending_messages(notifier)]
    assert kinds == [MessageKind.SETTINGS_REFUSED, MessageKind.SETTINGS_TAKEN]
    assert find_outdated_kinds(notifier) == [MessageKind.SETTINGS_REFUSED]


LINES = {
    "en": (
        (
            "[P1] Broken again - electron-cash (shop on pay-1): "
            "an earlier failure was over after 1 min 1 s"
        ),
        "broken again since 03:14:05",
        "Who takes care of it: acknowledged by api.",
    ),
    "ko": (
        (
            "[P1] 다시 장애 - electron-cash (shop, 호스트 pay-1): "
            "이전 장애는 1분 1초 만에 끝났습니다"
        ),
        "03:14:05부터 다시 장애가 있으며",
        "담당: 확인됨(경로: api).",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_late_resolved_message_has_the_title_broken_again(language: str) -> None:
    render = Renderer(read_catalog(language), ZoneInfo("UTC"), PLACE)
    title, body, _ = LINES[language]
    facts = {"again_since_wall": f"{WALL + 600.0:.3f}"}
    text = render(message(kind=MessageKind.RESOLVED, facts=facts))
    assert text.title == title
    assert body in text.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_message_names_the_acknowledgement(language: str) -> None:
    render = Renderer(read_catalog(language), ZoneInfo("UTC"), PLACE)
    *_, line = LINES[language]
    assert line in render(message(facts={"acked_by": "api"})).body.splitlines()
    assert line not in render(message()).body
