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
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution

LOOK_EVERY_S = 1.0
PATIENCE_S = 20.0
"""Beyond the stop timeout, an engine whose answer is lost may still be at it."""
REMOVED = Reason.of(R.REPLACED)
PERSIST_S = 30.0
PERSIST_EVERY_S = 1.0


class _Order(NamedTuple):
    """What the engine is to do; ``is_done`` tells by the container that it did.

    ``said`` is told once it has answered well, or is seen to have done it.
    """

    call: Callable[[], Awaitable[None]]
    said: Reason
    stop_timeout_s: float
    is_done: Callable[[RemedyContext, Container | None], bool]


async def start(job: RemedyContext, said: Reason) -> RemedyExecution:
    """Let the engine start the container."""
    call = partial(job.engine.start, job.container.id)
    return await _execute_order(job, _Order(call, said, 0.0, is_new_run))


async def restart(
    job: RemedyContext, stop_timeout_s: float, said: Reason
) -> RemedyExecution:
    """Let the engine restart the container."""
    call = partial(_restart, job, stop_timeout_s)
    return await _execute_order(job, _Order(call, said, stop_timeout_s, is_new_run))


async def _restart(job: RemedyContext, stop_timeout_s: float) -> None:
    job.engine_stops += 1
    try:
        await job.engine.restart(job.container.id, stop_timeout_s)
    except EngineUnreachable:
        job.engine_stops -= 1
        raise


async def stop(
    job: RemedyContext, stop_timeout_s: float, said: Reason
) -> RemedyExecution:
    """Let the engine stop the container."""
    call = partial(job.engine.stop, job.container.id, stop_timeout_s)
    return await _execute_order(job, _Order(call, said, stop_timeout_s, is_over))


async def inspect_or_none(job: RemedyContext) -> Container | None:
    """The container as it is now; None where the engine does not say."""
    try:
        return await job.engine.inspect(job.container.id)
    except EngineError:
        return None


def is_new_run(job: RemedyContext, fresh: Container | None) -> bool:
    """Is it in another run than the one that is being treated?"""
    return fresh is not None and fresh.status is Status.RUNNING and fresh.run != job.run


def is_over(job: RemedyContext, fresh: Container | None) -> bool:
    """Has the run that is being treated ended?"""
    if fresh is None:
        return False
    return fresh.run != job.run or fresh.status is not Status.RUNNING


async def _execute_order(job: RemedyContext, order: _Order) -> RemedyExecution:
    """Send it once, and look: what the engine has done is an answer, too."""
    sending = asyncio.ensure_future(_on_sent(job, order.call))
    sending.add_done_callback(_retrieve)
    try:
        return await _resolve_timeout(job, sending, order)
    finally:
        # What was not sent yet must not be; what was is not taken back by this.
        sending.cancel()


def _retrieve(sending: "asyncio.Future[None]") -> None:
    """Nobody may be waiting for what became of it any more."""
    if not sending.cancelled():
        sending.exception()


async def _resolve_timeout(
    job: RemedyContext, sending: "asyncio.Future[None]", order: _Order
) -> RemedyExecution:
    until = job.clock.now().mono + order.stop_timeout_s + PATIENCE_S
    while True:
        await asyncio.wait({sending}, timeout=LOOK_EVERY_S)
        acted = await _on_answer(job, sending, order.said) if sending.done() else None
        if acted is not None and acted.result is not RemedyCallResult.UNKNOWN:
            return acted
        fresh = await inspect_or_none(job)
        if order.is_done(job, fresh):
            late = Reason.of(R.ANSWER_IS_LATE, reason=order.said)
            return RemedyExecution(RemedyCallResult.DONE, late, fresh)
        if acted is None:
            continue
        if job.leaving.is_set() or job.clock.now().mono >= until:
            return acted._replace(container=fresh)
        await job.pause(LOOK_EVERY_S)


async def _on_answer(
    job: RemedyContext, sending: "asyncio.Future[None]", said: Reason
) -> RemedyExecution:
    """What the answer says; UNKNOWN: that the engine may be at it, or not."""
    try:
        sending.result()
    except EngineTimeout as error:
        silent = Reason.of(R.ENGINE_SILENT, said=str(error))
        return RemedyExecution(RemedyCallResult.UNKNOWN, silent)
    except EngineUnreachable as error:
        result = RemedyCallResult.FAILED if job.committed else RemedyCallResult.NOT_SENT
        return RemedyExecution(result, Reason.of(R.ENGINE_NOT_ASKED, said=str(error)))
    except ContainerGone:
        return RemedyExecution(RemedyCallResult.NOT_SENT, REMOVED)
    except EngineForbidden as error:
        return RemedyExecution(
            RemedyCallResult.REFUSED,
            text_reason(str(error)),
            await inspect_or_none(job),
        )
    except EngineRefused as error:
        return await _on_refusal(job, error)
    return RemedyExecution(RemedyCallResult.DONE, said, await inspect_or_none(job))


async def _on_refusal(job: RemedyContext, error: EngineRefused) -> RemedyExecution:
    """An engine refuses what a redeploy is taking away, which is no failure."""
    try:
        fresh = await job.engine.inspect(job.container.id)
    except ContainerGone:
        return RemedyExecution(RemedyCallResult.NOT_SENT, REMOVED)
    except EngineError:
        fresh = None
    if fresh is not None and fresh.status is Status.REMOVING:
        return RemedyExecution(RemedyCallResult.NOT_SENT, REMOVED, fresh)
    return RemedyExecution(
        RemedyCallResult.FAILED, Reason.of(R.ENGINE_REFUSED, said=str(error)), fresh
    )


async def _on_sent(job: RemedyContext, call: Callable[[], Awaitable[None]]) -> None:
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
