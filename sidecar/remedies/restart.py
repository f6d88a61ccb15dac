"""Restart a container; a wallet daemon that may be alive is first asked to stop.

Its own stop saves the addresses that it has handed out; a signal does not. Its one
thread serves what came first: a daemon that is busy obeys when it comes to it.
"""

import asyncio
from enum import StrEnum
from typing import Any, TypeVar

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.ports.loop import RpcFailed
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery.polite_stop import is_called_off_by_answer
from sidecar.core.status.process_inspection import ProcessFindings, judge_processes
from sidecar.remedies import engine_call
from sidecar.remedies.continue_processes import continue_processes
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution
from sidecar.remedies.stopped_processes import find_stopped_processes

T = TypeVar("T")

LOOK_EVERY_S = 0.2
LOOK_AT_RUN_EVERY_S = 2.0
WRAPPER_STAYS_S = 1.0
STOPS_WITHIN_S = 20.0
"""What a daemon takes to end once it has obeyed; up to 9 s were seen."""

_LOOK_S = 10.0
_LOOK_AT_PROCESSES_S = 3.0

_CAME_BACK = Reason.of(R.CAME_BACK)
_NOT_SEEN = Reason.of(R.GONE_NOT_SEEN)


class _Ending(StrEnum):
    """What ended a wait: the daemon, our own exit, or the end of the run."""

    ANSWERED = "answered"
    LEAVING = "leaving"
    OVER = "over"


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """One restart, whoever does it: the engine's own policy or we.

    A silent daemon that answers after all is left alone.
    """
    wallet, decision = job.target.wallet, job.decision
    asks = wallet is not None and decision.polite_stop_s > 0.0
    job.seen = await _first_look(job, is_needed=asks or decision.process_gone)
    if decision.process_gone and not job.seen.is_idle:
        reason = _CAME_BACK if job.seen.working else _NOT_SEEN
        return RemedyExecution(RemedyCallResult.NOT_SENT, reason, job.container)
    if wallet is None:
        return await _by_engine(job)
    if job.seen.stopped:
        asks = asks and await continue_processes(job)
    elif is_called_off_by_answer(decision):
        off = await _has_answered(job, wallet)
        if off is not None:
            return off
        # A stop would be served after what was just waited for in vain.
        asks = asks and decision.cause is not Cause.HUNG
    return await _stop_politely(job, wallet) if asks else await _by_engine(job)


async def _first_look(job: RemedyContext, *, is_needed: bool) -> ProcessFindings:
    """What the processes tell; asked anew where it is needed and was not had."""
    if job.processes is not None:
        return judge_processes(job.processes, job.container)
    return await _last_look(job) if is_needed else ProcessFindings()


async def _last_look(job: RemedyContext) -> ProcessFindings:
    """What the processes tell now; nothing where they cannot be seen in time."""
    try:
        async with asyncio.timeout(_LOOK_AT_PROCESSES_S):
            seen = await find_stopped_processes(job.engine, job.container, job.sight)
    except TimeoutError:
        return ProcessFindings()
    return seen or ProcessFindings()


async def _by_engine(job: RemedyContext) -> RemedyExecution:
    return await engine_call.restart(
        job, job.decision.stop_timeout_s, Reason.of(R.ENGINE_RESTARTED_IT)
    )


async def _has_answered(
    job: RemedyContext, wallet: ElectronCashProbe
) -> RemedyExecution | None:
    """The end of the remedy, where the daemon answers or its run is over."""
    is_silent = job.decision.cause is Cause.HUNG
    wait_s = job.decision.polite_stop_s if is_silent else _LOOK_S
    if is_silent:
        job.tell(Reason.of(R.WAITS_FOR_ANSWER, seconds=wait_s))
    began = job.clock.now().mono
    asked = asyncio.ensure_future(job.wallets.answers(wallet, job.container, wait_s))
    ending = await _wait(job, asked)
    fresh = await engine_call.inspect_or_none(job)
    if ending is _Ending.ANSWERED:
        if not asked.result():
            return None
        waited_s = job.clock.now().mono - began
        reason = Reason.of(R.ANSWERED_AFTER_ALL, seconds=waited_s)
        return RemedyExecution(RemedyCallResult.NOT_SENT, reason, fresh, answered=True)
    if ending is _Ending.LEAVING:
        return RemedyExecution(
            RemedyCallResult.NOT_SENT, Reason.of(R.SIDECAR_LEAVES), fresh
        )
    return RemedyExecution(
        RemedyCallResult.NOT_SENT, Reason.of(R.ENDED_MEANWHILE), fresh
    )


