"""Restarts of a wallet daemon: how gently, and how long a busy daemon may take."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import RestartRequested
from sidecar.core.model.probe_result import ProbeResult, probe_failure
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from tests.support.daemon_silence import (
    CUT_OFF,
    OUTAGE_S,
    POLITE_S,
    TIMEOUT_S,
    healthy_result,
    hung_result,
    list_restarts,
    start_world,
    thread_held_result,
    upstream_lost_result,
)
from tests.support.rule_scenarios import ROOT, start_healthy_world
from tests.support.rule_world import RuleWorld


def request_restart(world: RuleWorld, *, now: bool = False) -> Decision:
    world.send(RestartRequested(world.now, ROOT, now))
    return world.last(ROOT)


@pytest.mark.parametrize(
    ("last", "is_free"),
    [
        (healthy_result(), True),
        (healthy_result(3.0), False),
        (upstream_lost_result(), False),
    ],
    ids=["free", "held", "no upstream"],
)
def test_an_operators_restart_waits_for_the_daemons_own_stop(
    last: ProbeResult, is_free: bool
) -> None:
    world = start_world()
    world.probe(ROOT, last)
    decision = request_restart(world)
    assert decision.action is Action.RESTART
    assert decision.polite_stop_s == POLITE_S, "calls may have come since it answered"
    waits = "once it has obeyed its own stop: it has 90 s" in str(decision.reason)
    assert waits is not is_free


def test_a_daemon_busy_two_minutes_ago_is_restarted_without_wait() -> None:
    world = start_world()
    world.probe(ROOT, healthy_result(3.0))
    world.wait(120.0)
    world.probe(ROOT, healthy_result())
    assert "its own stop" not in str(request_restart(world).reason)


def test_now_restarts_without_wait_and_the_reason_names_the_risk() -> None:
    world = start_world()
    world.probe(ROOT, upstream_lost_result())
    decision = request_restart(world, now=True)
    assert decision.polite_stop_s == 0.0
    assert "may be lost" in str(decision.reason)


def test_a_daemon_that_refuses_connections_gets_no_polite_stop() -> None:
    world = start_world()
    world.fails(ROOT, Cause.REFUSED)
    (decision,) = list_restarts(world)
    assert decision.polite_stop_s == 0.0


def test_a_stopped_process_is_restarted_at_once_and_gently() -> None:
    world = start_world()
    world.probe(ROOT, upstream_lost_result())
    world.probe(ROOT, hung_result(10.0), TIMEOUT_S)
    world.inspect_processes(ROOT, "electron-cash")
    (decision,) = list_restarts(world)
    assert decision.polite_stop_s == POLITE_S
    assert "once it was continued and asked to stop" in str(decision.reason)


# A busy daemon's recovery takes as long as its calls do


def test_a_busy_daemon_has_recovered_though_each_answer_comes_late() -> None:
    world = start_world()
    world.probe(ROOT, upstream_lost_result())
    request_restart(world)
    world.complete_remedy(ROOT)
    for _ in range(2):
        for waited_s in (10.0, 22.0, 34.0, 46.0):
            world.probe(ROOT, hung_result(waited_s), TIMEOUT_S)
            world.wait(2.0)
        world.probe(ROOT, thread_held_result(55.0))
        for waited_s in (10.0, 22.0, 34.0, 46.0):
            world.probe(ROOT, hung_result(waited_s), TIMEOUT_S)
            world.wait(2.0)
        world.probe(ROOT, upstream_lost_result(55.0))
    assert world.instance(ROOT).remedy is None
    ends = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [end.outcome for end in ends] == [RemedyOutcome.RECOVERED]
    assert "what is left: lost" in str(ends[0].reason)


def test_a_load_in_an_outage_may_take_as_long_as_silence() -> None:
    nothing = replace(CUT_OFF, loaded=False, paths=())
    unloaded = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("none"), rpc_answers=True, wallet=nothing
    )
    world = start_world()
    world.probe(ROOT, unloaded)
    assert world.last(ROOT).action is Action.LOAD_WALLET
    assert world.last(ROOT).polite_stop_s == OUTAGE_S


def test_a_busy_daemon_whose_load_took_long_is_still_given_its_time() -> None:
    nothing = replace(CUT_OFF, loaded=False, paths=())
    unloaded = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("none"), rpc_answers=True, wallet=nothing
    )
    world = start_world()
    world.probe(ROOT, upstream_lost_result())
    request_restart(world)
    world.complete_remedy(ROOT)
    world.probe(ROOT, replace(unloaded, waited_s=55.0))
    world.wait(170.0)
    world.complete_remedy(ROOT, restart=False)
    assert world.instance(ROOT).remedy is not None, "the probes have to judge yet"
    for _ in range(2):
        world.probe(ROOT, thread_held_result(55.0))
        world.probe(ROOT, upstream_lost_result(55.0))
        world.wait(55.0)
    ends = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [end.outcome for end in ends] == [RemedyOutcome.RECOVERED]


def test_stop_is_quick_when_refused_and_gentle_when_rpc_answers() -> None:
    manners = {}
    for cause in (Cause.REFUSED, Cause.HTTP_5XX):
        world = start_healthy_world()
        result = probe_failure(
            cause, text_reason("x"), rpc_answers=cause is Cause.HTTP_5XX
        )
        for _ in range(3):
            world.probe(ROOT, result)
        decision = world.last(ROOT)
        manners[cause] = (decision.stop_timeout_s, decision.polite_stop_s)
    assert manners == {Cause.REFUSED: (5.0, 0.0), Cause.HTTP_5XX: (30.0, 90.0)}
