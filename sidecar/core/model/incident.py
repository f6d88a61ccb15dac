"""Incidents: one per root cause, with a sortable id that correlates records."""

import hashlib
from dataclasses import dataclass

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.completed_remedy import CompletedRemedy
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.reason.reason import NO_REASON, Reason

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID_LENGTH = 26


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident of a root; dependents are ``affected`` and get none of their own.

    ``told_wall``: time of the last message; None: no message yet.
    ``waiting_wall``: since when an acknowledgement is awaited.
    ``level``: number of escalations at the current severity. ``told``: channels and
    hooks that were notified. ``sequence``: number of the last message.
    ``remedies``: number of remedies that ended while it was open; ``loads``: how many
    of them loaded a wallet. ``detail``: a measured value that no probe repeats.
    ``followers``: dependents that were restarted after the root.
    ``cause`` is the cause at the opening. ``told_cause`` and ``told_severity``: those
    of the last message; None: as at the opening. ``changes``: number of messages about
    another cause. ``deeds``: the last completed remedies. ``began_wall``: wall time of
    the first failure; None: only the opening is known.
    """

    id: str
    target: str
    cause: Cause
    severity: Severity
    opened_at: Moment
    affected: tuple[str, ...] = ()
    acked_at: Moment | None = None
    resolved_at: Moment | None = None
    acked_by: str = ""
    told_wall: float | None = None
    waiting_wall: float | None = None
    level: int = 0
    told: tuple[str, ...] = ()
    sequence: int = 0
    remedies: int = 0
    loads: int = 0
    detail: Reason = NO_REASON
    followers: tuple[str, ...] = ()
    told_cause: Cause | None = None
    told_severity: Severity | None = None
    changes: int = 0
    deeds: tuple[CompletedRemedy, ...] = ()
    began_wall: float | None = None
    drill: str = ""
    """The drill that caused it; empty: none did."""

    @property
    def since_wall(self) -> float:
        """Begin of the incident in messages: the first failure."""
        return self.opened_at.wall if self.began_wall is None else self.began_wall

    @property
    def is_fact(self) -> bool:
        """Is the incident about a fact, and not about the state of its target?"""
        return self.closes_by_ack or self.cause is Cause.WALLET_DAMAGED

    @property
    def closes_by_ack(self) -> bool:
        """Is the incident a single event, which only a person can close?"""
        return self.cause is Cause.ADDRESSES_LOST

    @property
    def open(self) -> bool:
        """Is the incident not resolved yet?"""
        return self.resolved_at is None


def new_id(target: str, at: Moment) -> str:
    """A ULID whose lower 80 bits are a hash of target and time: no randomness."""
    digest = hashlib.blake2b(
        f"{target}@{at.wall!r}@{at.mono!r}".encode(), digest_size=10
    )
    value = (int(at.wall * 1000) << 80) | int.from_bytes(digest.digest())
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def trace_id(incident_id: str) -> str:
    """The 128 bits of an incident's id, as the trace id of W3C: 32 hex digits.

    Empty where the text is no such id.
    """
    if len(incident_id) != _ID_LENGTH or not set(incident_id) <= set(_ALPHABET):
        return ""
    value = 0
    for character in incident_id:
        value = value << 5 | _ALPHABET.index(character)
    return f"{value:032x}" if 0 < value < 1 << 128 else ""


def add_affected(incident: Incident, name: str) -> Incident:
    """Add an affected dependent, once."""
    if name in incident.affected or name == incident.target:
        return incident
    return replace(incident, affected=(*incident.affected, name))
