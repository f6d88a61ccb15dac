"""Last checks of several watchdogs right before a call that changes something."""

from sidecar.core.model.event import RemedyCallResult
from sidecar.core.ports.engine import ContainerGone, EngineError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status.lease import call_s
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution


async def check_lease(
    job: RemedyContext, stop_timeout_s: float
) -> RemedyExecution | None:
    """The end of the remedy, if the lease does not permit the call; else None.

    The container must still be in the run under treatment: another watchdog may have
    restarted it. Asked last is whether the lease still lasts for the whole call.
    """
    if job.lease is None:
        return None
    decision, seconds = job.decision, call_s(stop_timeout_s)
    must = job.committed
    objection = await job.lease.permit(decision, seconds, committed=must)
    if not objection and not must:
        objection = await _find_other_run(job)
    if not objection:
        objection = await job.lease.check_again(decision, seconds, committed=must)
    return _end(job, objection) if objection else None


async def _find_other_run(job: RemedyContext) -> Reason:
    try:
        fresh = await job.engine.inspect(job.container.id)
    except ContainerGone:
        return Reason.of(R.REPLACED)
    except EngineError as error:
        return Reason.of(R.ENGINE_NOT_ASKED, said=str(error))
    is_same = fresh.run == job.run and fresh.status is job.container.status
    return NO_REASON if is_same else Reason.of(R.RESTARTED_MEANWHILE)


def _end(job: RemedyContext, objection: Reason) -> RemedyExecution:
    """Nothing is sent any more; after a first call, what happens is not known."""
    if job.lease is not None and not job.committed:
        job.lease.end_call()
    result = RemedyCallResult.UNKNOWN if job.committed else RemedyCallResult.NOT_SENT
    return RemedyExecution(result, objection)
