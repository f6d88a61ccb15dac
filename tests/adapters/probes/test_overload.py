"""More probes than the machine can do, in virtual time: spread, and said."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from loguru import logger

from sidecar.core.model.container import Container
from sidecar.core.model.event import Event, ProbeCompleted
from sidecar.core.model.probe_result import ProbeResult, probe_success
from sidecar.core.model.probe_settings import HttpProbe, ProbeSettings
from sidecar.core.model.target import InstanceId, ProbeSchedule, Target
from sidecar.probes.overload import WINDOW_S, OverloadDetector
from sidecar.probes.scheduler import TURN_STARTS, IntervalProbeScheduler
from sidecar.probes.start_queue import LOST_S, MOST_UNREAD, URGENT_IN_A_ROW
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import LoopClock, a_container

EVERY_S, FAST_S = 10.0, 2.0
TARGET = Target(
    "web",
    probes=(HttpProbe("http://web/"),),
    cadence=ProbeSchedule(interval_s=EVERY_S, fast_interval_s=FAST_S),
)
CONTAINER = a_container()
STEP_S = 0.03125
"""The machine works in 32 results a second; the virtual clock has such steps."""
ASKED = 750
"""75 probes a second are asked."""


@dataclass
class SlowMachine:
    """A scheduler, and a loop that works its results in, one by one."""

    fast: frozenset[InstanceId] = frozenset()
    begins: list[tuple[float, InstanceId]] = field(default_factory=list)
    results: deque[InstanceId] = field(default_factory=deque)
    most_results: int = 0
    started: int = 0
    loses: Callable[[InstanceId], bool] = lambda _: False

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.scheduler = IntervalProbeScheduler(
            self, self.post, self.clock, lambda _: None
        )

    async def probe(self, _: ProbeSettings, __: Container) -> ProbeResult:
        self.started += 1
        return probe_success()

    def post(self, event: Event) -> None:
        assert isinstance(event, ProbeCompleted)
        self.begins.append((event.began_mono, event.instance))
        if not self.loses(event.instance):
            self.results.append(event.instance)
        self.most_results = max(self.most_results, len(self.results))

    def pace(self, instance: InstanceId) -> None:
        every_s = FAST_S if instance in self.fast else EVERY_S
        self.scheduler.pace(instance, TARGET, CONTAINER, every_s)

    async def work(self, seconds: float) -> None:
        until = self.clock.now().mono + seconds
        while self.clock.now().mono < until:
            await asyncio.sleep(STEP_S)
            if self.results:
                self.pace(self.results.popleft())

    def counts(self, since: float) -> Counter[InstanceId]:
        return Counter(instance for at, instance in self.begins if at >= since)


def instances(count: int) -> list[InstanceId]:
    return [InstanceId("web", number) for number in range(count)]


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(str(line)), format="{message}")
    yield lines
    logger.remove(handler)


def run(machine: SlowMachine, seconds: float, *, ids: list[InstanceId]) -> None:
    async def main() -> None:
        for instance in ids:
            machine.pace(instance)
        await machine.work(seconds)
        await machine.scheduler.close()

    run_virtual(main())


def test_overload_stretches_all_intervals_alike_and_nothing_piles_up() -> None:
    machine, ids = SlowMachine(), instances(ASKED)
    run(machine, 120.0, ids=ids)
    counts = machine.counts(since=40.0)
    assert set(counts) == set(ids)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert machine.most_results <= 1.1 * MOST_UNREAD
    seconds = Counter(int(at) for at, _ in machine.begins if 40.0 <= at < 120.0)
    assert max(seconds.values()) <= 1.1 / STEP_S, "no bursts"
    assert min(seconds.values()) >= 0.9 / STEP_S, "nothing is wasted"


def test_waiting_probes_begin_a_few_in_each_turn_of_the_loop() -> None:
    machine, ids = SlowMachine(), instances(MOST_UNREAD + 4 * TURN_STARTS)
    turns: list[int] = []

    async def main() -> None:
        for instance in ids:
            machine.pace(instance)
        await asyncio.sleep(EVERY_S)
        assert len(machine.results) == MOST_UNREAD
        while machine.results:
            machine.pace(machine.results.popleft())
        before = machine.started
        while machine.started < len(ids):
            await asyncio.sleep(0)
            turns.append(machine.started - before)
            before = machine.started
        await machine.scheduler.close()

    run_virtual(main())
    assert [turn for turn in turns if turn] == [TURN_STARTS] * 4


def test_failing_targets_keep_their_fast_interval_in_an_overload() -> None:
    ids = instances(ASKED)
    failing = frozenset(ids[:5])
    machine = SlowMachine(fast=failing)
    run(machine, 120.0, ids=ids)
    counts = machine.counts(since=40.0)
    assert min(counts[i] for i in failing) >= 0.6 * 80.0 / FAST_S
    assert min(counts[i] for i in ids) >= 1


def test_others_have_their_share_while_all_that_the_machine_can_do_is_urgent() -> None:
    ids = instances(ASKED)
    machine = SlowMachine(fast=frozenset(ids[: ASKED // 2]))
    run(machine, 120.0, ids=ids)
    others = sum(1 for at, i in machine.begins if at >= 40.0 and i not in machine.fast)
    share = others / len([at for at, _ in machine.begins if at >= 40.0])
    assert share == pytest.approx(1 / (URGENT_IN_A_ROW + 1), abs=0.05)


def test_overload_is_said_once_and_its_end_too(log: list[str]) -> None:
    machine, ids = SlowMachine(), instances(ASKED)

    async def main() -> None:
        for instance in ids:
            machine.pace(instance)
        await machine.work(90.0)
        stretch = machine.scheduler.overload.stretch
        assert stretch is not None
        assert stretch.asked_s == pytest.approx(EVERY_S)
        assert stretch.actual_s == pytest.approx(ASKED * STEP_S, rel=0.1)
        assert machine.scheduler.overload.delay_s() == pytest.approx(
            stretch.actual_s - EVERY_S
        )
        for instance in ids[200:]:
            machine.scheduler.forget(instance)
        await machine.work(60.0)
        assert machine.scheduler.overload.stretch is None
        assert machine.scheduler.overload.delay_s() < 1.0
        await machine.scheduler.close()

    run_virtual(main())
    said, ended = log
    assert said.startswith("probes run every ")
    assert "in place of 10.0 s: more is asked than this machine can do" in said
    assert "probes run at their intervals again" in ended


def test_lost_results_do_not_keep_the_others_waiting_for_ever() -> None:
    ids = instances(2 * MOST_UNREAD)
    machine = SlowMachine(loses=lambda i: i.number < MOST_UNREAD)
    run(machine, LOST_S + 60.0, ids=ids)
    later = machine.counts(since=LOST_S + 20.0)
    assert all(later[i] >= 1 for i in ids[MOST_UNREAD:])


def test_one_late_window_is_no_overload() -> None:
    """As after a suspension of the host."""
    now = [0.0]
    detector = OverloadDetector(lambda: now[0])
    for second in range(60):
        now[0] = float(second)
        detector.note(EVERY_S, 300.0 if second < WINDOW_S else 0.0)
        assert detector.stretch is None


def test_overload_is_over_where_nothing_is_probed_any_more() -> None:
    now = [0.0]
    detector = OverloadDetector(lambda: now[0])
    for second in range(40):
        now[0] = float(second)
        detector.note(EVERY_S, EVERY_S)
    stretch = detector.stretch
    assert stretch is not None
    assert stretch.actual_s == 2 * EVERY_S
    now[0] += 120.0
    assert detector.stretch is None
    assert detector.delay_s() == 0.0
