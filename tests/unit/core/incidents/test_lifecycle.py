"""Incidents and the efficacy ledger: one per root cause, and nothing forgotten."""

from dataclasses import replace

import pytest

from sidecar.core.incidents import lifecycle
from sidecar.core.model.cause import Cause, RemedyKind, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RemedyCallResult, RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.state import EfficacyKey
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import IncidentChanged, IncidentStep
from sidecar.core.reason.reason import text_reason
from tests.support.rule_scenarios import (
    INDEPENDENT,
    list_incident_steps,
    start_container,
    start_healthy_world,
)
from tests.support.rule_world import EPOCH, SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)


def start_world(**settings: object) -> RuleWorld:
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def list_incident_changes(world: RuleWorld) -> list[IncidentChanged]:
    return [t for t in world.transitions if isinstance(t, IncidentChanged)]


def run_outage(world: RuleWorld, name: str = ROOT) -> None:
    world.fails(name, Cause.REFUSED)
    world.complete_remedy(name)
    world.works(name)


def test_each_outage_is_an_incident_of_its_own() -> None:
    world = start_world(targets=(WALLET,))
    run_outage(world)
    run_outage(world)
    first, second = world.state.incidents.values()
    assert first.id < second.id
    assert not first.open
    assert not second.open
    assert world.instance(ROOT).incident is None


def test_the_steps_of_an_incident_have_reasons_in_words() -> None:
    world = start_world()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.works(LEAF)
    messages = [str(c.reason) for c in list_incident_changes(world)]
    (incident,) = world.state.incidents.values()
    lasted = list_incident_changes(world)[-1].at.wall - incident.since_wall
    after = f"{lasted:.0f} s after it began"
    assert messages == [
        f"{ROOT} is down: it is refused",
        f"{LEAF} is affected: it is http_5xx",
        f"{ROOT} and all that it affected work again, {after}",
    ]
    assert lasted > 1.0


def test_an_incident_of_one_target_is_resolved_with_it() -> None:
    world = start_world(targets=(WALLET,))
    run_outage(world)
    assert str(list_incident_changes(world)[-1].reason).startswith(
        f"{ROOT} works again, "
    )


def test_a_dependent_that_fails_while_its_root_is_restarted_belongs_to_it() -> None:
    world = start_world()
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    assert world.instance(ROOT).health.failures == 0
    (incident,) = world.state.incidents.values()
    assert incident.affected == (LEAF,)


def test_a_short_root_failure_delays_the_incident_of_dependents() -> None:
    world = start_world()
    world.fails(ROOT, Cause.REFUSED, 1)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    assert "is failing (refused)" in str(world.last(LEAF).reason)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    assert list_incident_changes(world) == []


def test_one_incident_ends_and_another_goes_on() -> None:
    other = replace(SERVICE, depends_on=())
    world = start_world(targets=(WALLET, other))
    world.fails(ROOT, Cause.AUTH)
    world.fails(LEAF, Cause.AUTH)
    world.works(LEAF)
    still = [i.target for i in world.state.incidents.values() if i.open]
    assert still == [ROOT]
    assert world.instance(ROOT).incident is not None


def test_a_replica_that_left_does_not_close_what_others_are_in() -> None:
    pair = {InstanceId(ROOT, n): container(ROOT, n) for n in (1, 2, 3)}
    world = RuleWorld((WALLET,), containers=pair)
    world.works(*(f"{ROOT}-{n}" for n in (1, 2, 3)))
    world.fails(f"{ROOT}-1", Cause.AUTH)
    world.fails(f"{ROOT}-2", Cause.AUTH)
    world.works(f"{ROOT}-2")
    before = dict(world.state.incidents)
    world.containers.pop(InstanceId(ROOT, 3))
    world.relist()
    assert world.state.incidents == before


def test_a_wallet_that_is_loaded_at_its_start_is_no_incident() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    world.probe(ROOT, NO_WALLET)
    world.complete_remedy(ROOT, restart=False)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    world.wait(1.0)
    assert list_incident_changes(world) == []


def test_a_wallet_that_one_load_brings_back_is_no_incident() -> None:
    world = start_world(targets=(WALLET,))
    world.probe(ROOT, NO_WALLET)
    world.complete_remedy(ROOT, restart=False)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    world.wait(1.0)
    world.works(ROOT)
    assert list_incident_changes(world) == []


def test_a_wallet_not_brought_back_by_a_load_is_an_incident_at_the_threshold() -> None:
    world = start_world(targets=(WALLET,))
    world.probe(ROOT, NO_WALLET)
    world.complete_remedy(ROOT, restart=False)
    for failures in (2, 3):
        assert list_incident_changes(world) == []
        world.probe(ROOT, NO_WALLET)
        assert world.instance(ROOT).health.failures == failures
    assert world.instance(ROOT).state is TargetState.RECOVERING
    (opened,) = list_incident_changes(world)
    assert world.instance(ROOT).incident == opened.incident


