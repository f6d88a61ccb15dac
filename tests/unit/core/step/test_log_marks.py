"""The mark of a log in the state: kept, and not part of the health."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.log_mark import LogFacts, LogMark, LogPosition
from sidecar.core.model.probe_result import probe_success
from sidecar.core.step.step import run_step
from tests.support.rule_scenarios import restart_container, start_healthy_world

ROOT = "electron-cash"
CONTAINER_ID = "electron-cash-1-id"
MARK = LogMark(CONTAINER_ID, LogPosition(5))


def test_mark_is_kept_until_the_next_and_no_other_fact_is() -> None:
    world = start_healthy_world()
    world.probe(ROOT, replace(probe_success(), log=LogFacts(MARK, matched=3)))
    assert world.instance(ROOT).log == MARK
    last = world.instance(ROOT).health.last
    assert last is not None
    assert last.log is None
    world.probe(ROOT, replace(probe_success(), log=LogFacts(None, matched=1)))
    world.probe(ROOT, probe_success())
    assert world.instance(ROOT).log == MARK
    later = LogMark(CONTAINER_ID, LogPosition(9))
    world.probe(ROOT, replace(probe_success(), log=LogFacts(later)))
    assert world.instance(ROOT).log == later


@pytest.mark.parametrize(
    ("container_id", "kept"), [(CONTAINER_ID, True), ("former-id", False)]
)
def test_mark_in_a_result_of_an_ended_run_is_kept_for_the_same_container(
    container_id: str, kept: bool
) -> None:
    """The lines of that result are judged and counted: they are not read again."""
    world = start_healthy_world()
    before = world.instance(ROOT)
    assert before.container is not None
    restart_container(world, before.id)
    health = world.instance(ROOT).health
    mark = LogMark(container_id, LogPosition(5))
    outcome = replace(probe_success(), log=LogFacts(mark, matched=1))
    event = ProbeCompleted(
        world.now, before.id, before.container.run, world.now_s, outcome
    )
    result = run_step(world.state, event)
    instance = result.state.instances[before.id]
    assert instance.log == (mark if kept else None)
    assert instance.health == health
    assert (before.id in result.touched) is kept, "what is touched is stored at once"


def test_mark_in_a_result_during_a_remedy_is_kept() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(ROOT)
    health = world.instance(ROOT).health
    world.probe(ROOT, replace(probe_success(), log=LogFacts(MARK, matched=1)))
    assert world.instance(ROOT).log == MARK
    assert world.instance(ROOT).health == health
