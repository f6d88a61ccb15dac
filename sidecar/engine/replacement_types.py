"""Types of the engine's JSON that a replacement is planned from, as far as judged.

What is not judged is passed on as it is: ``config`` and ``host_config`` are whole.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from sidecar.engine.api_types import ContainerId, Pascal

Json = dict[str, Any]


class MountPoint(Pascal, frozen=True):
    """A mount of the container as it is; ``name`` is that of its volume."""

    destination: str
    type: str = ""
    name: str = ""
    source: str = ""
    driver: str = ""
    mode: str = ""
    rw: bool = msgspec.field(name="RW", default=True)
    propagation: str = ""


class EndpointSettings(Pascal, frozen=True):
    """The container on one network: what was asked for, and what came of it."""

    network_id: str = msgspec.field(name="NetworkID", default="")
    aliases: list[str] | None = None
    links: list[str] | None = None
    ipam: Json | None = msgspec.field(name="IPAMConfig", default=None)
    driver_opts: dict[str, str] | None = None
    gateway_priority: int = msgspec.field(name="GwPriority", default=0)
    mac_address: str | None = None
    ipv4: str | None = msgspec.field(name="IPAddress", default=None)


class Networks(Pascal, frozen=True):
    """The networks by name."""

    networks: dict[str, EndpointSettings | None] | None = None


class Original(Pascal, frozen=True):
    """A container with everything that a new one takes over."""

    id: ContainerId
    name: str
    image: str
    config: Json
    host_config: Json
    mounts: list[MountPoint] | None = None
    network_settings: Networks = Networks()

    @property
    def own_name(self) -> str:
        """Its name, without the engine's slash."""
        return self.name.removeprefix("/")


class MountSetting(Pascal, frozen=True):
    """A mount as it was asked for; no source: the engine gave it a volume."""

    source: str = ""


class HostFacts(Pascal, frozen=True):
    """The judged part of the settings for running it."""

    auto_remove: bool = False
    network_mode: str = ""
    pid_mode: str = ""
    ipc_mode: str = ""
    binds: list[str] | None = None
    mounts: list[MountSetting] | None = None
    tmpfs: dict[str, str] | None = None
    links: list[str] | None = None
    volumes_from: list[str] | None = None


class ConfigFacts(Pascal, frozen=True):
    """The judged part of the settings that it was created with."""

    hostname: str = ""
    image: str = ""
    labels: dict[str, str] | None = None


class ListedHost(Pascal, frozen=True):
    """The settings that a list of containers has."""

    network_mode: str = ""


class Neighbour(Pascal, frozen=True):
    """An entry in the list of all containers of the engine."""

    id: ContainerId
    names: list[str] | None = None
    host_config: ListedHost = ListedHost()
    labels: Mapping[str, str] | None = None


class Change(Pascal, frozen=True):
    """A path that differs from the image; ``kind``: 0 changed, 1 added, 2 deleted."""

    path: str
    kind: int


class ImageNames(Pascal, frozen=True):
    """The names that stand for an image now."""

    id: str
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class CreatedContainer(Pascal, frozen=True):
    """The answer to a create."""

    id: ContainerId
