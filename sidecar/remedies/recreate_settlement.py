"""End a recreate, forward or back: the names in the engine say how far it came."""

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, TypeVar

from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.ports.engine import (
    ContainerGone,
    EngineError,
    EngineRefused,
    EngineUnreachable,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.status.set_aside import (
    Settlement,
    find_set_aside,
    is_set_aside,
    original_name,
    settle,
)
from sidecar.remedies.engine_call import AT_REST, PERSIST_EVERY_S, PERSIST_S
from sidecar.remedies.lease_check import check_lease
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution

T = TypeVar("T")
_ATTEMPTS = 3
_ACTIVE = frozenset({Status.RUNNING, Status.RESTARTING, Status.PAUSED})


class RollBack(NamedTuple):
    """The old container at the end; ``trouble``: what the engine did not do, or ""."""

    old: Container | None
    trouble: str = ""


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """End a recreate that an earlier process, or a refusal, left half done."""
    early_end = await check_lease(job, job.decision.stop_timeout_s)
    return await _settle(job) if early_end is None else early_end


async def _settle(job: RemedyContext) -> RemedyExecution:
    job.committed = True
    try:
        old, new = find_set_aside(job.container, await job.engine.containers())
        match settle(old, new):
            case Settlement.FINISH if old is not None:
                await _remove_old(job, old)
                reason = Reason.of(R.RECREATE_FINISHED)
                return RemedyExecution(RemedyCallResult.DONE, reason, new)
            case Settlement.ROLL_BACK:
                return await _roll_back_late(job)
            case Settlement.WAIT if new is not None:
                reason = Reason.of(R.ENGINE_NOT_ASKED, said=new.fault)
                return RemedyExecution(RemedyCallResult.NOT_SENT, reason)
            case _:
                reason = Reason.of(R.NOTHING_SET_ASIDE)
                return RemedyExecution(RemedyCallResult.DONE, reason, new)
    except EngineRefused as error:
        reason = text_reason(str(error))
        return RemedyExecution(RemedyCallResult.REFUSED, reason, job.container)
    except EngineError as error:
        reason = Reason.of(R.ENGINE_NOT_ASKED, said=str(error))
        return RemedyExecution(RemedyCallResult.NOT_SENT, reason)


async def _remove_old(job: RemedyContext, old: Container) -> None:
    """Remove the old container; never while it runs beside the new one."""
    if old.status in _ACTIVE:
        await job.engine.stop(old.id, job.decision.stop_timeout_s)
    try:
        await job.engine.remove_stopped(old.id)
    except ContainerGone:
        return


async def _roll_back_late(job: RemedyContext) -> RemedyExecution:
    old, trouble = await roll_back(job)
    if trouble:
        result = RemedyCallResult.REFUSED
        return RemedyExecution(result, text_reason(trouble), old)
    why = Reason.of(R.LEFT_HALF_DONE)
    return RemedyExecution(
        RemedyCallResult.FAILED, Reason.of(R.UNDONE, reason=why), old
    )


async def roll_back(job: RemedyContext, *, starts: bool = True) -> RollBack:
    """Start the old container, remove the new one, and give the old its name back.

    A call whose answer was lost may still take effect: all of it is looked at again.
    ``starts`` False: the old one ends later, and is started by the next process.
    """
    for _ in range(_ATTEMPTS - 1):
        result = await _roll_back_once(job, starts=starts)
        if not result.trouble or job.leaving.is_set():
            return result
        await job.pause(PERSIST_EVERY_S)
    return await _roll_back_once(job, starts=starts)


async def _roll_back_once(job: RemedyContext, *, starts: bool) -> RollBack:
    """The start comes first, and only a new container that may run prevents it."""
    try:
        containers = await insist(job, job.engine.containers)
    except EngineError as error:
        return RollBack(None, str(error))
    old, new = find_set_aside(job.container, containers)
    if old is None:
        # It was never set aside; or somebody removed it, and the new one is all;
        # or another watchdog has settled the recreate.
        if starts:
            return await _start_after_own_stop(job, containers)
        return RollBack(None)
    troubles: list[str] = []
    if new is not None and new.status not in AT_REST:
        # A stop waits for a start under way, while an inspection gets no answer.
        await _try(job, troubles, _stop(job, new))
    if starts and not troubles:
        await _try(job, troubles, _start(job, old))
    if new is not None:
        await _try(job, troubles, _remove(job, new))
    await _try(job, troubles, _rename(job, old))
    return RollBack(await _look(job, old), "; ".join(troubles))


async def is_settled(job: RemedyContext, new: Container) -> bool:
    """Has another watchdog ended this recreate? False if the engine does not say."""
    if job.lease is None:
        return False
    try:
        containers = await insist(job, job.engine.containers)
    except EngineError:
        return False
    by_id = {container.id: container for container in containers}
    old = by_id.get(job.container.id)
    is_back = old is not None and not is_set_aside(old)
    return is_back or new.id not in by_id


async def start_after_own_stop(job: RemedyContext) -> RollBack:
    """Start the old container if another watchdog has settled, and our stop ended it.

    The holder of the lease would take its end for an operator's stop.
    """
    try:
        containers = await insist(job, job.engine.containers)
    except EngineError as error:
        return RollBack(None, str(error))
    return await _start_after_own_stop(job, containers)


async def _start_after_own_stop(
    job: RemedyContext, containers: Iterable[Container]
) -> RollBack:
    _, current = find_set_aside(job.container, containers)
    is_stopped_by_us = job.daemon_asked or job.engine_stops > 0
    if current is None or current.id != job.container.id or not is_stopped_by_us:
        return RollBack(None)
    troubles: list[str] = []
    # A stop by the engine may still be under way.
    if current.status in AT_REST or job.engine_stops:
        await _try(job, troubles, _start(job, current))
    return RollBack(await _look(job, current), "; ".join(troubles))


Call = Callable[[], Awaitable[None]]


def _stop(job: RemedyContext, new: Container) -> Call:
    return lambda: job.engine.stop(new.id, job.target.restart.dead_stop_timeout_s)


def _start(job: RemedyContext, old: Container) -> Call:
    """Start it; if it is told to stop and Sidecar has to end, the engine does both."""
    if job.leaving.is_set() and job.engine_stops:
        stop_s = job.target.restart.dead_stop_timeout_s
        return lambda: job.engine.restart(old.id, stop_s)
    return lambda: job.engine.start(old.id)


def _remove(job: RemedyContext, new: Container) -> Call:
    return lambda: job.engine.remove_stopped(new.id)


def _rename(job: RemedyContext, old: Container) -> Call:
    return lambda: job.engine.rename(old.id, original_name(old.name))


async def _try(job: RemedyContext, troubles: list[str], call: Call) -> None:
    try:
        await insist(job, call)
    except ContainerGone:
        return
    except EngineError as error:
        troubles.append(str(error))


async def _look(job: RemedyContext, old: Container) -> Container:
    try:
        return await job.engine.inspect(old.id)
    except EngineError:
        return old


async def insist(job: RemedyContext, call: Callable[[], Awaitable[T]]) -> T:
    """Make a call; repeat it for a while as long as the engine is not reached."""
    give_up = job.clock.now().mono + PERSIST_S
    while True:
        try:
            return await call()
        except EngineUnreachable:
            if job.clock.now().mono >= give_up or job.leaving.is_set():
                raise
            await job.pause(PERSIST_EVERY_S)
