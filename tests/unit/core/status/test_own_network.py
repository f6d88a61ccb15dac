"""Loss of our own network: one message about Sidecar and none about targets."""

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
from tests.support.notification_recipients import SETTINGS
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

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


def healthy_world(*targets: Target) -> RuleWorld:
    world = RuleWorld(targets or (WALLET, LONE), notify=TOLD)
    for _ in range(2):
        for target in world.targets:
            world.probe(target.name, probe_success())
        world.now_s += 15.0
    return world


def probe_targets(
    world: RuleWorld,
    outcome: ProbeResult,
    seconds: float,
    *names: str,
    every_s: float = 2.0,
) -> None:
    """Probe all or these targets every ``every_s`` for ``seconds``."""
    until = world.now_s + seconds
    while world.now_s < until:
        for name in names or [target.name for target in world.targets]:
            world.probe(name, outcome)
            world.inspect_processes(name)
        world.wait(every_s, step=every_s / 4)


def message_kinds(world: RuleWorld) -> list[MessageKind]:
    return [m.kind for m in world.messages if m.channel == "ops"]


def states(world: RuleWorld) -> set[TargetState]:
    return {i.state for i in world.state.instances.values()}


def names_with_incident(world: RuleWorld) -> set[str]:
    """Names of the targets that are or were in an incident."""
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
def test_lost_own_network_sends_one_message_and_opens_no_incident(
    targets: tuple[Target, ...], outcome: ProbeResult
) -> None:
    world = healthy_world(*targets)
    probe_targets(world, outcome, 900.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}
    assert world.acts() == []
    assert message_kinds(world) == [LOST]
    message = world.messages[0]
    assert message.severity is Severity.P2
    assert message.facts["affected"] == ", ".join(sorted(t.name for t in targets))
    probe_targets(world, probe_success(), 120.0)
    assert states(world) == {TargetState.HEALTHY}
    assert message_kinds(world) == [LOST, BACK]
    assert world.state.incidents == {}
    assert float(world.messages[-1].facts["seconds"]) == pytest.approx(900.0, abs=10.0)


def test_unsent_loss_message_is_dropped_once_the_network_is_back() -> None:
    """Messages may need the same network."""
    world = healthy_world()
    probe_targets(world, PROVEN, 120.0)
    (loss,) = world.messages
    assert drop_outdated(world.state, [loss]) == ()
    probe_targets(world, probe_success(), 120.0)
    back = world.messages[-1]
    assert drop_outdated(world.state, [loss, back]) == (loss,)


def test_loss_message_is_repeated_each_hour() -> None:
    world = healthy_world()
    probe_targets(world, PROVEN, 3600.0, every_s=20.0)
    assert message_kinds(world) == [LOST]
    probe_targets(world, PROVEN, 3700.0, every_s=20.0)
    assert message_kinds(world) == [LOST, LOST, LOST]
    first, *later = world.messages
    begins = first.facts["opened_at_wall"]
    assert {m.facts["opened_at_wall"] for m in later} == {begins}
    assert drop_outdated(world.state, world.messages) == (first, later[0])
    probe_targets(world, probe_success(), 60.0)
    assert message_kinds(world) == [LOST, LOST, LOST, BACK]


def test_loss_message_is_repeated_an_hour_after_restart_of_sidecar() -> None:
    world = healthy_world()
    world.state = replace(world.state, own_network=OwnNetworkStatus(is_reported=True))
    probe_targets(world, PROVEN, 3500.0, every_s=20.0)
    assert message_kinds(world) == []
    probe_targets(world, PROVEN, 200.0, every_s=20.0)
    assert message_kinds(world) == [LOST]


# when the loss is not believed


@pytest.mark.parametrize("outcome", [NO_ROUTE, SILENT], ids=["no route", "silence"])
def test_network_is_not_lost_while_another_target_answers(outcome: ProbeResult) -> None:
    world = healthy_world(LONE, OTHER, SITE)
    until = world.now_s + 120.0
    while world.now_s < until:
        probe_targets(world, probe_success(), 2.0, SITE.name)
        probe_targets(world, outcome, 2.0, LEAF, OTHER.name)
    assert names_with_incident(world) == {LEAF, OTHER.name}
    assert message_kinds(world).count(LOST) == 0


