"""List all containers of a stack: an error about one does not hide the others."""

import time
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import NamedTuple

import msgspec

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
from sidecar.engine.known_containers import (
    NONE_KNOWN,
    Comparison,
    KnownContainer,
    KnownContainers,
    compare_list,
    mark_entry,
)
from sidecar.engine.membership import Membership

FIRST_SILENCE_S = 5.0
NEXT_SILENCE_S = 1.0
"""Limit after a first timeout: silent containers must not use up the others' time."""
RECHECK_PAUSE_S = 0.002
"""Pause before the inspect of a container that seems unchanged. Python runs one thread
at a time: hundreds of inspects in a row would slow down the loop.
"""

_LONGEST_NAME = 100


class Listing(NamedTuple):
    """A stack's containers; ``strangers``: refused claims by id, with the reason.

    ``known``: what the next list is compared with.
    """

    ours: tuple[Container, ...]
    strangers: Mapping[str, str]
    known: KnownContainers


class Lister:
    """Lists a stack's containers once, in the thread of the call.

    A container equal to its ``earlier`` one, by id, is that object: new objects at each
    listing of 10,000 containers would make the garbage collector look at all objects
    each time. ``doubted``: the ids of those that are inspected whatever the list says;
    None: all of them.
    """

    def __init__(
        self,
        client: Client,
        members: Membership,
        earlier: KnownContainers = NONE_KNOWN,
        doubted: AbstractSet[str] | None = None,
    ) -> None:
        self._client = client
        self._members = members
        self._earlier = earlier
        self._doubted = doubted
        self._compared = Comparison()
        self._known: dict[str, KnownContainer] = {}
        self._strangers: dict[str, str] = {}
        self._asked, self._silent = 0, 0

    def list_containers(self) -> Listing:
        """The list, and an inspect of each whose facts may have changed.

        EngineTimeout: the engine answered about none of them in time.
        """
        listed_mono = time.monotonic()
        label = f"{STACK_LABEL}={self._members.stack}"
        entries = containers.split_list(requests.list_stack(self._client, label))
        states = [containers.read_listed_state(entry) for entry in entries]
        self._compared = self._compare(states)
        results = [
            self._keep(state.id)
            if state is not None and state.id in self._compared.unchanged
            else self._inspect_entry(entry, state)
            for entry, state in zip(entries, states, strict=True)
        ]
        if self._asked and self._silent == self._asked:
            raise EngineTimeout("the engine answered about no container in time")
        ours = tuple(container for container in results if container is not None)
        known = KnownContainers(self._known, listed_mono)
        return Listing(ours, self._strangers, known)

    def _compare(self, states: Iterable[api_types.ListedState | None]) -> Comparison:
        # Podman's words are others, and its answers are translated.
        if self._doubted is None or self._client.podman is not None:
            return Comparison()
        certain = (s for s in states if s is not None and s.id not in self._doubted)
        return compare_list(certain, self._earlier, time.monotonic())

    def _keep(self, container_id: str) -> Container:
        known = self._earlier.by_id[container_id]
        # Not by the id of the entry: a small part of each entry that stays would keep
        # the memory of all entries from being given back.
        self._known[known.container.id] = known
        return known.container

    def _inspect_entry(
        self, raw: msgspec.Raw, state: api_types.ListedState | None
    ) -> Container | None:
        """One container; None: it is gone, or not ours. EngineUnreachable."""
        entry = containers.read_entry(raw)
        if entry is None:
            return None
        if entry.id in self._compared.rechecked:
            time.sleep(RECHECK_PAUSE_S)
        self._asked += 1
        asked_mono = time.monotonic()
        container = self._inspect(entry)
        if container is None or container.fault or state is None:
            return container
        known = self._earlier.by_id.get(container.id)
        if known is not None and known.container == container:
            container = known.container
        self._known[container.id] = KnownContainer(
            container, asked_mono, mark_entry(state)
        )
        return container

    def _inspect(self, entry: api_types.Listed) -> Container | None:
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
