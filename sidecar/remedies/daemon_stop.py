"""Stop a wallet daemon by its own command, before anything ends it by a signal.

Its own stop saves the addresses that it has handed out; a signal does not. Its one
thread serves requests in order: a busy daemon stops when it reaches the request.
"""

import asyncio
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

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
from sidecar.remedies.lease_check import check_lease
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution
from sidecar.remedies.stopped_processes import find_stopped_processes

T = TypeVar("T")

LOOK_EVERY_S = 0.2
LOOK_AT_RUN_EVERY_S = 2.0
WRAPPER_STAYS_S = 1.0
STOPS_WITHIN_S = 20.0
"""The time that a daemon may take to end after its answer; 9 s were observed."""

_LOOK_S = 10.0
_LOOK_AT_PROCESSES_S = 3.0

_CAME_BACK = Reason.of(R.CAME_BACK)
_NOT_SEEN = Reason.of(R.GONE_NOT_SEEN)


class DaemonStop(NamedTuple):
    """The end of a polite stop; ``obeyed``: the daemon has ended, or is about to.

    ``container`` is its last state; None: it could not be inspected.
    """

    obeyed: bool
    container: Container | None = None


class _Ending(StrEnum):
    """The end of a wait: the daemon's answer, Sidecar's exit, or the end of the run."""

    ANSWERED = "answered"
    LEAVING = "leaving"
    OVER = "over"


async def check_need(job: RemedyContext) -> RemedyExecution | ElectronCashProbe | None:
    """The wallet daemon that is to be asked to stop; None: there is none to ask.

    The end of the remedy instead, if the process that had gone is back, or if a silent
    daemon answers in the meantime: it is left alone.
    """
    wallet, decision = job.target.wallet, job.decision
    asks = wallet is not None and decision.polite_stop_s > 0.0
    job.findings = await _initial_findings(job, is_needed=asks or decision.process_gone)
    if decision.process_gone and not job.findings.is_idle:
        reason = _CAME_BACK if job.findings.working else _NOT_SEEN
        return RemedyExecution(RemedyCallResult.NOT_SENT, reason, job.container)
    if wallet is None:
        return None
    if job.findings.stopped:
        early_end = await check_lease(job, 0.0) if asks else None
        if early_end is not None:
            return early_end
        asks = asks and await continue_processes(job)
    elif is_called_off_by_answer(decision):
        early_end = await _wait_for_answer(job, wallet)
        if early_end is not None:
            return early_end
        # The daemon would serve a stop only after the request that it did not answer.
        asks = asks and decision.cause is not Cause.HUNG
    return wallet if asks else None


async def _initial_findings(job: RemedyContext, *, is_needed: bool) -> ProcessFindings:
    """The findings about the processes; read again if needed and not known yet."""
    if job.processes is not None:
        return judge_processes(job.processes, job.container)
    return await _read_findings(job) if is_needed else ProcessFindings()


async def _read_findings(job: RemedyContext) -> ProcessFindings:
    """The findings about the present processes; empty if not readable in time."""
    try:
        async with asyncio.timeout(_LOOK_AT_PROCESSES_S):
            findings = await find_stopped_processes(job.engine, job.container, job.host)
    except TimeoutError:
        return ProcessFindings()
    return findings or ProcessFindings()


async def _wait_for_answer(
    job: RemedyContext, wallet: ElectronCashProbe
) -> RemedyExecution | None:
    """The end of the remedy, if the daemon answers or its run is over; else None."""
    is_silent = job.decision.cause is Cause.HUNG
    wait_s = job.decision.polite_stop_s if is_silent else _LOOK_S
    if is_silent:
        job.tell(Reason.of(R.WAITS_FOR_ANSWER, seconds=wait_s))
    began = job.clock.now().mono
    request = asyncio.ensure_future(job.wallets.answers(wallet, job.container, wait_s))
    ending = await _wait_for_ending(job, request)
    fresh = await engine_call.inspect_or_none(job)
    if ending is _Ending.ANSWERED:
        if not request.result():
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