def test_the_targets_own_severity_goes_first() -> None:
    world = start_world(targets=(replace(WALLET, severity=Severity.P3),))
    world.fails(ROOT, Cause.REFUSED)
    assert [i.severity for i in world.state.incidents.values()] == [Severity.P3]


@pytest.mark.parametrize("limit", [1, 3])
def test_old_incidents_are_forgotten_and_open_ones_never(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "MAX_INCIDENTS", limit)
    other = replace(SERVICE, depends_on=())
    world = start_world(targets=(WALLET, other))
    world.fails(LEAF, Cause.AUTH)
    for _ in range(5):
        world.fails(ROOT, Cause.AUTH)
        world.works(ROOT)
    world.fails(ROOT, Cause.AUTH)
    assert len(world.state.incidents) == max(limit, 2)
    assert sum(i.open for i in world.state.incidents.values()) == 2


# --- the ledger ----------------------------------------------------------------


def test_every_try_is_on_record_with_the_time_it_took() -> None:
    world = start_world(targets=(WALLET,))
    run_outage(world)
    run_outage(world)
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    record = world.state.ledger[EfficacyKey(ROOT, Cause.REFUSED, RemedyKind.RESTART)]
    assert (record.tries, record.outages, record.recovered) == (3, 3, 2)
    assert len(record.seconds) == 2
    assert all(0.0 < seconds < 60.0 for seconds in record.seconds)


def test_tries_of_one_outage_are_one_outage() -> None:
    world = start_world(targets=(WALLET,))
    for _ in range(60):
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
        world.fails(ROOT, Cause.REFUSED, 1)
    record = world.state.ledger[EfficacyKey(ROOT, Cause.REFUSED, RemedyKind.RESTART)]
    assert (record.tries, record.outages) == (3, 1)


def test_a_load_that_never_helped_is_bounded_by_its_own_lane_alone() -> None:
    world = start_world(targets=(WALLET,))
    key = EfficacyKey(ROOT, Cause.WALLET_NOT_LOADED, RemedyKind.LOAD_WALLET)
    for _ in range(6):
        before = world.acts().count((ROOT, Action.LOAD_WALLET))
        for _ in range(62):
            world.probe(ROOT, NO_WALLET)
            if world.instance(ROOT).loading is not None:
                world.complete_remedy(ROOT, restart=False)
            world.now_s += 2.0
        assert world.acts().count((ROOT, Action.LOAD_WALLET)) == before + 4
        world.works(ROOT)
    assert world.state.ledger[key].tries == 6
    assert world.state.ledger[key].recovered == 0


def test_a_recovery_without_a_remedy_is_not_on_record() -> None:
    world = start_world(targets=(WALLET,))
    world.send(RestartRequested(world.now, ROOT))
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.state.ledger == {}


def test_an_incident_of_the_root_includes_the_failing_dependent() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    world.wait(1.0)
    (incident,) = world.state.incidents.values()
    assert (incident.target, incident.affected) == (ROOT, (LEAF,))
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert incident.id in {i for i, v in world.state.incidents.items() if v.open}
    world.works(LEAF)
    steps = [t.step for t in world.transitions if isinstance(t, IncidentChanged)]
    assert steps == [IncidentStep.OPENED, IncidentStep.AFFECTED, IncidentStep.RESOLVED]


def test_an_incident_is_closed_when_none_of_its_targets_is_watched() -> None:
    world = start_healthy_world(targets=(WALLET, INDEPENDENT))
    world.fails(ROOT, Cause.AUTH)
    assert list_incident_steps(world) == [(ROOT, IncidentStep.OPENED)]
    world.targets = (INDEPENDENT,)
    world.containers.pop(InstanceId(ROOT, 1))
    world.relist()
    assert list_incident_steps(world)[1:] == [(ROOT, IncidentStep.RESOLVED)]
    assert not any(i.open for i in world.state.incidents.values())


def test_a_dependent_that_an_operator_stopped_keeps_no_incident_open() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    world.notice(LEAF, EngineEventKind.KILL)
    world.exits(LEAF, 143)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert list_incident_steps(world)[-1] == (ROOT, IncidentStep.RESOLVED)


def test_a_root_that_an_operator_stopped_does_not_resolve_its_incident() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.AUTH)
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    world.works(LEAF)
    assert (ROOT, IncidentStep.RESOLVED) not in list_incident_steps(world)
    start_container(world, ROOT)
    world.works(ROOT)
    assert list_incident_steps(world)[-1] == (ROOT, IncidentStep.RESOLVED)


def test_an_incident_has_the_highest_severity_of_its_targets() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.AUTH)
    world.wait(1.0)
    assert [i.severity for i in world.state.incidents.values()] == [Severity.P2]
    world.fails(LEAF, Cause.HTTP_5XX, 3)
    assert [i.severity for i in world.state.incidents.values()] == [Severity.P1]
