"""Channels and hooks that are added while an incident is open."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.event import (
    AckRequested,
    PauseRequested,
    ResumeRequested,
    SettingsApplied,
)
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    HookPost,
    HookSettings,
    NotifySettings,
)
from sidecar.core.model.target import Mode
from sidecar.core.recovery.takeover import restore_state
from tests.unit.core.incidents.test_recipients import SERVICE, WALLET, Told

NEW = "desk"
OPENED = [(NEW, MessageKind.OPENED)]


def with_new(told: Told, *severities: Severity) -> NotifySettings:
    """The settings in force and one channel more, routed for these severities."""
    known = told.state.notify
    routes = {s: known.routes.of(s) for s in Severity}
    routes.update({s: (*routes[s], NEW) for s in severities})
    channels = (*known.channels, ChannelSettings(NEW, "json://desk"))
    names = tuple(channel.name for channel in channels)
    by_severity = MappingProxyType(routes)
    return replace(
        known,
        channels=channels,
        routes=replace(known.routes, channels=names, by_severity=by_severity),
    )


def take(told: Told, settings: NotifySettings) -> list[tuple[str, MessageKind]]:
    told.world.send(SettingsApplied(told.world.now, Mode.ACT, settings))
    return told.heard()


def broken(cause: Cause = Cause.REFUSED) -> Told:
    told = Told(("ops",))
    told.world.fails(WALLET, cause)
    told.turn()
    return told


def incident(told: Told) -> Incident:
    (only,) = told.state.incidents.values()
    return only


def test_a_channel_that_is_added_hears_once_how_it_stands() -> None:
    told = broken()
    told.world.wait(60.0)
    told.turn()
    before = incident(told)
    assert take(told, with_new(told, Severity.P1)) == OPENED
    message = told.messages[-1]
    assert message.facts["opened_at_wall"] == f"{before.opened_at.wall:.3f}"
    assert float(message.facts["seconds"]) >= 60.0
    after = incident(told)
    assert after.told == (*before.told, NEW)
    waits = (before.told_wall, before.waiting_wall, before.level)
    assert (after.told_wall, after.waiting_wall, after.level) == waits
    told.world.wait(5.0)
    assert told.heard() == []


def test_it_goes_on_hearing_and_hears_the_end() -> None:
    told = broken()
    take(told, with_new(told, Severity.P1))
    told.world.acted(WALLET)
    told.world.works(WALLET)
    assert (NEW, MessageKind.RESOLVED) in told.heard()


def test_so_it_is_after_a_start_with_other_settings_once_the_containers_are_seen() -> (
    None
):
    told = broken()
    settings = with_new(told, Severity.P1)
    now = told.world.now
    told.world.state = replace(restore_state(told.state, now, now), notify=settings)
    assert told.state.left
    assert told.heard() == []
    told.world.relist()
    heard = told.heard()
    assert heard[:1] == OPENED
    assert told.messages[-len(heard)].facts["reason"]


def test_one_that_is_routed_for_other_severities_hears_nothing_yet() -> None:
    told = broken()
    assert take(told, with_new(told, Severity.P0)) == []
    assert NEW not in incident(told).told


def test_one_of_a_level_that_was_reached_hears_of_it() -> None:
    told = broken(Cause.AUTH)
    told.world.wait(7201.0, step=20.0)
    told.turn()
    assert incident(told).severity is Severity.P2
    assert incident(told).level == 1
    assert take(told, with_new(told, Severity.P0)) == []
    assert take(told, with_new(told, Severity.P1)) == OPENED


def test_above_the_most_urgent_level_all_hear_of_it() -> None:
    told = broken()
    told.world.wait(901.0 + 301.0, step=5.0)
    told.turn()
    assert (incident(told).severity, incident(told).level) == (Severity.P0, 1)
    assert take(told, with_new(told)) == OPENED


def test_it_hears_too_that_somebody_takes_care_of_it() -> None:
    told = broken()
    told.world.send(AckRequested(told.world.now, incident(told).id, "api"))
    told.turn()
    assert take(told, with_new(told, Severity.P1)) == OPENED
    assert told.messages[-1].facts["acked_by"] == "api"


def test_of_a_paused_target_it_hears_at_the_end_of_the_pause() -> None:
    told = broken()
    told.world.send(PauseRequested(told.world.now, (WALLET,)))
    told.turn()
    assert take(told, with_new(told, Severity.P1)) == []
    told.world.send(ResumeRequested(told.world.now, (WALLET,)))
    assert OPENED[0] in told.heard()


def test_of_what_is_over_or_not_told_yet_it_hears_nothing_more() -> None:
    told = broken()
    told.world.acted(WALLET)
    told.world.works(WALLET)
    told.turn()
    assert take(told, with_new(told, Severity.P1)) == []
    assert take(told, with_new(told, Severity.P1, Severity.P0)) == []


def test_a_hook_that_is_added_is_called() -> None:
    told = broken()
    hook = HookSettings(MessageKind.OPENED, Severity.P1, HookPost("http://a/new"))
    at_the_end = HookSettings(MessageKind.RESOLVED, None, HookPost("http://a/end"))
    known = told.state.notify
    settings = replace(known, hooks=(*known.hooks, hook, at_the_end))
    assert take(told, settings) == [("hook:3", MessageKind.OPENED)]
    told.world.acted(WALLET)
    told.world.works(WALLET, SERVICE)
    assert ("hook:4", MessageKind.RESOLVED) in told.heard()
