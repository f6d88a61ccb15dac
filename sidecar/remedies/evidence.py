"""What a container was like before a remedy changed it: bounded, masked, in memory."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from sidecar.core.container import Container, Process
from sidecar.core.decision import Decision
from sidecar.core.moment import Moment
from sidecar.core.ports import Clock, Engine, EngineError
from sidecar.core.target import InstanceId

Mask = Callable[[str], str]
"""Takes the secrets out of a text."""

RecentProbes = Callable[[InstanceId], tuple[str, ...]]
"""The last probes of an instance, one line each, oldest first."""

BUNDLES = 20
GATHERING_S = 3.0
LOG_LINES = 200
LOG_CHARACTERS = 40_000
PROCESSES = 80
COMMAND_CHARACTERS = 200
LARGE_CHARACTERS = 4096
"""More than that is masked in a thread."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One bundle, at most 64 kB. ``missing`` names what could not be had and why."""

    at: Moment
    instance: InstanceId
    name: str
    incident: str | None
    decision: str
    state: Container | None
    log: str
    processes: tuple[Process, ...]
    stats: Mapping[str, float]
    probes: tuple[str, ...]
    missing: tuple[str, ...]


class EvidenceRoom:
    """Gathers bundles and keeps the last few."""

    def __init__(
        self, engine: Engine, clock: Clock, mask: Mask, recent_probes: RecentProbes
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._mask = mask
        self._recent_probes = recent_probes
        self._kept: deque[Evidence] = deque(maxlen=BUNDLES)

    def bundles(self) -> tuple[Evidence, ...]:
        """All that is kept, oldest first."""
        return tuple(self._kept)

    def of(self, instance: InstanceId) -> Evidence | None:
        """The last bundle about an instance."""
        return next((e for e in reversed(self._kept) if e.instance == instance), None)

    async def gather(self, decision: Decision, container: Container) -> Evidence:
        """Ask the engine for everything at once, for at most GATHERING_S."""
        missing: list[str] = []
        log, state, processes, stats = await asyncio.gather(
            _had("log", lambda: self._engine.logs(container.id, LOG_LINES), missing),
            _had("state", lambda: self._engine.inspect(container.id), missing),
            _had("processes", lambda: self._engine.processes(container.id), missing),
            _had("stats", lambda: self._engine.stats(container.id), missing),
        )
        shown = tuple(processes or ())[:PROCESSES]
        said = await self._masked(
            log or "",
            state.health_log if state is not None else "",
            *(process.command for process in shown),
        )
        evidence = Evidence(
            at=self._clock.now(),
            instance=decision.instance,
            name=decision.name,
            incident=decision.incident,
            decision=decision.reason,
            state=_without_labels(state, said[1][-COMMAND_CHARACTERS:]),
            log=said[0][-LOG_CHARACTERS:],
            processes=tuple(
                process._replace(command=command[:COMMAND_CHARACTERS])
                for process, command in zip(shown, said[2:], strict=True)
            ),
            stats=stats or {},
            probes=tuple(map(self._mask, self._recent_probes(decision.instance))),
            missing=tuple(map(self._mask, missing)),
        )
        self._kept.append(evidence)
        return evidence

    async def _masked(self, *texts: str) -> tuple[str, ...]:
        """All of them, before any is cut; beside the loop where that takes long."""
        if sum(map(len, texts)) <= LARGE_CHARACTERS:
            return tuple(map(self._mask, texts))
        return await asyncio.to_thread(lambda: tuple(map(self._mask, texts)))


def _without_labels(state: Container | None, health_log: str) -> Container | None:
    if state is None:
        return None
    return replace(state, health_log=health_log, labels={})


async def _had(
    what: str, ask: Callable[[], Awaitable[T]], missing: list[str]
) -> T | None:
    try:
        async with asyncio.timeout(GATHERING_S):
            return await ask()
    except EngineError as error:
        missing.append(f"{what}: {error}")
    except TimeoutError:
        missing.append(f"{what}: no answer within {GATHERING_S:.0f} s")
    return None
