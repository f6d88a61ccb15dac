"""Who comes first where the settings do not say who needs whom."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.dependency_graph import build_graph
from sidecar.core.model.event import EngineEventKind, RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_failure, probe_success, probe_unknown
from sidecar.core.model.probe_settings import DockerProbe, HttpProbe
from sidecar.core.model.target import InstanceId, ProbeSchedule, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support import rule_world as usual
from tests.support.rule_world import RuleWorld
from tests.unit.core.recovery.test_takeover import killed_and_succeeded

ROOT, LEAF, SITE = "electron-cash", "bitcoincash-service", "site"
INTERVAL_S = 15.0
"""Long enough for a few failures at the fast pace."""
CADENCE = ProbeSchedule(interval_s=INTERVAL_S)
WALLET = replace(usual.WALLET, cadence=CADENCE)
SERVICE = replace(usual.SERVICE, cadence=CADENCE)
FREE = replace(SERVICE, depends_on=())
OTHER = Target(SITE, probes=(HttpProbe("http://site/"),), cadence=CADENCE)
RECOVERY_S = FREE.restart.recovery_timeout_s
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)
START, RESTART = Action.START, Action.RESTART


def calm(*targets: Target) -> RuleWorld:
    world = RuleWorld(targets or (WALLET, FREE))
    world.works(*(target.name for target in world.targets))
    return world


def in_vain(name: str, *targets: Target) -> RuleWorld:
    """Restarted, and verified; its new run fails as the one before."""
    world = calm(*targets)
    answered(world)
    world.fails(name, Cause.HTTP_5XX, 2)
    answered(world)
    world.fails(name, Cause.HTTP_5XX, 1)
    assert world.acts() == [(name, RESTART)]
    world.acted(name)
    world.fails(name, Cause.HTTP_5XX, 1)
    return world


def answered(world: RuleWorld) -> None:
    """The wallet has just answered, if there is one."""
    if any(target.wallet for target in world.targets):
        world.probe(ROOT, probe_success())


def ends(world: RuleWorld) -> list[tuple[str, RemedyOutcome]]:
    return [
        (t.name, t.outcome) for t in world.transitions if isinstance(t, RemedyEnded)
    ]


# who is presumed to be needed


def test_a_wallet_is_presumed_where_the_settings_say_nothing() -> None:
    assert build_graph((WALLET, FREE, OTHER)).presumed == {LEAF: (ROOT,), SITE: (ROOT,)}


def test_nothing_is_presumed_of_what_needs_or_is_needed_by_anything() -> None:
    needs_site = replace(SERVICE, depends_on=(SITE,))
    assert build_graph((WALLET, needs_site, OTHER)).presumed == {}
    assert build_graph((replace(WALLET, depends_on=(SITE,)), OTHER)).presumed == {}
    assert build_graph((FREE, OTHER)).presumed == {}


# what fails with a wallet waits for it


def test_a_target_that_fails_has_the_wallet_asked_and_decided_first() -> None:
    world = calm()
    world.wait(5.0)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    assert str(world.last(LEAF).reason).endswith(
        f"{ROOT}, a wallet daemon, has not yet answered since this began: it is "
        "asked first"
    )
    assert (
        probe_interval_s(world.state, world.instance(ROOT))
        == WALLET.cadence.fast_interval_s
    )


def test_a_target_waits_for_a_wallet_that_fails_with_it_to_be_decided() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 2)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert str(world.last(LEAF).reason).endswith(
        f"{ROOT}, a wallet daemon, is failing as well (refused): it is decided first"
    )
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_wallet_that_works_holds_nobody() -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.probe(ROOT, probe_success())
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_wallet_that_began_to_fail_an_interval_later_holds_nobody() -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.wait(INTERVAL_S)
    world.fails(ROOT, Cause.REFUSED, 1)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_wallet_whose_trouble_only_a_person_can_mend_holds_nobody() -> None:
    world = calm()
    world.fails(ROOT, Cause.AUTH)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_wallet_that_cannot_be_asked_holds_nobody() -> None:
    world = calm()
    world.probe(ROOT, probe_unknown(Cause.PROBER_FAILED, text_reason("too many files")))
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_wallet_that_starts_is_waited_for_but_not_for_ever() -> None:
    world = calm()
    now = world.now.wall
    world.notice(ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=now)
    world.fails(LEAF, Cause.HTTP_5XX)
    began_s = world.now_s
    assert world.instance(ROOT).state is TargetState.STARTING
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    world.wait(70.0, 1.0)
    assert world.acts() == [(LEAF, RESTART)]
    assert 55.0 < world.last(LEAF).at.mono - began_s <= 65.0


def test_what_has_exited_is_started_at_once() -> None:
    world = calm()
    world.wait(5.0)
    world.exits(LEAF)
    assert world.acts() == [(LEAF, START)]


def test_an_operator_need_not_wait_for_it() -> None:
    world = calm()
    world.wait(5.0)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.send(RestartRequested(world.now, LEAF))
    assert world.acts() == [(LEAF, RESTART)]


def test_what_failed_with_a_wallet_has_its_time_to_follow() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.acted(ROOT)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(ROOT, RESTART)]
    assert f"{ROOT} works again; this has" in str(world.last(LEAF).reason)
    world.wait(FREE.settle_s)
    world.works(ROOT)
    assert world.acts() == [(ROOT, RESTART), (LEAF, RESTART)]


# a verification that cannot succeed


def test_it_does_not_hold_the_wallet() -> None:
    world = in_vain(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(LEAF, RESTART), (ROOT, RESTART)]


def test_it_does_not_hold_the_load_of_a_wallet() -> None:
    world = in_vain(LEAF)
    world.probe(ROOT, NO_WALLET)
    assert world.acts() == [(LEAF, RESTART), (ROOT, Action.LOAD_WALLET)]


def test_one_that_may_succeed_holds_it() -> None:
    """Its new run has not answered yet, or well."""
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    answered(world)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.acted(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING
    world.probe(LEAF, probe_success())
    world.fails(ROOT, Cause.REFUSED)
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING


def test_what_the_engine_is_at_holds_it() -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    answered(world)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(LEAF)
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING


def test_a_wallet_does_not_give_way_to_another_kind_of_target() -> None:
    world = calm()
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    world.fails(ROOT, Cause.RESET)
    world.acted(ROOT)
    world.fails(ROOT, Cause.RESET, 1)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.last(LEAF).guard is Guard.REMEDY_RUNNING


def test_an_operators_restart_of_a_wallet_that_works_waits() -> None:
    world = in_vain(LEAF)
    world.send(RestartRequested(world.now, ROOT))
    assert world.last(ROOT).guard is Guard.REMEDY_RUNNING


BY_DOCKER = replace(OTHER, probes=(DockerProbe(),))


@pytest.mark.parametrize(
    ("other", "later_s", "waits"),
    [
        (OTHER, -5.0, False),
        (OTHER, 0.9 * INTERVAL_S, False),
        (OTHER, 1.5 * INTERVAL_S, True),
        (BY_DOCKER, 1.5 * INTERVAL_S, False),
        (BY_DOCKER, 60.0, True),
    ],
)
def test_among_others_who_failed_first_or_within_an_interval_comes_first(
    other: Target, later_s: float, waits: bool
) -> None:
    world = calm(FREE, other)
    if later_s < 0:
        world.fails(SITE, Cause.HTTP_5XX, 1)
        world.wait(-later_s)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.acted(LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    if later_s > 0:
        world.wait(max(0.0, later_s - 8.0))
    world.fails(SITE, Cause.HTTP_5XX)
    held = world.last(SITE).guard is Guard.REMEDY_RUNNING
    assert held is waits


def test_where_the_settings_say_who_needs_whom_nothing_is_presumed() -> None:
    """The root's verification holds its dependent, whoever failed first."""
    needs = replace(OTHER, depends_on=(LEAF,))
    world = calm(FREE, needs)
    world.fails(SITE, Cause.HTTP_5XX, 2)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.acted(LEAF)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(SITE, Cause.HTTP_5XX, 1)
    assert world.last(SITE).guard is Guard.REMEDY_RUNNING


