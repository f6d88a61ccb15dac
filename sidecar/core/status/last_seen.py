"""When a container was last observed, though a listing changes no instance for it."""

from sidecar.core.model.container import Container, Status
from sidecar.core.model.instance import Instance, StopOrigin
from sidecar.core.model.record_copy import replace


def runs_as_before(instance: Instance, container: Container) -> bool:
    """Does a listing of this container change nothing but the time of observation?"""
    return (
        instance.seen_mono is not None
        and instance.exited_mono is None
        and instance.missing_since is None
        and instance.stop is StopOrigin.NONE
        and container.status is Status.RUNNING
        and not container.fault
        and (instance.container is container or instance.container == container)
    )


def note_last_seen(instance: Instance, listed_mono: float | None) -> Instance:
    """The instance with the last listing as the time of its last observation.

    The listing itself changes no instance that runs as before.
    """
    container, seen_mono = instance.container, instance.seen_mono
    if container is None or container.fault or seen_mono is None or listed_mono is None:
        return instance
    return replace(instance, seen_mono=max(seen_mono, listed_mono))
