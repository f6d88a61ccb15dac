"""Health of the targets and of Sidecar itself; errors."""

from msgspec import UNSET, Struct, UnsetType

from sidecar.api_types.words import CauseName, Instant, StateName


class ErrorAnswer(Struct, frozen=True):
    """An error: what is wrong and what to do."""

    error: str


class TargetHealth(Struct, frozen=True, gc=False):
    """Health of a target, or of one replica."""

    name: str
    state: StateName
    cause: CauseName | None
    reason: str


class StackHealth(Struct, frozen=True):
    """Health of every target; a target with replicas is judged as a whole."""

    targets: tuple[TargetHealth, ...]


class ComponentHealth(Struct, frozen=True):
    """Health of one component of Sidecar; ``reason`` is empty when it is healthy."""

    name: str
    ok: bool
    reason: str
    since: Instant


class SidecarHealth(Struct, frozen=True):
    """Health of Sidecar: ``ok`` while every component is."""

    ok: bool
    components: tuple[ComponentHealth, ...]


class ReloadFaults(Struct, frozen=True):
    """Faults of the changed configuration file: nothing was changed."""

    error: str
    faults: tuple[str, ...] | UnsetType = UNSET
