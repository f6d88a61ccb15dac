"""Engine -> events of the loop: the stream is fast, the full list is complete."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from loguru import logger

from sidecar.core.model.container import Container
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    ContainerEventSeen,
    ContainersListed,
    EngineReachabilityChanged,
)
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.policy.guards.engine import STALE_VIEW_S
from sidecar.core.ports.engine import (
    Connected,
    ContainerGone,
    Disconnected,
    Engine,
    EngineError,
    EngineEvent,
)
from sidecar.core.ports.loop import Clock, Component, Post
from sidecar.core.status.assignment import (
    Assignment,
    assign,
    never_started,
    set_aside,
)

LIST_EVERY_S = 30.0
DEAF_LIST_EVERY_S = 10.0
"""Interval while the engine sends no events."""
DEAF_AFTER_S = 60.0
"""Time without events, of an engine that answers, after which none are expected."""
UPDATE_LIST_EVERY_S = 3.0
"""Interval while swarm replaces tasks: the end of an update is no event."""
RETRY_S = 2.0
GATHER_S = 0.1
"""Engine events come in groups: one listing serves a group."""
LIST_AGAIN_S = 5.0
"""How long new settings wait for the listing that puts their targets in force."""
LABELS_S = 20.0
"""Deadline to compute targets with labels, and the files that their settings name."""

TURN_CONTAINERS = 500
"""Containers that the loop assigns itself; for 10,000 it took up to 170 ms."""

TargetsOf = Callable[[tuple[Container, ...]], Awaitable[tuple[Target, ...]]]
"""Gives the targets in force for the existing containers (labels add some)."""


class _ListFacts(NamedTuple):
    """Facts of a list about the targets, named as in ContainersListed.

    ``found_from``: the targets and all containers that were listed.
    """

    found_from: tuple[tuple[Target, ...], tuple[Container, ...]]
    containers: Assignment
    never_started: tuple[tuple[InstanceId, str], ...]
    set_aside: tuple[tuple[InstanceId, str], ...]
    instance_by_container: dict[str, InstanceId | None]
    """None: the container belongs to no target."""


_NO_FACTS = _ListFacts(((), ()), (), (), (), {})


class EngineWatcher:
    """Lists containers, follows the engine's events, and posts both to the loop.

    ``own_id`` is our own container, which is never a target. ``other_engine`` gives
    the name of an unsupported engine, or nothing.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        post: Post,
        targets_of: TargetsOf,
        own_id: str = "",
        other_engine: Callable[[], str] = str,
    ) -> None:
        self._own_id = own_id
        self._other_engine = other_engine
        self._engine = engine
        self._clock = clock
        self._post = post
        self._targets_of = targets_of
        self._facts = _NO_FACTS
        self._wanted = asyncio.Event()
        self._next_list_ended = asyncio.Event()
        self._looking = asyncio.Lock()
        """Serialises observations: they are posted in their order."""
        self._listed_mono = clock.now().mono
        self._refused = False
        self._is_updating = False
        now = clock.now().wall
        self._listing = Component("engine", False, "not asked yet", now)  # noqa: FBT003
        self._stream = Component("event_stream", False, "not connected yet", now)  # noqa: FBT003

    def components(self) -> tuple[Component, ...]:
        """The health of listing and event stream, and the age of the last list.

        Without events the stream is degraded.
        """
        deaf = self._deafness() if self._listing.ok else ""
        stream = self._stream
        if deaf:
            reason = f"degraded: {deaf}; containers are judged by the list alone"
            stream = stream._replace(ok=True, reason=reason)
        return (self._listing, stream, self._freshness())

    def _freshness(self) -> Component:
        now = self._clock.now()
        age_s = now.mono - self._listed_mono
        stale = age_s > STALE_VIEW_S
        reason = f"the last list of containers is {age_s:.0f} s old" if stale else ""
        return Component("listing", not stale, reason, now.wall - age_s)

    def _deafness(self) -> str:
        """The reason why no events are expected; empty: they are."""
        stream = self._stream
        lasted_s = self._clock.now().wall - stream.since_wall
        if stream.ok or not (self._refused or lasted_s >= DEAF_AFTER_S):
            return ""
        return f"no events of the engine are heard: {stream.reason}"

    async def list_again(self) -> None:
        """List, because the targets may have changed; returns once it is posted.

        An engine that does not answer within LIST_AGAIN_S is not waited for.
        """
        self._wanted.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIST_AGAIN_S):
                await self._next_list_ended.wait()

    async def run(self) -> None:
        """List and follow events until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._keep_listing())

    async def _keep_listing(self) -> None:
        wait = RETRY_S
        while True:
            # Not wait_for: of Python 3.11 it loses a cancellation that comes with the
            # event, and we would never end.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wanted.wait()
                await asyncio.sleep(GATHER_S)
            wait = self._wait_s() if await self._list() else RETRY_S

    def _wait_s(self) -> float:
        if self._is_updating:
            return UPDATE_LIST_EVERY_S
        return DEAF_LIST_EVERY_S if self._deafness() else LIST_EVERY_S

    async def _list(self) -> bool:
        async with self._looking:
            self._wanted.clear()
            ended, self._next_list_ended = self._next_list_ended, asyncio.Event()
            try:
                return await self._list_containers()
            finally:
                ended.set()

    async def _list_containers(self) -> bool:
        try:
            listed = await self._engine.containers()
        except EngineError as error:
            self._note_listing(ok=False, reason=str(error))
            return False
        containers = tuple(c for c in listed if c.id != self._own_id)
        self._is_updating = any(c.service_hold.is_under_way for c in containers)
        try:
            async with asyncio.timeout(LABELS_S):
                targets = await self._targets_of(containers)
        except TimeoutError:
            reason = f"the labels were not worked out within {LABELS_S:.0f} s"
            self._note_listing(ok=False, reason=reason)
            return False
        facts = self._facts = await self._facts_of(targets, containers)
        self._listed_mono = self._clock.now().mono
        self._note_listing(ok=True, reason="")
        found = facts.containers, facts.never_started, facts.set_aside
        self._post(ContainersListed(self._clock.now(), targets, *found))
        return True

    async def _facts_of(
        self, targets: tuple[Target, ...], containers: tuple[Container, ...]
    ) -> _ListFacts:
        """The facts of a list: those of the one before where it said the same."""
        if self._facts.found_from == (targets, containers):
            return self._facts
        if len(containers) > TURN_CONTAINERS:
            return await asyncio.to_thread(_find_facts, targets, containers)
        return _find_facts(targets, containers)

    def _note_listing(self, *, ok: bool, reason: str) -> None:
        self._listing = self._update_component(self._listing, ok=ok, reason=reason)
        other = self._other_engine() if ok else ""
        deaf = self._deafness()
        self._post(
            EngineReachabilityChanged(self._clock.now(), ok, reason, deaf, other)
        )

    def _update_component(
        self, component: Component, *, ok: bool, reason: str
    ) -> Component:
        since = component.since_wall if component.ok == ok else self._clock.now().wall
        return component._replace(ok=ok, reason=reason, since_wall=since)

    async def _follow(self) -> None:
        async for item in self._engine.events():
            match item:
                case Connected():
                    self._stream = self._update_component(
                        self._stream, ok=True, reason=""
                    )
                    # List before any replayed event is handled: an event of an
                    # unknown container would be lost.
                    await self._list()
                case Disconnected(reason, refused):
                    self._refused = refused
                    self._stream = self._update_component(
                        self._stream, ok=False, reason=reason
                    )
                    self._wanted.set()
                case EngineEvent():
                    await self._notice(item)

    async def _notice(self, notice: EngineEvent) -> None:
        if notice.kind in {
            EngineEventKind.START,
            EngineEventKind.DESTROY,
            EngineEventKind.OTHER,
        }:
            self._wanted.set()
        if (
            notice.kind is EngineEventKind.DIE
            and notice.container_id not in self._facts.instance_by_container
        ):
            # It began and ended since the last list: list again to find its owner.
            await self._list()
        instance = self._facts.instance_by_container.get(notice.container_id)
        if instance is None:
            return
        async with self._looking:
            container = await self._look(notice)
            self._post(
                ContainerEventSeen(
                    self._clock.now(),
                    instance,
                    notice.kind,
                    notice.container_id,
                    notice.engine_time,
                    container,
                    notice.signal,
                    notice.exit_code,
                )
            )

    async def _look(self, notice: EngineEvent) -> Container | None:
        try:
            return await self._engine.inspect(notice.container_id)
        except ContainerGone:
            return None
        except EngineError as error:
            logger.debug("after {}: {}", notice.kind, error)
            return None


def _find_facts(
    targets: tuple[Target, ...], containers: tuple[Container, ...]
) -> _ListFacts:
    roster = assign(targets, containers)
    owners: dict[str, InstanceId | None] = dict.fromkeys(c.id for c in containers)
    owners.update((container.id, instance_id) for instance_id, container in roster)
    return _ListFacts(
        (targets, containers),
        roster,
        never_started(roster, containers),
        set_aside(roster, containers),
        owners,
    )
