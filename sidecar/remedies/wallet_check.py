"""Backup right before a start or restart: is the wallet file on disk sound?"""

from sidecar.core.backup.ports import WalletGuard
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.remedies.remedy_context import RemedyExecution

_READS_WALLET = frozenset({Action.START, Action.RESTART, Action.RECREATE})


async def check_wallet_files(
    guard: WalletGuard | None, decision: Decision, target: Target, container: Container
) -> RemedyExecution | None:
    """Back up the wallet files; a NOT_SENT result if one is damaged.

    An operator who forces the restart gets it all the same.
    """
    if guard is None or target.backup is None or decision.action not in _READS_WALLET:
        return None
    if decision.settles:
        return None
    damage = await guard.before_restart(target, decision.instance, container)
    if damage is None or decision.forced:
        return None
    reason = Reason.of(R.HELD_FOR_WALLET_FILE, reason=damage)
    return RemedyExecution(RemedyCallResult.NOT_SENT, reason, container)
