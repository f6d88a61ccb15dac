"""Services for tests of the HTTP server, with the real rules, feed and metrics."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from prometheus_client import CollectorRegistry

from sidecar.core.model.decision import Decision
from sidecar.core.model.drill import DrillFacts
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.event import Event, PlannedRestartDue
from sidecar.core.model.journal_entry import MonitoredInterval
from sidecar.core.model.maintenance_task import Task, TaskKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.task_event import TasksPlanned
from sidecar.core.ports.drill_planning import PlannedDrillTime
from sidecar.core.ports.engine import EngineRefused
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.core.step.step import operator_decision
from sidecar.core.text.printable import printable
from sidecar.telemetry.event_feed import EventFeed
from sidecar.telemetry.metrics import Metrics
from sidecar.web.services import ApiServices
from tests.support.backup_records import FakeBackups
from tests.support.memory_journal import MemoryJournal
from tests.support.message_world import MessageWorld
from tests.support.rule_world import EPOCH

TOKEN = "a-token-for-tests"


class NightlySchedule:
    """One target with a planned restart every night."""

    def __init__(self) -> None:
        self.next = PlannedTime(
            "electron-cash", EPOCH + 3600, "0 3 * * *", "Asia/Seoul", skipped=False
        )

    def upcoming_times(self, count: int) -> tuple[PlannedTime, ...]:
        later = (
            self.next._replace(at_wall=EPOCH + 3600 + day * 86400, skipped=False)
            for day in range(1, count)
        )
        return (self.next, *later)

    def upcoming_by_target(self, count: int) -> Iterator[tuple[PlannedTime, ...]]:
        yield self.upcoming_times(count)

    def skip_next(self, target: str) -> PlannedTime | None:
        if target != self.next.target:
            return None
        self.next = self.next._replace(skipped=True)
        return self.next


class DailyTasks:
    """Every task of the world is due each day."""

    def upcoming_times(self, task: str, count: int) -> tuple[float, ...]:
        assert task
        return tuple(EPOCH + 7200 + day * 86400 for day in range(count))


VACUUM = Task("vacuum", TaskKind.COMMAND, "0 5 * * 0", "Asia/Seoul", target="db")
BEAT = Task("beat", TaskKind.HTTP, "10 4 * * *")


class FakeDrillPlanning:
    """Facts against a drill, and planned drills, that a test sets."""

    def __init__(self) -> None:
        self.facts = DrillFacts()
        self.next_facts: deque[DrillFacts | Exception] = deque()
        """Facts, or an error, for the next questions; then ``facts``."""
        self.planned: tuple[PlannedDrillTime, ...] = ()

    async def find_facts(
        self, instance_id: InstanceId, fault: DrillFault
    ) -> DrillFacts:
        if not self.next_facts:
            return self.facts
        facts = self.next_facts.popleft()
        if isinstance(facts, Exception):
            raise facts
        return facts

    def next_drills(self) -> tuple[PlannedDrillTime, ...]:
        return self.planned


class ApiServiceFakes:
    """``ApiServices`` and the fakes behind it, for tests to inspect and change."""

    def __init__(
        self,
        token: str | None = TOKEN,
        world: type[MessageWorld] = MessageWorld,
    ) -> None:
        self.feed = EventFeed()
        self.schedule = NightlySchedule()
        self.metrics = Metrics(
            CollectorRegistry(), "0.1.0", lambda: self.schedule.upcoming_times(1)
        )
        self.journal = MemoryJournal(intervals=[MonitoredInterval(EPOCH, EPOCH + 1e9)])
        self.world = world(listeners=(self.feed, self.metrics, self.journal))
        self.loop_part = Component("loop", ok=True, reason="", since_wall=EPOCH)
        self.engine_part = make_component("engine", "")
        self.events: list[Event] = []
        self.was_asked = asyncio.Event()
        self.bundles: dict[str, Mapping[str, object]] = {}
        self.faults: tuple[str, ...] = ()
        self.reloads = 0
        self.logs: dict[str, str] = {}
        self.backups = FakeBackups()
        self.drills = FakeDrillPlanning()
        self.log_requests: list[tuple[str, int, str]] = []
        self.desk = ApiServices(
            version="0.1.0",
            stack="oratio",
            clock=self,
            state=self.state,
            ask=self.ask,
            liveness=lambda: self.loop_part,
            components=lambda: (self.loop_part, self.engine_part),
            feed=self.feed,
            schedule=self.schedule,
            tasks=DailyTasks(),
            journal=self.journal,
            metrics=self.metrics.scrape,
            evidence=self.bundle_of,
            seconds=parse_hours,
            reload=self.reload,
            log=self.read_log,
            mask=printable,
            backups=self.backups,
            drills=self.drills,
            token=token,
        )
        self.world.works("electron-cash", "bitcoincash-service")
        self.world.send(TasksPlanned(self.now(), (VACUUM, BEAT)))

    def now(self) -> Moment:
        return self.world.now

    def state(self) -> State:
        return self.world.state

    async def ask(self, event: Event) -> Decision | None:
        self.events.append(event)
        self.was_asked.set()
        return operator_decision(self.world.send(event))

    def bundle_of(self, name: str) -> Mapping[str, object] | None:
        return self.bundles.get(name)

    async def reload(self) -> tuple[str, ...]:
        self.reloads += 1
        return self.faults

    async def read_log(self, container_id: str, lines: int, since: str) -> str:
        self.log_requests.append((container_id, lines, since))
        if container_id not in self.logs:
            raise EngineRefused("the engine keeps no log of it")
        lines_kept = self.logs[container_id].splitlines(keepends=True)[-lines:]
        return "".join(
            line for line in lines_kept if _unix_time(line) >= (since or "0")
        )

    def without(self, **changes: object) -> ApiServices:
        return replace(self.desk, **changes)  # type: ignore[arg-type]  # any field of it


def _unix_time(line: str) -> str:
    """The time of a log line as the engine's API takes it."""
    stamp = line.partition(" ")[0]
    whole_s = int(datetime.fromisoformat(stamp).timestamp())
    return f"{whole_s}.{stamp.partition('.')[2].rstrip('Z')}"


def trigger_planned_restart(office: ApiServiceFakes) -> None:
    """Report the planned restart of the first target as due."""
    office.world.send(PlannedRestartDue(office.now(), "electron-cash"))


def make_component(name: str, reason: str) -> Component:
    """A component; it is ok where ``reason`` is empty."""
    return Component(name, ok=not reason, reason=reason, since_wall=EPOCH)


def parse_hours(text: str) -> float:
    """Durations for tests: ``2h`` and the like."""
    if not text.endswith("h"):
        raise ValueError(text)
    return float(text.removesuffix("h")) * 3600