def test_what_the_settings_name_does_not_give_way_to_what_labels_made() -> None:
    world = in_vain(LEAF, FREE, replace(OTHER, declared=False))
    world.fails(SITE, Cause.HTTP_5XX)
    assert world.last(SITE).guard is Guard.REMEDY_RUNNING


def test_its_clock_stands_meanwhile_and_begins_anew_afterwards() -> None:
    world = in_vain(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    for _ in range(100):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
    assert ends(world) == [(ROOT, RemedyOutcome.NOT_RECOVERED)]
    world.wait(RECOVERY_S - 10.0, 5.0)
    world.wait(RECOVERY_S + 20.0, 5.0)
    assert (LEAF, RemedyOutcome.NOT_RECOVERED) in ends(world)


def test_it_ends_well_when_it_follows_the_wallet() -> None:
    world = in_vain(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    world.works(LEAF)
    recovered = RemedyOutcome.RECOVERED
    assert ends(world) == [(ROOT, recovered), (LEAF, recovered)]
    assert world.acts() == [(LEAF, RESTART), (ROOT, RESTART)]


def test_two_that_fail_do_not_wait_for_each_other_for_ever() -> None:
    world = in_vain(LEAF, FREE, OTHER)
    world.fails(SITE, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART), (SITE, RESTART)]
    for _ in range(300):
        for name in (LEAF, SITE):
            if world.is_acting(name):
                world.acted(name)
            world.fails(name, Cause.HTTP_5XX, 1)
    assert {name for name, _ in ends(world)} == {LEAF, SITE}


def test_our_death_meanwhile_leaves_no_wallet_stopped() -> None:
    """Its remedy had begun beside the other, and is finished beside it."""
    world = in_vain(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    assert world.is_acting(ROOT)
    who = InstanceId(ROOT, 1)
    world.containers[who] = replace(
        world.containers[who], status=Status.EXITED, exit_code=0, pid=0
    )
    after = killed_and_succeeded(world)
    after.wait(2.0)
    assert after.acts() == [(ROOT, START)]


def test_of_two_that_wait_for_their_turn_the_wallet_and_then_the_first_goes() -> None:
    late, early = replace(FREE, name="a-late"), replace(FREE, name="z-early")
    wallet = replace(WALLET, name="z-wallet")
    world = RuleWorld((late, early, wallet))
    world.works("a-late", "z-early", "z-wallet")
    world.send(RestartRequested(world.now, "a-late"))
    world.fails("z-early", Cause.HTTP_5XX)
    world.exits("z-early")
    world.exits("z-wallet")
    assert len(world.acts()) == 1
    world.acted("a-late")
    world.works("a-late")
    assert world.acts()[1] == ("z-wallet", START)


def test_of_two_others_that_wait_for_their_turn_the_first_goes_first() -> None:
    late, early = replace(FREE, name="a-late"), replace(FREE, name="z-early")
    world = RuleWorld((late, early, OTHER))
    world.works("a-late", "z-early", SITE)
    world.send(RestartRequested(world.now, SITE))
    world.exits("z-early")
    world.wait(1.0)
    world.exits("a-late")
    world.acted(SITE)
    world.works(SITE)
    assert world.acts()[1] == ("z-early", START)


# what labels made


LABELLED_WALLET = replace(WALLET, declared=False)


def test_a_wallet_that_labels_made_holds_nothing_of_the_file() -> None:
    world = calm(LABELLED_WALLET, FREE)
    world.wait(5.0)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART)]
    assert (
        probe_interval_s(world.state, world.instance(ROOT)) == WALLET.cadence.interval_s
    )


