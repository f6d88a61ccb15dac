"""Dependents after their root: restarted where it was away, in its incident."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
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
from tests.support.memory_journal import world_with_journal
from tests.support.notification_recipients import SETTINGS
from tests.support.rule_scenarios import (
    RESTART,
    list_pages,
    start_container,
    start_healthy_world,
)
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

ROOT, LEAF = WALLET.name, SERVICE.name
ALWAYS = replace(SERVICE, after_dependency=AfterDependency.ALWAYS)
LEFT_ALONE = replace(WALLET, restart=RestartSettings(enabled=False))
BOTH = [(ROOT, Action.RESTART), (LEAF, Action.RESTART)]


def start_world(
    root: Target = WALLET, leaf: Target = ALWAYS, mode: Mode = Mode.ACT
) -> RuleWorld:
    world = RuleWorld(targets=(root, leaf), mode=mode)
    world.works(ROOT, LEAF)
    return world


def get_incident(world: RuleWorld) -> Incident:
    (incident,) = world.state.incidents.values()
    return incident


def fail_root_for(world: RuleWorld, cause: Cause, seconds: float = 700.0) -> None:
    """Fail until a person is told; the dependent works all the while."""
    end = world.now_s + seconds
    while world.now_s < end:
        world.fails(ROOT, cause, 1)
        world.probe(LEAF, probe_success())
        world.wait(10.0, step=5.0)


def recover_both(world: RuleWorld) -> None:
    world.works(ROOT, LEAF)
    world.wait(60.0, step=5.0)


# --- whether the root was away


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
def test_a_root_that_answered_all_the_time_restarts_no_dependent(cause: Cause) -> None:
    world = start_world()
    fail_root_for(world, cause, 2000.0)
    assert world.instance(ROOT).state is TargetState.DOWN
    recover_both(world)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.acts() == []
    assert not get_incident(world).open


def test_a_wallet_load_restarts_no_dependent() -> None:
    world = start_world()
    world.fails(ROOT, Cause.WALLET_NOT_LOADED)
    world.complete_remedy(ROOT, restart=False)
    recover_both(world)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert not world.instance(LEAF).must_restart


@pytest.mark.parametrize(
    "cause", [Cause.REFUSED, Cause.RESET, Cause.HUNG, Cause.BAD_BODY]
)
def test_a_root_that_was_away_and_came_back_restarts_dependents(
    cause: Cause,
) -> None:
    world = start_world(root=LEFT_ALONE)
    fail_root_for(world, cause, 120.0)
    recover_both(world)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_a_root_that_only_sidecar_cannot_reach_is_not_away() -> None:
    world = start_world(root=LEFT_ALONE)
    for _ in range(12):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
        world.probe(LEAF, probe_success())
    assert world.instance(ROOT).state is TargetState.DOWN
    recover_both(world)
    assert world.acts() == []


@pytest.mark.parametrize("reasons", [("silent", "silent"), ("silent", "no answer")])
def test_a_root_that_hangs_is_away_once_it_is_in_reach(
    reasons: tuple[str, str],
) -> None:
    """The cause stays the same, and the reason may: the root still counts as away."""
    world = start_world(root=LEFT_ALONE)
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
    recover_both(world)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_one_refusal_in_an_upstream_outage_is_no_absence() -> None:
    world = start_world()
    fail_root_for(world, Cause.UPSTREAM_LOST)
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.instance(ROOT).cause is Cause.REFUSED
    recover_both(world)
    assert world.acts() == []


def test_an_outside_restart_of_the_root_restarts_dependents() -> None:
    """A restart by anybody closes the connections of the wallet."""
    world = start_world()
    fail_root_for(world, Cause.AUTH, 60.0)
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    recover_both(world)
    assert world.acts() == [(LEAF, Action.RESTART)]


def test_an_operators_restart_of_the_root_restarts_dependents() -> None:
    world = start_world()
    world.send(RestartRequested(world.now, ROOT))
    world.complete_remedy(ROOT)
    recover_both(world)
    assert world.acts() == BOTH


def test_a_busy_root_that_answered_in_time_restarts_no_dependent() -> None:
    world = start_world()
    while not world.is_acting(ROOT):
        world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
        world.inspect_processes(ROOT)
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
    recover_both(world)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert not world.instance(LEAF).must_restart


def test_an_absence_in_an_earlier_outage_restarts_no_dependent() -> None:
    world = start_world()
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    recover_both(world)
    world.complete_remedy(LEAF)
    recover_both(world)
    assert world.acts() == BOTH
    fail_root_for(world, Cause.AUTH, 60.0)
    recover_both(world)
    assert world.acts() == BOTH


# --- one incident, until the dependents are restarted


def test_the_incident_ends_when_the_restarted_dependents_work() -> None:
    world = start_world()
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    incident = get_incident(world)
    assert incident.open
    assert incident.followers == (LEAF,)
    assert incident.affected == ()
    restart = world.last(LEAF)
    assert (restart.action, restart.incident) == (Action.RESTART, incident.id)
    world.complete_remedy(LEAF)
    world.works(ROOT)
    assert get_incident(world).open
    world.works(LEAF)
    assert not get_incident(world).open
    ends = [
        t.incident
        for t in world.transitions
        if isinstance(t, RemedyEnded)
        or (isinstance(t, IncidentChanged) and t.step is IncidentStep.RESOLVED)
    ]
    assert ends == [incident.id] * 3
    assert isinstance(world.transitions[-1], IncidentChanged)


def test_the_restart_of_a_dependent_is_in_timeline_and_postmortem() -> None:
    world, journal = world_with_journal()
    world.targets = (WALLET, ALWAYS)
    world.relist()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.complete_remedy(LEAF)
    world.works(LEAF, ROOT)
    (incident,) = journal.incidents_by_id.values()
    names = involved_targets(incident)
    entries = [entry for entry in journal.stored_entries if entry.target in names]
    review = build_incident_review(incident, entries, journal.intervals, world.now.wall)
    assert [(remedy.target, remedy.trigger) for remedy in review.remedies] == [
        (ROOT, "failure"),
        (LEAF, "dependency"),
    ]
    lines = [
        line.text
        for line in build_timeline(review.entries).lines
        if line.target == LEAF
    ]
    assert any("always restarted after it" in text for text in lines)
    assert lines[-1].startswith("healthy")
    document = write_postmortem(review)
    assert f"**{LEAF}** was restarted after it." in document
    assert "failed with it" not in document
    assert f"| {LEAF} | restarted | because what it depends on had failed |" in document


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.ACT])
def test_the_incident_does_not_wait_for_a_restart_that_is_not_allowed(
    mode: Mode,
) -> None:
    opted_out = replace(ALWAYS, restart=RestartSettings(enabled=False))
    leaf = opted_out if mode is Mode.ACT else ALWAYS
    world = start_world(root=LEFT_ALONE, leaf=leaf, mode=mode)
    fail_root_for(world, Cause.REFUSED, 60.0)
    world.works(ROOT, LEAF)
    assert not get_incident(world).open
    assert get_incident(world).followers == ()
    assert world.last(LEAF).action is Action.HOLD
    assert world.last(LEAF).guard in {Guard.OBSERVE, Guard.OPTED_OUT}
    instance = world.instance(LEAF)
    assert not instance.must_restart
    assert probe_interval_s(world.state, instance) == SERVICE.cadence.interval_s


def test_the_incident_ends_in_a_pause_and_the_restart_follows_it() -> None:
    world = start_world()
    world.send(PauseRequested(world.now, (LEAF,), world.now.wall + 300.0))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT, LEAF)
    assert not get_incident(world).open
    world.wait(310.0, step=5.0)
    assert world.acts() == BOTH


def test_an_old_hold_does_not_end_the_wait_for_a_dependent() -> None:
    world = start_world()
    world.send(PauseRequested(world.now, (LEAF,), world.now.wall + 10.0))
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.last(LEAF).guard is Guard.PAUSED
    world.works(LEAF)
    world.wait(20.0)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    root = [i for i in world.state.incidents.values() if i.target == ROOT]
    assert [i.open for i in root] == [True]


def test_a_dependent_whose_restart_does_not_help_is_affected() -> None:
    world = start_world()
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.complete_remedy(LEAF)
    while world.instance(LEAF).remedy is not None:
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    world.fails(LEAF, Cause.HTTP_5XX)
    incident = get_incident(world)
    assert incident.open
    assert incident.affected == (LEAF,)


def test_a_dependent_that_fails_with_its_root_is_affected_until_it_works() -> None:
    world = start_world(leaf=SERVICE)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    incident = get_incident(world)
    assert incident.open
    assert incident.affected == (LEAF,)
    world.works(LEAF)
    assert not get_incident(world).open
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_a_dependent_that_does_not_follow_is_restarted_in_the_incident() -> None:
    world = start_world(leaf=SERVICE)
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    while world.acts() != BOTH:
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    world.complete_remedy(LEAF)
    world.works(LEAF, ROOT)
    incident = get_incident(world)
    assert not incident.open
    assert incident.followers == incident.affected == (LEAF,)


def test_a_dependent_with_its_own_fault_is_not_in_the_incident() -> None:
    world = start_world(leaf=SERVICE)
    world.fails(LEAF, Cause.AUTH, 1)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert not get_incident(world).open


def test_the_resolve_message_names_the_restarted_dependents() -> None:
    world = RuleWorld(targets=(WALLET, ALWAYS), notify=SETTINGS)
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    kinds = [m.kind for m in world.messages]
    assert MessageKind.RESOLVED not in kinds
    world.complete_remedy(LEAF)
    world.works(LEAF, ROOT)
    last = world.messages[-1]
    assert last.kind is MessageKind.RESOLVED
    assert last.facts["followers"] == LEAF
    assert last.facts["remedies"] == "2"


def test_slow_answers_of_the_root_restart_no_dependent() -> None:
    world = start_world()
    world.probe(ROOT, probe_success(warnings=(ProbeWarning.SLOW,)))
    world.probe(ROOT, probe_failure(Cause.REFUSED, text_reason("refused")))
    recover_both(world)
    assert world.acts() == []


@pytest.mark.parametrize(
    ("after_dependency", "restarted"),
    [
        (AfterDependency.ALWAYS, True),
        (AfterDependency.NEVER, False),
        (AfterDependency.IF_FAILING, False),
    ],
)
def test_after_dependency_decides_about_a_dependent_that_works(
    after_dependency: AfterDependency, restarted: bool
) -> None:
    world = start_healthy_world(
        targets=(WALLET, replace(SERVICE, after_dependency=after_dependency))
    )
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT, LEAF)
    world.wait(1.0)
    assert ((LEAF, RESTART) in world.acts()) is restarted


def test_after_dependency_never_pages_a_person_and_restarts_nothing() -> None:
    never = replace(SERVICE, after_dependency=AfterDependency.NEVER)
    world = start_healthy_world(targets=(WALLET, never))
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    for _ in range(30):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.last(LEAF).action is Action.PAGE


def test_after_dependency_never_pages_only_when_the_dependent_does_not_follow() -> None:
    world = start_healthy_world(
        targets=(WALLET, replace(SERVICE, after_dependency=AfterDependency.NEVER))
    )
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    assert list_pages(world, LEAF) == []
    assert "left to follow by itself" in str(world.last(LEAF).reason)
    for _ in range(20):
        world.fails(LEAF, Cause.HTTP_5XX, 1)
        world.works(ROOT, times=1)
    assert len(list_pages(world, LEAF)) == 1


def test_after_dependency_always_restarts_after_a_restart_by_the_engine() -> None:
    world = start_healthy_world(targets=(WALLET, ALWAYS))
    world.exits(ROOT, 1, restart_policy="always")
    start_container(world, ROOT)
    world.works(ROOT, LEAF)
    world.wait(1.0)
    assert world.acts() == [(LEAF, RESTART)]


def test_after_dependency_always_does_nothing_after_an_outside_restart() -> None:
    world = start_healthy_world(targets=(WALLET, ALWAYS))
    world.send(PauseRequested(world.now, (LEAF,), world.now.wall + 60.0))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.works(ROOT, LEAF)
    start_container(world, LEAF)
    world.works(ROOT, LEAF)
    world.wait(120.0)
    assert world.acts() == [(ROOT, RESTART)]