async def ask_to_stop(
    job: RemedyContext, wallet: ElectronCashProbe
) -> RemedyExecution | DaemonStop:
    """Ask the daemon to stop, and wait until it has ended.

    The end of the remedy, if Sidecar has to end: the daemon then ends later.
    """
    early_end = await check_lease(job, 0.0)
    if early_end is not None:
        return early_end
    wait_s = job.decision.polite_stop_s
    until = job.clock.now().mono + wait_s
    job.committed = job.daemon_asked = True
    job.tell(Reason.of(R.ASKED_TO_STOP, seconds=wait_s))
    request = asyncio.ensure_future(job.wallets.stop(wallet, job.container, wait_s))
    ending = await _wait_for_ending(job, request)
    if ending is _Ending.LEAVING:
        reason = Reason.of(R.ASKED_AND_LEFT)
        return RemedyExecution(
            RemedyCallResult.UNKNOWN, reason, await engine_call.inspect_or_none(job)
        )
    failure = _failure(request) if ending is _Ending.ANSWERED else None
    if failure is None:
        return DaemonStop(
            obeyed=True, container=await _wait_for_end(job, STOPS_WITHIN_S)
        )
    has_time = job.clock.now().mono < until and not failure.was_answered
    # The connection may have broken before the answer of a daemon that does stop.
    next_container = (
        _wait_for_end(job, STOPS_WITHIN_S)
        if has_time
        else engine_call.inspect_or_none(job)
    )
    if engine_call.has_run_ended(job, await next_container):
        return DaemonStop(
            obeyed=True, container=await _wait_for_end(job, STOPS_WITHIN_S)
        )
    return DaemonStop(obeyed=False)


async def _wait_for_ending(job: RemedyContext, request: "asyncio.Future[T]") -> _Ending:
    """Wait until ``request`` is done, Sidecar has to end, or the run has ended."""
    leaving = asyncio.ensure_future(job.leaving.wait())
    either: set[asyncio.Future[Any]] = {request, leaving}
    try:
        while True:
            await asyncio.wait(
                either,
                timeout=LOOK_AT_RUN_EVERY_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if request.done():
                return _Ending.ANSWERED
            if leaving.done():
                return _Ending.LEAVING
            if engine_call.has_run_ended(job, await engine_call.inspect_or_none(job)):
                return _Ending.OVER
    finally:
        request.cancel()
        leaving.cancel()


def _failure(request: "asyncio.Future[None]") -> RpcFailed | None:
    try:
        request.result()
    except RpcFailed as failed:
        return failed
    return None


async def _wait_for_end(job: RemedyContext, left_s: float) -> Container | None:
    """Wait until it is clear whether the engine or Sidecar has to start the daemon."""
    until = job.clock.now().mono + left_s
    while True:
        fresh = await engine_call.inspect_or_none(job)
        if await _needs_next_step(job, fresh):
            return fresh
        saves = fresh is not None and fresh.status is Status.RUNNING
        if job.clock.now().mono >= until or (job.leaving.is_set() and not saves):
            return fresh
        # A daemon that saves gets no signal, even if Sidecar ends: drain() limits this.
        await (asyncio.sleep(LOOK_EVERY_S) if saves else job.pause(LOOK_EVERY_S))


async def _needs_next_step(job: RemedyContext, fresh: Container | None) -> bool:
    if fresh is None:
        return False
    if fresh.status is Status.RUNNING:
        return engine_call.is_new_run(job, fresh) or await _main_process_remains(job)
    return fresh.status is not Status.RESTARTING and not fresh.engine_restarts_it


async def _main_process_remains(job: RemedyContext) -> bool:
    """Has the daemon ended while the container's main process still runs?

    Checked twice: an init ends, too, but a moment after its daemon.
    """
    if not await _daemon_has_gone(job):
        return False
    await asyncio.sleep(WRAPPER_STAYS_S)
    return await _daemon_has_gone(job)


async def _daemon_has_gone(job: RemedyContext) -> bool:
    """Did a process work before, and is none working any more?"""
    # A main process that does not merely wait may be the daemon while it saves.
    return bool(job.findings.working) and (await _read_findings(job)).is_idle
