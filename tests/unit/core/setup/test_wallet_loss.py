"""Would a wallet be lost with its daemon's container?"""

import pytest

from sidecar.core.setup.stack_facts import Mount, MountKind, ServiceFacts
from sidecar.core.setup.wallet_loss import LossKind, WalletLoss, find_wallet_loss

WALLET = ("/data/wallets/default_wallet",)
VOLUME = Mount(MountKind.VOLUME, "/data", "/engine/volumes/wallet/_data")
BIND = Mount(MountKind.BIND, "/data/wallets", "/srv/wallets")
UNNAMED = VOLUME._replace(is_anonymous=True)
TMPFS = Mount(MountKind.TMPFS, "/data")
ELSEWHERE = VOLUME._replace(destination="/log")
FOLDER = "/data/wallets"


@pytest.mark.parametrize(
    ("mounts", "loss"),
    [
        ((VOLUME,), None),
        ((TMPFS, BIND), None),
        ((), WalletLoss(LossKind.NOT_ON_VOLUME, FOLDER)),
        (None, WalletLoss(LossKind.NOT_ON_VOLUME, FOLDER)),
        ((ELSEWHERE,), WalletLoss(LossKind.NOT_ON_VOLUME, FOLDER)),
        ((TMPFS,), WalletLoss(LossKind.NOT_ON_VOLUME, FOLDER)),
        ((UNNAMED,), WalletLoss(LossKind.UNNAMED_VOLUME, FOLDER)),
    ],
)
def test_wallet_is_lost_unless_its_folder_is_on_a_named_volume(
    mounts: tuple[Mount, ...] | None, loss: WalletLoss | None
) -> None:
    assert find_wallet_loss(ServiceFacts("wallet", mounts=mounts), WALLET) == loss


def test_each_wallet_file_of_the_settings_counts() -> None:
    service = ServiceFacts("wallet", mounts=(VOLUME,))
    paths = (*WALLET, "/root/second_wallet")
    loss = WalletLoss(LossKind.NOT_ON_VOLUME, "/root")
    assert find_wallet_loss(service, paths) == loss


def test_without_a_named_file_the_folder_of_the_daemon_counts() -> None:
    command = ("electron-cash", "daemon", "-D", "/data")
    service = ServiceFacts("wallet", command=command, mounts=(VOLUME,))
    assert find_wallet_loss(service, ()) is None
    unknown = ServiceFacts("wallet", mounts=(VOLUME,))
    assert find_wallet_loss(unknown, ()) == WalletLoss(LossKind.FOLDER_UNKNOWN)
