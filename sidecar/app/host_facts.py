"""Facts of the host for `sidecar doctor`: the engine's socket, disks, time zones."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from sidecar.core.setup.hazards.wallet_checks import data_folder, mount_of
from sidecar.core.setup.stack_facts import (
    DiskFacts,
    MountKind,
    ServiceFacts,
    SocketFacts,
)

_DEFAULT_HOST = "unix:///var/run/docker.sock"
_DEFAULT_STATE = "/var/lib/sidecar"
_POSIX_ZONE = re.compile(r":|[A-Za-z<][^/]*[-+]?[0-9]")


def find_socket(environ: Mapping[str, str]) -> SocketFacts | None:
    """The engine's socket; None: the engine has none here."""
    scheme, _, path = (environ.get("DOCKER_HOST") or _DEFAULT_HOST).partition("://")
    if scheme != "unix":
        return None
    try:
        group_id = Path(path).stat().st_gid
    except OSError:
        return None
    return SocketFacts(path, group_id, os.access(path, os.R_OK | os.W_OK))


def find_disks(
    environ: Mapping[str, str], root_folder: str, services: tuple[ServiceFacts, ...]
) -> tuple[DiskFacts, ...]:
    """The file systems of the engine, the state and the wallets, each once."""
    disks: dict[int, DiskFacts] = {}
    state = environ.get("SIDECAR_STATE_DIR") or _DEFAULT_STATE
    for folder in (root_folder, state, *_wallet_folders(services)):
        try:
            device = os.stat(folder).st_dev if folder else None  # noqa: PTH116
            usage = os.statvfs(folder) if device is not None else None
        except OSError:
            continue
        if device is not None and usage is not None and usage.f_blocks:
            facts = DiskFacts(
                folder, usage.f_bavail * usage.f_frsize, usage.f_blocks * usage.f_frsize
            )
            disks.setdefault(device, facts)
    return tuple(disks.values())


def _wallet_folders(services: tuple[ServiceFacts, ...]) -> Iterator[str]:
    """The folders of the host that have the data of the services."""
    for service in services:
        folder = data_folder(service)
        mount = mount_of(folder, service.mounts or ()) if folder else None
        if mount is not None and mount.kind in {MountKind.BIND, MountKind.VOLUME}:
            yield mount.source


def is_known_zone(zone: str) -> bool | None:
    """Is it a zone of the time zone database? None: it has another form."""
    if _POSIX_ZONE.match(zone) and "/" not in zone:
        return None
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, LookupError):
        return False
    return True
