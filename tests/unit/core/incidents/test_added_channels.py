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
from tests.support.notification_recipients import SERVICE, WALLET, Notifier

NEW = "desk"
OPENED = [(NEW, MessageKind.OPENED)]


def add_channel(notifier: Notifier, *severities: Severity) -> NotifySettings:
    """The settings in force and one channel more, routed for these severities."""
    current = notifier.state.notify
    routes = {s: current.routes.of(s) for s in Severity}
    routes.update({s: (*routes[s], NEW) for s in severities})
    channels = (*current.channels, ChannelSettings(NEW, "json://desk"))
    names = tuple(channel.name for channel in channels)
    by_severity = MappingProxyType(routes)
    return replace(
        current,
        channels=channels,
        routes=replace(current.routes, channels=names, by_severity=by_severity),
    )


def apply_settings(
    notifier: Notifier, settings: NotifySettings
) -> list[tuple[str, MessageKind]]:
    notifier.world.send(SettingsApplied(notifier.world.now, Mode.ACT, settings))
    return notifier.new_deliveries()


def start_outage(cause: Cause = Cause.REFUSED) -> Notifier:
    notifier = Notifier(("ops",))
    notifier.world.fails(WALLET, cause)
    notifier.new_messages()
    return notifier


def get_incident(notifier: Notifier) -> Incident:
    (only,) = notifier.state.incidents.values()
    return only


def test_an_added_channel_gets_one_opening_of_the_incident() -> None:
    notifier = start_outage()
    notifier.world.wait(60.0)
    notifier.new_messages()
    before = get_incident(notifier)
    assert apply_settings(notifier, add_channel(notifier, Severity.P1)) == OPENED
    message = notifier.messages[-1]
    assert message.facts["opened_at_wall"] == f"{before.opened_at.wall:.3f}"
    assert float(message.facts["seconds"]) >= 60.0
    after = get_incident(notifier)
    assert after.told == (*before.told, NEW)
    waits = (before.told_wall, before.waiting_wall, before.level)
    assert (after.told_wall, after.waiting_wall, after.level) == waits
    notifier.world.wait(5.0)
    assert notifier.new_deliveries() == []


def test_an_added_channel_gets_the_resolve_message() -> None:
    notifier = start_outage()
    apply_settings(notifier, add_channel(notifier, Severity.P1))
    notifier.world.complete_remedy(WALLET)
    notifier.world.works(WALLET)
    assert (NEW, MessageKind.RESOLVED) in notifier.new_deliveries()


def test_a_channel_added_at_a_start_gets_the_opening_after_the_first_list() -> None:
    notifier = start_outage()
    settings = add_channel(notifier, Severity.P1)
    now = notifier.world.now
    notifier.world.state = replace(
        restore_state(notifier.state, now, now), notify=settings
    )
    assert notifier.state.restored_instances
    assert notifier.new_deliveries() == []
    notifier.world.relist()
    deliveries = notifier.new_deliveries()
    assert deliveries[:1] == OPENED
    assert notifier.messages[-len(deliveries)].facts["reason"]


def test_an_added_channel_of_other_severities_gets_nothing() -> None:
    notifier = start_outage()
    assert apply_settings(notifier, add_channel(notifier, Severity.P0)) == []
    assert NEW not in get_incident(notifier).told


def test_an_added_channel_of_a_reached_level_gets_the_opening() -> None:
    notifier = start_outage(Cause.AUTH)
    notifier.world.wait(7201.0, step=20.0)
    notifier.new_messages()
    assert get_incident(notifier).severity is Severity.P2
    assert get_incident(notifier).level == 1
    assert apply_settings(notifier, add_channel(notifier, Severity.P0)) == []
    assert apply_settings(notifier, add_channel(notifier, Severity.P1)) == OPENED


def test_every_added_channel_gets_the_opening_above_the_highest_level() -> None:
    notifier = start_outage()
    notifier.world.wait(901.0 + 301.0, step=5.0)
    notifier.new_messages()
    assert (get_incident(notifier).severity, get_incident(notifier).level) == (
        Severity.P0,
        1,
    )
    assert apply_settings(notifier, add_channel(notifier)) == OPENED


def test_the_opening_for_an_added_channel_names_the_acknowledgement() -> None:
    notifier = start_outage()
    notifier.world.send(
        AckRequested(notifier.world.now, get_incident(notifier).id, "api")
    )
    notifier.new_messages()
    assert apply_settings(notifier, add_channel(notifier, Severity.P1)) == OPENED
    assert notifier.messages[-1].facts["acked_by"] == "api"


def test_an_added_channel_gets_the_opening_after_a_pause() -> None:
    notifier = start_outage()
    notifier.world.send(PauseRequested(notifier.world.now, (WALLET,)))
    notifier.new_messages()
    assert apply_settings(notifier, add_channel(notifier, Severity.P1)) == []
    notifier.world.send(ResumeRequested(notifier.world.now, (WALLET,)))
    assert OPENED[0] in notifier.new_deliveries()


def test_an_added_channel_gets_nothing_of_a_resolved_incident() -> None:
    notifier = start_outage()
    notifier.world.complete_remedy(WALLET)
    notifier.world.works(WALLET)
    notifier.new_messages()
    assert apply_settings(notifier, add_channel(notifier, Severity.P1)) == []
    assert (
        apply_settings(notifier, add_channel(notifier, Severity.P1, Severity.P0)) == []
    )


def test_a_hook_that_is_added_is_called() -> None:
    notifier = start_outage()
    hook = HookSettings(MessageKind.OPENED, Severity.P1, HookPost("http://a/new"))
    at_the_end = HookSettings(MessageKind.RESOLVED, None, HookPost("http://a/end"))
    current = notifier.state.notify
    settings = replace(current, hooks=(*current.hooks, hook, at_the_end))
    assert apply_settings(notifier, settings) == [("hook:3", MessageKind.OPENED)]
    notifier.world.complete_remedy(WALLET)
    notifier.world.works(WALLET, SERVICE)
    assert ("hook:4", MessageKind.RESOLVED) in notifier.new_deliveries()
