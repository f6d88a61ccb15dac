"""Messages that waited: brought up to date, or left out because it is over."""

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
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.state import State
from sidecar.core.model.target import Mode
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.notify.render import Renderer
from tests.support.notify_receivers import PLACE, WALL, message
from tests.unit.core.incidents.test_recipients import WALLET, Told


def waiting(told: Told, channel: str = "ops") -> list[Message]:
    return [m for m in told.messages if m.channel == channel]


def left_out(told: Told, channel: str = "ops") -> list[MessageKind]:
    return [m.kind for m in drop_outdated(told.state, waiting(told, channel))]


def broken() -> Told:
    told = Told(("ops",))
    told.world.fails(WALLET, Cause.REFUSED)
    told.turn()
    return told


def mend(told: Told) -> None:
    told.world.acted(WALLET)
    told.world.works(WALLET)
    told.turn()


def test_what_still_goes_on_is_not_over() -> None:
    assert left_out(broken()) == []


def test_an_opening_that_waited_to_the_end_is_folded_into_the_resolve() -> None:
    told = broken()
    mend(told)
    assert left_out(told) == [MessageKind.OPENED]
    resolved = waiting(told)[-1]
    assert resolved.kind is MessageKind.RESOLVED
    facts = refresh_message(told.state, resolved, told.world.now).facts
    assert facts == resolved.facts
    lasted = float(facts["resolved_at_wall"]) - float(facts["since_wall"])
    assert lasted == pytest.approx(float(facts["seconds"]), abs=0.6)


def test_a_hook_is_not_called_for_what_is_over() -> None:
    told = broken()
    assert left_out(told, "hook:2") == []
    mend(told)
    assert left_out(told, "hook:2") == [MessageKind.OPENED]


def test_a_message_says_what_is_known_when_it_is_sent() -> None:
    told = broken()
    opened = waiting(told)[0]
    assert (opened.facts["last_action"], opened.facts["remedies"]) == ("restart", "0")
    told.world.acted(WALLET)
    for _ in range(47):
        told.world.wait(2.0)
        told.world.fails(WALLET, Cause.HUNG, times=1)
    now = told.world.now
    fresh = refresh_message(told.state, opened, now)
    incident = told.state.incidents[opened.incident]
    assert (fresh.id, fresh.kind) == (opened.id, opened.kind)
    assert fresh.facts == facts_of(told.state, incident, now)
    assert fresh.facts["reason"] == "it is hung"
    assert float(fresh.facts["seconds"]) >= float(opened.facts["seconds"]) + 94.0
    assert fresh.facts["opened_at_wall"] == opened.facts["opened_at_wall"]


def test_a_severity_that_has_risen_is_told() -> None:
    told = broken()
    opened = waiting(told)[0]
    told.world.wait(901.0)
    assert refresh_message(told.state, opened, told.world.now).severity is Severity.P0


def test_of_two_alike_the_later_one_says_it() -> None:
    told = broken()
    first = waiting(told)[0]
    last = replace(first, id="later", sequence=first.sequence + 3)
    assert drop_outdated(told.state, [first, last]) == (first,)
    of_another = replace(last, incident="another")
    assert drop_outdated(told.state, [first, of_another]) == ()


def test_who_has_answered_is_not_called_any_more() -> None:
    told = Told(("ops",))
    told.world.fails(WALLET, Cause.AUTH)
    told.turn()
    told.world.wait(7201.0, step=20.0)
    number = told.world.instance(WALLET).incident
    assert number is not None
    asked = [m.kind for m in told.messages]
    assert MessageKind.ESCALATED in asked
    assert MessageKind.REMINDER in asked
    for channel in ("ops", "phone"):
        assert set(left_out(told, channel)) <= {MessageKind.REMINDER}
    told.world.send(AckRequested(told.world.now, number, "api"))
    ops = set(left_out(told))
    phone = set(left_out(told, "phone"))
    assert ops | phone == {MessageKind.REMINDER, MessageKind.ESCALATED}
    opened = refresh_message(told.state, waiting(told)[0], told.world.now)
    assert opened.facts["acked_by"] == "api"


def test_what_nobody_knows_is_sent_as_it_was_stored() -> None:
    told = broken()
    empty = State(started=told.world.now)
    for one in waiting(told):
        assert drop_outdated(empty, [one]) == ()
        assert refresh_message(empty, one, told.world.now) is one
    unseen = replace(told.state, instances=MappingProxyType({}))
    opened = waiting(told)[0]
    assert refresh_message(unseen, opened, told.world.now) is opened


