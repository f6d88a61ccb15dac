"""The instances whose wallet files are copied."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sidecar.core.model.container import Container
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target


class WalletSource(NamedTuple):
    """An instance with settings of backups; ``container`` None: it has none now."""

    target: Target
    instance_id: InstanceId
    container: Container | None
    is_damaged: bool


Sources = Callable[[], Iterable[WalletSource]]
"""The instances with settings of backups, as they are now."""


def wallet_sources(state: State) -> tuple[WalletSource, ...]:
    """The first replica of each target that has settings of backups."""
    sources: dict[str, WalletSource] = {}
    for name, target in state.targets.items():
        if target.backup is None:
            continue
        for instance in state.replicas(name):
            source = WalletSource(
                target,
                instance.id,
                instance.container,
                instance.wallet_damage is not None,
            )
            if name not in sources or sources[name].container is None:
                sources[name] = source
    return tuple(sources.values())
