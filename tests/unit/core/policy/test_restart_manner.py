"""How gently a wallet daemon is restarted, and how long a busy one may take."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import RestartRequested
from sidecar.core.model.probe_result import ProbeResult, probe_failure
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import RuleWorld
from tests.unit.core.policy.test_silence_limits import (
    CUT_OFF,
    OUTAGE_S,
    POLITE_S,
    ROOT,
    TIMEOUT_S,
    a_world,
    held,
    hung,
    restarts,
    upstream_lost,
    well,
)


def asked(world: RuleWorld, *, now: bool = False) -> Decision:
    world.send(RestartRequested(world.now, ROOT, now))
    return world.last(ROOT)


@pytest.mark.parametrize(
    ("last", "is_free"),
    [(well(), True), (well(3.0), False), (upstream_lost(), False)],
    ids=["free", "held", "no upstream"],
)
def test_an_asked_restart_waits_for_the_daemon_s_own_stop(
    last: ProbeResult, is_free: bool
) -> None:
    world = a_world()
    world.probe(ROOT, last)
    decided = asked(world)
    assert decided.action is Action.RESTART
    assert decided.polite_stop_s == POLITE_S, "calls may have come since it answered"
    waits = "once it has obeyed its own stop: it has 90 s" in str(decided.reason)
    assert waits is not is_free


def test_a_daemon_that_was_held_two_minutes_ago_is_free_again() -> None:
    world = a_world()
    world.probe(ROOT, well(3.0))
    world.wait(120.0)
    world.probe(ROOT, well())
    assert "its own stop" not in str(asked(world).reason)


def test_now_does_not_wait_and_says_what_it_can_cost() -> None:
    world = a_world()
    world.probe(ROOT, upstream_lost())
    decided = asked(world, now=True)
    assert decided.polite_stop_s == 0.0
    assert "may be lost" in str(decided.reason)


def test_a_port_that_is_refused_is_asked_for_nothing() -> None:
    world = a_world()
    world.fails(ROOT, Cause.REFUSED)
    (decided,) = restarts(world)
    assert decided.polite_stop_s == 0.0


def test_a_stopped_process_is_restarted_at_once_and_gently() -> None:
    world = a_world()
    world.probe(ROOT, upstream_lost())
    world.probe(ROOT, hung(10.0), TIMEOUT_S)
    world.looked(ROOT, "electron-cash")
    (decided,) = restarts(world)
    assert decided.polite_stop_s == POLITE_S
    assert "once it was continued and asked to stop" in str(decided.reason)


# A busy daemon's recovery takes as long as its calls do


def test_a_busy_daemon_has_recovered_though_each_answer_comes_late() -> None:
    world = a_world()
    world.probe(ROOT, upstream_lost())
    asked(world)
    world.acted(ROOT)
    for _ in range(2):
        for waited_s in (10.0, 22.0, 34.0, 46.0):
            world.probe(ROOT, hung(waited_s), TIMEOUT_S)
            world.wait(2.0)
        world.probe(ROOT, held(55.0))
        for waited_s in (10.0, 22.0, 34.0, 46.0):
            world.probe(ROOT, hung(waited_s), TIMEOUT_S)
            world.wait(2.0)
        world.probe(ROOT, upstream_lost(55.0))
    assert world.instance(ROOT).remedy is None
    ends = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [end.outcome for end in ends] == [RemedyOutcome.RECOVERED]
    assert "what is left: lost" in str(ends[0].reason)


def test_a_load_in_an_outage_has_as_long_as_silence_may_last() -> None:
    nothing = replace(CUT_OFF, loaded=False, paths=())
    unloaded = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("none"), rpc_answers=True, wallet=nothing
    )
    world = a_world()
    world.probe(ROOT, unloaded)
    assert world.last(ROOT).action is Action.LOAD_WALLET
    assert world.last(ROOT).polite_stop_s == OUTAGE_S


def test_a_busy_daemon_whose_load_took_long_is_still_given_its_time() -> None:
    nothing = replace(CUT_OFF, loaded=False, paths=())
    unloaded = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("none"), rpc_answers=True, wallet=nothing
    )
    world = a_world()
    world.probe(ROOT, upstream_lost())
    asked(world)
    world.acted(ROOT)
    world.probe(ROOT, replace(unloaded, waited_s=55.0))
    world.wait(170.0)
    world.acted(ROOT, restart=False)
    assert world.instance(ROOT).remedy is not None, "the probes have to judge yet"
    for _ in range(2):
        world.probe(ROOT, held(55.0))
        world.probe(ROOT, upstream_lost(55.0))
        world.wait(55.0)
    ends = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [end.outcome for end in ends] == [RemedyOutcome.RECOVERED]
