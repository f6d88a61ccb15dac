"""Our own container and the stack to act in."""

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
    """It is not known in which compose project to act."""


def find_host_name(settings: Settings) -> str:
    """The engine's host, as the settings name it, or as we know it outside a container:
    a container's own host name is not that.
    """
    if settings.host_name is not None:
        return settings.host_name
    in_container = any(map(Path.exists, _IN_CONTAINER))
    return "" if in_container else socket.gethostname()


def find_stack(settings: Settings, own: OwnContainer | None) -> str:
    """The compose project to act in. StackUnknown."""
    stack = settings.stack or (own.stack if own is not None else "")
    if not stack:
        raise StackUnknown(
            "no stack to act in: this is not a container of a compose project; "
            "set SIDECAR_STACK to the name of the project to watch"
        )
    return stack


async def find_own_container_patiently(
    settings: Settings, mask: Mask
) -> OwnContainer | None:
    """Ask until the engine answers, unless the settings name the stack."""
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
    """Our own container, asked once; None: we run in none. EngineError."""
    # A link of its own each time: the breaker of one that failed would make us wait.
    link = EngineConnection.from_environ(
        os.environ, on_request=lambda *_: None, mask=mask
    )
    try:
        return await find_own_container(link, os.environ)
    finally:
        await link.close()
