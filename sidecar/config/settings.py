"""The settings in force, as the rest of Sidecar uses them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import UNSET

from sidecar.config.check.urls import listen_address
from sidecar.config.duration import parse_seconds
from sidecar.config.file.model import Document
from sidecar.core.model.lease import ClusterSettings
from sidecar.core.model.maintenance_task import Task
from sidecar.core.model.maintenance_window import WindowSettings
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.page_access import PageAccess
from sidecar.core.model.target import Mode, Target

RETENTION_S = 90 * 86_400.0


@dataclass(frozen=True, eq=False)
class Settings:
    """The result of ``load``. Its repr shows no secret.

    ``stack`` None: the sidecar's own. ``swarm``: is the stack one of Docker Swarm?
    None: if Sidecar is a task of such a stack. ``host_name``: the engine's host in
    messages; None: not set. ``api_token`` None: no control calls. ``log_format``
    None: text on a terminal and in the journal, json elsewhere. ``targets`` are
    those of the file or the environment; labels add to them
    (``sidecar.config.labels.targets.targets_in_force``). ``secrets`` must never be
    logged. ``document`` is the parsed file. ``sources`` maps dotted keys to the
    source of their value; other keys have their default. ``text`` is the file's
    text, None without a file; it may hold secrets. ``has_engine`` False: there is no
    engine, and something else, such as a kubelet, restarts the containers.
    """

    stack: str | None
    host_name: str | None
    mode: Mode
    language: str
    page: PageAccess
    listen_host: str
    listen_port: int
    state_dir: Path
    api_token: str | None = field(repr=False)
    log_level: str
    log_format: str | None
    watch_label: str | None
    targets: tuple[Target, ...]
    notify: NotifySettings
    tasks: tuple[Task, ...]
    windows: tuple[WindowSettings, ...]
    cluster: ClusterSettings | None
    secrets: tuple[str, ...] = field(repr=False)
    warnings: tuple[str, ...]
    document: Document = field(repr=False)
    sources: Mapping[str, str]
    text: str | None = field(default=None, repr=False)
    has_engine: bool = True
    swarm: bool | None = None

    @property
    def retention_s(self) -> float:
        """The retention of records in seconds."""
        maintenance = self.document.maintenance
        retention = UNSET if maintenance is UNSET else maintenance.retention
        return RETENTION_S if retention is UNSET else parse_seconds(retention)

    @property
    def agent_address(self) -> tuple[str, int] | None:
        """Host and port for HAProxy's agent checks; None: they are not answered."""
        balancer = self.document.balancer
        text = UNSET if balancer is UNSET else balancer.agent_listen
        return None if text is UNSET else listen_address(text)
