"""A busy wallet daemon: not restarted, and reported as busy."""

from dataclasses import replace

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import (
    ProbeResult,
    WalletFacts,
    probe_failure,
    probe_success,
)
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import RuleWorld

ROOT, LEAF = "electron-cash", "bitcoincash-service"
FACTS = WalletFacts(
    connected=False, loaded=True, height=7, server_height=0, paths=("/data/w",)
)
LOST = probe_failure(
    Cause.UPSTREAM_LOST, text_reason("no server"), rpc_answers=True, wallet=FACTS
)
HELD = probe_failure(
    Cause.THREAD_HELD, text_reason("it answers, but late"), rpc_answers=True
)


def silent_result(waited_s: float) -> ProbeResult:
    return replace(
        probe_failure(Cause.HUNG, text_reason("no answer")), waited_s=waited_s
    )


def start_healthy_world() -> RuleWorld:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    return world


def jam_thread(world: RuleWorld, calls: int) -> None:
    """Our request waits for ``calls`` calls of 28 s, and is then answered."""
    sent_s = world.now_s
    while world.now_s + 12.0 < sent_s + 28.0 * calls:
        world.probe(ROOT, silent_result(world.now_s + 10.0 - sent_s), 10.0)
        world.wait(2.0)
    waited_s = 28.0 * calls
    late = replace(HELD, waited_s=waited_s)
    world.probe(ROOT, late, sent_s + waited_s + 4.0 - world.now_s)
    world.wait(2.0)


def test_a_daemon_that_answers_between_calls_for_an_hour_is_not_restarted() -> None:
    world = start_healthy_world()
    world.probe(ROOT, LOST)
    while world.now_s < 1000.0 + 3600.0:
        jam_thread(world, 3)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.DOWN


def test_a_daemon_busy_for_ten_minutes_has_an_incident_as_busy() -> None:
    world = start_healthy_world()
    world.probe(ROOT, LOST)
    for _ in range(12):
        jam_thread(world, 2)
    (incident,) = world.state.incidents.values()
    assert (incident.cause, incident.severity) == (Cause.THREAD_HELD, Severity.P2)
    assert incident.opened_at.mono >= 1000.0 + 600.0
    pages = [d for d in world.decisions if d.action is Action.PAGE]
    assert {d.cause for d in pages} == {Cause.THREAD_HELD}
    world.probe(ROOT, silent_result(10.0), 10.0)
    assert world.instance(ROOT).cause is Cause.THREAD_HELD


def test_the_reason_says_since_when_it_is_busy() -> None:
    world = start_healthy_world()
    world.probe(ROOT, LOST)
    began = world.now.wall
    for _ in range(4):
        world.probe(ROOT, silent_result(world.now.wall + 10.0 - began), 10.0)
        world.now_s += 2.0
    reason = str(world.last(ROOT).reason)
    assert "it is likely busy since 2023-11-14T22:30:" in reason
    assert "certain after 300 s of silence" in reason


def test_silence_that_lasts_longer_than_an_outage_explains_is_a_hang() -> None:
    world = start_healthy_world()
    world.probe(ROOT, LOST)
    sent_s = world.now_s
    while not world.acts():
        world.probe(ROOT, silent_result(world.now_s + 10.0 - sent_s), 10.0)
        world.wait(2.0)
        assert world.now_s < sent_s + 330.0
    assert 300.0 <= world.last(ROOT).at.mono - sent_s <= 315.0
    assert str(world.last(ROOT).reason).endswith("unless it answers within 90 s")


def test_a_reset_connection_of_a_busy_daemon_is_no_certain_hang() -> None:
    world = start_healthy_world()
    for waited_s in (10.0, 22.0):
        world.probe(ROOT, silent_result(waited_s), 10.0)
        world.now_s += 2.0
    world.probe(ROOT, probe_failure(Cause.RESET, text_reason("it broke off")))
    assert world.acts() == []


def test_a_dependent_is_held_while_calls_hold_its_root() -> None:
    world = start_healthy_world()
    for _ in range(20):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        late = replace(probe_success(), waited_s=28.0)
        world.probe(ROOT, late, 28.0)
        world.probe(ROOT, probe_success())
        world.now_s += 2.0
    assert world.acts() == []
    last = world.last(LEAF)
    assert last.guard is Guard.DEPENDENCY
    assert "other calls hold the only thread of electron-cash" in str(last.reason)


def test_a_dependent_is_restarted_once_its_root_was_free_for_long_enough() -> None:
    world = start_healthy_world()
    world.probe(ROOT, replace(probe_success(), waited_s=28.0), 28.0)
    for _ in range(60):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.probe(ROOT, probe_success())
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_a_start_in_an_outage_has_worked_when_it_answers_with_its_wallet() -> None:
    """Killed four times, 140 s apart: started each time, no try is used up."""
    world = start_healthy_world()
    for _ in range(2):
        world.probe(ROOT, LOST)
    for _ in range(4):
        world.exits(ROOT, 1)
        assert world.last(ROOT).action is Action.START
        world.complete_remedy(ROOT)
        world.probe(ROOT, LOST)
        assert world.instance(ROOT).cause is Cause.UPSTREAM_LOST
        world.probe(ROOT, LOST)
        assert world.instance(ROOT).remedy is None
        assert world.instance(ROOT).lane.tries == 0
        for _ in range(14):
            world.probe(ROOT, LOST)
            world.wait(10.0)
    ends = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [t.outcome for t in ends] == [RemedyOutcome.RECOVERED] * 4
    assert [a for name, a in world.acts() if name == ROOT] == [Action.START] * 4


def test_a_start_without_its_wallet_has_not_worked() -> None:
    world = start_healthy_world()
    world.probe(ROOT, LOST)
    world.exits(ROOT, 1)
    world.complete_remedy(ROOT)
    other = replace(FACTS, paths=("/data/other",))
    for _ in range(3):
        world.probe(ROOT, replace(LOST, wallet=other))
    instance = world.state.instances[InstanceId(ROOT, 1)]
    assert instance.remedy is not None
    assert instance.health.last is not None
    assert str(instance.health.last.reason) == "the wallet /data/w is not loaded"
    assert world.last(ROOT).wallets == ("/data/w",)
