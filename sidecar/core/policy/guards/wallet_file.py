"""Guard for the wallet file on disk, which a start makes the daemon read."""

from sidecar.core.model.decision import Action
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason


def check_wallet_file(case: GuardInput) -> Reason | None:
    """Wait while the wallet file is damaged, or until an operator forces it."""
    damage = case.instance.wallet_damage
    if damage is None or case.forced or case.target.backup is None:
        return None
    if case.action is Action.LOAD_WALLET:
        return None
    return Reason.of(R.HELD_FOR_WALLET_FILE, reason=damage.reason)
