"""Recreate a container: an equal one takes its place, or all is as it was before.

The old container keeps running, under another name, until the new one has been created
and compared: most of what can go wrong goes wrong before anything is stopped.
"""

import asyncio

from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.ports.engine import (
    ContainerGone,
    EngineError,
    EngineRefused,
    EngineTimeout,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, join_reasons, text_reason
from sidecar.core.status.set_aside import set_aside_name
from sidecar.remedies import daemon_stop, engine_call, recreate_settlement
from sidecar.remedies.lease_check import check_lease
from sidecar.remedies.recreate_settlement import insist
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution

WATCHED_S = 3.0
"""Time that the new container must run before the old one is removed."""
LOOK_EVERY_S = 0.5

_ENDED = frozenset({Status.EXITED, Status.RESTARTING, Status.DEAD})
_LEAVES = Reason.of(R.SIDECAR_LEAVES)


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """Replace the container by an equal one; or end an earlier replacement."""
    if job.decision.settles:
        return await recreate_settlement.carry_out(job)
    wallet = await daemon_stop.check_need(job)
    if isinstance(wallet, RemedyExecution):
        return wallet
    created = await _prepare(job)
    if isinstance(created, RemedyExecution):
        return created
    stop_s = job.decision.stop_timeout_s
    if wallet is not None:
        stop = await daemon_stop.ask_to_stop(job, wallet)
        if isinstance(stop, RemedyExecution):
            await recreate_settlement.roll_back(job, starts=False)
            return stop
        if stop.obeyed:
            stop_s = job.target.restart.dead_stop_timeout_s
    # Another watchdog may have got the lease while the daemon was asked to stop.
    if await recreate_settlement.is_settled(job, created):
        return await _leave_settled(job)
    return await _swap(job, created, stop_s)


async def _prepare(job: RemedyContext) -> Container | RemedyExecution:
    """The new container, created and not started; the old one runs on."""
    job.tell(Reason.of(R.PREPARES_NEW))
    container, engine = job.container, job.engine
    wallets = job.decision.wallets if job.target.wallet is not None else None
    try:
        plan = await engine.plan_replacement(container.id, wallets)
        if plan.obstacles:
            return _make_refusal(join_reasons(plan.obstacles))
        # After the old container has stopped, a refusal would be too late.
        await engine.check_removal()
    except EngineError as error:
        return _not_prepared(error)
    early_end = await check_lease(job, job.decision.stop_timeout_s)
    if early_end is not None:
        return early_end
    job.committed = True
    try:
        await engine.rename(container.id, set_aside_name(container.name))
        created = await engine.create_replacement(plan)
    except EngineError as error:
        await recreate_settlement.roll_back(job)
        return _not_prepared(error)
    if job.leaving.is_set():
        await recreate_settlement.roll_back(job)
        return RemedyExecution(RemedyCallResult.NOT_SENT, _LEAVES)
    return created


def _not_prepared(error: EngineError) -> RemedyExecution:
    if isinstance(error, ContainerGone):
        return RemedyExecution(RemedyCallResult.NOT_SENT, engine_call.REMOVED)
    if isinstance(error, EngineRefused):
        return _make_refusal(text_reason(str(error)))
    reason = Reason.of(R.ENGINE_NOT_ASKED, said=str(error))
    return RemedyExecution(RemedyCallResult.NOT_SENT, reason)


def _make_refusal(why: Reason) -> RemedyExecution:
    return RemedyExecution(
        RemedyCallResult.REFUSED, Reason.of(R.CANNOT_RECREATE, reason=why)
    )


async def _swap(job: RemedyContext, new: Container, stop_s: float) -> RemedyExecution:
    """Stop the old container, start the new one, remove the old one."""
    if not await _stop_old(job, stop_s):
        if job.leaving.is_set():
            return await _undo(job, _LEAVES)
        return await _undo(job, Reason.of(R.OLD_DID_NOT_STOP))
    job.tell(Reason.of(R.STARTS_NEW))
    try:
        await insist(job, lambda: job.engine.start(new.id))
    except EngineTimeout:
        pass  # what it did is seen by the inspection
    except EngineError as error:
        return await _undo(job, Reason.of(R.NEW_NOT_STARTED, said=str(error)))
    running, failure = await _watch(job, new)
    if failure:
        return await _undo(job, failure)
    try:
        await insist(job, lambda: job.engine.remove_stopped(job.container.id))
    except ContainerGone:
        pass
    except EngineError as error:
        name = set_aside_name(job.container.name)
        reason = Reason.of(R.OLD_NOT_REMOVED, container=name, said=str(error))
        return RemedyExecution(RemedyCallResult.DONE, reason, running)
    return RemedyExecution(RemedyCallResult.DONE, Reason.of(R.RECREATED), running)


async def _leave_settled(job: RemedyContext) -> RemedyExecution:
    """Another watchdog has settled the recreate: only our own stop is undone."""
    old, trouble = await recreate_settlement.start_after_own_stop(job)
    reason = Reason.of(R.SETTLED_BY_OTHER)
    if trouble:
        reason = Reason.of(R.NOT_UNDONE, reason=reason, said=trouble)
    return RemedyExecution(RemedyCallResult.UNKNOWN, reason, old)


async def _stop_old(job: RemedyContext, stop_s: float) -> bool:
    """Has the old container stopped? False as well if Sidecar has to end meanwhile."""
    job.engine_stops += 1
    stopping = asyncio.ensure_future(
        engine_call.stop_any_run(job, stop_s, Reason.of(R.RECREATED))
    )
    leaving = asyncio.ensure_future(job.leaving.wait())
    try:
        await asyncio.wait({stopping, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            return False
        execution = stopping.result()
    finally:
        stopping.cancel()
        leaving.cancel()
    # Somebody else may have removed it: the new one is all that is left.
    is_gone = execution.reason == engine_call.REMOVED
    return is_gone or execution.result is RemedyCallResult.DONE


async def _watch(
    job: RemedyContext, new: Container
) -> tuple[Container | None, Reason | None]:
    """The new container once it has run for a while; or why it does not."""
    until = job.clock.now().mono + WATCHED_S
    running: Container | None = None
    while True:
        fresh = await _inspect(job, new.id)
        if fresh is not None and fresh.status is not Status.RUNNING:
            return None, _why_not_running(fresh)
        running = fresh or running
        if job.clock.now().mono >= until or job.leaving.is_set():
            break
        await job.pause(LOOK_EVERY_S)
    if running is None:
        return None, Reason.of(R.NEW_NOT_STARTED, said="")
    if running.restart_count > 0:
        # A running container has no exit code: the engine reports 0.
        return None, Reason.of(R.NEW_ENDED_AND_RUNS)
    return running, None


def _why_not_running(new: Container) -> Reason:
    if new.status in _ENDED:
        return Reason.of(R.NEW_ENDED, exit_code=new.exit_code)
    return Reason.of(R.NEW_NOT_RUNNING, status=new.status)


async def _inspect(job: RemedyContext, container_id: str) -> Container | None:
    try:
        return await job.engine.inspect(container_id)
    except EngineError:
        return None


async def _undo(job: RemedyContext, why: Reason) -> RemedyExecution:
    """Put the old container back; the remedy has failed."""
    old, trouble = await recreate_settlement.roll_back(job)
    if trouble:
        reason = Reason.of(R.NOT_UNDONE, reason=why, said=trouble)
        return RemedyExecution(RemedyCallResult.FAILED, reason, old)
    return RemedyExecution(
        RemedyCallResult.FAILED, Reason.of(R.UNDONE, reason=why), old
    )
