"""The sections of the file as the user writes them. UNSET: the default applies."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from sidecar.config.file.maintenance_sections import Maintenance
from sidecar.config.file.notify_sections import (
    Hook,
    Notify,
)
from sidecar.config.file.setting_types import (
    Command,
    Count,
    Duration,
    DurationOrZero,
    HttpStatus,
    LogPattern,
    Name,
    Percent,
    Port,
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


class ProbeSection(Section):
    """Keys that all kinds of probe have."""

    timeout: Duration | UnsetType = UNSET
    hang_after: DurationOrZero | UnsetType = UNSET
    slow_after: Duration | UnsetType = UNSET


class ElectronCashSection(
    ProbeSection, tag_field="type", tag="electron_cash", kw_only=True
):
    """A wallet daemon."""

    url: Text
    ca_file: Text | UnsetType = UNSET
    username: Text | UnsetType = UNSET
    password: Text | UnsetType = UNSET
    password_file: Text | UnsetType = UNSET
    load_wallet: bool | UnsetType = UNSET
    wallet_path: (
        WalletPath | Annotated[list[WalletPath], Meta(min_length=1)] | UnsetType
    ) = UNSET
    hang_after_outage: DurationOrZero | UnsetType = UNSET
    wallet_password: Text | UnsetType = UNSET
    wallet_password_file: Text | UnsetType = UNSET
    upstream_grace: DurationOrZero | UnsetType = UNSET
    stale_after: Duration | UnsetType = UNSET
    restart_on_upstream_loss: bool | UnsetType = UNSET
    expose_balance: bool | UnsetType = UNSET


class JsonRpcSection(ProbeSection, tag_field="type", tag="jsonrpc", kw_only=True):
    """Any JSON-RPC server."""

    url: Text
    method: Text
    ca_file: Text | UnsetType = UNSET
    username: Text | UnsetType = UNSET
    password: Text | UnsetType = UNSET
    password_file: Text | UnsetType = UNSET


class HttpSection(ProbeSection, tag_field="type", tag="http", kw_only=True):
    """An HTTP health address."""

    url: Text
    ca_file: Text | UnsetType = UNSET
    username: Text | UnsetType = UNSET
    password: Text | UnsetType = UNSET
    password_file: Text | UnsetType = UNSET
    headers: dict[Text, str] | UnsetType = UNSET
    expect_status: (
        Annotated[list[HttpStatus], Meta(min_length=1)] | HttpStatus | UnsetType
    ) = UNSET
    expect_body: Text | UnsetType = UNSET
    max_body_bytes: Annotated[int, Meta(ge=1024, le=4_194_304)] | UnsetType = UNSET


class TcpSection(ProbeSection, tag_field="type", tag="tcp", kw_only=True):
    """A port that must accept a connection."""

    host: Text
    port: Port


class ExecSection(ProbeSection, tag_field="type", tag="exec", kw_only=True):
    """A command inside the container."""

    command: Command


class DockerSection(ProbeSection, tag_field="type", tag="docker", kw_only=True):
    """The container's own HEALTHCHECK."""


class RunningSection(ProbeSection, tag_field="type", tag="running", kw_only=True):
    """A check that the container runs, and nothing else."""


OnMatchName = Literal["warn", "fail", "planned_restart"]


class MemorySection(ProbeSection, tag_field="type", tag="memory", kw_only=True):
    """The container's memory against its limit."""

    over: Percent | UnsetType = UNSET
    on_match: OnMatchName | UnsetType = UNSET
    every: Duration | UnsetType = UNSET


LogSetName = Literal[
    "worker_timeout",
    "wallet_timeout",
    "out_of_memory",
    "disk_full",
    "database_locked",
]


class FieldPatternSection(Section, kw_only=True):
    """A field of a line in JSON."""

    field: Text
    matches: LogPattern


class LogSection(ProbeSection, tag_field="type", tag="log", kw_only=True):
    """Lines in the container's log."""

    patterns: (
        Annotated[
            list[LogPattern | FieldPatternSection], Meta(min_length=1, max_length=50)
        ]
        | UnsetType
    ) = UNSET
    set: LogSetName | Annotated[list[LogSetName], Meta(min_length=1)] | UnsetType = (
        UNSET
    )
    count: Count | UnsetType = UNSET
    window: Duration | UnsetType = UNSET
    cooldown: Duration | UnsetType = UNSET
    on_match: OnMatchName | UnsetType = UNSET


Probe = (
    ElectronCashSection
    | JsonRpcSection
    | HttpSection
    | TcpSection
    | ExecSection
    | DockerSection
    | RunningSection
    | MemorySection
    | LogSection
)


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
    preventive: PreventiveSection | UnsetType = UNSET
    severity: SeverityName | UnsetType = UNSET
    recreate: bool | UnsetType = UNSET
    busy: BusySection | UnsetType = UNSET
    backup: BackupSection | UnsetType = UNSET


class Cluster(Section):
    """Several sidecars that watch the same targets."""

    redis_url: Text | UnsetType = UNSET
    redis_url_file: Text | UnsetType = UNSET
    quorum: Count | UnsetType = UNSET


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
