"""Start times of probes, in virtual time; and the spread of a thousand probes."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace

from sidecar.core.model.container import Container
from sidecar.core.model.event import Event, ProbeCompleted
from sidecar.core.model.probe_result import ProbeResult, probe_success
from sidecar.core.model.probe_settings import ExecProbe, HttpProbe, ProbeSettings
from sidecar.core.model.target import InstanceId, Target
from sidecar.probes.scheduler import SILENCE_S, IntervalProbeScheduler
from sidecar.simulation.virtual_time import GRID_S, run_virtual
from tests.support.fakes import LoopClock, a_container

TARGET = Target("web", probes=(HttpProbe("http://web/"),))
CONTAINER = a_container()
WEB = InstanceId("web", 1)


@dataclass
class Bench:
    """A scheduler whose probes take ``seconds``, and a record of its calls."""

    seconds: float = 0.0
    events: list[ProbeCompleted] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    silences: list[tuple[InstanceId, Container, float, float]] = field(
        default_factory=list
    )
    target: Target = TARGET
    in_flight: int = 0
    most_in_flight: int = 0
    again_s: float | None = None

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.scheduler = IntervalProbeScheduler(
            self, self.post, self.clock, self.lags.append, self.on_silence
        )

    def on_silence(
        self, instance: InstanceId, container: Container, since: float
    ) -> None:
        self.silences.append((instance, container, since, self.now))

    async def probe(self, _: ProbeSettings, __: Container) -> ProbeResult:
        self.began.append(self.now)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.in_flight -= 1
        return probe_success()

    @property
    def now(self) -> float:
        return self.clock.now().mono

    def post(self, event: Event) -> None:
        assert isinstance(event, ProbeCompleted)
        self.events.append(event)
        if self.again_s is not None:
            self.pace(self.again_s, event.instance)

    def pace(self, every_s: float, instance: InstanceId = WEB) -> None:
        self.scheduler.pace(instance, self.target, CONTAINER, every_s)


def test_the_interval_counts_from_the_end_of_a_probe() -> None:
    async def main() -> Bench:
        bench = Bench(seconds=1.0, again_s=10.0)
        bench.pace(10.0)
        await asyncio.sleep(33.5)
        await bench.scheduler.close()
        return bench

    bench = run_virtual(main())
    assert bench.began == [0.0, 11.0, 22.0, 33.0]
    assert [event.began_mono for event in bench.events] == [0.0, 11.0, 22.0]
    assert [event.at.mono for event in bench.events] == [1.0, 12.0, 23.0]
    assert bench.most_in_flight == 1
    assert max(bench.lags) < 1e-6


def test_no_probe_follows_without_a_new_pace() -> None:
    async def main() -> Bench:
        bench = Bench()
        bench.pace(1.0)
        await asyncio.sleep(100.0)
        return bench

    assert len(run_virtual(main()).events) == 1


def test_a_shorter_pace_holds_at_once_and_is_at_once_when_overdue() -> None:
    async def main() -> Bench:
        bench = Bench()
        bench.pace(60.0)
        await asyncio.sleep(1.0)
        bench.pace(60.0)
        await asyncio.sleep(4.0)
        bench.pace(7.0)
        await asyncio.sleep(3.0)
        bench.pace(60.0)
        await asyncio.sleep(12.0)
        bench.pace(5.0)
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.001)
        return bench

    assert run_virtual(main()).began == [0.0, 7.0, 20.0]


def test_pacing_again_and_again_starts_nothing_twice() -> None:
    async def main() -> Bench:
        bench = Bench(seconds=3.0)
        for _ in range(200):
            bench.pace(1.0)
            await asyncio.sleep(0.01)
        assert len(bench.began) == 1
        await asyncio.sleep(5.0)
        for _ in range(20):
            bench.pace(1.0)
        await asyncio.sleep(1.0)
        return bench

    bench = run_virtual(main())
    assert len(bench.began) == 2
    assert bench.most_in_flight == 1


def test_new_instances_begin_one_after_the_other() -> None:
    async def main() -> Bench:
        bench = Bench(again_s=10.0)
        for number in range(100):
            bench.pace(10.0, InstanceId("web", number))
        await asyncio.sleep(2.0)
        bench.pace(10.0, InstanceId("late", 1))
        await asyncio.sleep(1.0)
        return bench

    began = run_virtual(main()).began
    assert len(began) == 101
    assert all(
        abs(at - number * 0.01) < GRID_S for number, at in enumerate(began[:100])
    )
    assert began[100] == 2.0


def test_many_new_instances_are_spread_over_one_interval() -> None:
    async def main() -> Bench:
        bench = Bench(again_s=1000.0)
        for number in range(350):
            bench.pace(1.0, InstanceId("web", number))
        await asyncio.sleep(1.0)
        return bench

    began = run_virtual(main()).began
    assert len(began) == 350
    assert max(began) < 1.0


def test_many_instances_stay_spread_over_the_interval() -> None:
    async def main() -> Bench:
        bench = Bench(seconds=0.001, again_s=10.0)
        for number in range(1000):
            bench.pace(1.0, InstanceId("web", number))
        await asyncio.sleep(32.0)
        return bench

    bench = run_virtual(main())
    a_second = Counter(int(began) for began in bench.began if 12 <= began < 32)
    assert set(a_second) == set(range(12, 32))
    assert all(80 <= count <= 120 for count in a_second.values()), a_second


def test_two_instances_keep_their_interval() -> None:
    async def main() -> list[float]:
        bench = Bench(seconds=1.0)
        for number in range(2):
            bench.pace(10.0, InstanceId("web", number))
        await asyncio.sleep(2.0)
        for number in range(2):
            bench.pace(20.0, InstanceId("web", number))
        await asyncio.sleep(25.0)
        return bench.began[2:]

    assert all(20.98 <= began <= 21.011 for began in run_virtual(main()))


def test_a_result_belongs_to_the_run_that_was_probed() -> None:
    restarted = replace(CONTAINER, started_at=CONTAINER.started_at + 5)

    async def main() -> Bench:
        bench = Bench(seconds=2.0)
        bench.pace(1.0)
        await asyncio.sleep(1.0)
        bench.scheduler.pace(WEB, TARGET, restarted, 1.0)
        await asyncio.sleep(1.5)
        bench.scheduler.pace(WEB, TARGET, restarted, 1.0)
        await asyncio.sleep(5.0)
        return bench

    runs = [event.run for event in run_virtual(main()).events]
    assert runs == [CONTAINER.run, restarted.run]


def test_forgotten_instance_posts_no_result() -> None:
    async def main() -> Bench:
        bench = Bench(seconds=2.0)
        bench.pace(1.0)
        bench.pace(1.0, InstanceId("idle", 1))
        await asyncio.sleep(0.005)
        bench.scheduler.forget(WEB)
        bench.scheduler.forget(InstanceId("idle", 1))
        bench.scheduler.forget(InstanceId("never seen", 1))
        await asyncio.sleep(10.0)
        return bench

    bench = run_virtual(main())
    assert bench.events == []
    assert bench.began == [0.0]
    assert bench.in_flight == 0


def test_a_target_without_probes_is_not_probed() -> None:
    async def main() -> Bench:
        bench = Bench()
        bench.scheduler.pace(WEB, Target("web"), CONTAINER, 1.0)
        await asyncio.sleep(5.0)
        return bench

    assert run_virtual(main()).began == []


def test_overdue_counts_late_probes() -> None:
    async def main() -> None:
        bench = Bench(seconds=1.0)
        bench.pace(10.0)
        assert bench.scheduler.overdue(bench.now) == 0
        assert bench.scheduler.overdue(bench.now + 5.1) == 1, "it has not begun"
        await asyncio.sleep(0.5)
        assert bench.scheduler.overdue(bench.now + 20.0) == 0, "it may take its timeout"
        assert bench.scheduler.overdue(bench.now + 30.0) == 1
        await asyncio.sleep(1.0)
        assert bench.scheduler.overdue(bench.now + 10.0) == 0
        assert bench.scheduler.overdue(bench.now + 20.0) == 1, (
            "nobody asked for the next"
        )

    run_virtual(main())


def test_close_cancels_probes_in_flight() -> None:
    async def main() -> Bench:
        bench = Bench(seconds=60.0)
        bench.pace(1.0)
        await asyncio.sleep(1.0)
        await bench.scheduler.close()
        return bench

    bench = run_virtual(main())
    assert bench.in_flight == 0
    assert bench.events == []


def test_silence_of_3_s_is_reported_once() -> None:
    async def main() -> None:
        bench = Bench(seconds=10.0)
        began = bench.now
        bench.pace(60.0)
        await asyncio.sleep(11.0)
        assert bench.silences == [(WEB, CONTAINER, began, began + SILENCE_S)]
        assert len(bench.events) == 1
        await bench.scheduler.close()

    run_virtual(main())


def test_an_answer_in_time_and_a_probe_that_is_given_up_are_no_silence() -> None:
    async def main() -> None:
        bench = Bench(seconds=2.9)
        bench.pace(60.0)
        await asyncio.sleep(10.0)
        bench.seconds = 10.0
        bench.pace(1.0)
        await asyncio.sleep(1.0)
        bench.scheduler.forget(WEB)
        await asyncio.sleep(10.0)
        assert bench.silences == []

    run_virtual(main())


def test_a_command_that_takes_long_is_no_silence() -> None:
    async def main() -> None:
        command = Target("web", probes=(ExecProbe(("true",)),))
        bench = Bench(seconds=10.0, target=command)
        bench.pace(60.0)
        await asyncio.sleep(10.5)
        assert len(bench.events) == 1
        assert bench.silences == []
        await bench.scheduler.close()

    run_virtual(main())


def test_hurried_instance_is_probed_at_once_and_once() -> None:
    async def main() -> None:
        bench = Bench(again_s=60.0)
        bench.pace(60.0)
        await asyncio.sleep(10.0)
        bench.scheduler.hurry(WEB)
        bench.pace(60.0)
        await asyncio.sleep(0.1)
        assert bench.began[1:] == [bench.began[0] + 10.0]
        await asyncio.sleep(50.0)
        assert len(bench.began) == 2
        bench.scheduler.forget(WEB)
        bench.scheduler.hurry(WEB)
        await asyncio.sleep(100.0)
        assert len(bench.began) == 2

    run_virtual(main())


def test_instance_hurried_in_flight_is_probed_again_right_after() -> None:
    async def main() -> None:
        bench = Bench(seconds=2.0, again_s=60.0)
        bench.pace(60.0)
        await asyncio.sleep(1.0)
        bench.scheduler.hurry(WEB)
        await asyncio.sleep(10.0)
        first, second = bench.began
        assert second == first + 2.0
        await bench.scheduler.close()

    run_virtual(main())
