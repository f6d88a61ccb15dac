"""Evidence of a container's state before a remedy: bounded, masked, in memory."""

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
"""Removes secrets from a text."""

RecentProbes = Callable[[InstanceId, RunId], tuple[str, ...]]
"""The last probes of an instance's run, one line each, oldest first."""

BUNDLES = 20
GATHERING_S = 3.0
LOG_LINES = 200
LOG_CHARACTERS = 40_000
PROCESSES = 80
COMMAND_CHARACTERS = 200
LARGE_CHARACTERS = 4096
"""Texts with more characters are masked in a thread."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One bundle, at most 64 kB, about the run that the decision is about.

    ``log`` is the output of that run, or of the last runs of a crash loop, with AGAIN
    between them. Empty: no output; None: it could not be read. ``missing`` names the
    parts that could not be read, and why.
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
    """A bundle, and the whole list of processes, neither cut nor masked.

    Remedies decide by the list; it is not kept. None: it could not be read.
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
        self._bundles: deque[Evidence] = deque(maxlen=BUNDLES)

    def bundles(self) -> tuple[Evidence, ...]:
        """All bundles that are kept, oldest first."""
        return tuple(self._bundles)

    def of(self, instance: InstanceId) -> Evidence | None:
        """The last bundle about an instance."""
        latest_first = reversed(self._bundles)
        return next((e for e in latest_first if e.instance == instance), None)

    async def gather(
        self, decision: Decision, container: Container
    ) -> GatheredEvidence:
        """Ask the engine for all parts at once, for at most GATHERING_S.

        The container is inspected last: its log may already include a later run.
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
        later_run = state if _is_later(state, container) else None
        if later_run is not None:
            missing.append("processes, stats: it was started again meanwhile")
            processes, stats = None, {}
        runs = _select_run_logs(log, decision, container, later_run)
        shown_processes = tuple(processes or ())[:PROCESSES]
        texts = (
            state.health_log if state is not None else "",
            *(process.command for process in shown_processes),
        )
        masked_texts = await self._mask_texts(*texts, *runs)
        commands = masked_texts[1 : len(texts)]
        evidence = Evidence(
            at=self._clock.now(),
            instance=decision.instance,
            name=decision.name,
            incident=decision.incident,
            decision=str(decision.reason),
            state=_without_labels(state, masked_texts[0][-COMMAND_CHARACTERS:]),
            log=None if log is None else _join_logs(masked_texts[len(texts) :]),
            processes=tuple(
                process._replace(command=command[:COMMAND_CHARACTERS])
                for process, command in zip(shown_processes, commands, strict=True)
            ),
            stats=stats or {},
            probes=tuple(
                map(self._mask, self._recent_probes(decision.instance, container.run))
            ),
            missing=tuple(map(self._mask, missing)),
        )
        self._bundles.append(evidence)
        return GatheredEvidence(evidence, processes)

    async def _mask_texts(self, *texts: str) -> tuple[str, ...]:
        """Mask texts, before any of them is cut; large ones in a thread."""
        if sum(map(len, texts)) <= LARGE_CHARACTERS:
            return tuple(map(self._mask, texts))
        return await asyncio.to_thread(lambda: tuple(map(self._mask, texts)))


def _is_later(state: Container | None, container: Container) -> bool:
    return state is not None and state.started_at > container.started_at


def _select_run_logs(
    log: str | None,
    decision: Decision,
    container: Container,
    later_run: Container | None,
) -> tuple[str, ...]:
    """The log of each run that is evidence, without that of ``later_run``.

    In a crash loop the later run is part of the evidence, too.
    """
    if log is None:
        return ()
    run_starts = decision.begun or (run_log.find_run_start(container),)
    if later_run is None:
        return run_log.select_lines(log, run_starts, math.inf)
    later_start = run_log.find_run_start(later_run)
    if decision.cause is Cause.CRASH_LOOP:
        return run_log.select_lines(log, (*run_starts, later_start), math.inf)
    return run_log.select_lines(log, run_starts, later_start)


def _join_logs(runs: tuple[str, ...]) -> str:
    """Join the logs of runs with AGAIN between them.

    Unusual line separators are replaced: a log could forge the text between runs.
    """
    text = f"\n{run_log.RUN_SEPARATOR}\n".join(runs)
    lines = (" ".join(line.splitlines()) for line in text.split("\n"))
    return "\n".join(lines)[-LOG_CHARACTERS:]


def _without_labels(state: Container | None, health_log: str) -> Container | None:
    if state is None:
        return None
    return replace(state, health_log=health_log, labels={})


async def _wait_for(
    part_name: str, ask: Callable[[], Awaitable[T]], missing: list[str]
) -> T | None:
    try:
        async with asyncio.timeout(GATHERING_S):
            return await ask()
    except EngineError as error:
        missing.append(f"{part_name}: {error}")
    except TimeoutError:
        missing.append(f"{part_name}: no answer within {GATHERING_S:.0f} s")
    return None
