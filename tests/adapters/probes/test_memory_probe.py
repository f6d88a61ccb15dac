"""The probe ``memory``: the engine's figures against the limit."""

from collections.abc import Mapping

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.memory import MemorySample
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict, ProbeWarning
from sidecar.core.model.probe_settings import MemoryProbe, OnMatch
from sidecar.core.ports.engine import EngineForbidden
from sidecar.probes.probe_target import probe_target
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeClock, FakeEngine
from tests.support.rule_world import container

BOX = container("shop")
MIB = 2.0**20
HALF = {
    "memory_bytes": 256 * MIB,
    "memory_held_bytes": 250 * MIB,
    "memory_anon_bytes": 240 * MIB,
    "memory_limit_bytes": 512 * MIB,
}
NEARLY_FULL = HALF | {"memory_bytes": 500 * MIB}


class Bench:
    """A prober with an engine whose figures a test sets."""

    def __init__(self, figures: Mapping[str, float]) -> None:
        self.clock = FakeClock()
        self.engine = FakeEngine(self.clock, BOX)
        self.engine.stats_of[BOX.id] = dict(figures)
        self.prober = ProbeRunner(self.engine, self.clock)

    async def probe(self, settings: MemoryProbe | None = None) -> ProbeResult:
        return await probe_target(self.prober, (settings or MemoryProbe(),), BOX)


async def test_memory_below_the_share_is_a_success_with_its_sample() -> None:
    result = await Bench(HALF).probe()
    assert (result.verdict, result.warnings) == (ProbeVerdict.SUCCESS, ())
    assert result.memory == MemorySample(
        256 * MIB, 512 * MIB, held_bytes=250 * MIB, anon_bytes=240 * MIB
    )


@pytest.mark.parametrize(
    ("on_match", "verdict", "cause", "asks_restart"),
    [
        (OnMatch.WARN, ProbeVerdict.SUCCESS, None, False),
        (OnMatch.FAIL, ProbeVerdict.FAILURE, Cause.MEMORY_OVER, False),
        (OnMatch.PLANNED_RESTART, ProbeVerdict.SUCCESS, None, True),
    ],
)
async def test_memory_over_the_share_has_the_consequence_of_the_setting(
    on_match: OnMatch, verdict: ProbeVerdict, cause: Cause | None, asks_restart: bool
) -> None:
    result = await Bench(NEARLY_FULL).probe(MemoryProbe(on_match=on_match))
    assert (result.verdict, result.cause) == (verdict, cause)
    assert result.asks_restart is asks_restart
    assert str(result.reason) == "its memory is at 98 % of its limit: 500 of 512 MiB"
    assert result.memory is not None
    warned = verdict is ProbeVerdict.SUCCESS
    assert (ProbeWarning.MATCHED in result.warnings) is warned


@pytest.mark.parametrize("figures", [{}, {"memory_bytes": 0.0}, {"cpu_seconds": 1.0}])
async def test_memory_that_is_not_measured_is_no_failure_and_not_zero(
    figures: Mapping[str, float],
) -> None:
    result = await Bench(figures).probe(MemoryProbe(on_match=OnMatch.FAIL))
    assert (result.verdict, result.memory) == (ProbeVerdict.SUCCESS, None)
    assert str(result.reason) == "the engine does not measure its memory"


async def test_memory_without_a_limit_is_never_too_much() -> None:
    figures = {"memory_bytes": 500 * MIB}
    result = await Bench(figures).probe(MemoryProbe(on_match=OnMatch.FAIL))
    assert result.verdict is ProbeVerdict.SUCCESS
    assert result.memory == MemorySample(500 * MIB)


async def test_engine_that_forbids_the_request_is_no_failure() -> None:
    bench = Bench(HALF)
    bench.engine.trouble("stats", EngineForbidden("stats: 403"))
    result = await bench.probe()
    assert (result.verdict, result.memory) == (ProbeVerdict.SUCCESS, None)
    assert str(result.reason) == "its memory was not measured: stats: 403"


async def test_engine_is_asked_once_within_the_interval_of_samples() -> None:
    bench = Bench(NEARLY_FULL)
    first = await bench.probe()
    bench.engine.stats_of[BOX.id] = HALF
    bench.clock.advance(29.0)
    second = await bench.probe()
    assert (first.warnings, second.warnings) == ((ProbeWarning.MATCHED,),) * 2
    assert second.memory is None
    bench.clock.advance(1.0)
    third = await bench.probe()
    assert third.warnings == ()
    assert third.memory is not None


async def test_failure_is_measured_anew_at_each_probe() -> None:
    bench, settings = Bench(NEARLY_FULL), MemoryProbe(on_match=OnMatch.FAIL)
    for _ in range(2):
        failure = await bench.probe(settings)
        assert failure.verdict is ProbeVerdict.FAILURE
        assert failure.memory is not None
    bench.engine.stats_of[BOX.id] = HALF
    assert (await bench.probe(settings)).verdict is ProbeVerdict.SUCCESS
