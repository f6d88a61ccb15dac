"""The sections of the kinds of probe as the user writes them."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from sidecar.config.file.setting_types import (
    Command,
    Count,
    Duration,
    DurationOrZero,
    HttpStatus,
    LogPattern,
    Percent,
    Port,
    Section,
    Text,
    WalletPath,
)


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
