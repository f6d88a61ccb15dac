"""Obstacles to an equal container: what a new one could not have. Pure.

Files that compose copies into a container after the create (``configs`` and ``secrets``
with their content in the compose file) are nowhere in its settings: they are found as
files of the container itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.engine.containers import parse
from sidecar.engine.replacement_plan import has_endpoints, primary_network
from sidecar.engine.replacement_types import (
    Change,
    ConfigFacts,
    EndpointSettings,
    HostFacts,
    ImageNames,
    MountPoint,
    Neighbour,
    Original,
)

SERVICE_LABEL = "com.docker.compose.service"
_DIGEST = "sha256:"
_DELETED = 2
_SHOWN_FILES = 3
_LONGEST_PATH = 80
_LASTING = frozenset({"volume", "bind"})
_SECRETS = PurePosixPath("/run/secrets")
_SCRATCH = tuple(
    PurePosixPath(path)
    for path in (
        *("/tmp", "/var/tmp", "/run", "/var/run", "/var/lock", "/var/log"),  # noqa: S108
        *("/var/cache", "/root/.cache", "/dev", "/proc", "/sys"),
    )
)
"""Folders whose files no program expects to find again."""
_INIT_PROGRAMS = frozenset({"/sbin/docker-init", "/usr/sbin/docker-init"})
"""Files that the engine adds to a container with ``init``."""
_SCRATCH_NAMES = frozenset({"__pycache__", ".cache"})
_SCRATCH_SUFFIXES = frozenset({".pid", ".lock", ".sock", ".log", ".pyc", ".tmp"})


class Surroundings(NamedTuple):
    """Facts around a container that is to be replaced.

    ``image``: the names of its image now; None: there is no such image any more.
    ``neighbours``: all containers of the engine; ``members``: the inspects of those of
    the same stack. ``changes``: paths that differ from the image. ``wallets``: paths of
    its wallets; None: it is no wallet daemon.
    """

    image: ImageNames | None
    neighbours: Sequence[Neighbour]
    members: Sequence[object]
    changes: Sequence[Change]
    wallets: tuple[str, ...] | None


def find_obstacles(raw: object, around: Surroundings) -> Iterator[Reason]:
    """Each reason why no equal container can be made."""
    original = parse(raw, Original)
    host = parse(original.host_config, HostFacts)
    config = parse(original.config, ConfigFacts)
    if not (config.labels or {}).get(SERVICE_LABEL):
        yield Reason.of(R.NOT_OF_COMPOSE)
    if host.auto_remove:
        yield Reason.of(R.REMOVED_AT_STOP)
    yield from _image_obstacles(config, around.image)
    yield from _volume_obstacles(original, host)
    yield from _wallet_obstacles(original, around.wallets)
    yield from _file_obstacles(original, host, around.changes)
    yield from _network_obstacles(original, host)
    yield from _user_obstacles(original, around)


def _image_obstacles(config: ConfigFacts, image: ImageNames | None) -> Iterator[Reason]:
    if image is None:
        yield Reason.of(R.IMAGE_GONE, image=config.image)
    elif not _is_named_so(image, config.image):
        yield Reason.of(R.IMAGE_IS_OTHER, image=config.image)


def _is_named_so(image: ImageNames, name: str) -> bool:
    """Does the name that the container was created by still stand for its image?"""
    if name.startswith(_DIGEST):
        return image.id.startswith(name)
    short = name.removeprefix("docker.io/").removeprefix("library/")
    repository, _, digest = short.partition("@")
    folder, slash, last = repository.rpartition("/")
    if digest:
        untagged = f"{folder}{slash}{last.partition(':')[0]}"
        return f"{untagged}@{digest}" in (image.repo_digests or ())
    tagged = repository if ":" in last else f"{repository}:latest"
    return tagged in (image.repo_tags or ())


# --- volumes and files


def _volume_obstacles(original: Original, host: HostFacts) -> Iterator[Reason]:
    if host.volumes_from:
        yield Reason.of(R.HAS_VOLUMES_FROM)
        return
    for mount in original.mounts or ():
        if mount.type == "volume" and not _is_named(mount, host):
            yield Reason.of(R.VOLUME_UNNAMED, path=mount.destination)


def _is_named(mount: MountPoint, host: HostFacts) -> bool:
    """Do the settings name the volume, so that a new container gets the same one?"""
    sources = {bind.partition(":")[0] for bind in host.binds or ()}
    return mount.name in sources | {setting.source for setting in host.mounts or ()}


def _wallet_obstacles(
    original: Original, wallets: tuple[str, ...] | None
) -> Iterator[Reason]:
    """A wallet in the container itself would be lost, and the money with it."""
    if wallets is None:
        return
    if not wallets or not all(path.startswith("/") for path in wallets):
        yield Reason.of(R.WALLET_PATH_UNKNOWN)
    for path in wallets:
        if path.startswith("/") and not _is_on_volume(path, original):
            yield Reason.of(R.WALLET_IN_CONTAINER, path=path)


def _is_on_volume(path: str, original: Original) -> bool:
    over = [
        mount
        for mount in original.mounts or ()
        if PurePosixPath(path).is_relative_to(PurePosixPath(mount.destination))
    ]
    nearest = max(
        over, key=lambda m: len(PurePosixPath(m.destination).parts), default=None
    )
    return nearest is not None and nearest.type in _LASTING


def _file_obstacles(
    original: Original, host: HostFacts, changes: Sequence[Change]
) -> Iterator[Reason]:
    mounted = [mount.destination for mount in original.mounts or ()]
    paths = own_files(changes, [*mounted, *(host.tmpfs or ())])
    if not paths:
        return
    path_list = ", ".join(path[:_LONGEST_PATH] for path in paths[:_SHOWN_FILES])
    yield Reason.of(R.FILES_IN_CONTAINER, count=len(paths), paths=path_list)


def own_files(changes: Sequence[Change], mounted: Iterable[str]) -> list[str]:
    """Files of the container itself that a new one would lack, or have otherwise.

    Not those of folders and kinds that are written anew at each start.
    """
    folders = {
        str(folder)
        for path in (*(change.path for change in changes), *mounted)
        for folder in PurePosixPath(path).parents
    }
    mounts = [PurePosixPath(path) for path in mounted]
    return sorted(
        change.path
        for change in changes
        if change.kind != _DELETED
        and change.path not in folders
        and not _is_expendable(PurePosixPath(change.path), mounts)
    )


def _is_expendable(path: PurePosixPath, mounts: Sequence[PurePosixPath]) -> bool:
    is_mounted = any(path.is_relative_to(mount) for mount in mounts)
    if is_mounted or str(path) in _INIT_PROGRAMS:
        return True
    if path.is_relative_to(_SECRETS) and path != _SECRETS:
        return False
    return (
        any(path.is_relative_to(folder) for folder in _SCRATCH)
        or path.suffix in _SCRATCH_SUFFIXES
        or not _SCRATCH_NAMES.isdisjoint(path.parts)
    )


# --- networks and other containers


def _network_obstacles(original: Original, host: HostFacts) -> Iterator[Reason]:
    networks = original.network_settings.networks or {}
    endpoints = [at or EndpointSettings() for at in networks.values()]
    if host.links or any(at.links for at in endpoints):
        yield Reason.of(R.HAS_LINKS)
    main = primary_network(original, host.network_mode)
    if has_endpoints(host.network_mode) and main not in networks:
        yield Reason.of(R.LEFT_MAIN_NETWORK, network=main)


def _user_obstacles(original: Original, around: Surroundings) -> Iterator[Reason]:
    users = {
        *_network_users(original, around.neighbours),
        *_other_users(original, around.members),
    }
    for user in sorted(users):
        yield Reason.of(R.USED_BY_OTHER, container=user)


def _network_users(
    original: Original, neighbours: Sequence[Neighbour]
) -> Iterator[str]:
    for other in neighbours:
        if other.id != original.id and _is_of(other.host_config.network_mode, original):
            yield (other.names or [other.id])[0].removeprefix("/")


def _other_users(original: Original, members: Sequence[object]) -> Iterator[str]:
    """Members of the stack that use its processes, its memory, its volumes or links."""
    for raw in members:
        other = parse(raw, Original)
        host = parse(other.host_config, HostFacts)
        linked = [link.partition(":")[0] for link in host.links or ()]
        names = [
            *(source.partition(":")[0] for source in host.volumes_from or ()),
            *(name.removeprefix("/") for name in linked),
        ]
        uses = _is_of(host.pid_mode, original) or _is_of(host.ipc_mode, original)
        if other.id == original.id:
            continue
        if uses or any(_means(name, original) for name in names):
            yield other.own_name


def _is_of(mode: str, original: Original) -> bool:
    """Does a mode such as ``container:ID`` mean this container?"""
    kind, _, name = mode.partition(":")
    return kind == "container" and _means(name, original)


def _means(name: str, original: Original) -> bool:
    is_id = len(name) >= len(original.id[:12]) and original.id.startswith(name)
    return bool(name) and (is_id or name == original.own_name)
