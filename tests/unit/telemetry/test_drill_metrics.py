"""Metrics of drills: the last verdict of each target and fault."""

from dataclasses import replace

from prometheus_client import CollectorRegistry

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import DrillOutcome, DrillRecord
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.reason.reason import NO_REASON
from sidecar.telemetry.drill_metrics import DrillMetrics
from sidecar.telemetry.metrics import Metrics
from tests.support.drill_world import ROOT, DrillWorld

PASSED = DrillRecord(
    "A",
    "wallet",
    DrillFault.KILL,
    Trigger.OPERATOR,
    DrillOutcome.PASSED,
    NO_REASON,
    DrillObjective(),
    100.0,
    120.0,
    detect_s=0.5,
    recover_s=9.0,
)
MISSED = replace(PASSED, id="B", outcome=DrillOutcome.MISSED, ended_wall=220.0)
REFUSED = replace(PASSED, id="C", outcome=DrillOutcome.REFUSED, ended_wall=320.0)


def samples(metrics: DrillMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    return {gauge.name: dict(values) for gauge, values in metrics.gauges()}


def test_verdict_of_a_drill_that_ends_is_counted() -> None:
    metrics = Metrics(CollectorRegistry(), "0.1.0", tuple)
    world = DrillWorld(listeners=(metrics,))
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.cure()
    assert samples(metrics.drills)["sidecar_drill_last_result"] == {}
    world.undo()
    values = samples(metrics.drills)
    assert values["sidecar_drill_last_result"] == {(ROOT, "refuse"): 1}
    steps = {key[-1] for key in values["sidecar_drill_last_seconds"]}
    assert steps == {"detect", "decide", "recover"}


def test_last_verdict_counts_and_a_refusal_is_none() -> None:
    metrics = DrillMetrics()
    metrics.note([PASSED])
    key = ("wallet", "kill")
    first = samples(metrics)
    assert first["sidecar_drill_last_result"] == {key: 1}
    assert first["sidecar_drill_last_seconds"] == {
        (*key, "detect"): 0.5,
        (*key, "recover"): 9.0,
    }
    metrics.note([MISSED, REFUSED])
    later = samples(metrics)
    assert later["sidecar_drill_last_result"] == {key: 0}
    assert later["sidecar_drill_last_timestamp_seconds"] == {key: 220.0}


def test_restored_drill_does_not_replace_a_later_one() -> None:
    metrics = DrillMetrics()
    metrics.note([MISSED])
    metrics.restore([PASSED, replace(PASSED, fault=DrillFault.HANG)])
    assert samples(metrics)["sidecar_drill_last_result"] == {
        ("wallet", "kill"): 0,
        ("wallet", "hang"): 1,
    }