def test_answer_before_the_loss_proves_nothing() -> None:
    """Targets are probed in turn, and the network may be lost in between."""
    world = healthy_world(LONE, OTHER, SITE)
    probe_targets(world, NO_ROUTE, 2.0, LEAF)
    world.probe(SITE.name, probe_success())
    world.wait(2.0)
    probe_targets(world, NO_ROUTE, 900.0)
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
def test_target_without_an_answer_proves_nothing(answers: ProbeResult) -> None:
    world = healthy_world(LONE, OTHER, SITE)
    until = world.now_s + 120.0
    while world.now_s < until:
        probe_targets(world, answers, 2.0, SITE.name)
        probe_targets(world, NO_ROUTE, 2.0, LEAF, OTHER.name)
    assert names_with_incident(world) <= {SITE.name}
    assert world.instance(LEAF).cause is Cause.OWN_NETWORK


@pytest.mark.parametrize(
    "targets",
    [(WALLET, SERVICE), (WALLET, LONE), (WALLET, SERVICE, SECOND)],
    ids=["declared", "presumed", "two dependents"],
)
def test_hanging_root_and_its_dependents_are_no_network_loss(
    targets: tuple[Target, ...],
) -> None:
    world = healthy_world(*targets)
    probe_targets(world, SILENT, 120.0)
    assert ROOT in names_with_incident(world)
    assert world.acts()[:1] == [(ROOT, Action.RESTART)]
    assert TargetState.UNKNOWN not in states(world)
    assert LOST not in message_kinds(world)


def test_wallet_of_labels_is_no_root_of_targets_of_the_file() -> None:
    world = healthy_world(LONE, OTHER, replace(WALLET, declared=False))
    probe_targets(world, SILENT, 280.0)
    assert world.state.incidents == {}
    probe_targets(world, SILENT, 600.0)
    assert LEAF not in names_with_incident(world)


@pytest.mark.parametrize("outcome", [NO_ROUTE, SILENT], ids=["no route", "silence"])
def test_loss_is_believed_for_minutes_on_a_shared_network(
    outcome: ProbeResult,
) -> None:
    world = healthy_world(LONE, OTHER)
    probe_targets(world, replace(outcome, shares_network=True), 290.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}
    probe_targets(world, replace(outcome, shares_network=True), 130.0)
    assert names_with_incident(world) == {LEAF, OTHER.name}
    assert TargetState.UNKNOWN not in states(world)


def test_failure_after_a_proven_loss_belongs_to_the_loss() -> None:
    """A network that we join again may need a moment."""
    world = healthy_world(LONE, OTHER)
    probe_targets(world, PROVEN, 900.0)
    probe_targets(world, replace(NO_ROUTE, shares_network=True), 200.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}


def test_short_loss_sends_no_message() -> None:
    world = healthy_world()
    probe_targets(world, PROVEN, 50.0)
    probe_targets(world, probe_success(), 200.0)
    assert message_kinds(world) == []
    probe_targets(world, PROVEN, 50.0)
    assert message_kinds(world) == []


