"""Would a wallet be lost with its daemon's container?"""

from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from sidecar.core.setup.hazards.wallet_checks import data_folder, is_lasting, mount_of
from sidecar.core.setup.stack_facts import ServiceFacts


class LossKind(StrEnum):
    """Why a wallet would be lost, or that this is not known."""

    NOT_ON_VOLUME = "not_on_volume"
    UNNAMED_VOLUME = "unnamed_volume"
    FOLDER_UNKNOWN = "folder_unknown"


class WalletLoss(NamedTuple):
    """A wallet would be lost; ``folder`` "": the folder of its files is not known."""

    kind: LossKind
    folder: str = ""


def find_wallet_loss(
    service: ServiceFacts, wallet_paths: tuple[str, ...]
) -> WalletLoss | None:
    """The loss of a wallet with its container; None: it would not be lost.

    ``wallet_paths``: the wallet files that the settings name; without them the folder
    is that of the daemon's command line or environment.
    """
    folders = {str(PurePosixPath(path).parent) for path in wallet_paths}
    if not folders and (folder := data_folder(service)) is not None:
        folders = {folder}
    mounts = service.mounts or ()
    for folder in sorted(folders):
        mount = mount_of(folder, mounts)
        if mount is None or not is_lasting(mount):
            return WalletLoss(LossKind.NOT_ON_VOLUME, folder)
        if mount.is_anonymous:
            return WalletLoss(LossKind.UNNAMED_VOLUME, folder)
    return None if folders else WalletLoss(LossKind.FOLDER_UNKNOWN)
