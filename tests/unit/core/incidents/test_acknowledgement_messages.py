"""Alert systems are told of an acknowledgement; people are not."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.incidents.message_refresh import drop_outdated
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.event import AckRequested
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    HookPost,
    HookSettings,
    NotifySettings,
    PagerDutySettings,
    Routes,
)
from tests.support.notification_recipients import SERVICE, WALLET
from tests.support.rule_world import RuleWorld

SETTINGS = NotifySettings(
    channels=(
        ChannelSettings("ops", "json://ops"),
        PagerDutySettings("duty", "key", "https://a"),
        PagerDutySettings("boss", "key", "https://a"),
    ),
    routes=Routes(
        ("ops", "duty", "boss"),
        MappingProxyType({Severity.P0: ("boss",), Severity.P1: ("ops", "duty")}),
    ),
    hooks=(HookSettings(MessageKind.OPENED, Severity.P0, HookPost("http://a/")),),
)


def world_with_outage() -> RuleWorld:
    world = RuleWorld(notify=SETTINGS)
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED)
    world.wait(1.0)
    return world


def acknowledge(world: RuleWorld) -> None:
    (incident,) = world.state.incidents.values()
    world.send(AckRequested(world.now, incident.id, "telegram Kim"))


def acks(world: RuleWorld) -> list[Message]:
    return [m for m in world.messages if m.kind is MessageKind.ACKNOWLEDGED]


def test_acknowledgement_is_told_to_an_alert_system_that_knows_of_the_incident() -> (
    None
):
    world = world_with_outage()
    acknowledge(world)
    (ack,) = acks(world)
    assert ack.channel == "duty"
    assert ack.facts["acked_by"] == "telegram Kim"
    opened = next(m for m in world.messages if m.channel == "duty")
    assert ack.sequence > opened.sequence
    assert ack.id.endswith("-acknowledged-duty")


def test_acknowledgement_of_a_closed_incident_is_not_told() -> None:
    world = world_with_outage()
    (incident,) = world.state.incidents.values()
    world.complete_remedy(WALLET)
    world.works(WALLET)
    world.send(AckRequested(world.now, incident.id, "api"))
    assert acks(world) == []


def test_acknowledgement_that_closes_an_incident_is_told_as_its_end() -> None:
    world = world_with_outage()
    (incident,) = world.state.incidents.values()
    fact = replace(incident, cause=Cause.ADDRESSES_LOST)
    incidents = MappingProxyType({incident.id: fact})
    world.state = replace(world.state, incidents=incidents)
    acknowledge(world)
    assert acks(world) == []
    kinds = [m.kind for m in world.messages if m.channel == "duty"]
    assert kinds == [MessageKind.OPENED, MessageKind.RESOLVED]


def test_waiting_acknowledgement_is_outdated_once_it_is_no_longer_valid() -> None:
    world = world_with_outage()
    acknowledge(world)
    (ack,) = acks(world)
    assert drop_outdated(world.state, [ack]) == ()
    (incident,) = world.state.incidents.values()
    reopened = replace(incident, acked_at=None)
    state = replace(world.state, incidents=MappingProxyType({incident.id: reopened}))
    assert drop_outdated(state, [ack]) == (ack,)


def test_second_acknowledgement_makes_a_message_of_its_own() -> None:
    world = world_with_outage()
    for _ in range(2):
        acknowledge(world)
    assert len({ack.id for ack in acks(world)}) == 2
