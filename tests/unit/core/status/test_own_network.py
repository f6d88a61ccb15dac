"""Our own network is lost: nothing is said of the targets, and once of ourselves."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.incidents.message_refresh import drop_outdated
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import PlannedRestartDue
from sidecar.core.model.guard import Guard
from sidecar.core.model.journal_entry import MonitoredInterval, StateChange
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import Routes
from sidecar.core.model.probe_result import (
    ProbeResult,
    probe_failure,
    probe_success,
    probe_unknown,
)
from sidecar.core.model.probe_settings import DockerProbe, HttpProbe
from sidecar.core.model.state import OwnNetworkStatus
from sidecar.core.model.target import PlannedRestartSettings, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.takeover import restore_state
from sidecar.core.reporting.monitored_time import MonitoredTime
from sidecar.core.reporting.outages import Interval, IntervalKind, Outage, TargetHistory
from tests.support.rule_world import SERVICE, WALLET, RuleWorld
from tests.unit.core.incidents.test_recipients import SETTINGS

ROOT, LEAF = WALLET.name, SERVICE.name
LONE = replace(SERVICE, depends_on=())
SITE = Target("site", probes=(HttpProbe("http://site/"),))
OTHER = replace(SITE, name="other", probes=(HttpProbe("http://other/"),))
SECOND = replace(SERVICE, name="second", probes=(HttpProbe("http://second/"),))
LABELLED = replace(LONE, declared=False)
NO_ROUTE = probe_failure(
    Cause.DETACHED, text_reason("there is no route to x:1"), path_fault=True
)
SILENT = probe_failure(
    Cause.HUNG, text_reason("x:1 accepts no connection"), path_fault=True
)
PROVEN = probe_unknown(
    Cause.OWN_NETWORK, text_reason("Sidecar is not on the network n any more")
)
ROUTES = Routes(("ops",), MappingProxyType(dict.fromkeys(Severity, ("ops",))))
TOLD = replace(SETTINGS, routes=ROUTES, hooks=())
LOST, BACK = MessageKind.OWN_NETWORK_LOST, MessageKind.OWN_NETWORK_BACK


def a_world(*targets: Target) -> RuleWorld:
    world = RuleWorld(targets or (WALLET, LONE), notify=TOLD)
    for _ in range(2):
        for target in world.targets:
            world.probe(target.name, probe_success())
        world.now_s += 15.0
    return world


def finds(
    world: RuleWorld,
    outcome: ProbeResult,
    seconds: float,
    *names: str,
    every_s: float = 2.0,
) -> None:
    """All, or these targets, are asked so often for so long."""
    until = world.now_s + seconds
    while world.now_s < until:
        for name in names or [target.name for target in world.targets]:
            world.probe(name, outcome)
            world.looked(name)
        world.wait(every_s, step=every_s / 4)


def told(world: RuleWorld) -> list[MessageKind]:
    return [m.kind for m in world.messages if m.channel == "ops"]


def states(world: RuleWorld) -> set[TargetState]:
    return {i.state for i in world.state.instances.values()}


def incidents(world: RuleWorld) -> set[str]:
    """Who is or was in one."""
    opened = {i.target for i in world.state.incidents.values()}
    return opened | {i.name for i in world.state.instances.values() if i.incident}


@pytest.mark.parametrize(
    ("targets", "outcome"),
    [
        ((WALLET, LONE), NO_ROUTE),
        ((WALLET, SERVICE), NO_ROUTE),
        ((SITE, LONE), SILENT),
        ((WALLET, LONE), PROVEN),
        ((WALLET,), PROVEN),
        ((LABELLED,), PROVEN),
    ],
    ids=["no route", "dependent", "silence", "proof", "one target", "a label's alone"],
)
def test_nothing_is_said_of_targets_and_once_of_ourselves(
    targets: tuple[Target, ...], outcome: ProbeResult
) -> None:
    world = a_world(*targets)
    finds(world, outcome, 900.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}
    assert world.acts() == []
    assert told(world) == [LOST]
    lost = world.messages[0]
    assert lost.severity is Severity.P2
    assert lost.facts["affected"] == ", ".join(sorted(t.name for t in targets))
    finds(world, probe_success(), 120.0)
    assert states(world) == {TargetState.HEALTHY}
    assert told(world) == [LOST, BACK]
    assert world.state.incidents == {}
    assert float(world.messages[-1].facts["seconds"]) == pytest.approx(900.0, abs=10.0)


def test_a_loss_that_could_not_be_told_meanwhile_is_told_by_its_end_alone() -> None:
    """It may be the network by which people are told, too."""
    world = a_world()
    finds(world, PROVEN, 120.0)
    (lost,) = world.messages
    assert drop_outdated(world.state, [lost]) == ()
    finds(world, probe_success(), 120.0)
    back = world.messages[-1]
    assert drop_outdated(world.state, [lost, back]) == (lost,)


def test_it_is_told_again_each_hour_while_it_lasts() -> None:
    world = a_world()
    finds(world, PROVEN, 3600.0, every_s=20.0)
    assert told(world) == [LOST]
    finds(world, PROVEN, 3700.0, every_s=20.0)
    assert told(world) == [LOST, LOST, LOST]
    first, *later = world.messages
    begins = first.facts["opened_at_wall"]
    assert {m.facts["opened_at_wall"] for m in later} == {begins}
    assert drop_outdated(world.state, world.messages) == (first, later[0])
    finds(world, probe_success(), 60.0)
    assert told(world) == [LOST, LOST, LOST, BACK]


def test_after_a_restart_of_sidecar_it_is_told_again_an_hour_later() -> None:
    world = a_world()
    world.state = replace(world.state, own_network=OwnNetworkStatus(told=True))
    finds(world, PROVEN, 3500.0, every_s=20.0)
    assert told(world) == []
    finds(world, PROVEN, 200.0, every_s=20.0)
    assert told(world) == [LOST]


# when number is not believed


@pytest.mark.parametrize("outcome", [NO_ROUTE, SILENT], ids=["no route", "silence"])
def test_it_is_not_ours_while_another_target_answers(outcome: ProbeResult) -> None:
    world = a_world(LONE, OTHER, SITE)
    until = world.now_s + 120.0
    while world.now_s < until:
        finds(world, probe_success(), 2.0, SITE.name)
        finds(world, outcome, 2.0, LEAF, OTHER.name)
    assert incidents(world) == {LEAF, OTHER.name}
    assert told(world).count(LOST) == 0


def test_one_that_answered_before_it_was_lost_itself_shows_nothing() -> None:
    """Each is asked in its turn, and the network may be lost in between."""
    world = a_world(LONE, OTHER, SITE)
    finds(world, NO_ROUTE, 2.0, LEAF)
    world.probe(SITE.name, probe_success())
    world.wait(2.0)
    finds(world, NO_ROUTE, 900.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}


@pytest.mark.parametrize(
    "answers",
    [
        probe_failure(Cause.HUNG, text_reason("no answer")),
        probe_unknown(Cause.PROBER_FAILED, text_reason("no descriptors")),
    ],
    ids=["it may have been connected before", "nothing was asked"],
)
def test_what_does_not_answer_shows_nothing(answers: ProbeResult) -> None:
    world = a_world(LONE, OTHER, SITE)
    until = world.now_s + 120.0
    while world.now_s < until:
        finds(world, answers, 2.0, SITE.name)
        finds(world, NO_ROUTE, 2.0, LEAF, OTHER.name)
    assert incidents(world) <= {SITE.name}
    assert world.instance(LEAF).cause is Cause.OWN_NETWORK


@pytest.mark.parametrize(
    "targets",
    [(WALLET, SERVICE), (WALLET, LONE), (WALLET, SERVICE, SECOND)],
    ids=["declared", "presumed", "two dependents"],
)
def test_a_root_that_hangs_and_who_fills_up_with_it_are_one(
    targets: tuple[Target, ...],
) -> None:
    world = a_world(*targets)
    finds(world, SILENT, 120.0)
    assert ROOT in incidents(world)
    assert world.acts()[:1] == [(ROOT, Action.RESTART)]
    assert TargetState.UNKNOWN not in states(world)
    assert LOST not in told(world)


def test_a_labels_wallet_is_no_root_by_which_the_files_targets_are_one() -> None:
    world = a_world(LONE, OTHER, replace(WALLET, declared=False))
    finds(world, SILENT, 280.0)
    assert world.state.incidents == {}
    finds(world, SILENT, 600.0)
    assert LEAF not in incidents(world)


@pytest.mark.parametrize("outcome", [NO_ROUTE, SILENT], ids=["no route", "silence"])
def test_number_is_believed_for_a_while_where_we_are_on_the_network(
    outcome: ProbeResult,
) -> None:
    world = a_world(LONE, OTHER)
    finds(world, replace(outcome, shares_network=True), 290.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}
    finds(world, replace(outcome, shares_network=True), 130.0)
    assert incidents(world) == {LEAF, OTHER.name}
    assert TargetState.UNKNOWN not in states(world)


def test_what_is_lost_after_we_were_proven_to_be_lost_is_lost_since_then() -> None:
    """A network that we are put on again may need a moment."""
    world = a_world(LONE, OTHER)
    finds(world, PROVEN, 900.0)
    finds(world, replace(NO_ROUTE, shares_network=True), 200.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}


def test_a_short_loss_is_not_told() -> None:
    world = a_world()
    finds(world, PROVEN, 50.0)
    finds(world, probe_success(), 200.0)
    assert told(world) == []
    finds(world, PROVEN, 50.0)
    assert told(world) == []


def test_one_that_is_lost_first_is_no_incident_before_another_was_asked() -> None:
    """It fails thrice within seconds; the next probe of the other may be further."""
    world = a_world()
    finds(world, NO_ROUTE, 14.0, ROOT)
    assert world.state.incidents == {}
    assert world.last(ROOT).guard is Guard.OWN_NETWORK
    assert told(world) == []
    finds(world, NO_ROUTE, 30.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}


@pytest.mark.parametrize(
    "answer", [probe_success(), probe_failure(Cause.REFUSED, text_reason("refused"))]
)
def test_one_that_is_lost_while_another_answers_is_lost_itself(
    answer: ProbeResult,
) -> None:
    world = a_world()
    finds(world, NO_ROUTE, 8.0, ROOT)
    world.probe(LEAF, answer)
    world.probe(ROOT, NO_ROUTE)
    assert world.instance(ROOT).state is TargetState.DOWN
    (incident,) = world.state.incidents.values()
    assert (incident.target, incident.cause) == (ROOT, Cause.DETACHED)


@pytest.mark.parametrize(
    "other",
    [None, replace(LONE, probes=(DockerProbe(),))],
    ids=["there is none", "the engine is asked about it"],
)
def test_one_that_no_other_can_speak_for_is_believed_at_once(
    other: Target | None,
) -> None:
    world = a_world(*((WALLET,) if other is None else (WALLET, other)))
    finds(world, NO_ROUTE, 6.0, ROOT)
    assert [i.target for i in world.state.incidents.values()] == [ROOT]


def test_the_other_need_not_be_asked_for_ever() -> None:
    world = a_world()
    finds(world, NO_ROUTE, 58.0, ROOT)
    assert world.state.incidents == {}
    finds(world, NO_ROUTE, 20.0, ROOT)
    assert [i.target for i in world.state.incidents.values()] == [ROOT]


def test_an_incident_that_was_open_stays_and_is_not_added_to() -> None:
    world = a_world()
    world.fails(ROOT, Cause.AUTH, 3)
    (incident,) = world.state.incidents.values()
    before = len(told(world))
    finds(world, NO_ROUTE, 120.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert told(world)[before:] == [LOST]
    assert [i.open for i in world.state.incidents.values()] == [True]
    finds(world, probe_failure(Cause.AUTH, text_reason("401")), 10.0, ROOT)
    assert world.instance(ROOT).state is TargetState.DOWN
    assert list(world.state.incidents) == [incident.id]
    finds(world, probe_success(), 10.0)
    assert not any(i.open for i in world.state.incidents.values())


def test_what_ends_meanwhile_is_started() -> None:
    world = a_world()
    finds(world, PROVEN, 30.0)
    world.exits(LEAF)
    assert world.acts() == [(LEAF, Action.START)]


def test_a_planned_restart_could_not_be_verified_and_is_left_out() -> None:
    nightly = replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *"))
    world = a_world(nightly)
    finds(world, PROVEN, 10.0)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == []


def test_what_could_not_be_verified_did_not_fail() -> None:
    world = a_world(WALLET)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    finds(world, PROVEN, 200.0)
    (ended,) = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert ended.outcome is RemedyOutcome.UNKNOWN
    assert MessageKind.ACTION_FAILED not in told(world)


def test_that_it_is_back_is_told_after_a_restart_of_sidecar_too() -> None:
    world = a_world()
    finds(world, PROVEN, 120.0)
    left = restore_state(world.state, world.now, world.now)
    assert left.own_network == OwnNetworkStatus(told=True)
    anew = RuleWorld(world.targets, notify=world.notify)
    anew.state = replace(anew.state, own_network=left.own_network)
    anew.wait(10.0)
    assert told(anew) == []
    finds(anew, probe_success(), 10.0)
    anew.wait(1.0)
    assert told(anew) == [BACK]


# how it is counted

WATCHED = MonitoredTime((MonitoredInterval(0.0, 10_000.0),))


def facts(*changes: tuple[float, str, str, str | None]) -> list[Interval | Outage]:
    course = TargetHistory("t", "healthy", None, 0.0, WATCHED)
    found: list[Interval | Outage] = []
    for at, old, new, cause in changes:
        found += course.change(at, StateChange(old, new, cause))
    return found


@pytest.mark.parametrize(
    "before",
    [
        [],
        [(98.0, "healthy", "failing", "hung")],
        [
            (90.0, "healthy", "failing", "detached"),
            (96.0, "failing", "down", "detached"),
        ],
    ],
    ids=["at once", "after a failure", "after it was taken for down"],
)
def test_the_time_is_neither_up_nor_down(
    before: list[tuple[float, str, str, str | None]],
) -> None:
    last = before[-1][2] if before else "healthy"
    found = facts(
        *before,
        (100.0, last, "unknown", "own_network"),
        (700.0, "unknown", "healthy", None),
        (1000.0, "healthy", "stopped", "stopped"),
    )
    up_until = before[0][0] if before else 100.0
    assert found == [
        Interval("t", 0.0, up_until, IntervalKind.UP),
        Interval("t", 700.0, 1000.0, IntervalKind.UP),
    ]


def test_what_was_down_before_stays_so_and_lasts_unmeasured() -> None:
    found = facts(
        (10.0, "healthy", "failing", "refused"),
        (20.0, "failing", "down", "refused"),
        (100.0, "down", "unknown", "own_network"),
        (700.0, "unknown", "healthy", None),
    )
    outage = found[-1]
    assert isinstance(outage, Outage)
    assert outage.repaired
    assert [(s.from_wall, s.until_wall) for s in outage.spans] == [(10.0, 100.0)]
