"""Load the missing wallets of a wallet daemon."""

from sidecar.core.model.event import RemedyCallResult
from sidecar.core.ports.loop import NotLoaded, RpcFailed
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.expected_wallets import name_paths
from sidecar.remedies.lease_check import check_lease
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """Send one call for each wallet, never repeated."""
    wallet = job.target.wallet
    if wallet is None:
        return RemedyExecution(
            RemedyCallResult.FAILED, Reason.of(R.NO_WALLET_DAEMON), job.container
        )
    # A second load does no harm: no other watchdog need wait for the end of this one.
    early_end = await check_lease(job, 0.0)
    if early_end is not None:
        return early_end
    job.committed = True
    paths, wait_s = job.decision.wallets, job.decision.polite_stop_s
    try:
        missing = await job.wallets.load_wallets(wallet, job.container, paths, wait_s)
    except RpcFailed as error:
        return RemedyExecution(RemedyCallResult.FAILED, error.reason, job.container)
    if missing:
        return RemedyExecution(
            RemedyCallResult.FAILED, _describe_result(missing), job.container
        )
    loaded = Reason.of(R.WALLET_LOADED)
    return RemedyExecution(RemedyCallResult.DONE, loaded, job.container)


def _describe_result(missing: tuple[NotLoaded, ...]) -> Reason:
    """The first missing wallet with its reason; the others by their names."""
    first, *others = missing
    path = name_paths((first.path,))
    reason = Reason.of(R.WALLET_NOT_LOADED, paths=path)
    if first.reason:
        reason = Reason.of(R.WALLET_NOT_LOADED_FOR, paths=path, reason=first.reason)
    if not others:
        return reason
    paths = name_paths(tuple(wallet.path for wallet in others))
    return Reason.of(R.NOR_OTHERS, reason=reason, paths=paths)
