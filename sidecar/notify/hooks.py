"""Hooks: an incident sent as JSON to a program, or a command in a container."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from sidecar.core.model.container import Status
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import (
    HOOK_PREFIX,
    HookExec,
    HookPost,
    HookSettings,
)
from sidecar.core.ports.engine import (
    Engine,
    EngineError,
    EngineForbidden,
    EngineTimeout,
)
from sidecar.core.ports.loop import Clock
from sidecar.core.text.formatting import rfc3339
from sidecar.notify.delivery import (
    DELIVERED,
    Channel,
    DeliveryResult,
    doubtful_failure,
    expected_failure,
    permanent_failure,
    temporary_failure,
)
from sidecar.notify.hook_headers import hook_headers
from sidecar.notify.http_sender import HttpSender

Mask = Callable[[str], str]

EXEC_TIMEOUT_S = 25.0
_OUTPUT_SHOWN = 100


class _HookBody(msgspec.Struct):
    """The body of a hook's request."""

    message_id: str
    event: str
    incident: "_Incident"


class _Incident(msgspec.Struct):
    id: str
    target: str
    affected: list[str]
    severity: str
    state: str
    cause: str
    reason: str
    began_at: str
    opened_at: str
    resolved_at: str | None


class PostHook:
    """POSTs the incident."""

    knows_repeats = True
    """The documentation requires it of every receiver: each request has the id."""

    def __init__(
        self, name: str, settings: HookPost, poster: HttpSender, clock: Clock
    ) -> None:
        self.name = name
        self._settings = settings
        self._poster = poster
        self._clock = clock

    async def send(self, message: Message) -> DeliveryResult:
        """Try once."""
        body, now_wall = hook_body(message), self._clock.now().wall
        headers = hook_headers(message, body, self._settings.keys, now_wall)
        return await self._poster.send("POST", self._settings.url, body, headers)


class ExecHook:
    """Runs a command in a container; exit status 0 is success."""

    knows_repeats = False
    """An earlier command may still run."""

    def __init__(
        self,
        name: str,
        settings: HookExec,
        engine: Engine,
        container_id: Callable[[str], str | None],
        mask: Mask,
    ) -> None:
        self.name = name
        self._settings = settings
        self._engine = engine
        self._container_id = container_id
        self._mask = mask

    async def send(self, message: Message) -> DeliveryResult:  # noqa: ARG002
        """Try once."""
        container = self._container_id(self._settings.container)
        if container is None:
            return temporary_failure(
                f"there is no container {self._settings.container}"
            )
        try:
            result = await self._engine.execute(
                container, self._settings.command, EXEC_TIMEOUT_S
            )
        except EngineForbidden as error:
            return permanent_failure(str(error))
        except EngineTimeout as error:
            return doubtful_failure(str(error))
        except EngineError as error:
            return await self._failure(container, str(error))
        if result.exit_code:
            output = " ".join(self._mask(result.output).split())[-_OUTPUT_SHOWN:]
            return temporary_failure(
                f"the command ended with {result.exit_code}: {output}"
            )
        return DELIVERED

    async def _failure(self, container_id: str, error: str) -> DeliveryResult:
        """A hook may be about the very container that is down: that is no fault."""
        try:
            container = await self._engine.inspect(container_id)
        except EngineError:
            return temporary_failure(error)
        is_running = container.status is Status.RUNNING
        return temporary_failure(error) if is_running else expected_failure(error)


class HookTools(NamedTuple):
    """Parts that hooks work with.

    ``container_id`` finds a container of the stack by its name; ``mask`` removes
    secrets from a command's output.
    """

    poster: HttpSender
    engine: Engine
    container_id: Callable[[str], str | None]
    mask: Mask
    clock: Clock


def hook_channel(number: int, settings: HookSettings, tools: HookTools) -> Channel:
    """The N-th hook as a channel."""
    name = f"{HOOK_PREFIX}{number}"
    if isinstance(settings.does, HookPost):
        return PostHook(name, settings.does, tools.poster, tools.clock)
    return ExecHook(name, settings.does, tools.engine, tools.container_id, tools.mask)


def hook_body(message: Message) -> bytes:
    """The JSON body for a hook's receiver."""
    facts = message.facts
    resolved = facts.get("resolved_at_wall")
    is_end = message.kind is MessageKind.RESOLVED
    opened_wall = float(facts.get("opened_at_wall", message.created_wall))
    incident = _Incident(
        id=message.incident,
        target=facts.get("target", ""),
        affected=[n for n in facts.get("affected", "").split(", ") if n],
        severity=message.severity.value,
        state="resolved" if is_end else "open",
        cause=facts.get("cause", ""),
        reason=facts.get("reason", ""),
        began_at=rfc3339(float(facts.get("since_wall") or opened_wall)),
        opened_at=rfc3339(opened_wall),
        resolved_at=rfc3339(float(resolved)) if resolved else None,
    )
    event = MessageKind.RESOLVED if is_end else MessageKind.OPENED
    return msgspec.json.encode(_HookBody(message.id, event.value, incident))
