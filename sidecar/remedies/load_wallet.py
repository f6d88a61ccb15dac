"""Load the wallets of a daemon that lacks them."""

from sidecar.core.model.event import RemedyCallResult
from sidecar.core.ports.loop import NotLoaded, RpcFailed
from sidecar.core.status.expected_wallets import name_paths
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """One call for each wallet, never repeated."""
    wallet = job.target.wallet
    if wallet is None:
        return RemedyExecution(
            RemedyCallResult.FAILED, "the target is no wallet daemon", job.container
        )
    job.committed = True
    paths, wait_s = job.decision.wallets, job.decision.polite_stop_s
    try:
        missing = await job.wallets.load_wallets(wallet, job.container, paths, wait_s)
    except RpcFailed as error:
        return RemedyExecution(RemedyCallResult.FAILED, str(error), job.container)
    if missing:
        return RemedyExecution(
            RemedyCallResult.FAILED, _describe_result(missing), job.container
        )
    return RemedyExecution(
        RemedyCallResult.DONE, "the wallet was loaded", job.container
    )


def _describe_result(missing: tuple[NotLoaded, ...]) -> str:
    """The first of them with its reason; the others by their names."""
    first, *others = missing
    reason = f": {first.reason}" if first.reason else ""
    said = f"the wallet {name_paths((first.path,))} was not loaded{reason}"
    if others:
        said += f"; nor was {name_paths(tuple(wallet.path for wallet in others))}"
    return said