def test_a_crash_loop_keeps_its_own_facts_and_ends_with_the_loop() -> None:
    told = broken()
    root = told.world.instance(WALLET)
    loops = replace(root, looping=True)
    state = replace(told.state, instances=MappingProxyType({root.id: loops}))
    about = waiting(told)[0]
    facts = {**about.facts, "log": "boom", "cause": "crash_loop", "seconds": "0"}
    looped = replace(about, kind=MessageKind.CRASH_LOOP, facts=facts)
    assert drop_outdated(state, [looped]) == ()
    told.world.wait(30.0)
    fresh = refresh_message(state, looped, told.world.now).facts
    assert (fresh["log"], fresh["cause"]) == ("boom", "crash_loop")
    assert float(fresh["seconds"]) >= 30.0
    assert drop_outdated(told.state, [looped]) == (looped,)


def relapsed(severity: Severity = Severity.P1) -> tuple[Told, Message]:
    """A resolved message, and the state in which its target is broken again."""
    told = broken()
    mend(told)
    resolved = waiting(told)[-1]
    told.world.wait(60.0)
    told.world.fails(WALLET, Cause.REFUSED)
    told.turn()
    number = told.world.instance(WALLET).incident
    assert number is not None
    again = replace(told.state.incidents[number], severity=severity)
    incidents = {**told.state.incidents, number: again}
    told.world.state = replace(told.state, incidents=MappingProxyType(incidents))
    return told, resolved


def test_a_resolve_that_comes_late_says_that_it_is_broken_again() -> None:
    told, resolved = relapsed()
    assert drop_outdated(told.state, [resolved]) == ()
    number = told.world.instance(WALLET).incident
    assert number is not None
    since = told.state.incidents[number].opened_at.wall
    facts = refresh_message(told.state, resolved, told.world.now).facts
    assert float(facts["again_since_wall"]) == pytest.approx(since, abs=0.001)


@pytest.mark.parametrize(
    ("severity", "is_called"),
    [(Severity.P0, False), (Severity.P1, False), (Severity.P2, True)],
)
def test_a_hook_does_not_undo_what_the_next_failure_has_asked_for(
    severity: Severity, is_called: bool
) -> None:
    told, resolved = relapsed(severity)
    hook = replace(resolved, channel="hook:1")
    assert (drop_outdated(told.state, [hook]) == ()) is is_called


def test_a_lost_engine_that_is_back_is_told_as_that() -> None:
    told = Told(("ops",))
    told.world.send(
        EngineReachabilityChanged(told.world.now, reachable=False, reason="no socket")
    )
    told.world.wait(61.0)
    assert left_out(told) == []
    told.world.send(EngineReachabilityChanged(told.world.now, reachable=True))
    told.turn()
    assert left_out(told) == [MessageKind.ENGINE_LOST]


def test_faults_that_are_mended_are_told_as_that() -> None:
    told = Told(("ops",))
    told.world.state = replace(
        told.state, settings=replace(told.state.settings, faults="a fault")
    )
    told.world.send(Tick(told.world.now))
    assert left_out(told) == []
    now = told.world.now
    told.world.send(SettingsApplied(now, Mode.ACT, told.state.notify))
    told.turn()
    kinds = [m.kind for m in waiting(told)]
    assert kinds == [MessageKind.SETTINGS_REFUSED, MessageKind.SETTINGS_TAKEN]
    assert left_out(told) == [MessageKind.SETTINGS_REFUSED]


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
def test_what_is_broken_again_is_not_called_resolved(language: str) -> None:
    render = Renderer(read_catalog(language), ZoneInfo("UTC"), PLACE)
    title, body, _ = LINES[language]
    facts = {"again_since_wall": f"{WALL + 600.0:.3f}"}
    text = render(message(kind=MessageKind.RESOLVED, facts=facts))
    assert text.title == title
    assert body in text.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_hears_late_hears_that_somebody_takes_care_of_it(language: str) -> None:
    render = Renderer(read_catalog(language), ZoneInfo("UTC"), PLACE)
    *_, line = LINES[language]
    assert line in render(message(facts={"acked_by": "api"})).body.splitlines()
    assert line not in render(message()).body
