"""One incident per root cause, with a sortable id that correlates everything."""

import hashlib
from dataclasses import dataclass, replace

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.completed_remedy import CompletedRemedy
from sidecar.core.model.moment import Moment
from sidecar.core.reason.reason import NO_REASON, Reason

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Incident:
    """Opened at the root; dependents are ``affected``, they get none of their own.

    ``told_wall``: when people last heard of it; None: nobody was told yet.
    ``waiting_wall``: since when somebody's acknowledgement is waited for.
    ``level``: how often it was escalated at its present severity. ``told``: the
    channels and hooks that heard of it. ``sequence``: the last telling's number.
    ``remedies``: how many ended while it was open, ``loads`` of them loads of a
    wallet. ``detail``: what was measured, where no probe tells it again.
    ``followers``: dependents that were restarted after the root.
    ``cause`` is that of the opening. ``told_cause`` and ``told_severity``: what people
    heard of last; None: as it was opened. ``changes``: how often they were told of
    another cause. ``deeds``: the last remedies that ended. ``began_wall``: the first
    failure, by the wall clock; None: it is not known apart from the opening.
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

    @property
    def since_wall(self) -> float:
        """The beginning that people are told of: the first failure."""
        return self.opened_at.wall if self.began_wall is None else self.began_wall

    @property
    def is_fact(self) -> bool:
        """Has it happened, once, so that only a person can close it?"""
        return self.cause is Cause.ADDRESSES_LOST

    @property
    def open(self) -> bool:
        """Is it still going on?"""
        return self.resolved_at is None


def new_id(target: str, at: Moment) -> str:
    """A ULID whose lower 80 bits come from what it is about: no randomness here."""
    digest = hashlib.blake2b(
        f"{target}@{at.wall!r}@{at.mono!r}".encode(), digest_size=10
    )
    value = (int(at.wall * 1000) << 80) | int.from_bytes(digest.digest())
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def affect(incident: Incident, name: str) -> Incident:
    """Attach a dependent, once."""
    if name in incident.affected or name == incident.target:
        return incident
    return replace(incident, affected=(*incident.affected, name))
