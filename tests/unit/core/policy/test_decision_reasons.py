"""The reason of a decision says what is done, or why it is not."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import PauseRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import Mode, RestartSettings
from sidecar.core.model.target_state import TargetState
from tests.support.rule_scenarios import (
    NO_WALLET,
    ROOT,
    restart_container,
    start_healthy_world,
)
from tests.support.rule_world import WALLET, RuleWorld


def test_the_reason_names_the_remedy_that_was_done_or_refused() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    assert str(world.last(ROOT).reason) == "failure 3: it is refused: restart now"
    world = start_healthy_world(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,)))
    world.fails(ROOT, Cause.REFUSED)
    assert str(world.last(ROOT).reason) == (
        "failure 3: it is refused; no restart: "
        "acting is paused until an operator resumes it"
    )


def test_the_reason_of_a_pause_says_how_long_it_lasts() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 600.0))
    world.fails(ROOT, Cause.REFUSED)
    assert str(world.last(ROOT).reason).endswith("acting is paused for another 9 min")


def test_the_same_hold_is_decided_again_in_the_next_outage() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, restart=RestartSettings(enabled=False)),)
    )
    for _ in range(2):
        world.fails(ROOT, Cause.REFUSED, 5)
        world.works(ROOT)
    assert world.decision_guards(ROOT).count((Action.HOLD, Guard.OPTED_OUT)) == 2


def test_a_hold_is_decided_once_in_each_run() -> None:
    world = RuleWorld(targets=(WALLET,), mode=Mode.OBSERVE)
    for runs in (1, 2):
        restart_container(world)
        world.probe(ROOT, NO_WALLET)
        world.probe(ROOT, NO_WALLET)
        assert world.instance(ROOT).state is TargetState.STARTING
        assert world.decision_guards(ROOT) == [(Action.HOLD, Guard.OBSERVE)] * runs
        world.now_s += 5.0
