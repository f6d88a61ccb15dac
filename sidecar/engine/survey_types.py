"""Types of the engine's JSON that only ``init`` and ``doctor`` read."""

import msgspec

from sidecar.engine.api_types import Nanoseconds, Number, Pascal


class SurveyedHealthCheck(Pascal, frozen=True):
    """The HEALTHCHECK's command."""

    test: list[str] | None = None


class SurveyedConfig(Pascal, frozen=True):
    """Settings that the container was created with."""

    image: str = ""
    env: list[str] | None = None
    user: str = ""
    labels: dict[str, str] | None = None
    exposed_ports: dict[str, object] | None = None
    stop_signal: str | None = None
    healthcheck: SurveyedHealthCheck | None = None


class PortBinding(Pascal, frozen=True):
    """One address of the host for a port."""

    host_ip: str = ""
    host_port: str = ""


class SurveyedPolicy(Pascal, frozen=True):
    """The engine's own restarts."""

    name: str = ""


class SurveyedHostConfig(Pascal, frozen=True):
    """The engine's settings for running it."""

    restart_policy: SurveyedPolicy = SurveyedPolicy()
    network_mode: str | None = None
    port_bindings: dict[str, list[PortBinding] | None] | None = None
    init: bool | None = None
    memory: Nanoseconds = 0
    group_add: list[str] | None = None
    tmpfs: dict[str, str] | None = None


class SurveyedMount(Pascal, frozen=True):
    """One mount."""

    type: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""


class SurveyedEndpoint(Pascal, frozen=True):
    """The container's names on one network."""

    aliases: list[str] | None = None
    dns_names: list[str] | None = msgspec.field(name="DNSNames", default=None)


class SurveyedNetworks(Pascal, frozen=True):
    """The networks by name, and the published ports while it runs."""

    networks: dict[str, SurveyedEndpoint | None] | None = None
    ports: dict[str, list[PortBinding] | None] | None = None


class SurveyedState(Pascal, frozen=True):
    """The container's state."""

    status: str = ""
    started_at: str = ""
    pid: Number = 0


class SurveyedContainer(Pascal, frozen=True):
    """The answer to an inspect."""

    id: str
    name: str = ""
    path: str = ""
    args: list[str] | None = None
    restart_count: Number = 0
    state: SurveyedState = SurveyedState()
    config: SurveyedConfig = SurveyedConfig()
    host_config: SurveyedHostConfig = SurveyedHostConfig()
    network_settings: SurveyedNetworks = SurveyedNetworks()
    mounts: list[SurveyedMount] | None = None


class EngineInfo(Pascal, frozen=True):
    """The answer to GET /info, as far as it is used."""

    system_time: str = ""
    docker_root_dir: str = ""
