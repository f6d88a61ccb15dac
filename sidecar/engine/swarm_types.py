"""Types of the engine's JSON about swarm services and their tasks, as far as read."""

import msgspec

from sidecar.engine.api_types import Nanoseconds, Number, Pascal

Id = str
_Empty = dict[str, msgspec.Raw]


class ContainerSpec(Pascal, frozen=True):
    """Settings for the containers of the tasks."""

    labels: dict[str, str] | None = None
    tty: bool = msgspec.field(name="TTY", default=False)
    stop_grace_period: Nanoseconds | None = None


class RestartPolicy(Pascal, frozen=True):
    """When swarm makes a new task for one that has ended; 0 attempts: no limit."""

    condition: str = "any"
    max_attempts: Number | None = None


class NetworkTarget(Pascal, frozen=True):
    """A network of the tasks, with the names that they have there."""

    target: str = ""
    aliases: list[str] | None = None


class TaskTemplate(Pascal, frozen=True):
    """Settings of the tasks; ``force_update`` counts the forced updates."""

    container_spec: ContainerSpec | None = None
    restart_policy: RestartPolicy | None = None
    networks: list[NetworkTarget] | None = None
    force_update: int = 0


class Replicated(Pascal, frozen=True):
    """A number of tasks."""

    replicas: Number | None = None


class Mode(Pascal, frozen=True):
    """The mode of a service: replicated or global; a job is neither."""

    replicated: Replicated | None = None
    global_: _Empty | None = msgspec.field(name="Global", default=None)


class ServiceSpec(Pascal, frozen=True):
    """The settings of a service."""

    name: str
    labels: dict[str, str] | None = None
    task_template: TaskTemplate = TaskTemplate()
    mode: Mode = Mode()


class Version(Pascal, frozen=True):
    """The version of a service; an update names the version that it changes."""

    index: int


class UpdateStatus(Pascal, frozen=True):
    """The last update of a service, or its rollback."""

    state: str = ""
    message: str = ""
    started_at: str | None = None


class Service(Pascal, frozen=True):
    """A service. Its settings are raw: they are sent back as they came."""

    id: Id = msgspec.field(name="ID")
    version: Version
    spec: msgspec.Raw
    previous_spec: msgspec.Raw = msgspec.Raw()
    update_status: UpdateStatus | None = None


class ContainerStatus(Pascal, frozen=True):
    """The container of a task."""

    container_id: str = msgspec.field(name="ContainerID", default="")
    exit_code: Number = 0


class TaskStatus(Pascal, frozen=True):
    """The state of a task; ``err`` says why it is not running."""

    timestamp: str
    state: str
    err: str = ""
    container_status: ContainerStatus | None = None


class NetworkSpec(Pascal, frozen=True):
    """The name of a network."""

    name: str = ""


class Network(Pascal, frozen=True):
    """A network."""

    id: str = msgspec.field(name="ID", default="")
    spec: NetworkSpec = NetworkSpec()


class Attachment(Pascal, frozen=True):
    """The addresses of a task on a network, each with the length of its prefix."""

    network: Network = Network()
    addresses: list[str] | None = None


class TaskSpec(Pascal, frozen=True):
    """The settings of a task; ``force_update`` is that of its service back then."""

    force_update: int = 0


class Task(Pascal, frozen=True):
    """One run of a container for a service; ``slot`` is 0 for a global service."""

    id: Id = msgspec.field(name="ID")
    created_at: str
    status: TaskStatus
    desired_state: str
    spec: TaskSpec = TaskSpec()
    service_id: str = msgspec.field(name="ServiceID", default="")
    slot: Number = 0
    node_id: str = msgspec.field(name="NodeID", default="")
    attachments: list[Attachment] | None = msgspec.field(
        name="NetworksAttachments", default=None
    )

    @property
    def container_id(self) -> str:
        """The id of its container; empty: it has none yet."""
        status = self.status.container_status
        return status.container_id if status is not None else ""
