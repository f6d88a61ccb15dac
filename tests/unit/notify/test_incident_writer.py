"""The sentences about an open incident, as its messages have them."""

from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.incident import Incident
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    NotifySettings,
    Routes,
)
from sidecar.core.ports.page_texts import IncidentTexts
from sidecar.notify.incident_writer import IncidentWriter
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from tests.support.rule_world import RuleWorld

WALLET = "electron-cash"
PLACE = Installation("shop", "pay-1", "shop-sidecar-1")
UTC = ZoneInfo("UTC")
CHANNEL = NotifySettings(
    channels=(ChannelSettings("ops", "json://ops"),),
    routes=Routes(("ops",), MappingProxyType(dict.fromkeys(Severity, ("ops",)))),
)


@pytest.fixture
def world() -> RuleWorld:
    world = RuleWorld(notify=CHANNEL)
    world.works(WALLET, "bitcoincash-service")
    return world


def describe(world: RuleWorld, language: str = "en") -> IncidentTexts:
    write = IncidentWriter(read_catalog(language), UTC, PLACE)
    return write(world.state, open_incident(world), world.now)


def open_incident(world: RuleWorld) -> Incident:
    return next(
        incident for incident in world.state.incidents.values() if incident.open
    )


@pytest.mark.parametrize("language", ["en", "ko"])
def test_sentences_are_those_of_the_message_of_this_moment(
    world: RuleWorld, language: str
) -> None:
    world.fails(WALLET, Cause.REFUSED)
    body = Renderer(read_catalog(language), UTC, PLACE)(world.messages[-1]).body
    texts = describe(world, language)
    for sentence in (texts.payments, texts.doing, texts.advice):
        assert sentence in body


def test_given_up_incident_advises_what_an_operator_has_to_do(
    world: RuleWorld,
) -> None:
    world.fails(WALLET, Cause.AUTH, 8)
    texts = describe(world)
    assert texts.problem == "it rejects Sidecar's user or password"
    assert "config show" in texts.advice


def test_measurement_is_the_last_one(world: RuleWorld) -> None:
    world.fails(WALLET, Cause.REFUSED)
    assert describe(world).measured == "it is refused"
