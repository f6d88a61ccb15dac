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
from sidecar.watchdog import Watchdog
from tests.support.fakes import FakeEngine, LoopClock, a_container
from tests.support.memory_store import MemoryStore
from tests.support.rule_world import SERVICE, WALLET
from tests.support.virtual_time import run_virtual

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
ROOT_ID = "wallet-id"
LEAF_ID = "service-id"

Script = Callable[[Container], ProbeResult]
HANGS = probe_failure(Cause.HUNG, text_reason("no answer for 10.0 s"))


def works(_: Container) -> ProbeResult:
    return probe_success()


@dataclass
class StepRecorder:
    """Everything the loop told."""

    decisions: list[Decision] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def on_step(self, result: StepResult) -> None:
        self.events.append(result.event)
        self.transitions.extend(result.transitions)
        self.decisions.extend(result.decisions)


class ScriptedProber:
    """Answers as the script of the container's service says, at the pace of life."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.scripts: dict[str, Script] = {}
        self.begun: list[tuple[float, str]] = []

    async def probe(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        now = asyncio.get_running_loop().time()
        self.begun.append((now, container.service))
        running = self._engine.held.get(container.id)
        if running is None or running.status is not Status.RUNNING:
            return probe_failure(
                Cause.DETACHED,
                text_reason("the name does not resolve"),
                path_fault=True,
            )
        outcome = self.scripts.get(container.service, works)(running)
        silent = outcome.cause is Cause.HUNG
        await asyncio.sleep(settings.timeout_s if silent else 0.01)
        return outcome


class FakeWallets:
    """Notes what is asked of the wallet daemons; ``stop`` ends the process."""

    def __init__(self, engine: FakeEngine, scripts: dict[str, Script]) -> None:
        self._engine = engine
        self._scripts = scripts
        self.loaded: set[tuple[str, float]] = set()
        self.calls: list[str] = []
        self.wrapper = False
        self.answer_s: float | None = None
        """After how long a silent daemon answers; None: never."""

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        self.calls.append("stop")
        if not self.wrapper:
            self._engine.crash(container.id, 0)

    async def answers(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        found = self._scripts.get(container.service, works)(container)
        if found.cause is not Cause.HUNG:
            return found.rpc_answers
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
    """Remembers the messages, and the evidence with the event that it came with."""

    def __init__(self) -> None:
        super().__init__()
        self.evidence: list[tuple[Event, Mapping[str, object]]] = []
        self.messages: list[Message] = []

    @override
    async def append(self, turned: StepResult) -> None:
        await super().append(turned)
        self.messages.extend(turned.messages)
        if turned.evidence is not None:
            self.evidence.append((turned.event, turned.evidence))


class LoopHarness:
    """Watchdog, pump, pacer and executor, wired as the application wires them."""

    def __init__(
        self,
        targets: tuple[Target, ...] = (WALLET, SERVICE),
        mode: Mode = Mode.ACT,
        listeners: tuple[StepListener, ...] = (),
    ) -> None:
        self.clock = LoopClock()
        old = self.clock.now().wall - 86_400.0
        self.engine = FakeEngine(
            self.clock,
            a_container(ROOT_ID, service=ROOT, name=f"demo-{ROOT}-1", started_at=old),
            a_container(LEAF_ID, service=LEAF, name=f"demo-{LEAF}-1", started_at=old),
        )
        self.prober = ScriptedProber(self.engine)
        self.wallets = FakeWallets(self.engine, self.prober.scripts)
        self.notes = StepRecorder()
        self.targets = targets
        self.store = EvidenceRecordingStore()
        self.onlooker = ProcessWatcher(self.engine, self.clock, self.post, str)
        self.pacer = IntervalProbeScheduler(
            self.prober,
            self.post,
            self.clock,
            lambda _: None,
            self.onlooker.look_at_silent,
        )
        self.executor = Executor(
            self.engine, self.wallets, self.post, self.clock, mask=str
        )
        self.watchdog = Watchdog(
            state=State(started=self.clock.now(), mode=mode),
            clock=self.clock,
            store=self.store,
            listeners=(*listeners, self.notes, self.onlooker),
            probing=self.pacer,
            remedies=self.executor,
        )
        self.pump = EngineWatcher(self.engine, self.clock, self.post, self._targets_of)

    async def _targets_of(self, _: tuple[Container, ...]) -> tuple[Target, ...]:
        return self.targets

    def post(self, event: Event) -> None:
        self.watchdog.post(event)

    def instance(self, name: str) -> Instance:
        state = self.watchdog.state
        return next(i for i in state.instances.values() if i.name == name)

    def acts(self) -> list[tuple[str, str]]:
        """What was done to containers: (engine call, container id)."""
        return self.engine.acts

    def decided(self, action: Action) -> list[Decision]:
        return [d for d in self.notes.decisions if d.action is action]

    def ended(self) -> list[RemedyEnded]:
        return [t for t in self.notes.transitions if isinstance(t, RemedyEnded)]

    async def until(self, reached: Callable[[], bool]) -> None:
        """In steps of a tenth of a (virtual) second, for at most an hour."""
        for _ in range(36_000):
            if reached():
                return
            await asyncio.sleep(0.1)
        raise AssertionError("it never came to that")

    def script(self, service: str, script: Script) -> None:
        self.prober.scripts[service] = script

    def breaks(self, service: str, outcome: ProbeResult) -> None:
        """Until its container is restarted."""
        broken = {c.run for c in self.engine.held.values() if c.service == service}
        self.script(service, lambda c: outcome if c.run in broken else probe_success())

    async def close(self) -> None:
        await self.pacer.close()
        await self.onlooker.close()
        await self.engine.close()


def run_scenario(
    story: Callable[[LoopHarness], Awaitable[None]],
    targets: tuple[Target, ...] = (WALLET, SERVICE),
    mode: Mode = Mode.ACT,
    listeners: tuple[StepListener, ...] = (),
) -> LoopHarness:
    """Tell the story in virtual time; the stage is left as it ended."""

    async def main() -> LoopHarness:
        stage = LoopHarness(targets, mode, listeners)
        loops = [
            asyncio.create_task(stage.watchdog.run()),
            asyncio.create_task(stage.pump.run()),
        ]
        try:
            await story(stage)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await stage.close()
        return stage

    return run_virtual(main())


def quick(target: Target, **cadence: float) -> Target:
    """The same target with other timings."""
    return replace(target, cadence=replace(target.cadence, **cadence))  # type: ignore[arg-type]  # its fields