async def _stop_politely(
    job: RemedyContext, wallet: ElectronCashProbe
) -> RemedyExecution:
    """Ask it to stop, and bring it back once it has, or has not."""
    wait_s = job.decision.polite_stop_s
    until = job.clock.now().mono + wait_s
    job.committed = True
    job.tell(Reason.of(R.ASKED_TO_STOP, seconds=wait_s))
    asked = asyncio.ensure_future(job.wallets.stop(wallet, job.container, wait_s))
    ending = await _wait(job, asked)
    if ending is _Ending.LEAVING:
        reason = Reason.of(R.ASKED_AND_LEFT)
        return RemedyExecution(
            RemedyCallResult.UNKNOWN, reason, await engine_call.inspect_or_none(job)
        )
    failed = _failure(asked) if ending is _Ending.ANSWERED else None
    if failed is None:
        return await _ensure_running(job, await _after_stop(job, STOPS_WITHIN_S))
    has_time = job.clock.now().mono < until and not failed.was_answered
    # A connection that broke off may have been to carry the answer of one that obeys.
    waiting = (
        _after_stop(job, STOPS_WITHIN_S)
        if has_time
        else engine_call.inspect_or_none(job)
    )
    if engine_call.is_over(job, await waiting):
        return await _ensure_running(job, await _after_stop(job, STOPS_WITHIN_S))
    return await _by_engine(job)


async def _wait(job: RemedyContext, asked: "asyncio.Future[T]") -> _Ending:
    """Until ``asked`` is done, we have to go, or somebody else ended the run."""
    leaving = asyncio.ensure_future(job.leaving.wait())
    either: set[asyncio.Future[Any]] = {asked, leaving}
    try:
        while True:
            await asyncio.wait(
                either,
                timeout=LOOK_AT_RUN_EVERY_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if asked.done():
                return _Ending.ANSWERED
            if leaving.done():
                return _Ending.LEAVING
            if engine_call.is_over(job, await engine_call.inspect_or_none(job)):
                return _Ending.OVER
    finally:
        asked.cancel()
        leaving.cancel()


def _failure(asked: "asyncio.Future[None]") -> RpcFailed | None:
    try:
        asked.result()
    except RpcFailed as failed:
        return failed
    return None


async def _after_stop(job: RemedyContext, left_s: float) -> Container | None:
    """Wait until it is clear who has to bring the daemon back."""
    until = job.clock.now().mono + left_s
    while True:
        fresh = await engine_call.inspect_or_none(job)
        if await _is_over(job, fresh):
            return fresh
        saves = fresh is not None and fresh.status is Status.RUNNING
        if job.clock.now().mono >= until or (job.leaving.is_set() and not saves):
            return fresh
        # That we leave is no reason to signal one that saves: drain() ends the wait.
        await (asyncio.sleep(LOOK_EVERY_S) if saves else job.pause(LOOK_EVERY_S))


async def _is_over(job: RemedyContext, fresh: Container | None) -> bool:
    if fresh is None:
        return False
    if fresh.status is Status.RUNNING:
        return engine_call.is_new_run(job, fresh) or await _main_process_remains(job)
    return fresh.status is not Status.RESTARTING and not fresh.engine_restarts_it


async def _main_process_remains(job: RemedyContext) -> bool:
    """Has the daemon gone while the container's main process stays?

    Seen twice: an init ends too, but a moment after the daemon it looked after.
    """
    if not await _daemon_has_gone(job):
        return False
    await asyncio.sleep(WRAPPER_STAYS_S)
    return await _daemon_has_gone(job)


async def _daemon_has_gone(job: RemedyContext) -> bool:
    """Did one work before, and does nothing work there any more?"""
    # A main process that does not merely wait may be the daemon, at its saving.
    return bool(job.seen.working) and (await _last_look(job)).is_idle


async def _ensure_running(
    job: RemedyContext, fresh: Container | None
) -> RemedyExecution:
    if engine_call.is_new_run(job, fresh):
        return RemedyExecution(
            RemedyCallResult.DONE,
            Reason.of(R.STOPPED_AND_POLICY_STARTED),
            fresh,
        )
    if fresh is not None and fresh.status is not Status.RUNNING:
        return await engine_call.start(job, Reason.of(R.STOPPED_AND_STARTED))
    return await engine_call.restart(
        job,
        job.target.restart.dead_stop_timeout_s,
        Reason.of(R.STOPPED_AND_RESTARTED),
    )
