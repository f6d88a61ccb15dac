"""One changing call to the engine, and the verification of its effect."""

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
    LeftAlone,
    ReplacedAlready,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.remedies.lease_check import check_lease
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution

LOOK_EVERY_S = 1.0
PATIENCE_S = 20.0
"""Seconds beyond the stop timeout in which an engine may still finish a call whose
answer was lost.
"""
REMOVED = Reason.of(R.REPLACED)
AT_REST = frozenset({Status.EXITED, Status.CREATED, Status.DEAD})
PERSIST_S = 30.0
PERSIST_EVERY_S = 1.0


class _Order(NamedTuple):
    """One call to the engine; ``is_done`` detects its effect on the container.

    ``reason`` is that of a call that succeeded.
    """

    call: Callable[[], Awaitable[None]]
    reason: Reason
    stop_timeout_s: float
    is_done: Callable[[RemedyContext, Container | None], bool]


async def start(job: RemedyContext, reason: Reason) -> RemedyExecution:
    """Start the container by the engine."""
    call = partial(job.engine.start, job.container.id)
    return await _execute_order(job, _Order(call, reason, 0.0, is_new_run))


async def restart(
    job: RemedyContext, stop_timeout_s: float, reason: Reason
) -> RemedyExecution:
    """Restart the container by the engine."""
    call = partial(_restart, job, stop_timeout_s)
    return await _execute_order(job, _Order(call, reason, stop_timeout_s, is_new_run))


async def _restart(job: RemedyContext, stop_timeout_s: float) -> None:
    job.engine_stops += 1
    try:
        await job.engine.restart(job.container.id, stop_timeout_s)
    except EngineUnreachable:
        job.engine_stops -= 1
        raise


async def stop(
    job: RemedyContext, stop_timeout_s: float, reason: Reason
) -> RemedyExecution:
    """Stop the container by the engine."""
    call = partial(job.engine.stop, job.container.id, stop_timeout_s)
    return await _execute_order(
        job, _Order(call, reason, stop_timeout_s, has_run_ended)
    )


async def stop_any_run(
    job: RemedyContext, stop_timeout_s: float, reason: Reason
) -> RemedyExecution:
    """Stop the container, also if its engine has already started the next run."""
    call = partial(job.engine.stop, job.container.id, stop_timeout_s)
    return await _execute_order(job, _Order(call, reason, stop_timeout_s, is_at_rest))


async def inspect_or_none(job: RemedyContext) -> Container | None:
    """The container as it is now; None if the engine does not answer."""
    try:
        return await job.engine.inspect(job.container.id)
    except EngineError:
        return None


def is_new_run(job: RemedyContext, fresh: Container | None) -> bool:
    """Does the container run, in another run than the one under treatment?"""
    return fresh is not None and fresh.status is Status.RUNNING and fresh.run != job.run


def has_run_ended(job: RemedyContext, fresh: Container | None) -> bool:
    """Has the run under treatment ended?"""
    if fresh is None:
        return False
    return fresh.run != job.run or fresh.status is not Status.RUNNING


def is_at_rest(_: RemedyContext, fresh: Container | None) -> bool:
    """Does the container not run, and does nothing start or stop it now?"""
    return fresh is not None and fresh.status in AT_REST


async def _execute_order(job: RemedyContext, order: _Order) -> RemedyExecution:
    """Send the call once, and inspect: its effect counts as an answer, too."""
    early_end = await check_lease(job, order.stop_timeout_s)
    if early_end is not None:
        return early_end
    sending = asyncio.ensure_future(_send_persistently(job, order.call))
    sending.add_done_callback(_mark_retrieved)
    try:
        execution = await _resolve_timeout(job, sending, order)
        if job.lease is not None and execution.result is not RemedyCallResult.UNKNOWN:
            job.lease.end_call()
        return execution
    finally:
        # A call that was not sent yet must not be sent; a sent one is not undone.
        sending.cancel()


def _mark_retrieved(sending: "asyncio.Future[None]") -> None:
    """Mark the task's exception as retrieved: no caller may wait for it any more."""
    if not sending.cancelled():
        sending.exception()


async def _resolve_timeout(
    job: RemedyContext, sending: "asyncio.Future[None]", order: _Order
) -> RemedyExecution:
    until = job.clock.now().mono + order.stop_timeout_s + PATIENCE_S
    while True:
        await asyncio.wait({sending}, timeout=LOOK_EVERY_S)
        execution = (
            await _on_answer(job, sending, order.reason) if sending.done() else None
        )
        if execution is not None and execution.result is not RemedyCallResult.UNKNOWN:
            return execution
        fresh = await inspect_or_none(job)
        if order.is_done(job, fresh):
            late = Reason.of(R.ANSWER_IS_LATE, reason=order.reason)
            return RemedyExecution(RemedyCallResult.DONE, late, fresh)
        if execution is None:
            continue
        if job.leaving.is_set() or job.clock.now().mono >= until:
            return execution._replace(container=fresh)
        await job.pause(LOOK_EVERY_S)


async def _on_answer(
    job: RemedyContext, sending: "asyncio.Future[None]", reason: Reason
) -> RemedyExecution:
    """The execution by the engine's answer; UNKNOWN: the engine may still do it."""
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
    return RemedyExecution(RemedyCallResult.DONE, reason, await inspect_or_none(job))


async def _on_refusal(job: RemedyContext, error: EngineRefused) -> RemedyExecution:
    """A refusal; not a failure if somebody else is acting on the container."""
    try:
        fresh = await job.engine.inspect(job.container.id)
    except ContainerGone:
        return RemedyExecution(RemedyCallResult.NOT_SENT, REMOVED)
    except EngineError:
        fresh = None
    if fresh is not None and fresh.status is Status.REMOVING:
        return RemedyExecution(RemedyCallResult.NOT_SENT, REMOVED, fresh)
    if isinstance(error, LeftAlone):
        why = Reason.of(R.LEFT_ALONE, said=str(error))
        replaced = isinstance(error, ReplacedAlready)
        return RemedyExecution(RemedyCallResult.NOT_SENT, why, fresh, replaced=replaced)
    return RemedyExecution(
        RemedyCallResult.FAILED, Reason.of(R.ENGINE_REFUSED, said=str(error)), fresh
    )


async def _send_persistently(
    job: RemedyContext, call: Callable[[], Awaitable[None]]
) -> None:
    """Send the call; retry for PERSIST_S if Sidecar already stopped the daemon.

    To give up then would leave the daemon stopped.
    """
    must_retry, job.committed = job.committed, True
    give_up = job.clock.now().mono + PERSIST_S
    while True:
        try:
            return await call()
        except EngineUnreachable:
            if not must_retry:
                job.committed = False
                raise
            if job.clock.now().mono >= give_up or job.leaving.is_set():
                raise
            await job.pause(PERSIST_EVERY_S)
