"""A small world for tests of the rules: events in, decisions out, no loop."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    ContainerEventSeen,
    ContainersListed,
    EngineReachabilityChanged,
    Event,
    ProbeCompleted,
    ProcessesInspected,
    RemedyCallResult,
    RemedyExecuted,
    Tick,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.message import Message
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Mode, Target
from sidecar.core.model.transition import Transition
from sidecar.core.reason.reason import text_reason
from sidecar.core.status.assignment import assign, never_started, set_aside
from sidecar.core.step.step import run_step

EPOCH = 1_700_000_000.0
OLD = EPOCH - 86_400.0

WALLET = Target(
    "electron-cash", probes=(ElectronCashProbe("http://electron-cash:7777/"),)
)
SERVICE = Target(
    "bitcoincash-service",
    depends_on=("electron-cash",),
    probes=(HttpProbe("http://bitcoincash-service:8080/health"),),
)


def container(service: str, number: int = 1, **changes: object) -> Container:
    """A container that has been running for a day."""
    plain = Container(
        id=f"{service}-{number}-id",
        name=f"demo-{service}-{number}",
        stack="demo",
        service=service,
        number=number,
        status=Status.RUNNING,
        started_at=OLD,
        pid=4242,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # any field of it


@dataclass
class RuleWorld:
    """Targets, their containers, the time, and all decisions.

    ``lists``: the containers are listed every 30 s, as the loop does.
    ``wall_ahead_s``: seconds by which the wall clock is ahead of ``now_s``.
    ``witness``: called after each event, with the decisions.
    """

    targets: tuple[Target, ...] = (WALLET, SERVICE)
    mode: Mode = Mode.ACT
    now_s: float = 1000.0
    lists: bool = True
    wall_ahead_s: float = 0.0
    containers: dict[InstanceId, Container] = field(default_factory=dict)
    beside: tuple[Container, ...] = ()
    """Containers that belong to no target, listed with the others."""
    notify: NotifySettings = NotifySettings()
    witness: "Callable[[RuleWorld, tuple[Decision, ...]], None]" = lambda *_: None
    messages: list[Message] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    task_runs: list[TaskRun] = field(default_factory=list)
    drill_records: list[DrillRecord] = field(default_factory=list)
    state: State = field(init=False)
    _listed_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.state = State(started=self.now, mode=self.mode, notify=self.notify)
        for target in self.targets:
            instance_id = InstanceId(target.name, 1)
            self.containers.setdefault(
                instance_id, container(target.service or target.name)
            )
        self._listed_s = self.now_s
        self.send(EngineReachabilityChanged(self.now, reachable=True))
        self.relist()

    @property
    def now(self) -> Moment:
        return Moment(self.now_s, EPOCH + self.now_s + self.wall_ahead_s)

    def send(self, event: Event) -> tuple[Decision, ...]:
        if self.lists and self.now_s - self._listed_s >= 30.0:
            self.relist()
        result = run_step(self.state, event)
        self.state = result.state
        self.decisions.extend(result.decisions)
        self.transitions.extend(result.transitions)
        self.messages.extend(result.messages)
        self.task_runs.extend(result.task_runs)
        self.drill_records.extend(result.drill_records)
        self.witness(self, result.decisions)
        return result.decisions

    def relist(self) -> tuple[Decision, ...]:
        self._listed_s = self.now_s
        containers = (*self.containers.values(), *self.beside)
        roster = assign(self.targets, containers)
        never_started_names = never_started(roster, containers)
        aside = set_aside(roster, containers)
        return self.send(
            ContainersListed(self.now, self.targets, roster, never_started_names, aside)
        )

    def wait(self, seconds: float, step: float = 0.5) -> None:
        """Advance the time in ticks, as the loop does."""
        end = self.now_s + seconds
        while self.now_s < end:
            self.now_s = min(end, self.now_s + step)
            self.send(Tick(self.now))

    def instance(self, name: str) -> Instance:
        return next(i for i in self.state.instances.values() if i.name == name)

    def probe(self, name: str, outcome: ProbeResult, took_s: float = 0.01) -> None:
        """One probe, begun now and ended ``took_s`` later."""
        instance = self.instance(name)
        began = self.now_s
        self.now_s += took_s
        assert instance.container is not None
        self.send(
            ProbeCompleted(
                self.now, instance.id, instance.container.run, began, outcome
            )
        )

    def works(self, *names: str, times: int = 2) -> None:
        for _ in range(times):
            for name in names:
                self.probe(name, probe_success())
            self.now_s += 1.0

    def fails(
        self,
        name: str,
        cause: Cause,
        times: int = 3,
        *,
        took_s: float = 0.01,
        path_fault: bool = False,
    ) -> None:
        for _ in range(times):
            outcome = probe_failure(
                cause, text_reason(f"it is {cause}"), path_fault=path_fault
            )
            self.probe(name, outcome, took_s)
            self.now_s += 2.0

    def complete_remedy(
        self,
        name: str,
        result: RemedyCallResult = RemedyCallResult.DONE,
        *,
        restart: bool = True,
        engine_stops: int = 0,
        reason: str = "as asked",
        replaced: bool = False,
    ) -> tuple[Decision, ...]:
        """Report the executor's result; a successful restart makes a new run."""
        instance = self.instance(name)
        fresh = instance.container
        if restart and fresh is not None and result is RemedyCallResult.DONE:
            fresh = replace(fresh, status=Status.RUNNING, started_at=self.now.wall)
            self.containers[instance.id] = fresh
        return self.send(
            RemedyExecuted(
                self.now,
                instance.id,
                result,
                text_reason(reason),
                fresh,
                engine_stops=engine_stops,
                replaced=replaced,
            )
        )

    def notice(
        self,
        name: str,
        kind: EngineEventKind,
        ago_s: float = 0.0,
        signal: int = 0,
        engine_time: float | None = None,
        **changes: object,
    ) -> tuple[Decision, ...]:
        """Send an engine event; ``changes`` apply to the container right after it.

        ``engine_time``: that of the event, exactly; None: ``ago_s`` before now.
        """
        instance = self.instance(name)
        before = self.containers[instance.id]
        self.containers[instance.id] = replace(before, **changes)  # type: ignore[arg-type]  # any field of it
        return self.send(
            ContainerEventSeen(
                self.now,
                instance.id,
                kind,
                before.id,
                self.now.wall - ago_s if engine_time is None else engine_time,
                self.containers[instance.id],
                signal,
            )
        )

    def exits(self, name: str, exit_code: int = 1, **changes: object) -> None:
        self.notice(
            name,
            EngineEventKind.DIE,
            status=Status.EXITED,
            exit_code=exit_code,
            pid=0,
            **changes,  # type: ignore[arg-type]  # any field of it
        )

    def inspect_processes(self, name: str, *stopped: str) -> None:
        instance = self.instance(name)
        assert instance.container is not None
        self.send(
            ProcessesInspected(self.now, instance.id, instance.container.run, stopped)
        )

    def acts(self) -> list[tuple[str, Action]]:
        """All remedies so far: (name, action)."""
        return [
            (d.name, d.action) for d in self.decisions if d.action.changes_something
        ]

    def last(self, name: str) -> Decision:
        return [d for d in self.decisions if d.name == name][-1]

    def decision_guards(self, name: str) -> list[tuple[Action, Guard]]:
        return [(d.action, d.guard) for d in self.decisions if d.name == name]

    def open_remedies(self) -> Iterable[Instance]:
        return [
            i
            for i in self.state.instances.values()
            if i.remedy is not None or i.loading
        ]

    def is_acting(self, name: str) -> bool:
        remedy = self.instance(name).remedy
        return remedy is not None and remedy.phase is RemedyPhase.ACTING
