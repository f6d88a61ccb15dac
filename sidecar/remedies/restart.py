"""Restart a container; a wallet daemon that may be alive is first asked to stop."""

from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.remedies import daemon_stop, engine_call
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """Restart once, by the engine's restart policy or by Sidecar.

    A silent daemon that answers in the meantime is left alone.
    """
    wallet = await daemon_stop.check_need(job)
    if isinstance(wallet, RemedyExecution):
        return wallet
    if wallet is None:
        return await _restart_by_engine(job)
    stop = await daemon_stop.ask_to_stop(job, wallet)
    if isinstance(stop, RemedyExecution):
        return stop
    if stop.obeyed:
        return await _ensure_running(job, stop.container)
    return await _restart_by_engine(job)


async def _restart_by_engine(job: RemedyContext) -> RemedyExecution:
    return await engine_call.restart(
        job, job.decision.stop_timeout_s, Reason.of(R.ENGINE_RESTARTED_IT)
    )


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
