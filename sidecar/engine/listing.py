"""List all containers of a stack: an error about one does not hide the others."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
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
from sidecar.engine.errors import (
    TRANSLATED_ERRORS,
    ConnectionBroke,
    SentTooLate,
    engine_error,
)
from sidecar.engine.membership import Membership

FIRST_SILENCE_S = 5.0
NEXT_SILENCE_S = 1.0
"""Limit after a first timeout: silent containers must not use up the others' time."""

_LONGEST_NAME = 100


class Listing(NamedTuple):
    """A stack's containers; ``strangers``: refused claims by id, with the reason."""

    ours: tuple[Container, ...]
    strangers: Mapping[str, str]


class Lister:
    """Lists a stack's containers once, in the thread of the call.

    A container equal to one of ``earlier``, by id, is that object: new objects at each
    listing of 10,000 containers would make the garbage collector look at all objects
    each time.
    """

    def __init__(
        self,
        client: Client,
        members: Membership,
        earlier: Mapping[str, Container] = MappingProxyType({}),
    ) -> None:
        self._client = client
        self._members = members
        self._earlier = earlier
        self._strangers: dict[str, str] = {}
        self._silent = 0

    def list_containers(self) -> Listing:
        """Inspect all of them; the list alone has too few facts.

        EngineTimeout: the engine answered about none of them in time.
        """
        label = f"{STACK_LABEL}={self._members.stack}"
        raw = self._client.containers(all=True, filters={"label": [label]})
        entries = containers.read_list(raw)
        results = [self._inspect_entry(entry) for entry in entries]
        if entries and self._silent == len(entries):
            raise EngineTimeout("the engine answered about no container in time")
        ours = tuple(self._reuse_equal(c) for c in results if c is not None)
        return Listing(ours, self._strangers)

    def _reuse_equal(self, container: Container) -> Container:
        earlier = self._earlier.get(container.id)
        if earlier is not None and earlier == container:
            return earlier
        return container

    def _inspect_entry(self, entry: api_types.Listed) -> Container | None:
        """One container; None: it is gone, or not ours. EngineUnreachable."""
        if self._client.remaining_s() <= 0.0:
            self._silent += 1
            return self._from_list_alone(
                entry, "there was no time left to ask about it"
            )
        patience_s = NEXT_SILENCE_S if self._silent else FIRST_SILENCE_S
        try:
            with self._client.within(patience_s):
                raw = self._inspect_with_retry(entry)
                return self._if_ours(
                    self._read_container(raw), containers.read_claim(raw)
                )
        except (*TRANSLATED_ERRORS, EngineError) as error:
            translated = engine_error(error, self._client.mask)
            return self._handle_failure(entry, translated, patience_s)

    def _read_container(self, raw: object) -> Container:
        return containers.read_container(raw, self._client.mask)

    def _inspect_with_retry(self, entry: api_types.Listed) -> object:
        try:
            return requests.inspect_with_owner(self._client, entry.id)
        except TRANSLATED_ERRORS as error:
            if not isinstance(engine_error(error), ConnectionBroke):
                raise
            return requests.inspect_with_owner(self._client, entry.id)

    def _if_ours(self, container: Container, claim: OwnerClaim) -> Container | None:
        objection = self._members.objection(self._client, claim)
        if not objection:
            return container
        if container.stack == self._members.stack:
            self._strangers[container.id] = (
                f"{container.name[:_LONGEST_NAME]!r}: {objection}"
            )
        return None

    def _handle_failure(
        self, entry: api_types.Listed, error: EngineError, patience_s: float
    ) -> Container | None:
        if isinstance(error, ContainerGone):
            return None
        is_late = isinstance(error, SentTooLate)
        if isinstance(error, EngineUnreachable) and not is_late:
            raise error
        fault = str(error)
        is_silent = isinstance(error, EngineTimeout)
        if is_late or (is_silent and not isinstance(error, ConnectionBroke)):
            self._silent += 1
            fault = f"{error} (within {patience_s:.0f} s)"
        return self._from_list_alone(entry, fault)

    def _from_list_alone(self, entry: api_types.Listed, fault: str) -> Container | None:
        """The container from the list alone; unproven labels are dropped."""
        container = containers.unreadable_container(entry, fault)
        labels = entry.labels or {}
        claim = OwnerClaim(entry.id, container.stack, entry.image_id, labels)
        try:
            with self._client.within(NEXT_SILENCE_S):
                return self._if_ours(container, claim)
        except (*TRANSLATED_ERRORS, EngineError):
            return replace(container, labels={})
