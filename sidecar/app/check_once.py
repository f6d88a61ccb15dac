"""`sidecar check`: one probe of every instance, without a running sidecar."""

import asyncio
import sys
from collections.abc import Awaitable, Iterator
from typing import NamedTuple

from sidecar.app.engine_opening import open_engine
from sidecar.app.identity import (
    find_own_container_once,
)
from sidecar.app.target_source import find_targets_in_force
from sidecar.clock import SystemClock
from sidecar.config.secrets import secrets_of
from sidecar.config.settings import Settings
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.probe_result import ProbeResult, probe_failure
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.assignment import assign
from sidecar.core.status.network_reach import find_surroundings
from sidecar.core.text.known_names import list_known
from sidecar.engine.own_container import OwnView
from sidecar.probes.probe_target import probe_target
from sidecar.probes.prober import ProbeRunner
from sidecar.telemetry.secret_mask import Mask


class CheckedInstance(NamedTuple):
    """One probe of one instance, carried out without a running sidecar."""

    name: str
    outcome: ProbeResult
    seconds: float


class UnknownTarget(Exception):
    """No target has the requested name; the text lists those that exist."""


def check_once(settings: Settings, only: str | None) -> tuple[CheckedInstance, ...]:
    """Probe every instance once, or those of the target ``only``.

    Raises UnknownTarget, or StackUnknown, BadEngineAddress or EngineError where no
    probe is possible.
    """
    return asyncio.run(_check_all(settings, only))


async def _check_all(
    settings: Settings, only: str | None
) -> tuple[CheckedInstance, ...]:
    mask = Mask(settings.secrets)
    own = await find_own_container_once(mask) if settings.has_engine else None
    engine, link = open_engine(settings, own, lambda *_: None, mask)
    prober = ProbeRunner(engine, SystemClock(), mask=mask)
    try:
        containers = await engine.containers()
        others = tuple(c for c in containers if own is None or c.id != own.id)
        targets, faults, _ = await asyncio.to_thread(
            find_targets_in_force, settings, others
        )
        for fault in faults:
            sys.stderr.write(f"{fault.line}\n")
        mask.learn(secrets_of(targets))
        own_now = await OwnView(link, own.id if own is not None else "").now()
        prober.set_surroundings(find_surroundings(own_now, others))
        wanted = tuple(t for t in targets if only in {None, t.name})
        if only and not wanted:
            hint = list_known(only, (target.name for target in targets))
            raise UnknownTarget(f"there is no target {only}; {hint}")
        return tuple(await asyncio.gather(*_checks(prober, wanted, others)))
    finally:
        await prober.close()
        await engine.close()


def _checks(
    prober: ProbeRunner, targets: tuple[Target, ...], containers: tuple[Container, ...]
) -> Iterator[Awaitable[CheckedInstance]]:
    roster = assign(targets, containers)
    for target in targets:
        matches = [(i, c) for i, c in roster if i.target == target.name]
        if not matches:
            yield _check_instance(prober, target, target.name, None)
        for instance, container in matches:
            is_only = len(matches) == 1
            name = target.name if is_only else f"{target.name}-{instance.number}"
            yield _check_instance(prober, target, name, container)


async def _check_instance(
    prober: ProbeRunner, target: Target, name: str, container: Container | None
) -> CheckedInstance:
    if container is None:
        return CheckedInstance(
            name, probe_failure(Cause.MISSING, Reason.of(R.NO_CONTAINER)), 0.0
        )
    if container.status is not Status.RUNNING:
        reason = Reason.of(R.CONTAINER_IS, status=container.status)
        stopped = probe_failure(Cause.NOT_RUNNING, reason)
        return CheckedInstance(name, stopped, 0.0)
    began = asyncio.get_running_loop().time()
    outcome = await probe_target(prober, target.probes, container)
    return CheckedInstance(name, outcome, asyncio.get_running_loop().time() - began)