def test_a_wallet_that_labels_made_holds_what_labels_made() -> None:
    world = calm(LABELLED_WALLET, replace(FREE, declared=False))
    world.wait(5.0)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    assert (
        probe_interval_s(world.state, world.instance(ROOT))
        == WALLET.cadence.fast_interval_s
    )


# who is given time, and who is not


def test_what_works_is_given_no_time_to_follow_a_wallet() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    assert world.instance(LEAF).settling is None


def test_nobody_is_presumed_to_follow_what_is_no_wallet() -> None:
    world = calm(WALLET, FREE, OTHER)
    world.fails(SITE, Cause.HTTP_5XX, 2)
    answered(world)
    world.fails(SITE, Cause.HTTP_5XX, 1)
    world.acted(SITE)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    answered(world)
    world.works(SITE)
    assert world.instance(LEAF).settling is None


def test_a_wallet_that_somebody_stopped_holds_nobody() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 1)
    world.notice(ROOT, EngineEventKind.KILL, signal=15)
    world.exits(ROOT, 143)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(LEAF, RESTART)]


def test_who_gave_way_and_recovers_gives_the_other_no_more_time() -> None:
    world = in_vain(LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    remedy = world.instance(ROOT).remedy
    world.wait(30.0)
    world.works(LEAF)
    assert ends(world) == [(LEAF, RemedyOutcome.RECOVERED)]
    assert world.instance(ROOT).remedy == remedy


def test_our_long_absence_meanwhile_leaves_nothing_stopped() -> None:
    """What failed and why is forgotten by then."""
    world = in_vain(LEAF, FREE, OTHER)
    world.fails(SITE, Cause.HTTP_5XX)
    assert world.is_acting(SITE)
    who = InstanceId(SITE, 1)
    world.containers[who] = replace(
        world.containers[who], status=Status.EXITED, exit_code=0, pid=0
    )
    after = killed_and_succeeded(world, away_s=90.0)
    after.wait(2.0)
    assert after.acts() == [(SITE, START)]
