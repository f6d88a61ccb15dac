"""Restart a container; a wallet daemon that answers is first asked to stop.

Its own stop saves the addresses that it has handed out; a signal does not.
"""

import asyncio

from sidecar.core.container import Container, Process, Status
from sidecar.core.event import ActResult
from sidecar.core.ports import EngineError, RpcFailed
from sidecar.core.target import ElectronCashProbe
from sidecar.remedies import engine_call, look
from sidecar.remedies.job import Acted, Job

POLITE_S = 10.0
LOOK_EVERY_S = 0.2
WRAPPER_STAYS_S = 1.0


async def carry_out(job: Job) -> Acted:
    """One restart, whoever does it: the engine's own policy or we."""
    wallet = job.target.wallet
    if wallet is None or not job.decision.rpc_stop:
        return await _by_engine(job)
    began = job.clock.now().mono
    if not await _obeyed_stop(job, wallet):
        return await _by_engine(job)
    left_s = POLITE_S - (job.clock.now().mono - began)
    return await _up_again(job, await _after_stop(job, left_s))


async def _by_engine(job: Job) -> Acted:
    return await engine_call.restart(
        job, job.decision.stop_timeout_s, "the engine restarted it"
    )


async def _obeyed_stop(job: Job, wallet: ElectronCashProbe) -> bool:
    """Send the daemon its ``stop``; did it accept?"""
    job.committed = True
    asked = asyncio.ensure_future(job.wallets.stop(wallet, job.container, POLITE_S))
    leaving = asyncio.ensure_future(job.leaving.wait())
    try:
        await asyncio.wait({asked, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return asked.done() and _accepted(asked)
    finally:
        asked.cancel()
        leaving.cancel()


def _accepted(asked: "asyncio.Future[None]") -> bool:
    try:
        asked.result()
    except RpcFailed:
        return False
    return True


async def _after_stop(job: Job, left_s: float) -> Container | None:
    """Wait until it is clear who has to bring the daemon back."""
    until = job.clock.now().mono + left_s
    while True:
        fresh = await engine_call.seen(job)
        if await _clear(job, fresh):
            return fresh
        if job.clock.now().mono >= until or job.leaving.is_set():
            return fresh
        await job.pause(LOOK_EVERY_S)


async def _clear(job: Job, fresh: Container | None) -> bool:
    if fresh is None:
        return False
    if fresh.status is Status.RUNNING:
        return engine_call.runs_anew(job, fresh) or await _wrapper_stays(job)
    return fresh.status is not Status.RESTARTING and not fresh.engine_restarts_it


async def _wrapper_stays(job: Job) -> bool:
    """Has the daemon gone while the container's main process stays?

    Seen twice: an init ends too, but a moment after the daemon it looked after.
    """
    if not await _wrapper_alone(job):
        return False
    await job.pause(WRAPPER_STAYS_S)
    return await _wrapper_alone(job)


async def _wrapper_alone(job: Job) -> bool:
    """Do fewer processes live than before, the main one among them?

    Counted, for a wrapper's loop has a new ``sleep`` under another id each time.
    """
    before = _living(job, job.evidence.processes)
    try:
        now = _living(job, await job.engine.processes(job.container.id))
    except EngineError:
        return False
    return job.container.pid in now and len(now) < len(before)


def _living(job: Job, processes: tuple[Process, ...]) -> set[int]:
    own = look.own(processes, job.container)
    return {process.pid for process in own if not process.stat.startswith("Z")}


async def _up_again(job: Job, fresh: Container | None) -> Acted:
    if engine_call.runs_anew(job, fresh):
        return Acted(
            ActResult.DONE,
            "it stopped when asked and the engine's own policy started it again",
            fresh,
        )
    if fresh is not None and fresh.status is not Status.RUNNING:
        return await engine_call.start(job, "it stopped when asked; started again")
    return await engine_call.restart(
        job,
        job.target.restart.dead_stop_timeout_s,
        "it stopped when asked, in a container that went on; restarted that",
    )
