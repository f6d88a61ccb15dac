"""Memory of the containers, and the forecast of their limits."""

from msgspec import Struct

from sidecar.api_types.words import Instant, ReasonCode, SilenceName


class MemoryStatus(Struct, frozen=True, gc=False):
    """Memory of one container.

    ``used_bytes`` is the working set. Without a forecast its times are null and
    ``silence`` says why; only with ``far`` there are times all the same.
    """

    measured_at: Instant
    used_bytes: int
    limit_bytes: int | None
    anonymous_bytes: int | None
    silence: SilenceName | None
    reason: str
    reason_code: ReasonCode
    bytes_per_hour: int
    limit_at: Instant | None
    earliest_at: Instant | None
    latest_at: Instant | None
    times_earlier_runs: float | None


class TargetMemory(Struct, frozen=True, gc=False):
    """One replica; ``memory`` is null until it is measured."""

    name: str
    target: str
    memory: MemoryStatus | None


class MemoryForecasts(Struct, frozen=True):
    """The replicas whose memory is measured."""

    at: Instant
    targets: tuple[TargetMemory, ...]
