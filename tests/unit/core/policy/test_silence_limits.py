"""How long a wallet daemon may be silent, and how gently it is restarted."""

from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import (
    PauseRequested,
    RemedyCallResult,
    RemedyExecuted,
    ResumeRequested,
)
from sidecar.core.model.probe_result import (
    ProbeResult,
    WalletFacts,
    probe_failure,
    probe_success,
    probe_unknown,
)
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.rule_world import WALLET, RuleWorld

ROOT = "electron-cash"
CALM_S, OUTAGE_S = 45.0, 300.0
TIMEOUT_S, POLITE_S = 10.0, 90.0
SLOW_S = 20.0

LOADED = WalletFacts(
    connected=True,
    loaded=True,
    synchronised=True,
    height=117,
    server_height=117,
    paths=("/data/wallet",),
)
CUT_OFF = replace(LOADED, connected=False, server_height=0)


def well(waited_s: float = 0.0) -> ProbeResult:
    return replace(probe_success(wallet=LOADED), waited_s=waited_s)


def upstream_lost(waited_s: float = 0.0) -> ProbeResult:
    lost = probe_failure(
        Cause.UPSTREAM_LOST, text_reason("lost"), rpc_answers=True, wallet=CUT_OFF
    )
    return replace(lost, waited_s=waited_s)


def held(waited_s: float = 10.0) -> ProbeResult:
    found = probe_failure(
        Cause.THREAD_HELD, text_reason("it answers, but"), rpc_answers=True
    )
    return replace(found, waited_s=waited_s)


def hung(waited_s: float) -> ProbeResult:
    return replace(
        probe_failure(Cause.HUNG, text_reason("no answer")), waited_s=waited_s
    )


def refused() -> ProbeResult:
    return probe_failure(Cause.REFUSED, text_reason("connection refused"))


def a_world() -> RuleWorld:
    world = RuleWorld((WALLET,))
    for _ in range(2):
        world.probe(ROOT, well())
        world.now_s += 2.0
    return world


def silent_for(world: RuleWorld, seconds: float, asked_s: float = 0.0) -> None:
    """Probes that wait for one request, ``asked_s`` old at the begin."""
    began, until = world.now_s - asked_s, world.now_s + seconds
    while world.now_s < until:
        took_s = min(TIMEOUT_S, until - world.now_s)
        world.probe(ROOT, hung(world.now_s + took_s - began), took_s)
        world.looked(ROOT)
        world.wait(min(2.0, until - world.now_s))


def restarts(world: RuleWorld) -> list[Decision]:
    return [d for d in world.decisions if d.action is Action.RESTART]


# What the daemon last answered says how long its silence may last


@pytest.mark.parametrize(
    ("last", "allowed_s"),
    [
        (well(), CALM_S),
        (well(SLOW_S - 1.0), CALM_S),
        (well(SLOW_S), OUTAGE_S),
        (upstream_lost(), OUTAGE_S),
        (held(SLOW_S), OUTAGE_S),
    ],
    ids=["quick", "rather slow", "slow", "no upstream", "held"],
)
def test_silence_is_a_hang_after_the_time_that_the_last_answer_gives(
    last: ProbeResult, allowed_s: float
) -> None:
    world = a_world()
    world.probe(ROOT, last)
    asked_s = world.now_s
    silent_for(world, allowed_s - 2.0)
    assert world.acts() == []
    silent_for(world, 3.0, world.now_s - asked_s)
    (decided,) = restarts(world)
    assert allowed_s <= decided.at.mono - asked_s <= allowed_s + 1.0


def test_a_daemon_that_has_not_answered_yet_is_given_the_longer_time() -> None:
    world = RuleWorld((WALLET,))
    silent_for(world, OUTAGE_S - 2.0)
    assert world.acts() == []
    assert "it is likely busy" in str(world.last(ROOT).reason)


def test_a_wallet_that_answers_between_silences_is_never_restarted() -> None:
    world = a_world()
    world.probe(ROOT, upstream_lost())
    for _ in range(20):
        silent_for(world, 58.0)
        world.probe(ROOT, held(58.0))
    assert world.acts() == []


def test_an_answer_before_the_signal_calls_the_restart_off() -> None:
    world = a_world()
    silent_for(world, CALM_S + 5.0)
    (decided,) = restarts(world)
    assert decided.polite_stop_s == POLITE_S
    assert "unless it answers within 90 s" in str(decided.reason)
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
    silent_for(world, OUTAGE_S - 2.0)
    assert len(restarts(world)) == 1, "it was slow, so silence may last longer now"


def test_a_daemon_that_only_lacks_its_upstream_is_probed_without_hurry() -> None:
    world = a_world()
    for _ in range(3):
        assert probe_interval_s(world.state, world.instance(ROOT)) in {2.0, 5.0}
        world.probe(ROOT, upstream_lost())
        world.now_s += 2.0
    assert world.last(ROOT).action is Action.HOLD
    assert probe_interval_s(world.state, world.instance(ROOT)) == 15.0
    world.probe(ROOT, hung(TIMEOUT_S), TIMEOUT_S)
    assert probe_interval_s(world.state, world.instance(ROOT)) == 2.0


