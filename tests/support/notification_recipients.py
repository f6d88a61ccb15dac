"""Recipients of notifications, and a world whose messages go to them."""

from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sidecar.core.model.cause import Severity
from sidecar.core.model.event import Tick
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    HookPost,
    HookSettings,
    NotifySettings,
    Routes,
)
from sidecar.core.model.state import State
from tests.support.rule_world import RuleWorld

SETTINGS = NotifySettings(
    channels=tuple(ChannelSettings(n, f"json://{n}") for n in ("ops", "phone")),
    routes=Routes(
        ("ops", "phone"),
        MappingProxyType(
            {
                Severity.P0: ("phone", "ops"),
                Severity.P1: ("ops",),
                Severity.P3: ("ops",),
            }
        ),
    ),
    hooks=(
        HookSettings(MessageKind.OPENED, Severity.P0, HookPost("http://a/pause")),
        HookSettings(MessageKind.RESOLVED, Severity.P0, HookPost("http://a/resume")),
        HookSettings(MessageKind.OPENED, None, HookPost("http://a/any")),
    ),
)
WALLET, SERVICE = "electron-cash", "bitcoincash-service"


@dataclass
class Notifier:
    """A world and the messages that its steps send."""

    routes_p2: tuple[str, ...] = ()
    world: RuleWorld = field(init=False)
    _seen: int = 0

    def __post_init__(self) -> None:
        by_severity = {**SETTINGS.routes.by_severity, Severity.P2: self.routes_p2}
        routes = replace(SETTINGS.routes, by_severity=MappingProxyType(by_severity))
        self.world = RuleWorld(notify=replace(SETTINGS, routes=routes))
        self.world.works(WALLET, SERVICE)
        self.new_messages()

    def new_messages(self) -> list[Message]:
        """Run one step and return the messages since the last call."""
        self.world.send(Tick(self.world.now))
        messages, self._seen = self.messages[self._seen :], len(self.messages)
        return messages

    @property
    def messages(self) -> list[Message]:
        return self.world.messages

    def new_deliveries(self) -> list[tuple[str, MessageKind]]:
        return [(m.channel, m.kind) for m in self.new_messages()]

    @property
    def state(self) -> State:
        return self.world.state
