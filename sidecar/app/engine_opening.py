"""Opening of the engine that the settings and the environment name, or of none."""

import os
from typing import NamedTuple

from sidecar.app.identity import find_stack, is_in_swarm
from sidecar.clock import SystemClock
from sidecar.config.settings import Settings
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.features import Feature
from sidecar.engine.operations import RequestObserver
from sidecar.engine.own_container import OwnContainer
from sidecar.telemetry.secret_mask import Mask


class OpenedEngine(NamedTuple):
    """An engine, limited to the stack, and the connection that it uses."""

    engine: DockerEngine
    link: EngineConnection


def open_engine(
    settings: Settings,
    own: OwnContainer | None,
    on_request: RequestObserver,
    mask: Mask,
) -> OpenedEngine:
    """The engine, limited to the stack. Nothing is sent yet. BadEngineAddress,
    StackUnknown.

    Without an engine its containers are those of the settings' targets.
    """
    stack = find_stack(settings, own)
    if not settings.has_engine:
        from sidecar.engine import absent  # noqa: PLC0415 - few need it

        nothing, now = absent.AbsentConnection(), SystemClock().now()
        engine = absent.AbsentEngine(nothing, stack, settings.targets, now.wall)
        return OpenedEngine(engine, nothing)
    link = EngineConnection.from_environ(os.environ, on_request=on_request, mask=mask)
    if is_in_swarm(settings, own):
        from sidecar.engine.swarm import SwarmEngine  # noqa: PLC0415 - few need it

        link.features_in_use = lambda: {Feature.SERVICES, Feature.SERVICE_UPDATE}
        own_id = own.id if own is not None else ""
        return OpenedEngine(SwarmEngine(link, stack, own_id), link)
    return OpenedEngine(DockerEngine(link, stack), link)


def renew_targets(engine: DockerEngine, settings: Settings) -> None:
    """After a reload: without an engine, the targets say which containers exist."""
    if not settings.has_engine:
        from sidecar.engine.absent import AbsentEngine  # noqa: PLC0415 - few need it

        assert isinstance(engine, AbsentEngine)
        engine.targets = settings.targets
