"""Dependents after their root: restarted only where it was away, and told with it."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    EngineEventKind,
    PauseRequested,
    RemedyCallResult,
    RemedyExecuted,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import MessageKind
from sidecar.core.model.probe_result import ProbeWarning, probe_failure, probe_success
from sidecar.core.model.target import AfterDependency, Mode, RestartSettings, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import IncidentChanged, IncidentStep, RemedyEnded
from sidecar.core.reason.reason import text_reason
from sidecar.core.reporting.incident_review import (
    build_incident_review,
    involved_targets,
)
from sidecar.core.reporting.postmortem.document import write_postmortem
from sidecar.core.reporting.timeline import build_timeline
from sidecar.core.step.probe_interval import probe_interval_s
from tests.support.memory_journal import remembered
from tests.support.rule_world import SERVICE, WALLET, RuleWorld
from tests.unit.core.incidents.test_recipients import SETTINGS

ROOT, LEAF = WALLET.name, SERVICE.name
ALWAYS = replace(SERVICE, after_dependency=AfterDependency.ALWAYS)
LEFT_ALONE = replace(WALLET, restart=RestartSettings(enabled=False))
BOTH = [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]


def calm(
    root: Target = WALLET, leaf: Target = ALWAYS, mode: Mode = Mode.ACT
) -> RuleWorld:
    world = RuleWorld(targets=(root, leaf), mode=mode)
    world.works(ROOT, LEAF)
    return world


def the_incident(world: RuleWorld) -> Incident:
    (incident,) = world.state.incidents.values()
    return incident


def lasts(world: RuleWorld, cause: Cause, seconds: float = 700.0) -> None:
    """Long enough for a person to hear of it; the dependent works all the while."""
    end = world.now_s + seconds
    while world.now_s < end:
        world.fails(ROOT, cause, 1)
        world.probe(LEAF, probe_success())
        world.wait(10.0, step=5.0)


def works_again(world: RuleWorld) -> None:
    world.works(ROOT, LEAF)
    world.wait(60.0, step=5.0)


# --- whether it was away


@pytest.mark.parametrize(
    "cause",
    [
        Cause.AUTH,
        Cause.MISCONFIGURED,
        Cause.DETACHED,
        Cause.UPSTREAM_LOST,
        Cause.UPSTREAM_STALE,
        Cause.WALLET_SYNCING,
        Cause.THREAD_HELD,
    ],
)
def test_a_root_that_was_there_all_the_while_restarts_nobody(cause: Cause) -> None:
    world = calm()
    lasts(world, cause, 2000.0)
    assert world.instance(ROOT).state is TargetState.DOWN
    works_again(world)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.acts() == []
    assert not the_incident(world).open


def test_a_mere_load_of_a_wallet_restarts_nobody() -> None:
    world = calm()
    world.fails(ROOT, Cause.WALLET_NOT_LOADED)
    world.acted(ROOT, restart=False)
    works_again(world)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert not world.instance(LEAF).must_restart


@pytest.mark.parametrize(
    "cause", [Cause.REFUSED, Cause.RESET, Cause.HUNG, Cause.BAD_BODY]
)
def test_a_root_that_was_away_and_came_back_by_itself_restarts_them(
    cause: Cause,
) -> None:
    world = calm(root=LEFT_ALONE)
    lasts(world, cause, 120.0)
    works_again(world)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_what_only_we_cannot_reach_is_not_away() -> None:
    world = calm(root=LEFT_ALONE)
    for _ in range(12):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.probe(LEAF, probe_success())
    assert world.instance(ROOT).state is TargetState.DOWN
    works_again(world)
    assert world.acts() == []


@pytest.mark.parametrize("reasons", [("silent", "silent"), ("silent", "no answer")])
def test_a_hang_that_began_out_of_reach_is_away_once_it_is_reached(
    reasons: tuple[str, str],
) -> None:
    """Its cause stays the same, with the reason or without; it is away all the same."""
    world = calm(root=LEFT_ALONE)
    for reason, path_fault in zip(reasons, (True, False), strict=True):
        for _ in range(8):
            silent = probe_failure(
                Cause.HUNG, text_reason(reason), path_fault=path_fault
            )
            world.probe(ROOT, silent, took_s=10.0)
            world.probe(LEAF, probe_success())
            world.now_s += 2.0
        assert world.instance(ROOT).state is TargetState.DOWN
        assert world.acts() == []
    works_again(world)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_one_refusal_in_an_outage_of_the_server_is_not_away() -> None:
    world = calm()
    lasts(world, Cause.UPSTREAM_LOST)
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.instance(ROOT).cause is Cause.REFUSED
    works_again(world)
    assert world.acts() == []


def test_a_password_that_was_corrected_by_a_restart_restarts_them() -> None:
    """Whoever restarted it: its connections are gone."""
    world = calm()
    lasts(world, Cause.AUTH, 60.0)
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    works_again(world)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_a_root_that_an_operator_asked_to_restart_restarts_them() -> None:
    world = calm()
    world.send(RestartRequested(world.now, ROOT))
    world.acted(ROOT)
    works_again(world)
    assert world.acts() == BOTH


def test_a_busy_root_that_answered_after_all_restarts_nobody() -> None:
    world = calm()
    while not world.is_acting(ROOT):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
        world.looked(ROOT)
    root = world.instance(ROOT)
    not_sent = RemedyExecuted(
        world.now,
        root.id,
        RemedyCallResult.NOT_SENT,
        text_reason("it answered"),
        root.container,
        answered=True,
    )
    world.send(not_sent)
    works_again(world)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert not world.instance(LEAF).must_restart


def test_an_absence_is_over_with_the_outage_it_was_in() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    works_again(world)
    world.acted(LEAF)
    works_again(world)
    assert world.acts() == BOTH
    lasts(world, Cause.AUTH, 60.0)
    works_again(world)
    assert world.acts() == BOTH


# --- one incident, to the end of what is done to them


def test_the_incident_ends_when_those_that_are_restarted_after_it_work() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    incident = the_incident(world)
    assert incident.open
    assert incident.followers == (LEAF,)
    assert incident.affected == ()
    restart = world.last(LEAF)
    assert (restart.action, restart.incident) == (Action.RESTART, incident.id)
    world.acted(LEAF)
    world.works(ROOT)
    assert the_incident(world).open
    world.works(LEAF)
    assert not the_incident(world).open
    ends = [
        t.incident
        for t in world.transitions
        if isinstance(t, RemedyEnded)
        or (isinstance(t, IncidentChanged) and t.step is IncidentStep.RESOLVED)
    ]
    assert ends == [incident.id] * 3
    assert isinstance(world.transitions[-1], IncidentChanged)


def test_it_is_in_the_course_and_the_post_mortem() -> None:
    world, journal = remembered()
    world.targets = (WALLET, ALWAYS)
    world.relist()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    world.acted(LEAF)
    world.works(LEAF, ROOT)
    (incident,) = journal.known.values()
    names = involved_targets(incident)
    kept = [entry for entry in journal.kept if entry.target in names]
    told = build_incident_review(incident, kept, journal.stretches, world.now.wall)
    assert [(one.target, one.trigger) for one in told.done] == [
        (ROOT, "failure"),
        (LEAF, "dependency"),
    ]
    lines = [
        line.text for line in build_timeline(told.entries).lines if line.target == LEAF
    ]
    assert any("always restarted after it" in text for text in lines)
    assert lines[-1].startswith("healthy")
    document = write_postmortem(told)
    assert f"**{LEAF}** was restarted after it." in document
    assert "failed with it" not in document
    assert f"| {LEAF} | restarted | because what it depends on had failed |" in document


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.ACT])
def test_a_restart_that_nobody_will_do_is_not_waited_for(mode: Mode) -> None:
    opted_out = replace(ALWAYS, restart=RestartSettings(enabled=False))
    leaf = opted_out if mode is Mode.ACT else ALWAYS
    world = calm(root=LEFT_ALONE, leaf=leaf, mode=mode)
    lasts(world, Cause.REFUSED, 60.0)
    world.works(ROOT, LEAF)
    assert not the_incident(world).open
    assert the_incident(world).followers == ()
    assert world.last(LEAF).action is Action.HOLD
    assert world.last(LEAF).guard in {Guard.OBSERVE, Guard.OPTED_OUT}
    instance = world.instance(LEAF)
    assert not instance.must_restart
    assert probe_interval_s(world.state, instance) == SERVICE.cadence.interval_s


def test_a_pause_is_not_waited_for_and_the_restart_is_owed() -> None:
    world = calm()
    world.send(PauseRequested(world.now, (LEAF,), world.now.wall + 300.0))
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT, LEAF)
    assert not the_incident(world).open
    world.wait(310.0, step=5.0)
    assert world.acts() == BOTH


def test_what_was_decided_long_ago_does_not_end_the_wait() -> None:
    world = calm()
    world.send(PauseRequested(world.now, (LEAF,), world.now.wall + 10.0))
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.last(LEAF).guard is Guard.PAUSED
    world.works(LEAF)
    world.wait(20.0)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    root = [i for i in world.state.incidents.values() if i.target == ROOT]
    assert [i.open for i in root] == [True]


def test_one_whose_restart_does_not_help_is_affected() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    world.acted(LEAF)
    while world.instance(LEAF).remedy is not None:
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    world.fails(LEAF, Cause.HTTP_5XX)
    incident = the_incident(world)
    assert incident.open
    assert incident.affected == (LEAF,)


def test_one_that_begins_to_fail_with_its_root_is_part_of_it_until_it_follows() -> None:
    world = calm(leaf=SERVICE)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    incident = the_incident(world)
    assert incident.open
    assert incident.affected == (LEAF,)
    world.works(LEAF)
    assert not the_incident(world).open
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_one_that_does_not_follow_is_restarted_in_the_same_incident() -> None:
    world = calm(leaf=SERVICE)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    while world.acts() != BOTH:
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    world.acted(LEAF)
    world.works(LEAF, ROOT)
    incident = the_incident(world)
    assert not incident.open
    assert incident.followers == incident.affected == (LEAF,)


def test_one_with_a_fault_of_its_own_is_no_part_of_it() -> None:
    world = calm(leaf=SERVICE)
    world.fails(LEAF, Cause.AUTH, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.works(ROOT)
    assert not the_incident(world).open


def test_the_resolve_is_told_after_it_and_names_them() -> None:
    told = RuleWorld(targets=(WALLET, ALWAYS), notify=SETTINGS)
    told.works(ROOT, LEAF)
    told.fails(ROOT, Cause.REFUSED)
    told.acted(ROOT)
    told.works(ROOT)
    kinds = [m.kind for m in told.messages]
    assert MessageKind.RESOLVED not in kinds
    told.acted(LEAF)
    told.works(LEAF, ROOT)
    last = told.messages[-1]
    assert last.kind is MessageKind.RESOLVED
    assert last.facts["followers"] == LEAF
    assert last.facts["remedies"] == "2"


def test_slow_answers_of_a_root_that_works_restart_nobody() -> None:
    world = calm()
    world.probe(ROOT, probe_success(warnings=(ProbeWarning.SLOW,)))
    world.probe(ROOT, probe_failure(Cause.REFUSED, text_reason("refused")))
    works_again(world)
    assert world.acts() == []
