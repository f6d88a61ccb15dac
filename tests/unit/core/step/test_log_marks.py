"""The mark of a log in the state: kept, and not part of the health."""

from dataclasses import replace

from sidecar.core.model.log_mark import LogFacts, LogMark, LogPosition
from sidecar.core.model.probe_result import probe_success
from tests.support.rule_scenarios import start_healthy_world

ROOT = "electron-cash"
MARK = LogMark("c1", LogPosition(5))


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
    later = LogMark("c1", LogPosition(9))
    world.probe(ROOT, replace(probe_success(), log=LogFacts(later)))
    assert world.instance(ROOT).log == later
