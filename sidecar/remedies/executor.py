"""Carries decisions out: one at a time per target, each with a deadline and an end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from weakref import WeakValueDictionary

import msgspec

from sidecar.core.model.container import Container
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import (
    Event,
    ProcessesInspected,
    RemedyCallResult,
    RemedyExecuted,
    RemedyProgressed,
)
from sidecar.core.model.probe_result import REASON_LIMIT
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.ports.engine import Engine, HostProcesses
from sidecar.core.ports.loop import Clock, Post, WalletControl
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.status.process_inspection import ProcessFindings
from sidecar.remedies import load_wallet, restart, start, stop
from sidecar.remedies.evidence import Evidence, EvidenceCollector, Mask, RecentProbes
from sidecar.remedies.page_evidence import PageEvidence
from sidecar.remedies.precheck import check_container
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution
from sidecar.remedies.stopped_processes import (
    LOOK_S,
    StoppedProcesses,
    find_stopped_processes,
)

REMEDIES: Mapping[Action, Callable[[RemedyContext], Awaitable[RemedyExecution]]] = (
    MappingProxyType(
        {
            Action.START: start.carry_out,
            Action.RESTART: restart.carry_out,
            Action.LOAD_WALLET: load_wallet.carry_out,
            Action.STOP: stop.carry_out,
        }
    )
)

# On top of the stop timeout: evidence, a polite stop, the call, finding out.
DEADLINE_S = 120.0


@dataclass(slots=True)
class _Entry:
    """A decision in hand; ``job`` once it passed the checks."""

    decision: Decision
    target: Target
    container: Container
    job: RemedyContext | None = None

    @property
    def committed(self) -> bool:
        """Was something sent that cannot be taken back?"""
        return self.job is not None and self.job.committed


class Executor:
    """core.ports.Remedies, and the keeper of the evidence."""

    def __init__(
        self,
        engine: Engine,
        wallets: WalletControl,
        post: Post,
        clock: Clock,
        *,
        mask: Mask,
        recent_probes: RecentProbes = lambda _, __: (),
    ) -> None:
        self._engine = engine
        self.sight: HostProcesses | None = None
        """Where the host's processes are seen, the engine is not asked for them."""
        self._wallets = wallets
        self._post = post
        self._mask = mask
        self._clock = clock
        self._looks = StoppedProcesses(clock, mask)
        self._room = EvidenceCollector(engine, clock, mask, recent_probes)
        self._witness = PageEvidence(self._room, clock, post)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._entries: dict[asyncio.Task[Event], _Entry] = {}
        self._leaving = asyncio.Event()

    def evidence_of(self, instance: InstanceId) -> Mapping[str, object] | None:
        """What was last gathered about an instance, JSON-ready."""
        evidence = self._room.of(instance)
        return None if evidence is None else msgspec.to_builtins(evidence)

    def bundles(self) -> tuple[Evidence, ...]:
        """All evidence that is kept, oldest first."""
        return self._room.bundles()

    def carry_out(
        self, decision: Decision, target: Target, container: Container
    ) -> None:
        """Begin; return at once. Ends in exactly one event, whatever happens.

        A PAGE changes nothing: where evidence for it was gathered, that comes back.
        """
        if decision.action is Action.PAGE:
            self._witness.testify(decision, container)
            return
        entry = _Entry(decision, target, container)
        if self._leaving.is_set():
            self._post(self._given_up(entry, Reason.of(R.SIDECAR_LEAVES)))
            return
        looks = decision.action is Action.LOOK
        work = self._look(entry) if looks else self._act(entry)
        task = asyncio.get_running_loop().create_task(work)
        self._entries[task] = entry
        task.add_done_callback(self._end)

    async def drain(self, timeout_s: float) -> None:
        """Let no container be left stopped, and end within ``timeout_s``.

        What has done nothing yet is not sent. What has stopped a daemon sends
        the engine's start without any more waiting; the engine goes on by itself.
        """
        self._leaving.set()
        for task, entry in self._entries.items():
            if not entry.committed:
                task.cancel()
        if self._entries:
            await asyncio.wait(self._entries, timeout=timeout_s)
        left = tuple(self._entries)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _act(self, entry: _Entry) -> Event:
        decision = entry.decision
        lock = self._locks.setdefault(decision.instance.target, asyncio.Lock())
        async with lock:
            takes_s = decision.stop_timeout_s + decision.polite_stop_s + DEADLINE_S
            async with asyncio.timeout(takes_s):
                acted = await self._acted(entry)
        return self._event(entry, acted)

    async def _acted(self, entry: _Entry) -> RemedyExecution:
        gathered = await self._room.gather(entry.decision, entry.container)
        found = await check_container(self._engine, entry.decision, entry.container)
        if isinstance(found, RemedyExecution):
            return found
        entry.job = RemedyContext(
            entry.decision,
            entry.target,
            found,
            self._engine,
            self._wallets,
            self._clock,
            self._leaving,
            partial(self._tell, entry.decision),
            gathered.processes,
            self.sight,
        )
        return await REMEDIES[entry.decision.action](entry.job)

    async def _look(self, entry: _Entry) -> Event:
        asked_mono = self._clock.now().mono
        async with asyncio.timeout(LOOK_S):
            seen = await find_stopped_processes(
                self._engine, entry.container, self.sight
            )
        return self._seen(entry, seen or ProcessFindings(), asked_mono)

    def _end(self, task: asyncio.Task[Event]) -> None:
        entry = self._entries.pop(task)
        if task.cancelled():
            event = self._given_up(entry, Reason.of(R.SIDECAR_LEAVES))
        elif error := task.exception():
            event = self._given_up(
                entry, text_reason(f"{type(error).__name__}: {error}")
            )
        else:
            event = task.result()
        self._post(event)

    def _given_up(self, entry: _Entry, why: Reason) -> Event:
        if entry.decision.action is Action.LOOK:
            return self._seen(entry, ProcessFindings(), self._clock.now().mono)
        result = (
            RemedyCallResult.UNKNOWN if entry.committed else RemedyCallResult.NOT_SENT
        )
        return self._event(
            entry, RemedyExecution(result, Reason.of(R.GIVEN_UP, reason=why))
        )

    def _event(self, entry: _Entry, acted: RemedyExecution) -> RemedyExecuted:
        return RemedyExecuted(
            self._clock.now(),
            entry.decision.instance,
            acted.result,
            acted.reason.map_text(self._mask).bound(REASON_LIMIT),
            acted.container,
            acted.answered,
            entry.job.engine_stops if entry.job is not None else 0,
        )

    def _tell(self, decision: Decision, doing: Reason) -> None:
        self._post(RemedyProgressed(self._clock.now(), decision.instance, doing))

    def _seen(
        self, entry: _Entry, seen: ProcessFindings, asked_mono: float
    ) -> ProcessesInspected:
        who = entry.decision.instance
        return self._looks.event(who, entry.container, seen, asked_mono)
