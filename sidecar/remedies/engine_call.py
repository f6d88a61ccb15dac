"""One changing call to the engine, and the truth about what it did."""

from collections.abc import Awaitable, Callable

from sidecar.core.container import Container, Status
from sidecar.core.event import ActResult
from sidecar.core.ports import (
    ContainerGone,
    EngineError,
    EngineForbidden,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)
from sidecar.remedies.job import Acted, Job

LOOKS = 10
LOOK_EVERY_S = 0.5
PERSIST_S = 30.0
PERSIST_EVERY_S = 1.0


async def start(job: Job, said: str) -> Acted:
    """Let the engine start the container."""
    return await _carried_out(job, lambda: job.engine.start(job.container.id), said)


async def restart(job: Job, stop_timeout_s: float, said: str) -> Acted:
    """Let the engine restart the container."""
    return await _carried_out(
        job, lambda: job.engine.restart(job.container.id, stop_timeout_s), said
    )


async def seen(job: Job) -> Container | None:
    """The container as it is now; None where the engine does not say."""
    try:
        return await job.engine.inspect(job.container.id)
    except EngineError:
        return None


def runs_anew(job: Job, fresh: Container | None) -> bool:
    """Is it in another run than the one that is being treated?"""
    return fresh is not None and fresh.status is Status.RUNNING and fresh.run != job.run


async def _carried_out(
    job: Job, call: Callable[[], Awaitable[None]], said: str
) -> Acted:
    try:
        await _sent(job, call)
    except EngineTimeout as error:
        return await _found_out(job, str(error))
    except EngineUnreachable as error:
        result = ActResult.FAILED if job.committed else ActResult.NOT_SENT
        return Acted(result, f"the engine could not be asked: {error}")
    except ContainerGone:
        return Acted(ActResult.NOT_SENT, "the container was removed meanwhile")
    except EngineForbidden as error:
        return Acted(ActResult.REFUSED, str(error), await seen(job))
    except EngineRefused as error:
        return Acted(ActResult.FAILED, f"the engine refused: {error}", await seen(job))
    return Acted(ActResult.DONE, said, await seen(job))


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


async def _found_out(job: Job, error: str) -> Acted:
    """The engine did not answer in time; it goes on by itself. What did it do?"""
    fresh = None
    for _ in range(LOOKS):
        fresh = await seen(job)
        if runs_anew(job, fresh):
            return Acted(
                ActResult.DONE, "the engine did it, though not within its time", fresh
            )
        if job.leaving.is_set():
            break
        await job.pause(LOOK_EVERY_S)
    return Acted(ActResult.UNKNOWN, f"the engine did not answer: {error}", fresh)
