"""A world of drills whose messages go to people and to a hook."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.model.cause import Severity
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    HookPost,
    HookSettings,
    NotifySettings,
    Routes,
)
from sidecar.core.model.target import Target
from tests.support.drill_world import DrillWorld
from tests.support.rule_world import SERVICE, WALLET

HOOKS = tuple(
    HookSettings(kind, None, HookPost("https://hook"))
    for kind in (MessageKind.OPENED, MessageKind.RESOLVED)
)
NOTIFY = NotifySettings(
    hooks=HOOKS,
    channels=(ChannelSettings("ops", "json://ops"),),
    routes=Routes(("ops",), MappingProxyType(dict.fromkeys(Severity, ("ops",)))),
)
OTHER = Target("shop", probes=SERVICE.probes)
QUICK = replace(WALLET, objective=DrillObjective(detect_s=20.0, recover_s=30.0))


def drill_world(wallet: Target = WALLET) -> DrillWorld:
    world = DrillWorld(targets=(wallet, SERVICE, OTHER), notify=NOTIFY)
    world.works(OTHER.name)
    return world


def kinds(world: DrillWorld) -> list[tuple[str, MessageKind]]:
    to_people = (m for m in world.messages if m.channel == "ops")
    return [(m.facts["target"], m.kind) for m in to_people]
