"""All containers of a stack: what ails one of them hides none of the others."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from sidecar.core.model.container import Container
from sidecar.core.ports.engine import (
    ContainerGone,
    EngineError,
    EngineTimeout,
    EngineUnreachable,
)
from sidecar.engine import api_types, containers, requests
from sidecar.engine.client import Client
from sidecar.engine.containers import STACK_LABEL, OwnerClaim
from sidecar.engine.errors import TRANSLATED_ERRORS, ConnectionBroke, engine_error
from sidecar.engine.membership import Membership

FIRST_SILENCE_S = 5.0
NEXT_SILENCE_S = 1.0
"""After one that was silent: many of them may not use up the time of the others."""

_LONGEST_NAME = 100


class Listing(NamedTuple):
    """A stack's containers, and by id those that only say that they are, with why."""

    ours: tuple[Container, ...]
    strangers: Mapping[str, str]


class Lister:
    """Makes one list of a stack's containers, in the thread of the call."""

    def __init__(self, client: Client, members: Membership) -> None:
        self._client = client
        self._members = members
        self._strangers: dict[str, str] = {}
        self._silent = 0

    def listing(self) -> Listing:
        """All of them; the list alone says too little about each.

        EngineTimeout: the engine answered about none of them in time.
        """
        label = f"{STACK_LABEL}={self._members.stack}"
        raw = self._client.containers(all=True, filters={"label": [label]})
        entries = containers.read_list(raw)
        seen = [self._looked_at(entry) for entry in entries]
        if entries and self._silent == len(entries):
            raise EngineTimeout("the engine answered about no container in time")
        return Listing(tuple(c for c in seen if c is not None), self._strangers)

    def _looked_at(self, entry: api_types.Listed) -> Container | None:
        """None: it is no more, or not ours. EngineUnreachable: nobody is there."""
        if self._client.left() <= 0.0:
            self._silent += 1
            return self._unread(entry, "there was no time left to ask about it")
        patience_s = NEXT_SILENCE_S if self._silent else FIRST_SILENCE_S
        try:
            with self._client.within(patience_s):
                raw = self._inspected(entry)
                return self._if_ours(self._translated(raw), containers.read_claim(raw))
        except (*TRANSLATED_ERRORS, EngineError) as error:
            said = engine_error(error, self._client.mask)
            return self._without(entry, said, patience_s)

    def _translated(self, raw: object) -> Container:
        return containers.read_container(raw, self._client.mask)

    def _inspected(self, entry: api_types.Listed) -> object:
        try:
            return requests.inspect_with_owner(self._client, entry.id)
        except TRANSLATED_ERRORS as error:
            if not isinstance(engine_error(error), ConnectionBroke):
                raise
            return requests.inspect_with_owner(self._client, entry.id)

    def _if_ours(self, seen: Container, claim: OwnerClaim) -> Container | None:
        objection = self._members.objection(self._client, claim)
        if not objection:
            return seen
        if seen.stack == self._members.stack:
            self._strangers[seen.id] = f"{seen.name[:_LONGEST_NAME]!r}: {objection}"
        return None

    def _without(
        self, entry: api_types.Listed, error: EngineError, patience_s: float
    ) -> Container | None:
        if isinstance(error, ContainerGone):
            return None
        if isinstance(error, EngineUnreachable):
            raise error
        fault = str(error)
        if isinstance(error, EngineTimeout) and not isinstance(error, ConnectionBroke):
            self._silent += 1
            fault = f"{error} (within {patience_s:.0f} s)"
        return self._unread(entry, fault)

    def _unread(self, entry: api_types.Listed, fault: str) -> Container | None:
        """What the list says of it; labels that are not proven set nothing."""
        seen = containers.unreadable_container(entry, fault)
        labels = entry.labels or {}
        claim = OwnerClaim(entry.id, seen.stack, entry.image_id, labels)
        try:
            with self._client.within(NEXT_SILENCE_S):
                return self._if_ours(seen, claim)
        except (*TRANSLATED_ERRORS, EngineError):
            return replace(seen, labels={})
