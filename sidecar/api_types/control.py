"""Requests that change something, and their answers."""

from msgspec import Struct, field

from sidecar.api_types.status import DecisionSummary, PlannedRestart
from sidecar.api_types.words import Duration, GuardName, Instant


class EmptyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """No body, or an empty object."""


class RestartBody(Struct, frozen=True, forbid_unknown_fields=True):
    """``now`` waives backoff, budget and settling, and the stop by RPC."""

    now: bool = False


class PauseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The duration of a pause, such as ``2h``; null or nothing: until resumed."""

    duration: Duration | None = field(default=None, name="for")


class DecisionAnswer(Struct, frozen=True):
    """The decision on a request; null where the request needs none."""

    decision: DecisionSummary | None
    incident: str | None


class RestartAnswer(DecisionAnswer, frozen=True):
    """The decision about the first replica, and all that are restarted, in order."""

    replicas: tuple[str, ...] = ()


class Objection(Struct, frozen=True):
    """A guard objects to the restart: its reason and its name."""

    error: str
    guard: GuardName
    decision: DecisionSummary
    incident: str | None


class ReloadAnswer(Struct, frozen=True):
    """The changed file is in force."""

    reloaded: bool


class SkipAnswer(Struct, frozen=True):
    """The planned restart that is left out."""

    skipped: PlannedRestart


class AckAnswer(Struct, frozen=True):
    """The acknowledged incident."""

    incident: str
    acked_at: Instant | None


class DeliveryAnswer(Struct, frozen=True):
    """A test message was delivered."""

    channel: str
    delivered: bool
