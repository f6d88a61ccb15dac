"""Verifications that end early, and their consequences."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    RecoverRequested,
    ReleaseRequested,
    RemedyCallResult,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
BACKOFF_S = WALLET.restart.backoff_s
RECOVERY_S = WALLET.restart.recovery_timeout_s
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet is loaded"), rpc_answers=True
)


def restarted_world(name: str = ROOT, cause: Cause = Cause.REFUSED) -> RuleWorld:
    """A world with a target restarted for ``cause``; probes judge its new run."""
    target = WALLET if name == ROOT else replace(SERVICE, depends_on=())
    world = RuleWorld((target,))
    world.works(name)
    world.fails(name, cause)
    world.complete_remedy(name)
    return world


def find_remedy_ends(world: RuleWorld) -> list[RemedyEnded]:
    return [t for t in world.transitions if isinstance(t, RemedyEnded)]


def load_wallet(world: RuleWorld) -> None:
    """The daemon answers without its wallet, which is loaded then."""
    world.probe(ROOT, NO_WALLET)
    world.complete_remedy(ROOT, restart=False)
    world.now_s += 1.0


# dead again with certainty


@pytest.mark.parametrize("name", [ROOT, LEAF])
def test_target_refused_after_an_answer_ends_its_verification(name: str) -> None:
    world = restarted_world(name)
    world.probe(name, probe_success())
    world.fails(name, Cause.REFUSED, 2)
    assert find_remedy_ends(world) == [], "not certain yet"
    world.fails(name, Cause.REFUSED, 1)
    (ended,) = find_remedy_ends(world)
    assert ended.outcome is RemedyOutcome.NOT_RECOVERED
    assert str(ended.reason) == "it answered, then its port was closed: it is refused"
    assert world.last(name).guard is Guard.BACKOFF
    world.wait(1.3 * BACKOFF_S)
    assert world.acts() == [(name, Action.RESTART)] * 2


def test_first_answer_of_a_wallet_daemon_ends_its_boot() -> None:
    """The first answer ends the boot, whatever its content."""
    world = restarted_world()
    load_wallet(world)
    world.fails(ROOT, Cause.REFUSED, 3)
    assert [e.action for e in find_remedy_ends(world)] == [Action.RESTART]
    assert world.instance(ROOT).state is TargetState.DOWN
    world.wait(1.3 * BACKOFF_S)
    restarts = [a for _, a in world.acts() if a is Action.RESTART]
    assert len(restarts) == 2, "no start period holds it"


def test_service_may_close_its_port_again_during_its_boot() -> None:
    """A page that says "starting" is replaced by the service itself."""
    world = restarted_world(LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.fails(LEAF, Cause.REFUSED, 5)
    assert find_remedy_ends(world) == []


def test_refusals_before_the_first_answer_end_no_verification() -> None:
    world = restarted_world()
    world.fails(ROOT, Cause.REFUSED, 10)
    assert find_remedy_ends(world) == []


@pytest.mark.parametrize("cause", [Cause.RESET, Cause.HTTP_5XX, Cause.HUNG])
def test_failures_with_an_open_port_end_no_verification(cause: Cause) -> None:
    world = restarted_world()
    world.probe(ROOT, probe_success())
    world.fails(ROOT, cause, 5)
    assert find_remedy_ends(world) == []


def test_one_refusal_among_other_failures_ends_no_verification() -> None:
    world = restarted_world()
    world.probe(ROOT, probe_success())
    world.fails(ROOT, Cause.HUNG, 3, took_s=10.0)
    world.fails(ROOT, Cause.REFUSED, 1)
    assert find_remedy_ends(world) == []


def test_old_run_is_not_taken_for_the_new_one() -> None:
    """The result of the restart is unknown; the engine may still carry it out."""
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT, RemedyCallResult.UNKNOWN, restart=False)
    world.fails(ROOT, Cause.REFUSED, 10)
    assert find_remedy_ends(world) == []


def test_a_daemon_that_dies_of_its_load_is_restarted_at_once() -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    load_wallet(world)
    remedy = world.instance(ROOT).remedy
    assert remedy is not None
    assert remedy.decision.action is Action.LOAD_WALLET
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET), (ROOT, Action.RESTART)]


def test_ended_verification_lets_other_targets_act_at_once() -> None:
    other = replace(SERVICE, depends_on=())
    world = RuleWorld((WALLET, other))
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.probe(ROOT, probe_success())
    world.exits(LEAF)
    assert world.last(LEAF).guard is Guard.REMEDY_RUNNING
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.last(LEAF).action is Action.START


# the operator


def test_recover_ends_a_verification_and_the_next_try_comes_at_once() -> None:
    world = restarted_world(LEAF, Cause.HTTP_5XX)
    world.probe(LEAF, probe_success())
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    assert len(world.acts()) == 1
    world.send(RecoverRequested(world.now, LEAF))
    (ended,) = find_remedy_ends(world)
    assert ended.outcome is RemedyOutcome.UNKNOWN
    assert str(ended.reason) == "an operator said recover before its end"
    assert world.acts() == [(LEAF, Action.RESTART)] * 2
    assert world.instance(LEAF).lane.tries == 1


def test_recover_does_not_interrupt_a_remedy_of_the_engine() -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED)
    world.send(RecoverRequested(world.now, ROOT))
    assert world.is_acting(ROOT)
    assert find_remedy_ends(world) == []


def test_recover_of_another_target_ends_nothing() -> None:
    world = restarted_world()
    world.send(RecoverRequested(world.now, LEAF))
    assert find_remedy_ends(world) == []


def test_release_ends_a_verification_with_the_load_in_it() -> None:
    other = replace(SERVICE, depends_on=())
    world = RuleWorld((WALLET, other))
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.probe(ROOT, NO_WALLET)
    assert world.instance(ROOT).loading is not None
    world.exits(LEAF)
    assert world.last(LEAF).guard is Guard.REMEDY_RUNNING
    world.send(ReleaseRequested(world.now, ROOT))
    assert world.instance(ROOT).loading is None
    assert world.last(LEAF).action is Action.START


def test_a_late_answer_to_a_load_that_was_released_changes_nothing() -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    world.probe(ROOT, NO_WALLET)
    world.send(ReleaseRequested(world.now, ROOT))
    before = world.instance(ROOT)
    world.complete_remedy(ROOT, restart=False)
    assert world.instance(ROOT) == before
