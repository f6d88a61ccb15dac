"""Load the wallet of a daemon that has none loaded."""

from sidecar.core.event import ActResult
from sidecar.core.ports import RpcFailed
from sidecar.remedies.job import Acted, Job

LOADING_S = 30.0


async def carry_out(job: Job) -> Acted:
    """One call, never repeated."""
    wallet = job.target.wallet
    if wallet is None:
        return Acted(ActResult.FAILED, "the target is no wallet daemon", job.container)
    job.committed = True
    try:
        loaded = await job.wallets.load_wallet(wallet, job.container, LOADING_S)
    except RpcFailed as error:
        return Acted(ActResult.FAILED, str(error), job.container)
    if not loaded:
        return Acted(
            ActResult.FAILED,
            "the wallet file is missing or its password is wrong",
            job.container,
        )
    return Acted(ActResult.DONE, "the wallet was loaded", job.container)
