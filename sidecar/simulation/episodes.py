"""Recorded outages as scenarios: one for each time in which something failed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.recorded_outage import RecordedOutage
from sidecar.core.model.scenario import (
    NOT_PROBED,
    ContainerExit,
    Failure,
    Scenario,
    ScenarioAct,
    ScenarioStep,
    ServiceBehaviour,
)

LEAD_S = 60.0
"""From the begin of an episode to its first outage."""
QUIET_S = 1800.0
"""Seconds without an outage that end an episode."""
LONGEST_S = 86_400.0
"""Of a longer episode only the first day is replayed."""

NOT_REPLAYED = NOT_PROBED - {Cause.NOT_RUNNING} | {Cause.PROBER_FAILED}
"""An exit is replayed as an exit; a probe that itself failed says nothing."""


class Episode(NamedTuple):
    """A time with outages, and its scenario."""

    outages: tuple[RecordedOutage, ...]
    scenario: Scenario


def is_replayable(outage: RecordedOutage, targets: Sequence[str]) -> bool:
    """Can this outage happen again in a simulation of these targets?"""
    is_known = find_replica(outage.name, targets) is not None
    return is_known and outage.cause is not None and outage.cause not in NOT_REPLAYED


def find_replica(name: str, targets: Sequence[str]) -> tuple[str, int | None] | None:
    """Target and number of an instance; number None: it is the only one."""
    if name in targets:
        return name, None
    target, _, number = name.rpartition("-")
    if target in targets and number.isascii() and number.isdigit() and int(number):
        return target, int(number)
    return None


def make_episodes(
    outages: Sequence[RecordedOutage], targets: Sequence[str], now_wall: float
) -> tuple[Episode, ...]:
    """Episodes of the outages that can be replayed, in order of time."""
    usable = sorted(
        (outage for outage in outages if is_replayable(outage, targets)),
        key=lambda outage: outage.began_wall,
    )
    replicas = _count_replicas(outages, targets)
    return tuple(
        Episode(group, _make_scenario(group, targets, replicas, now_wall))
        for group in _groups(usable, now_wall)
    )


def _groups(
    outages: Sequence[RecordedOutage], now_wall: float
) -> Iterator[tuple[RecordedOutage, ...]]:
    group: list[RecordedOutage] = []
    quiet_wall = 0.0
    for outage in outages:
        if group and outage.began_wall > quiet_wall:
            yield tuple(group)
            group, quiet_wall = [], 0.0
        group.append(outage)
        quiet_wall = max(quiet_wall, _end_of(outage, now_wall) + QUIET_S)
    if group:
        yield tuple(group)


def _make_scenario(
    group: tuple[RecordedOutage, ...],
    targets: Sequence[str],
    replicas: Mapping[str, int],
    now_wall: float,
) -> Scenario:
    began_wall = group[0].began_wall - LEAD_S
    last_wall = max(_end_of(outage, now_wall) for outage in group)
    steps = []
    for outage in group:
        at_s = outage.began_wall - began_wall
        steps.append(ScenarioStep(at_s, _make_act(outage, targets, now_wall)))
    return Scenario(
        min(LONGEST_S, last_wall + QUIET_S - began_wall),
        began_wall,
        {name: ServiceBehaviour(replicas=count) for name, count in replicas.items()},
        tuple(step for step in steps if step.at_s < LONGEST_S),
    )


def _make_act(
    outage: RecordedOutage, targets: Sequence[str], now_wall: float
) -> ScenarioAct:
    """The act that makes it happen again.

    What a restart had ended ends after as many restarts; all else lasts as long.
    """
    replica = find_replica(outage.name, targets)
    assert replica is not None
    assert outage.cause is not None
    target, number = replica
    if outage.cause is Cause.NOT_RUNNING:
        return ContainerExit(target, replica=number or 1)
    if outage.is_cured:
        return Failure(target, outage.cause, outage.restarts, replica=number)
    lasted_s = _end_of(outage, now_wall) - outage.began_wall
    return Failure(target, outage.cause, None, max(1.0, lasted_s), number)


def _end_of(outage: RecordedOutage, now_wall: float) -> float:
    return now_wall if outage.ended_wall is None else outage.ended_wall


def _count_replicas(
    outages: Sequence[RecordedOutage], targets: Sequence[str]
) -> Mapping[str, int]:
    """The highest number seen of each target with several replicas."""
    counts: dict[str, int] = {}
    for outage in outages:
        target, number = find_replica(outage.name, targets) or ("", None)
        if number is not None:
            counts[target] = max(counts.get(target, 2), number)
    return counts
