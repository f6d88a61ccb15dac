"""A small world in which drills are carried out: the runner is the test."""

from dataclasses import dataclass, replace

from sidecar.core.model.container import Status
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import (
    Drill,
    DrillFacts,
    DrillOutcome,
    DrillPhase,
    DrillRecord,
)
from sidecar.core.model.drill_event import (
    DrillInjected,
    DrillPrepared,
    DrillRequested,
    DrillUndone,
)
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.reason.reason import NO_REASON, Reason
from tests.support.message_world import MessageWorld

ROOT, LEAF = "electron-cash", "bitcoincash-service"
SIGKILL, SIGTERM = 9, 15


def drill_record(
    target: str, from_wall: float, until_wall: float, *others: str
) -> DrillRecord:
    """The record of a drill that passed."""
    return DrillRecord(
        "id",
        target,
        DrillFault.REFUSE,
        Trigger.OPERATOR,
        DrillOutcome.PASSED,
        NO_REASON,
        DrillObjective(),
        from_wall,
        until_wall,
        injected_wall=from_wall,
        others=others,
    )


@dataclass
class DrillWorld(MessageWorld):
    """A wallet daemon and its dependent, both working."""

    def __post_init__(self) -> None:  # type: ignore[explicit-override]
        super().__post_init__()
        self.works(ROOT, LEAF)

    @property
    def drill(self) -> Drill:
        assert self.state.drill is not None
        return self.state.drill

    def find_phase(self) -> DrillPhase:
        return self.drill.phase

    @property
    def record(self) -> DrillRecord:
        assert self.state.drill is None
        return self.drill_records[-1]

    def ask(
        self,
        fault: DrillFault,
        name: str = ROOT,
        *,
        trigger: Trigger = Trigger.OPERATOR,
        forced: bool = True,
        facts: DrillFacts = DrillFacts(),  # noqa: B008
    ) -> None:
        drill_id = f"drill-{self.now_s:.2f}"
        instance_id = self.instance(name).id
        self.send(
            DrillRequested(
                self.now, drill_id, instance_id, fault, trigger, forced, facts
            )
        )

    def prepare(self, problem: Reason = NO_REASON) -> None:
        container = self.state.instances[self.drill.instance].container
        assert container is not None
        undo = None if problem else DrillUndo(container.run, container.name)
        self.send(DrillPrepared(self.now, self.drill.id, undo, problem))

    def inject(self, problem: Reason = NO_REASON) -> None:
        self.send(DrillInjected(self.now, self.drill.id, problem))

    def begin(self, fault: DrillFault, name: str = ROOT) -> None:
        """A drill up to its fault, which has no effect yet."""
        self.ask(fault, name)
        self.prepare()
        self.inject()

    def undo(self, problem: Reason = NO_REASON) -> None:
        assert self.drill.phase is DrillPhase.UNDOING
        self.send(DrillUndone(self.now, self.drill.id, problem))

    def kill(self, name: str = ROOT, signal: int = SIGKILL) -> None:
        """The engine's reports of a container that was killed."""
        self.notice(name, EngineEventKind.KILL, signal=signal)
        self.exits(name, 128 + signal, finished_at=self.now.wall)

    def stop(self, name: str = ROOT) -> None:
        """The engine's reports of a container that was stopped."""
        self.kill(name, SIGTERM)
        self.notice(name, EngineEventKind.STOP)

    def start(self, name: str = ROOT) -> None:
        """The container was started by somebody else than Sidecar."""
        instance_id = self.instance(name).id
        before = self.containers[instance_id]
        self.containers[instance_id] = replace(
            before, status=Status.RUNNING, started_at=self.now.wall
        )
        self.notice(name, EngineEventKind.START)

    def cure(self, name: str = ROOT) -> None:
        """The remedy under way is carried out, and helps."""
        self.complete_remedy(name)
        self.wait(1.0)
        self.works(name, times=3)
