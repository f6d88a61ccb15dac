"""Settings of each kind of probe; ``TYPE`` is its name. Durations are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import ClassVar
from zlib import crc32


class OnMatch(StrEnum):
    """Consequence when a probe finds what it watches for.

    WARN: the target is degraded. FAIL: the probe fails, as any other. PLANNED_RESTART:
    the target is degraded, and a planned restart is asked for.
    """

    WARN = "warn"
    FAIL = "fail"
    PLANNED_RESTART = "planned_restart"


class ProbeWay(Enum):
    """The way in which a kind of probe reaches its target.

    REQUEST: it sends a request and only waits for the answer. CONNECTION: it connects
    to the target. ENGINE: it asks the engine alone.
    """

    REQUEST = auto()
    CONNECTION = auto()
    ENGINE = auto()


@dataclass(frozen=True, slots=True)
class Credentials:
    """Basic authentication; the repr omits the password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ElectronCashProbe:
    """A wallet daemon: ping, getinfo, then getbalance when a wallet is loaded."""

    TYPE: ClassVar[str] = "electron_cash"
    WAY: ClassVar[ProbeWay] = ProbeWay.REQUEST
    url: str
    timeout_s: float = 10.0
    credentials: Credentials | None = None
    load_wallet: bool = True
    wallet_path: tuple[str, ...] = ()
    """Paths of the wallets to load; empty: those that were loaded before."""
    wallet_password: str | None = field(default=None, repr=False)
    hang_after_s: float = 45.0
    hang_after_outage_s: float = 300.0
    upstream_grace_s: float = 600.0
    stale_after_s: float = 10800.0
    slow_after_s: float = 10.0
    restart_on_upstream_loss: bool = False
    expose_balance: bool = False
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class JsonRpcProbe:
    """Any JSON-RPC server: one read-only method must answer with a result."""

    TYPE: ClassVar[str] = "jsonrpc"
    WAY: ClassVar[ProbeWay] = ProbeWay.REQUEST
    url: str
    method: str
    timeout_s: float = 10.0
    credentials: Credentials | None = None
    hang_after_s: float = 0.0
    slow_after_s: float = 10.0
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """GET an address; the status, and the body where asked, must be as expected."""

    TYPE: ClassVar[str] = "http"
    WAY: ClassVar[ProbeWay] = ProbeWay.REQUEST
    url: str
    timeout_s: float = 10.0
    credentials: Credentials | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    expect_status: tuple[int, ...] = (200,)
    expect_body: str | None = None
    max_body_bytes: int = 1_048_576
    hang_after_s: float = 0.0
    slow_after_s: float = 10.0
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """Connect and close. Harmful to single-threaded servers: see docs/probes.md."""

    TYPE: ClassVar[str] = "tcp"
    WAY: ClassVar[ProbeWay] = ProbeWay.CONNECTION
    host: str
    port: int
    timeout_s: float = 10.0
    hang_after_s: float = 0.0
    slow_after_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ExecProbe:
    """Run a command in the container; exit status 0 is success."""

    TYPE: ClassVar[str] = "exec"
    WAY: ClassVar[ProbeWay] = ProbeWay.ENGINE
    command: tuple[str, ...]
    timeout_s: float = 10.0
    hang_after_s: float = 0.0
    slow_after_s: float = 10.0


@dataclass(frozen=True, slots=True)
class DockerProbe:
    """Docker's own HEALTHCHECK result."""

    TYPE: ClassVar[str] = "docker"
    WAY: ClassVar[ProbeWay] = ProbeWay.ENGINE
    timeout_s: float = 10.0
    hang_after_s: float = 0.0
    slow_after_s: float = 10.0


@dataclass(frozen=True, slots=True)
class RunningProbe:
    """The container runs: for containers without a service."""

    TYPE: ClassVar[str] = "running"
    WAY: ClassVar[ProbeWay] = ProbeWay.ENGINE
    timeout_s: float = 10.0
    hang_after_s: float = 0.0
    slow_after_s: float = 10.0


@dataclass(frozen=True, slots=True)
class MemoryProbe:
    """The container's memory against its limit; ``over`` is a share such as ``90%``."""

    TYPE: ClassVar[str] = "memory"
    WAY: ClassVar[ProbeWay] = ProbeWay.ENGINE
    over: str = "90%"
    on_match: OnMatch = OnMatch.WARN
    every_s: float = 30.0
    """Time between two samples; a probe in between has the result of the last."""
    timeout_s: float = 10.0
    hang_after_s: float = 0.0
    slow_after_s: float = 10.0

    @property
    def over_share(self) -> float:
        """``over`` as a number from 0 to 1."""
        return float(self.over.removesuffix("%")) / 100.0


@dataclass(frozen=True, slots=True)
class FieldPattern:
    """A field of a line that is a JSON object, and the expression for its value."""

    field: str
    matches: str

    @property
    def name(self) -> str:
        """The pattern as text for people."""
        return f"{self.field}: {self.matches}"


@dataclass(frozen=True, slots=True)
class LogProbe:
    """The container's log: ``count`` lines within ``window_s`` match.

    ``sets`` are names of LOG_SETS. A match lasts until it was not completed again for
    ``cooldown_s``.
    """

    TYPE: ClassVar[str] = "log"
    WAY: ClassVar[ProbeWay] = ProbeWay.ENGINE
    patterns: tuple[str | FieldPattern, ...] = ()
    sets: tuple[str, ...] = ()
    count: int = 1
    window_s: float = 300.0
    cooldown_s: float = 300.0
    on_match: OnMatch = OnMatch.WARN
    timeout_s: float = 10.0
    hang_after_s: float = 0.0
    slow_after_s: float = 10.0

    @property
    def rule_key(self) -> str:
        """A short text that is the same as long as these settings are."""
        return f"{crc32(repr(self).encode()):08x}"


ProbeSettings = (
    ElectronCashProbe
    | JsonRpcProbe
    | HttpProbe
    | TcpProbe
    | ExecProbe
    | DockerProbe
    | RunningProbe
    | MemoryProbe
    | LogProbe
)


def may_ask_restart(probe: ProbeSettings) -> bool:
    """May this probe ask for a planned restart?"""
    return getattr(probe, "on_match", None) is OnMatch.PLANNED_RESTART
