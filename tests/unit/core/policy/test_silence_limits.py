"""Silence of a wallet daemon: how long it may last before a restart."""

from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    PauseRequested,
    RemedyCallResult,
    RemedyExecuted,
    ResumeRequested,
)
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_unknown
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.daemon_silence import (
    CALM_S,
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
from tests.support.rule_scenarios import ROOT
from tests.support.rule_world import WALLET, RuleWorld

SLOW_S = 20.0


def refused_result() -> ProbeResult:
    return probe_failure(Cause.REFUSED, text_reason("connection refused"))


def keep_silent(world: RuleWorld, seconds: float, asked_s: float = 0.0) -> None:
    """Send probes that wait for one request, which is ``asked_s`` old at the begin."""
    began, until = world.now_s - asked_s, world.now_s + seconds
    while world.now_s < until:
        took_s = min(TIMEOUT_S, until - world.now_s)
        world.probe(ROOT, hung_result(world.now_s + took_s - began), took_s)
        world.inspect_processes(ROOT)
        world.wait(min(2.0, until - world.now_s))


# The last answer of the daemon sets how long its silence may last


@pytest.mark.parametrize(
    ("last", "allowed_s"),
    [
        (healthy_result(), CALM_S),
        (healthy_result(SLOW_S - 1.0), CALM_S),
        (healthy_result(SLOW_S), OUTAGE_S),
        (upstream_lost_result(), OUTAGE_S),
        (thread_held_result(SLOW_S), OUTAGE_S),
    ],
    ids=["quick", "rather slow", "slow", "no upstream", "held"],
)
def test_silence_is_a_hang_after_the_time_that_the_last_answer_gives(
    last: ProbeResult, allowed_s: float
) -> None:
    world = start_world()
    world.probe(ROOT, last)
    asked_s = world.now_s
    keep_silent(world, allowed_s - 2.0)
    assert world.acts() == []
    keep_silent(world, 3.0, world.now_s - asked_s)
    (decision,) = list_restarts(world)
    assert allowed_s <= decision.at.mono - asked_s <= allowed_s + 1.0


def test_a_daemon_that_has_not_answered_yet_is_given_the_longer_time() -> None:
    world = RuleWorld((WALLET,))
    keep_silent(world, OUTAGE_S - 2.0)
    assert world.acts() == []
    assert "it is likely busy" in str(world.last(ROOT).reason)


def test_a_wallet_that_answers_between_silences_is_never_restarted() -> None:
    world = start_world()
    world.probe(ROOT, upstream_lost_result())
    for _ in range(20):
        keep_silent(world, 58.0)
        world.probe(ROOT, thread_held_result(58.0))
    assert world.acts() == []


def test_an_answer_before_the_signal_cancels_the_restart() -> None:
    world = start_world()
    keep_silent(world, CALM_S + 5.0)
    (decision,) = list_restarts(world)
    assert decision.polite_stop_s == POLITE_S
    assert "unless it answers within 90 s" in str(decision.reason)
    instance = world.instance(ROOT)
    off = "it answered after another 30 s: it is not restarted"
    world.now_s += 30.0
    world.send(
        RemedyExecuted(
            world.now,
            instance.id,
            RemedyCallResult.NOT_SENT,
            text_reason(off),
            None,
            answered=True,
        )
    )
    after = world.instance(ROOT)
    assert after.remedy is None
    assert after.cause is Cause.THREAD_HELD
    assert after.lane.tries == 0
    keep_silent(world, OUTAGE_S - 2.0)
    assert len(list_restarts(world)) == 1, "it was slow, so silence may last longer now"


def test_a_daemon_that_only_lacks_its_upstream_is_probed_without_hurry() -> None:
    world = start_world()
    for _ in range(3):
        assert probe_interval_s(world.state, world.instance(ROOT)) in {2.0, 5.0}
        world.probe(ROOT, upstream_lost_result())
        world.now_s += 2.0
    assert world.last(ROOT).action is Action.HOLD
    assert probe_interval_s(world.state, world.instance(ROOT)) == 15.0
    world.probe(ROOT, hung_result(TIMEOUT_S), TIMEOUT_S)
    assert probe_interval_s(world.state, world.instance(ROOT)) == 2.0


# Time without a measurement is no silence


NOT_MEASURED = [Cause.OWN_NETWORK, Cause.SUSPENDED, Cause.PROBER_FAILED]


def keep_unknown(world: RuleWorld, seconds: float, cause: Cause) -> None:
    until = world.now_s + seconds
    while world.now_s < until:
        world.probe(ROOT, probe_unknown(cause, text_reason("it was not asked")), 1.0)
        world.inspect_processes(ROOT)
        world.wait(4.0)


@pytest.mark.parametrize("cause", NOT_MEASURED)
@pytest.mark.parametrize(
    ("last", "allowed_s"),
    [(healthy_result(), CALM_S), (upstream_lost_result(), OUTAGE_S)],
)
def test_a_silence_begins_anew_after_time_without_measurement(
    cause: Cause, last: ProbeResult, allowed_s: float
) -> None:
    world = start_world()
    world.probe(ROOT, last)
    keep_silent(world, CALM_S - 5.0)
    keep_unknown(world, 600.0, cause)
    back_s = world.now_s
    keep_silent(world, allowed_s - 2.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.FAILING
    assert world.instance(ROOT).health.busy_mono == pytest.approx(back_s)
    keep_silent(world, 20.0, world.now_s - back_s)
    (decision,) = list_restarts(world)
    assert allowed_s <= decision.at.mono - back_s <= allowed_s + TIMEOUT_S


@pytest.mark.parametrize("cause", [Cause.OWN_NETWORK, Cause.SUSPENDED])
def test_a_request_from_before_unmeasured_time_proves_no_silence(cause: Cause) -> None:
    world = start_world()
    asked_s = world.now_s
    keep_silent(world, 10.0)
    keep_unknown(world, 600.0, cause)
    keep_silent(world, CALM_S - 2.0, world.now_s - asked_s)
    assert world.acts() == []


def test_a_request_that_was_open_while_a_probe_failed_proves_the_silence() -> None:
    """Two probes of one daemon wait for each other: a hang is still found."""
    world = start_world()
    asked_s = world.now_s
    while not list_restarts(world) and world.now_s < asked_s + 2.0 * CALM_S:
        keep_silent(world, TIMEOUT_S, world.now_s - asked_s)
        keep_unknown(world, 1.0, Cause.PROBER_FAILED)
    (decision,) = list_restarts(world)
    assert CALM_S <= decision.at.mono - asked_s <= CALM_S + TIMEOUT_S + 5.0


@pytest.mark.parametrize("cause", NOT_MEASURED)
def test_a_certain_hang_before_unmeasured_time_must_be_proved_again(
    cause: Cause,
) -> None:
    world = start_world()
    world.send(PauseRequested(world.now, (ROOT,), None))
    keep_silent(world, CALM_S + 20.0)
    (incident,) = world.state.incidents.values()
    keep_unknown(world, 600.0, cause)
    keep_silent(world, TIMEOUT_S)
    world.send(ResumeRequested(world.now, (ROOT,)))
    keep_silent(world, CALM_S - TIMEOUT_S - 5.0)
    assert world.acts() == []
    after = world.state.incidents[incident.id]
    assert (after.open, after.cause) == (True, Cause.HUNG)


# Steps in any order


class Step(NamedTuple):
    """``what`` comes, ``after_s`` of silence."""

    what: str
    after_s: float


ANSWERS = {
    "well": healthy_result,
    "lost": upstream_lost_result,
    "held": thread_held_result,
}
STEPS = st.builds(
    Step,
    st.sampled_from([*ANSWERS, "refused", "breaks", "blind", "nothing"]),
    st.one_of(st.just(0.0), st.floats(1.0, 400.0)),
)


class Daemon:
    """Plays steps, and knows how long each silence may last."""

    def __init__(self) -> None:
        self.world = start_world()
        self.answered_s = self.world.now_s
        self.is_calm = True
        self.refusals = 0

    def play(self, step: Step) -> None:
        asked_s = self.world.now_s
        if step.after_s:
            keep_silent(self.world, step.after_s)
            self.refusals = 0
        waited_s = self.world.now_s - asked_s
        if step.what in ANSWERS:
            self.world.probe(ROOT, ANSWERS[step.what](waited_s))
            self.answered_s, self.refusals = self.world.now_s, 0
            self.is_calm = step.what == "well" and waited_s < SLOW_S
            if step.what == "held" and waited_s < SLOW_S:
                self.is_calm = False
        elif step.what == "blind":
            keep_unknown(self.world, 60.0, Cause.OWN_NETWORK)
            self.answered_s = self.world.now_s
        elif step.what != "nothing" and self.refusals < 2:
            self.refusals += 1
            cause = Cause.REFUSED if step.what == "refused" else Cause.RESET
            self.world.probe(ROOT, probe_failure(cause, text_reason("no connection")))
        self.world.wait(2.0)

    @property
    def allowed_s(self) -> float:
        return CALM_S if self.is_calm else OUTAGE_S


@given(st.lists(STEPS, max_size=12))
@example([Step("well", 44.0)] * 8)
@example([*[Step("refused", 0.0)] * 2, Step("blind", 0.0), Step("refused", 0.0)])
@example([*[Step("refused", 0.0)] * 2, Step("nothing", 5.0), Step("refused", 0.0)])
@example([*[Step("refused", 0.0)] * 2, Step("refused", 5.0)])
@example([Step("lost", 0.0), Step("refused", 290.0), Step("refused", 0.0)])
@example([Step("blind", 40.0), Step("well", 40.0)])
def test_nothing_is_restarted_before_the_allowed_silence_without_a_break(
    steps: list[Step],
) -> None:
    daemon = Daemon()
    for step in steps:
        allowed_s, answered_s = daemon.allowed_s, daemon.answered_s
        daemon.play(step)
        for decision in list_restarts(daemon.world):
            assert decision.at.mono - answered_s >= allowed_s
            return
