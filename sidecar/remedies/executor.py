"""The executor of decisions: one at a time per target, each with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from weakref import WeakValueDictionary

import msgspec

from sidecar.core.backup.ports import WalletGuard
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
from sidecar.core.ports.loop import Clock, LeaseGate, Post, WalletControl
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.status.process_inspection import ProcessFindings
from sidecar.remedies import load_wallet, restart, start, stop
from sidecar.remedies.disk_examination import DiskExamination
from sidecar.remedies.evidence import Evidence, EvidenceCollector, Mask, RecentProbes
from sidecar.remedies.page_evidence import PageEvidence
from sidecar.remedies.precheck import check_container
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution
from sidecar.remedies.stopped_processes import (
    LOOK_S,
    StoppedProcesses,
    find_stopped_processes,
)
from sidecar.remedies.wallet_check import check_wallet_files


async def _recreate(job: RemedyContext) -> RemedyExecution:
    from sidecar.remedies import recreate  # noqa: PLC0415 - few targets ever need it

    return await recreate.carry_out(job)


REMEDIES: Mapping[Action, Callable[[RemedyContext], Awaitable[RemedyExecution]]] = (
    MappingProxyType(
        {
            Action.START: start.carry_out,
            Action.RESTART: restart.carry_out,
            Action.RECREATE: _recreate,
            Action.LOAD_WALLET: load_wallet.carry_out,
            Action.STOP: stop.carry_out,
        }
    )
)

# In addition to the stop timeouts: evidence, the engine call, its verification.
DEADLINE_S = 120.0


@dataclass(slots=True)
class _Entry:
    """A decision in progress; ``job`` is set once the checks have passed."""

    decision: Decision
    target: Target
    container: Container
    job: RemedyContext | None = None

    @property
    def is_committed(self) -> bool:
        """Was something sent that cannot be undone?"""
        return self.job is not None and self.job.committed


class Executor:
    """Implements core.ports.loop.RemedyExecutor, and keeps the evidence."""

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
        self.host: HostProcesses | None = None
        """The host's view of processes; if set, it is used instead of the engine."""
        self.wallet_guard: WalletGuard | None = None
        """Backs up the wallet files before a restart; None: there are no backups."""
        self.lease: LeaseGate | None = None
        """Asked before each call, if several watchdogs share the stack."""
        self._wallets = wallets
        self._post = post
        self._mask = mask
        self._clock = clock
        self._looks = StoppedProcesses(clock, mask)
        self._disks = DiskExamination(engine, clock)
        self._evidence = EvidenceCollector(engine, clock, mask, recent_probes)
        self._page_evidence = PageEvidence(self._evidence, clock, post)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._entries: dict[asyncio.Task[Event], _Entry] = {}
        self._leaving = asyncio.Event()

    def evidence_of(self, instance: InstanceId) -> Mapping[str, object] | None:
        """The latest evidence about an instance, ready for JSON; None if none."""
        evidence = self._evidence.of(instance)
        return None if evidence is None else msgspec.to_builtins(evidence)

    def bundles(self) -> tuple[Evidence, ...]:
        """All evidence that is kept, oldest first."""
        return self._evidence.bundles()

    def carry_out(
        self, decision: Decision, target: Target, container: Container
    ) -> None:
        """Start to carry out a decision, and return at once.

        It ends in exactly one event, even after an error. A PAGE changes nothing: its
        event has the evidence, and it has none if no evidence was gathered.
        """
        if decision.action is Action.PAGE:
            self._page_evidence.start(decision, container)
            return
        entry = _Entry(decision, target, container)
        if self._leaving.is_set():
            self._post(self._give_up_event(entry, Reason.of(R.SIDECAR_LEAVES)))
            return
        looks = decision.action is Action.LOOK
        work = self._look(entry) if looks else self._act(entry)
        task = asyncio.get_running_loop().create_task(work)
        self._entries[task] = entry
        task.add_done_callback(self._end)

    async def drain(self, timeout_s: float) -> None:
        """End all work within ``timeout_s``, and leave no container stopped.

        A remedy that has sent nothing yet is cancelled. One that has stopped a daemon
        sends the start without further waiting; the engine continues by itself.
        """
        self._leaving.set()
        for task, entry in self._entries.items():
            if not entry.is_committed:
                task.cancel()
        if self._entries:
            await asyncio.wait(self._entries, timeout=timeout_s)
        unfinished = tuple(self._entries)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _act(self, entry: _Entry) -> Event:
        decision = entry.decision
        lock = self._locks.setdefault(decision.instance.target, asyncio.Lock())
        async with lock:
            takes_s = decision.stop_timeout_s + decision.polite_stop_s + DEADLINE_S
            async with asyncio.timeout(takes_s):
                execution = await self._run_remedy(entry)
        return self._event(entry, execution)

    async def _run_remedy(self, entry: _Entry) -> RemedyExecution:
        bundle = await self._evidence.gather(entry.decision, entry.container)
        fresh = await check_container(self._engine, entry.decision, entry.container)
        if isinstance(fresh, RemedyExecution):
            return fresh
        objection = await check_wallet_files(
            self.wallet_guard, entry.decision, entry.target, fresh
        )
        if objection is not None:
            return objection
        full_disk = await self._find_full_disk(entry, fresh, bundle.evidence.log)
        if full_disk is not None:
            return full_disk
        if self.wallet_guard is not None and entry.target.backup is not None:
            # A backup may take long enough for somebody else to restart it.
            fresh = await check_container(self._engine, entry.decision, fresh)
            if isinstance(fresh, RemedyExecution):
                return fresh
        entry.job = RemedyContext(
            entry.decision,
            entry.target,
            fresh,
            self._engine,
            self._wallets,
            self._clock,
            self._leaving,
            partial(self._tell, entry.decision),
            bundle.processes,
            self.host,
            self.lease,
        )
        return await REMEDIES[entry.decision.action](entry.job)

    async def _find_full_disk(
        self, entry: _Entry, fresh: Container, log: str | None
    ) -> RemedyExecution | None:
        """The end of a remedy that a full disk makes useless; else None."""
        examined = await self._disks.examine_before_remedy(entry.decision, fresh, log)
        if examined is None:
            return None
        self._post(examined)
        return RemedyExecution(RemedyCallResult.NOT_SENT, examined.full, fresh)

    async def _look(self, entry: _Entry) -> Event:
        asked_mono = self._clock.now().mono
        async with asyncio.timeout(LOOK_S):
            findings = await find_stopped_processes(
                self._engine, entry.container, self.host
            )
        return self._inspection_event(entry, findings or ProcessFindings(), asked_mono)

    def _end(self, task: asyncio.Task[Event]) -> None:
        entry = self._entries.pop(task)
        if task.cancelled():
            event = self._give_up_event(entry, Reason.of(R.SIDECAR_LEAVES))
        elif error := task.exception():
            event = self._give_up_event(
                entry, text_reason(f"{type(error).__name__}: {error}")
            )
        else:
            event = task.result()
        self._post(event)

    def _give_up_event(self, entry: _Entry, why: Reason) -> Event:
        if entry.decision.action is Action.LOOK:
            now_mono = self._clock.now().mono
            return self._inspection_event(entry, ProcessFindings(), now_mono)
        result = (
            RemedyCallResult.UNKNOWN
            if entry.is_committed
            else RemedyCallResult.NOT_SENT
        )
        return self._event(
            entry, RemedyExecution(result, Reason.of(R.GIVEN_UP, reason=why))
        )

    def _event(self, entry: _Entry, execution: RemedyExecution) -> RemedyExecuted:
        return RemedyExecuted(
            self._clock.now(),
            entry.decision.instance,
            execution.result,
            execution.reason.map_text(self._mask).bound(REASON_LIMIT),
            execution.container,
            execution.answered,
            entry.job.engine_stops if entry.job is not None else 0,
            entry.decision.settles,
            execution.replaced,
        )

    def _tell(self, decision: Decision, doing: Reason) -> None:
        self._post(RemedyProgressed(self._clock.now(), decision.instance, doing))

    def _inspection_event(
        self, entry: _Entry, findings: ProcessFindings, asked_mono: float
    ) -> ProcessesInspected:
        instance_id = entry.decision.instance
        return self._looks.event(instance_id, entry.container, findings, asked_mono)
