"""What a container was like before a remedy changed it: bounded, masked, in memory."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Process, RunId
from sidecar.core.model.decision import Decision
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.engine import Engine, EngineError
from sidecar.core.ports.loop import Clock
from sidecar.core.status import run_log

Mask = Callable[[str], str]
"""Takes the secrets out of a text."""

RecentProbes = Callable[[InstanceId, RunId], tuple[str, ...]]
"""The last probes of an instance's run, one line each, oldest first."""

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
    """One bundle, at most 64 kB, about the run that was judged.

    ``log`` is what that run wrote, or the last runs of a crash loop, with AGAIN
    between them. Empty: it wrote nothing; None: it could not be read. ``missing``
    names what could not be had and why.
    """

    at: Moment
    instance: InstanceId
    name: str
    incident: str | None
    decision: str
    state: Container | None
    log: str | None
    processes: tuple[Process, ...]
    stats: Mapping[str, float]
    probes: tuple[str, ...]
    missing: tuple[str, ...]


class GatheredEvidence(NamedTuple):
    """A bundle, and beside it the whole list of processes, neither cut nor masked.

    Remedies judge by the list; it is not kept. None: it could not be had.
    """

    evidence: Evidence
    processes: tuple[Process, ...] | None


class EvidenceCollector:
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

    async def gather(
        self, decision: Decision, container: Container
    ) -> GatheredEvidence:
        """Ask the engine for everything at once, for at most GATHERING_S.

        The log may be longer than that run: it is looked last what runs by then.
        """
        missing: list[str] = []
        log, processes, stats = await asyncio.gather(
            _wait_for(
                "log", lambda: self._engine.logs(container.id, LOG_LINES), missing
            ),
            _wait_for(
                "processes", lambda: self._engine.processes(container.id), missing
            ),
            _wait_for("stats", lambda: self._engine.stats(container.id), missing),
        )
        state = await _wait_for(
            "state", lambda: self._engine.inspect(container.id), missing
        )
        again = state if _is_later(state, container) else None
        if again is not None:
            missing.append("processes, stats: it was started again meanwhile")
            processes, stats = None, {}
        runs = _of_runs(log, decision, container, again)
        shown = tuple(processes or ())[:PROCESSES]
        texts = (
            state.health_log if state is not None else "",
            *(process.command for process in shown),
        )
        said = await self._masked(*texts, *runs)
        commands = said[1 : len(texts)]
        evidence = Evidence(
            at=self._clock.now(),
            instance=decision.instance,
            name=decision.name,
            incident=decision.incident,
            decision=str(decision.reason),
            state=_without_labels(state, said[0][-COMMAND_CHARACTERS:]),
            log=None if log is None else _join_logs(said[len(texts) :]),
            processes=tuple(
                process._replace(command=command[:COMMAND_CHARACTERS])
                for process, command in zip(shown, commands, strict=True)
            ),
            stats=stats or {},
            probes=tuple(
                map(self._mask, self._recent_probes(decision.instance, container.run))
            ),
            missing=tuple(map(self._mask, missing)),
        )
        self._kept.append(evidence)
        return GatheredEvidence(evidence, processes)

    async def _masked(self, *texts: str) -> tuple[str, ...]:
        """All of them, before any is cut; beside the loop where that takes long."""
        if sum(map(len, texts)) <= LARGE_CHARACTERS:
            return tuple(map(self._mask, texts))
        return await asyncio.to_thread(lambda: tuple(map(self._mask, texts)))


def _is_later(state: Container | None, container: Container) -> bool:
    return state is not None and state.started_at > container.started_at


def _of_runs(
    log: str | None, decision: Decision, container: Container, again: Container | None
) -> tuple[str, ...]:
    """What the runs wrote that are evidence; not what a later one (``again``) did.

    A crash loop goes on while it is looked at: its next run is a part of it.
    """
    if log is None:
        return ()
    begun = decision.begun or (run_log.is_run_start(container),)
    if again is None:
        return run_log.select_lines(log, begun, math.inf)
    next_one = run_log.is_run_start(again)
    if decision.cause is Cause.CRASH_LOOP:
        return run_log.select_lines(log, (*begun, next_one), math.inf)
    return run_log.select_lines(log, begun, next_one)


def _join_logs(runs: tuple[str, ...]) -> str:
    """What ends a line for some reader only could forge what stands between runs."""
    told = f"\n{run_log.AGAIN}\n".join(runs)
    lines = (" ".join(line.splitlines()) for line in told.split("\n"))
    return "\n".join(lines)[-LOG_CHARACTERS:]


def _without_labels(state: Container | None, health_log: str) -> Container | None:
    if state is None:
        return None
    return replace(state, health_log=health_log, labels={})


async def _wait_for(
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
