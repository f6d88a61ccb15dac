"""The wallet files of an instance on disk, as their last backup found them."""

from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import Reason


class WalletDamage(NamedTuple):
    """A damage of a wallet file, which holds restarts until the file is sound again."""

    reason: Reason
    since_wall: float


@dataclass(frozen=True, slots=True)
class WalletFilesChecked:
    """A backup judged the wallet files of an instance on disk.

    ``damage`` NO_REASON: they are sound. Files that could not be judged give no event.
    """

    at: Moment
    instance: InstanceId
    damage: Reason
