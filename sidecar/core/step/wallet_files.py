"""Checks of wallet files worked into the state."""

from sidecar.core.model.state import State
from sidecar.core.model.update import Update, no_update
from sidecar.core.model.wallet_file import WalletFilesChecked
from sidecar.core.recovery import wallet_damage


def on_wallet_files_checked(state: State, event: WalletFilesChecked) -> Update:
    """Note whether the wallet files of an instance are damaged."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return no_update(state)
    return wallet_damage.note_check(state, instance, event.damage, event.at)
