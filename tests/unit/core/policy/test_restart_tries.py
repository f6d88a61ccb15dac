"""Tries of a remedy: their gaps, the slow lane, and what counts as a try."""

import itertools
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RecoverRequested, RemedyCallResult, Tick
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import RestartSettings
from sidecar.core.model.target_state import TargetState
from sidecar.core.step.probe_interval import SLOW_FACTOR, probe_interval_s
from tests.support.rule_scenarios import (
    RESTART,
    ROOT,
    list_pages,
    list_try_times,
    start_healthy_world,
)
from tests.support.rule_world import WALLET, RuleWorld


def fail_for(world: RuleWorld, seconds: float) -> list[float]:
    end = world.now_s + seconds
    while world.now_s < end:
        if world.is_acting(ROOT):
            world.now_s += 1.0
            world.complete_remedy(ROOT)
        world.fails(ROOT, Cause.RESET, 1)
        world.send(Tick(world.now))
        if world.now_s % 30 < 2.5:
            world.relist()
    return [d.at.mono for d in world.decisions if d.action is RESTART]


def test_tries_have_growing_gaps_then_the_slow_lane_then_dead_letter() -> None:
    quick = RestartSettings(recovery_timeout_s=20.0)
    cadence = replace(WALLET.cadence, start_period_s=10.0)
    world = start_healthy_world(
        targets=(replace(WALLET, restart=quick, cadence=cadence),)
    )
    tries = fail_for(world, 25_000.0)
    gaps = [b - a for a, b in itertools.pairwise(tries)]
    assert len(tries) == 8
    assert gaps == sorted(gaps)
    assert gaps[1] > gaps[0] + 9.0
    slow = [round((g - 21.0) / 600.0) for g in gaps[2:]]
    assert slow == [1, 2, 4, 8, 16]
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER
    world.send(RecoverRequested(world.now, ROOT))
    world.fails(ROOT, Cause.RESET, 1)
    assert len([d for d in world.decisions if d.action is RESTART]) == 9


def test_a_healthy_target_has_all_its_tries_again() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(4):
        world.fails(ROOT, Cause.REFUSED)
        world.complete_remedy(ROOT)
        world.works(ROOT)
    assert len(world.acts()) == 4
    assert world.instance(ROOT).lane.tries == 0


def test_a_restart_that_was_done_counts_as_a_try() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    assert world.instance(ROOT).lane.tries == 1


def test_a_restart_that_was_not_sent_counts_as_no_try() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT, RemedyCallResult.NOT_SENT, restart=False)
    assert world.instance(ROOT).lane.tries == 0
    assert world.state.restarts == ()
    assert world.instance(ROOT).restarts_total == 0


def test_an_unknown_result_of_the_engine_counts_as_one_restart() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.notice(ROOT, EngineEventKind.START, started_at=world.now.wall)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.instance(ROOT).restarts_total == 1


def test_a_remedy_that_never_helped_is_not_repeated() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(4):
        world.fails(ROOT, Cause.REFUSED)
        world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
        world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert len(world.acts()) == 4
    assert world.last(ROOT).guard is Guard.INEFFECTIVE


def test_rare_tries_that_fit_the_window_end_in_the_slow_lane() -> None:
    rare = RestartSettings(window_s=300.0, recovery_timeout_s=200.0)
    world = start_healthy_world(targets=(replace(WALLET, restart=rare),))
    for _ in range(1500):
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
        world.fails(ROOT, Cause.RESET, 1)
    try_times = list_try_times(world, ROOT)
    assert try_times[4] - try_times[3] >= 600.0


def test_failed_remedies_of_one_outage_do_not_forbid_the_next_restart() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(700):
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
        world.fails(ROOT, Cause.REFUSED, 1)
    before = len(list_try_times(world, ROOT))
    assert before >= 4
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    assert len(list_try_times(world, ROOT)) == before + 1


def test_the_slow_lane_pages_a_person_and_slows_the_probes() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(200):
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
        world.fails(ROOT, Cause.REFUSED, 1)
    pages = list_pages(world, ROOT)
    assert [p.guard for p in pages] == [Guard.BUDGET]
    assert "further apart: the next is in 10 min" in str(pages[0].reason)
    pace = probe_interval_s(world.state, world.instance(ROOT))
    assert pace == WALLET.cadence.interval_s * SLOW_FACTOR


def test_a_restart_that_cannot_be_sent_is_retried_with_backoff() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(120):
        world.fails(ROOT, Cause.REFUSED, 1)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT, RemedyCallResult.NOT_SENT, restart=False)
    assert len(list_try_times(world, ROOT)) <= 10
    assert world.instance(ROOT).lane.tries <= 3
    reasons = [str(d.reason) for d in world.decisions if d.guard is Guard.BACKOFF]
    assert "the last try could not be sent" in reasons[0]
