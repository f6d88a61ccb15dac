"""The gated features of the engine that the settings use."""

from collections.abc import Callable, Iterator

from sidecar.config.settings import Settings
from sidecar.core.model.state import State
from sidecar.engine.connection import EngineConnection
from sidecar.engine.features import Feature


class FeaturesInUse:
    """The gated features in use, for ``EngineConnection.features_in_use``.

    A feature stays in use until the process ends: what it began must be ended, although
    a reload of the file has turned it off meanwhile. So must a recreate that an earlier
    process left half done. Those that ``link`` has in use stay so: the kind of engine
    needs them.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        state: Callable[[], State],
        link: EngineConnection,
    ) -> None:
        self._settings = settings
        self._state = state
        self._used = frozenset(link.features_in_use())

    def use(self, *features: Feature) -> None:
        """Have these features in use as well: a command needs them."""
        self._used |= frozenset(features)

    def __call__(self) -> frozenset[Feature]:
        """The features; from any thread."""
        self._used |= frozenset(_used_by(self._settings(), self._state()))
        return self._used


def _used_by(settings: Settings, state: State) -> Iterator[Feature]:
    recreates = any(target.recreate for target in settings.targets)
    settles = any(instance.set_aside for instance in state.instances.values())
    backups = [t.backup for t in settings.targets if t.backup is not None]
    tests = any(backup.restore_test for backup in backups)
    if recreates or settles:
        yield Feature.RECREATE
        yield Feature.CONNECT
    if recreates or settles or tests:
        yield Feature.CREATE
    if tests:
        yield Feature.RESTORE_TEST
    if backups:
        yield Feature.BACKUP
        yield Feature.RESTORE
