"""The whole loop with a fake engine, scripted probes and virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from typing_extensions import override

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import Event
from sidecar.core.model.instance import Instance
from sidecar.core.model.message import Message
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.probe_settings import ElectronCashProbe, ProbeSettings
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import Mode, Target
from sidecar.core.model.transition import RemedyEnded, Transition
from sidecar.core.ports.loop import NotLoaded, StepListener
from sidecar.core.reason.reason import text_reason
from sidecar.engine.watcher import EngineWatcher
from sidecar.probes.scheduler import IntervalProbeScheduler
from sidecar.remedies.executor import Executor
from sidecar.remedies.process_watcher import ProcessWatcher
from sidecar.simulation.memory_store import MemoryStore
from sidecar.simulation.virtual_time import run_virtual
from sidecar.watchdog import Watchdog
from tests.support.fakes import FakeEngine, LoopClock, a_container
from tests.support.rule_world import SERVICE, WALLET

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
ROOT_ID = "wallet-id"
LEAF_ID = "service-id"

Script = Callable[[Container], ProbeResult]
HANGS = probe_failure(Cause.HUNG, text_reason("no answer for 10.0 s"))


def always_succeed(_: Container) -> ProbeResult:
    return probe_success()


@dataclass
class StepRecorder:
    """Events, transitions and decisions of all steps."""

    decisions: list[Decision] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def on_step(self, result: StepResult) -> None:
        self.events.append(result.event)
        self.transitions.extend(result.transitions)
        self.decisions.extend(result.decisions)


class ScriptedProber:
    """Answers by the script of the container's service, with realistic durations."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.scripts: dict[str, Script] = {}
        self.probe_starts: list[tuple[float, str]] = []

    async def probe(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        now = asyncio.get_running_loop().time()
        self.probe_starts.append((now, container.service))
        running = self._engine.held.get(container.id)
        if running is None or running.status is not Status.RUNNING:
            return probe_failure(
                Cause.DETACHED,
                text_reason("the name does not resolve"),
                path_fault=True,
            )
        outcome = self.scripts.get(container.service, always_succeed)(running)
        silent = outcome.cause is Cause.HUNG
        await asyncio.sleep(settings.timeout_s if silent else 0.01)
        return outcome


class FakeWallets:
    """Records calls to the wallet daemons; ``stop`` ends the process."""

    def __init__(self, engine: FakeEngine, scripts: dict[str, Script]) -> None:
        self._engine = engine
        self._scripts = scripts
        self.loaded: set[tuple[str, float]] = set()
        self.calls: list[str] = []
        self.has_wrapper = False
        self.answer_s: float | None = None
        """Seconds after which a silent daemon answers; None: never."""

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        self.calls.append("stop")
        if not self.has_wrapper:
            self._engine.crash(container.id, 0)

    async def answers(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        outcome = self._scripts.get(container.service, always_succeed)(container)
        if outcome.cause is not Cause.HUNG:
            return outcome.rpc_answers
        answers = self.answer_s is not None and self.answer_s <= timeout_s
        await asyncio.sleep(self.answer_s if answers and self.answer_s else timeout_s)
        return answers

    async def load_wallets(
        self,
        settings: ElectronCashProbe,
        container: Container,
        paths: Sequence[str],
        timeout_s: float,
    ) -> tuple[NotLoaded, ...]:
        self.calls.append("load_wallet")
        self.loaded.add(container.run)
        return ()


class EvidenceRecordingStore(MemoryStore):
    """Keeps all messages, and each evidence with its event."""

    def __init__(self) -> None:
        super().__init__()
        self.evidence: list[tuple[Event, Mapping[str, object]]] = []
        self.messages: list[Message] = []

    @override
    async def append(self, *results: StepResult) -> None:
        await super().append(*results)
        for result in results:
            self.messages.extend(result.messages)
            if result.evidence is not None:
                self.evidence.append((result.event, result.evidence))


class LoopHarness:
    """Watchdog, engine watcher, scheduler and executor, wired as in the application."""

    def __init__(
        self,
        targets: tuple[Target, ...] = (WALLET, SERVICE),
        mode: Mode = Mode.ACT,
        listeners: tuple[StepListener, ...] = (),
        *,
        engine: FakeEngine | None = None,
        state: State | None = None,
    ) -> None:
        self.clock = LoopClock()
        old = self.clock.now().wall - 86_400.0
        self.engine = engine or FakeEngine(
            self.clock,
            a_container(ROOT_ID, service=ROOT, name=f"demo-{ROOT}-1", started_at=old),
            a_container(LEAF_ID, service=LEAF, name=f"demo-{LEAF}-1", started_at=old),
        )
        self.prober = ScriptedProber(self.engine)
        self.wallets = FakeWallets(self.engine, self.prober.scripts)
        self.recorder = StepRecorder()
        self.targets = targets
        self.store = EvidenceRecordingStore()
        self.process_watcher = ProcessWatcher(self.engine, self.clock, self.post, str)
        self.scheduler = IntervalProbeScheduler(
            self.prober,
            self.post,
            self.clock,
            lambda _: None,
            self.process_watcher.look_at_silent,
        )
        self.executor = Executor(
            self.engine, self.wallets, self.post, self.clock, mask=str
        )
        self.watchdog = Watchdog(
            state=state or State(started=self.clock.now(), mode=mode),
            clock=self.clock,
            store=self.store,
            listeners=(*listeners, self.recorder, self.process_watcher),
            probing=self.scheduler,
            remedies=self.executor,
        )
        self.engine_watcher = EngineWatcher(
            self.engine, self.clock, self.post, self._targets_of
        )

    async def _targets_of(self, _: tuple[Container, ...]) -> tuple[Target, ...]:
        return self.targets

    def post(self, event: Event) -> None:
        self.watchdog.post(event)

    def instance(self, name: str) -> Instance:
        state = self.watchdog.state
        return next(i for i in state.instances.values() if i.name == name)

    def acts(self) -> list[tuple[str, str]]:
        """Changing calls to containers: (engine call, container id)."""
        return self.engine.acts

    def decisions_of(self, action: Action) -> list[Decision]:
        return [d for d in self.recorder.decisions if d.action is action]

    def ended_remedies(self) -> list[RemedyEnded]:
        return [t for t in self.recorder.transitions if isinstance(t, RemedyEnded)]

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait in steps of 0.1 s of virtual time, for at most an hour."""
        for _ in range(36_000):
            if condition():
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the condition was not met within an hour")

    def set_script(self, service: str, script: Script) -> None:
        self.prober.scripts[service] = script

    def fail_until_restart(self, service: str, outcome: ProbeResult) -> None:
        """Let the service's probes fail until its container is restarted."""
        broken = {c.run for c in self.engine.held.values() if c.service == service}
        self.set_script(
            service, lambda c: outcome if c.run in broken else probe_success()
        )

    async def close(self) -> None:
        await self.scheduler.close()
        await self.process_watcher.close()
        await self.engine.close()


def run_scenario(
    scenario: Callable[[LoopHarness], Awaitable[None]],
    targets: tuple[Target, ...] = (WALLET, SERVICE),
    mode: Mode = Mode.ACT,
    listeners: tuple[StepListener, ...] = (),
) -> LoopHarness:
    """Run the scenario in virtual time; return the harness in its final state."""

    async def main() -> LoopHarness:
        harness = LoopHarness(targets, mode, listeners)
        loops = [
            asyncio.create_task(harness.watchdog.run()),
            asyncio.create_task(harness.engine_watcher.run()),
        ]
        try:
            await scenario(harness)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await harness.close()
        return harness

    return run_virtual(main())


def with_cadence(target: Target, **cadence: float) -> Target:
    """The same target with other timings."""
    return replace(target, cadence=replace(target.cadence, **cadence))  # type: ignore[arg-type]  # its fields
