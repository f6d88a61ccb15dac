"""The sections of the file as the user writes them. UNSET: the default applies."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from sidecar.config.file.maintenance_sections import Maintenance
from sidecar.config.file.notify_sections import (
    Hook,
    Notify,
)
from sidecar.config.file.probe_sections import Probe
from sidecar.config.file.setting_types import (
    Command,
    Count,
    Duration,
    DurationOrZero,
    FaultName,
    Name,
    Section,
    SeverityName,
    Text,
    WalletPath,
)


class Defaults(Section):
    """Defaults for every target that does not set a value itself."""

    interval: Duration | UnsetType = UNSET
    fast_interval: Duration | UnsetType = UNSET
    timeout: Duration | UnsetType = UNSET
    start_period: DurationOrZero | UnsetType = UNSET
    failure_threshold: Count | UnsetType = UNSET
    success_threshold: Count | UnsetType = UNSET


class RestartSection(Section):
    """Settings and limits of restarts."""

    enabled: bool | UnsetType = UNSET
    budget: Count | UnsetType = UNSET
    window: Duration | UnsetType = UNSET
    backoff: Duration | UnsetType = UNSET
    backoff_max: Duration | UnsetType = UNSET
    stop_timeout: DurationOrZero | UnsetType = UNSET
    dead_stop_timeout: DurationOrZero | UnsetType = UNSET
    recovery_timeout: Duration | UnsetType = UNSET
    slow_lane: list[Duration] | UnsetType = UNSET
    graceful_rpc_stop: bool | UnsetType = UNSET
    polite_stop: Duration | UnsetType = UNSET
    self_restart_grace: DurationOrZero | UnsetType = UNSET


class RollingSection(Section):
    """Restarts of several replicas, one after the other."""

    drain: DurationOrZero | UnsetType = UNSET
    pause: DurationOrZero | UnsetType = UNSET


class PreventiveSection(Section, kw_only=True):
    """A planned restart."""

    cron: Text | UnsetType = UNSET
    timezone: Text | UnsetType = UNSET
    jitter: DurationOrZero | UnsetType = UNSET
    skip_if_restarted_within: DurationOrZero | UnsetType = UNSET
    before_limit: bool | UnsetType = UNSET


class BusySection(Section, kw_only=True):
    """The address or the command that says whether the target is busy."""

    url: Text | UnsetType = UNSET
    command: Command | UnsetType = UNSET
    max_wait: DurationOrZero | UnsetType = UNSET


class OffsiteSection(Section):
    """The place off this host that each sealed backup is sent to."""

    url: Text | UnsetType = UNSET
    url_file: Text | UnsetType = UNSET
    read_url: Text | UnsetType = UNSET
    read_url_file: Text | UnsetType = UNSET
    endpoint: Text | UnsetType = UNSET
    region: Text | UnsetType = UNSET
    username: Text | UnsetType = UNSET
    password: Text | UnsetType = UNSET
    password_file: Text | UnsetType = UNSET


class RestoreTestSection(Section):
    """Restore tests of new backups, in a throw-away container."""

    timeout: Duration | UnsetType = UNSET


class BackupSection(Section, kw_only=True):
    """Backups of a wallet daemon's files."""

    path: WalletPath | Annotated[list[WalletPath], Meta(min_length=1)]
    cron: Text
    timezone: Text | UnsetType = UNSET
    keep: Count | UnsetType = UNSET
    recipients: Annotated[list[Text], Meta(min_length=1)] | UnsetType = UNSET
    offsite: OffsiteSection | UnsetType = UNSET
    restore_test: RestoreTestSection | UnsetType = UNSET


class ObjectiveSection(Section):
    """The times within which a fault is to be detected and healed."""

    detect: Duration | UnsetType = UNSET
    recover: Duration | UnsetType = UNSET


class DrillSection(Section, kw_only=True):
    """Planned drills."""

    cron: Text
    timezone: Text | UnsetType = UNSET
    fault: FaultName


class TargetSection(Section):
    """One target."""

    service: Name | UnsetType = UNSET
    container: Name | UnsetType = UNSET
    probe: Probe | Annotated[list[Probe], Meta(min_length=1)] | UnsetType = UNSET
    depends_on: list[Name] | UnsetType = UNSET
    after_dependency: Literal["if_failing", "always", "never"] | UnsetType = UNSET
    settle: DurationOrZero | UnsetType = UNSET
    interval: Duration | UnsetType = UNSET
    fast_interval: Duration | UnsetType = UNSET
    start_period: DurationOrZero | UnsetType = UNSET
    failure_threshold: Count | UnsetType = UNSET
    success_threshold: Count | UnsetType = UNSET
    restart: RestartSection | UnsetType = UNSET
    rolling: RollingSection | UnsetType = UNSET
    preventive: PreventiveSection | UnsetType = UNSET
    severity: SeverityName | UnsetType = UNSET
    recreate: bool | UnsetType = UNSET
    busy: BusySection | UnsetType = UNSET
    backup: BackupSection | UnsetType = UNSET
    objective: ObjectiveSection | UnsetType = UNSET
    drill: DrillSection | UnsetType = UNSET


class Cluster(Section):
    """Several sidecars that watch the same targets."""

    redis_url: Text | UnsetType = UNSET
    redis_url_file: Text | UnsetType = UNSET
    quorum: Count | UnsetType = UNSET
    lease: Duration | UnsetType = UNSET
    on_lost: Literal["act", "hold"] | UnsetType = UNSET


class Balancer(Section):
    """Answers to load balancers about the targets."""

    agent_listen: Text | UnsetType = UNSET


class Document(Section):
    """The whole file."""

    stack: (
        Annotated[
            str,
            Meta(
                pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
                description="a compose project: small letters, digits, '_' and '-'",
            ),
        ]
        | UnsetType
    ) = UNSET
    host_name: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$",
                description="a host's name: letters, digits, '.', '_' and '-'",
            ),
        ]
        | UnsetType
    ) = UNSET
    mode: Literal["act", "observe"] | UnsetType = UNSET
    language: Literal["en", "ko"] | UnsetType = UNSET
    page: Literal["private", "public", "off"] | UnsetType = UNSET
    defaults: Defaults | UnsetType = UNSET
    targets: dict[Name, TargetSection] | UnsetType = UNSET
    maintenance: Maintenance | UnsetType = UNSET
    notify: Notify | UnsetType = UNSET
    hooks: list[Hook] | UnsetType = UNSET
    cluster: Cluster | UnsetType = UNSET
    balancer: Balancer | UnsetType = UNSET
