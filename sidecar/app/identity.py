"""Sidecar's own container, and the compose project (stack) that it watches."""

import os
import socket
from pathlib import Path

from loguru import logger
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from sidecar.config.settings import Settings
from sidecar.core.ports.engine import EngineError
from sidecar.engine.connection import EngineConnection
from sidecar.engine.own_container import OwnContainer, find_own_container
from sidecar.telemetry.secret_mask import Mask

_IN_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))


class StackUnknown(Exception):
    """The compose project to watch is neither set nor detected."""


def find_host_name(settings: Settings) -> str:
    """The name of the engine's host: from the settings, else from the system.

    "" inside a container: its own host name is not that of the host.
    """
    if settings.host_name is not None:
        return settings.host_name
    in_container = any(map(Path.exists, _IN_CONTAINER))
    return "" if in_container else socket.gethostname()


def is_in_swarm(settings: Settings, own: OwnContainer | None) -> bool:
    """Is the stack to watch one of Docker Swarm?

    Sidecar's own is, if Sidecar is a task of it; another stack only if the settings
    say so, as Sidecar can run in a swarm and watch a compose project.
    """
    if settings.swarm is not None or settings.stack is not None:
        return bool(settings.swarm)
    return own is not None and bool(own.swarm_stack) and not own.stack


def find_stack(settings: Settings, own: OwnContainer | None) -> str:
    """The compose project, or the stack of a swarm, to watch; without an engine also
    the host's name, which in Kubernetes is the pod's. Raises StackUnknown.
    """
    swarm = is_in_swarm(settings, own)
    own_stack = (own.swarm_stack if swarm else own.stack) if own is not None else ""
    stack = settings.stack or own_stack
    if not stack and not settings.has_engine:
        return socket.gethostname()
    if not stack:
        own_kind = (
            "task of a swarm's stack" if swarm else "container of a compose project"
        )
        raise StackUnknown(
            f"no stack to act in: this is not a {own_kind}; "
            "set SIDECAR_STACK to the name of the stack to watch"
        )
    return stack


async def wait_for_own_container(settings: Settings, mask: Mask) -> OwnContainer | None:
    """Ask the engine until it answers; once only if the settings name the stack.

    None: Sidecar runs in no container of this engine, or there is no engine.
    """
    if not settings.has_engine:
        return None
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(EngineError),
        wait=wait_random_exponential(multiplier=0.5, max=10.0),
        reraise=True,
    )
    async for attempt in attempts:
        with attempt:
            try:
                return await find_own_container_once(mask)
            except EngineError as error:
                if settings.stack is not None:
                    return None
                logger.warning("the engine does not say who we are yet: {}", error)
                raise
    return None


async def find_own_container_once(mask: Mask) -> OwnContainer | None:
    """Sidecar's own container; None outside one. Raises EngineError."""
    # A new connection each time: the circuit breaker of a failed one causes a wait.
    link = EngineConnection.from_environ(
        os.environ, on_request=lambda *_: None, mask=mask
    )
    try:
        return await find_own_container(link, os.environ)
    finally:
        await link.close()
