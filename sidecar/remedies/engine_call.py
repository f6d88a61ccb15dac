"""One changing call to the engine, and the truth about what it did."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.ports.engine import (
    ContainerGone,
    EngineError,
    EngineForbidden,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)
from sidecar.remedies.job import Acted, Job

LOOK_EVERY_S = 1.0
PATIENCE_S = 20.0
"""Beyond the stop timeout, an engine whose answer is lost may still be at it."""
REMOVED = "the container was replaced or removed meanwhile"
PERSIST_S = 30.0
PERSIST_EVERY_S = 1.0


class _Order(NamedTuple):
    """What the engine is to do; ``is_done`` tells by the container that it did.

    ``said`` is told once it has answered well, or is seen to have done it.
    """

    call: Callable[[], Awaitable[None]]
    said: str
    stop_timeout_s: float
    is_done: Callable[[Job, Container | None], bool]


async def start(job: Job, said: str) -> Acted:
    """Let the engine start the container."""
    call = partial(job.engine.start, job.container.id)
    return await _carried_out(job, _Order(call, said, 0.0, runs_anew))


async def restart(job: Job, stop_timeout_s: float, said: str) -> Acted:
    """Let the engine restart the container."""
    call = partial(_restart, job, stop_timeout_s)
    return await _carried_out(job, _Order(call, said, stop_timeout_s, runs_anew))


async def _restart(job: Job, stop_timeout_s: float) -> None:
    job.engine_stops += 1
    try:
        await job.engine.restart(job.container.id, stop_timeout_s)
    except EngineUnreachable:
        job.engine_stops -= 1
        raise


async def stop(job: Job, stop_timeout_s: float, said: str) -> Acted:
    """Let the engine stop the container."""
    call = partial(job.engine.stop, job.container.id, stop_timeout_s)
    return await _carried_out(job, _Order(call, said, stop_timeout_s, is_over))


async def seen(job: Job) -> Container | None:
    """The container as it is now; None where the engine does not say."""
    try:
        return await job.engine.inspect(job.container.id)
    except EngineError:
        return None


def runs_anew(job: Job, fresh: Container | None) -> bool:
    """Is it in another run than the one that is being treated?"""
    return fresh is not None and fresh.status is Status.RUNNING and fresh.run != job.run


def is_over(job: Job, fresh: Container | None) -> bool:
    """Has the run that is being treated ended?"""
    if fresh is None:
        return False
    return fresh.run != job.run or fresh.status is not Status.RUNNING


async def _carried_out(job: Job, order: _Order) -> Acted:
    """Send it once, and look: what the engine has done is an answer, too."""
    sending = asyncio.ensure_future(_sent(job, order.call))
    sending.add_done_callback(_retrieve)
    try:
        return await _settled(job, sending, order)
    finally:
        # What was not sent yet must not be; what was is not taken back by this.
        sending.cancel()


def _retrieve(sending: "asyncio.Future[None]") -> None:
    """Nobody may be waiting for what became of it any more."""
    if not sending.cancelled():
        sending.exception()


async def _settled(job: Job, sending: "asyncio.Future[None]", order: _Order) -> Acted:
    until = job.clock.now().mono + order.stop_timeout_s + PATIENCE_S
    while True:
        await asyncio.wait({sending}, timeout=LOOK_EVERY_S)
        acted = await _answered(job, sending, order.said) if sending.done() else None
        if acted is not None and acted.result is not RemedyCallResult.UNKNOWN:
            return acted
        fresh = await seen(job)
        if order.is_done(job, fresh):
            said = f"{order.said}; the engine's answer is late"
            return Acted(RemedyCallResult.DONE, said, fresh)
        if acted is None:
            continue
        if job.leaving.is_set() or job.clock.now().mono >= until:
            return acted._replace(container=fresh)
        await job.pause(LOOK_EVERY_S)


async def _answered(job: Job, sending: "asyncio.Future[None]", said: str) -> Acted:
    """What the answer says; UNKNOWN: that the engine may be at it, or not."""
    try:
        sending.result()
    except EngineTimeout as error:
        return Acted(RemedyCallResult.UNKNOWN, f"the engine did not answer: {error}")
    except EngineUnreachable as error:
        result = RemedyCallResult.FAILED if job.committed else RemedyCallResult.NOT_SENT
        return Acted(result, f"the engine could not be asked: {error}")
    except ContainerGone:
        return Acted(RemedyCallResult.NOT_SENT, REMOVED)
    except EngineForbidden as error:
        return Acted(RemedyCallResult.REFUSED, str(error), await seen(job))
    except EngineRefused as error:
        return await _refused(job, error)
    return Acted(RemedyCallResult.DONE, said, await seen(job))


async def _refused(job: Job, error: EngineRefused) -> Acted:
    """An engine refuses what a redeploy is taking away, which is no failure."""
    try:
        fresh = await job.engine.inspect(job.container.id)
    except ContainerGone:
        return Acted(RemedyCallResult.NOT_SENT, REMOVED)
    except EngineError:
        fresh = None
    if fresh is not None and fresh.status is Status.REMOVING:
        return Acted(RemedyCallResult.NOT_SENT, REMOVED, fresh)
    return Acted(RemedyCallResult.FAILED, f"the engine refused: {error}", fresh)


async def _sent(job: Job, call: Callable[[], Awaitable[None]]) -> None:
    """Send it; persist where we have stopped the daemon already.

    To give up then would leave it stopped.
    """
    obliged, job.committed = job.committed, True
    give_up = job.clock.now().mono + PERSIST_S
    while True:
        try:
            return await call()
        except EngineUnreachable:
            if not obliged:
                job.committed = False
                raise
            if job.clock.now().mono >= give_up or job.leaving.is_set():
                raise
            await job.pause(PERSIST_EVERY_S)