def test_first_unreachable_target_waits_for_a_probe_of_another() -> None:
    """It fails three times within seconds, before the next probe of the other."""
    world = healthy_world()
    probe_targets(world, NO_ROUTE, 14.0, ROOT)
    assert world.state.incidents == {}
    assert world.last(ROOT).guard is Guard.OWN_NETWORK
    assert message_kinds(world) == []
    probe_targets(world, NO_ROUTE, 30.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert world.state.incidents == {}


@pytest.mark.parametrize(
    "answer", [probe_success(), probe_failure(Cause.REFUSED, text_reason("refused"))]
)
def test_unreachable_target_opens_incident_while_another_answers(
    answer: ProbeResult,
) -> None:
    world = healthy_world()
    probe_targets(world, NO_ROUTE, 8.0, ROOT)
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
def test_unreachable_target_without_comparison_opens_incident(
    other: Target | None,
) -> None:
    world = healthy_world(*((WALLET,) if other is None else (WALLET, other)))
    probe_targets(world, NO_ROUTE, 6.0, ROOT)
    assert [i.target for i in world.state.incidents.values()] == [ROOT]


def test_unreachable_target_opens_incident_after_a_minute() -> None:
    world = healthy_world()
    probe_targets(world, NO_ROUTE, 58.0, ROOT)
    assert world.state.incidents == {}
    probe_targets(world, NO_ROUTE, 20.0, ROOT)
    assert [i.target for i in world.state.incidents.values()] == [ROOT]


def test_open_incident_stays_open_without_new_messages() -> None:
    world = healthy_world()
    world.fails(ROOT, Cause.AUTH, 3)
    (incident,) = world.state.incidents.values()
    before = len(message_kinds(world))
    probe_targets(world, NO_ROUTE, 120.0)
    assert states(world) == {TargetState.UNKNOWN}
    assert message_kinds(world)[before:] == [LOST]
    assert [i.open for i in world.state.incidents.values()] == [True]
    probe_targets(world, probe_failure(Cause.AUTH, text_reason("401")), 10.0, ROOT)
    assert world.instance(ROOT).state is TargetState.DOWN
    assert list(world.state.incidents) == [incident.id]
    probe_targets(world, probe_success(), 10.0)
    assert not any(i.open for i in world.state.incidents.values())


def test_container_that_exits_during_the_loss_is_started() -> None:
    world = healthy_world()
    probe_targets(world, PROVEN, 30.0)
    world.exits(LEAF)
    assert world.acts() == [(LEAF, Action.START)]


def test_planned_restart_is_skipped_during_the_loss() -> None:
    nightly = replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *"))
    world = healthy_world(nightly)
    probe_targets(world, PROVEN, 10.0)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.acts() == []


def test_remedy_during_the_loss_ends_as_unknown() -> None:
    world = healthy_world(WALLET)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    probe_targets(world, PROVEN, 200.0)
    (ended,) = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert ended.outcome is RemedyOutcome.UNKNOWN
    assert MessageKind.ACTION_FAILED not in message_kinds(world)


def test_return_of_network_is_reported_after_restart_of_sidecar() -> None:
    world = healthy_world()
    probe_targets(world, PROVEN, 120.0)
    restored = restore_state(world.state, world.now, world.now)
    assert restored.own_network == OwnNetworkStatus(is_reported=True)
    anew = RuleWorld(world.targets, notify=world.notify)
    anew.state = replace(anew.state, own_network=restored.own_network)
    anew.wait(10.0)
    assert message_kinds(anew) == []
    probe_targets(anew, probe_success(), 10.0)
    anew.wait(1.0)
    assert message_kinds(anew) == [BACK]


# availability during the loss

WATCHED = MonitoredTime((MonitoredInterval(0.0, 10_000.0),))


def build_facts(
    *changes: tuple[float, str, str, str | None],
) -> list[Interval | Outage]:
    history = TargetHistory("t", "healthy", None, 0.0, WATCHED)
    intervals: list[Interval | Outage] = []
    for at, old, new, cause in changes:
        intervals += history.apply_change(at, StateChange(old, new, cause))
    return intervals


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
def test_time_of_the_loss_is_neither_up_nor_down(
    before: list[tuple[float, str, str, str | None]],
) -> None:
    last = before[-1][2] if before else "healthy"
    intervals = build_facts(
        *before,
        (100.0, last, "unknown", "own_network"),
        (700.0, "unknown", "healthy", None),
        (1000.0, "healthy", "stopped", "stopped"),
    )
    up_until = before[0][0] if before else 100.0
    assert intervals == [
        Interval("t", 0.0, up_until, IntervalKind.UP),
        Interval("t", 700.0, 1000.0, IntervalKind.UP),
    ]


def test_outage_before_the_loss_is_unmeasured_during_it() -> None:
    intervals = build_facts(
        (10.0, "healthy", "failing", "refused"),
        (20.0, "failing", "down", "refused"),
        (100.0, "down", "unknown", "own_network"),
        (700.0, "unknown", "healthy", None),
    )
    outage = intervals[-1]
    assert isinstance(outage, Outage)
    assert outage.repaired
    assert [(s.from_wall, s.until_wall) for s in outage.spans] == [(10.0, 100.0)]