# Time of which nothing is known is no silence


NOT_MEASURED = [Cause.OWN_NETWORK, Cause.SUSPENDED, Cause.PROBER_FAILED]


def blind_for(world: RuleWorld, seconds: float, cause: Cause) -> None:
    until = world.now_s + seconds
    while world.now_s < until:
        world.probe(ROOT, probe_unknown(cause, text_reason("it was not asked")), 1.0)
        world.looked(ROOT)
        world.wait(4.0)


@pytest.mark.parametrize("cause", NOT_MEASURED)
@pytest.mark.parametrize(
    ("last", "allowed_s"), [(well(), CALM_S), (upstream_lost(), OUTAGE_S)]
)
def test_a_silence_begins_anew_after_time_of_which_nothing_is_known(
    cause: Cause, last: ProbeResult, allowed_s: float
) -> None:
    world = a_world()
    world.probe(ROOT, last)
    silent_for(world, CALM_S - 5.0)
    blind_for(world, 600.0, cause)
    back_s = world.now_s
    silent_for(world, allowed_s - 2.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.FAILING
    assert world.instance(ROOT).health.busy_mono == pytest.approx(back_s)
    silent_for(world, 20.0, world.now_s - back_s)
    (decided,) = restarts(world)
    assert allowed_s <= decided.at.mono - back_s <= allowed_s + TIMEOUT_S


@pytest.mark.parametrize("cause", [Cause.OWN_NETWORK, Cause.SUSPENDED])
def test_a_request_from_before_such_a_time_proves_no_silence(cause: Cause) -> None:
    world = a_world()
    asked_s = world.now_s
    silent_for(world, 10.0)
    blind_for(world, 600.0, cause)
    silent_for(world, CALM_S - 2.0, world.now_s - asked_s)
    assert world.acts() == []


def test_a_request_that_was_open_while_a_probe_failed_proves_the_silence() -> None:
    """Two probes of one daemon wait for each other: it is not to live for ever."""
    world = a_world()
    asked_s = world.now_s
    while not restarts(world) and world.now_s < asked_s + 2.0 * CALM_S:
        silent_for(world, TIMEOUT_S, world.now_s - asked_s)
        blind_for(world, 1.0, Cause.PROBER_FAILED)
    (decided,) = restarts(world)
    assert CALM_S <= decided.at.mono - asked_s <= CALM_S + TIMEOUT_S + 5.0


@pytest.mark.parametrize("cause", NOT_MEASURED)
def test_a_hang_that_was_certain_before_such_a_time_is_to_be_certain_again(
    cause: Cause,
) -> None:
    world = a_world()
    world.send(PauseRequested(world.now, (ROOT,), None))
    silent_for(world, CALM_S + 20.0)
    (incident,) = world.state.incidents.values()
    blind_for(world, 600.0, cause)
    silent_for(world, TIMEOUT_S)
    world.send(ResumeRequested(world.now, (ROOT,)))
    silent_for(world, CALM_S - TIMEOUT_S - 5.0)
    assert world.acts() == []
    after = world.state.incidents[incident.id]
    assert (after.open, after.cause) == (True, Cause.HUNG)


# Whatever comes, in any order


class Step(NamedTuple):
    """``what`` comes, ``after_s`` of silence."""

    what: str
    after_s: float


ANSWERS = {"well": well, "lost": upstream_lost, "held": held}
STEPS = st.builds(
    Step,
    st.sampled_from([*ANSWERS, "refused", "breaks", "blind", "nothing"]),
    st.one_of(st.just(0.0), st.floats(1.0, 400.0)),
)


class Daemon:
    """Plays steps, and knows how long each silence may last."""

    def __init__(self) -> None:
        self.world = a_world()
        self.answered_s = self.world.now_s
        self.is_calm = True
        self.refusals = 0

    def play(self, step: Step) -> None:
        asked_s = self.world.now_s
        if step.after_s:
            silent_for(self.world, step.after_s)
            self.refusals = 0
        waited_s = self.world.now_s - asked_s
        if step.what in ANSWERS:
            self.world.probe(ROOT, ANSWERS[step.what](waited_s))
            self.answered_s, self.refusals = self.world.now_s, 0
            self.is_calm = step.what == "well" and waited_s < SLOW_S
            if step.what == "held" and waited_s < SLOW_S:
                self.is_calm = False
        elif step.what == "blind":
            blind_for(self.world, 60.0, Cause.OWN_NETWORK)
            self.answered_s, self.refusals = self.world.now_s, 0
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
@example([Step("lost", 0.0), Step("refused", 290.0), Step("refused", 0.0)])
@example([Step("blind", 40.0), Step("well", 40.0)])
def test_nothing_is_restarted_before_the_silence_allowed_was_seen_at_one_go(
    steps: list[Step],
) -> None:
    daemon = Daemon()
    for step in steps:
        allowed_s, answered_s = daemon.allowed_s, daemon.answered_s
        daemon.play(step)
        for decided in restarts(daemon.world):
            assert decided.at.mono - answered_s >= allowed_s
            return
