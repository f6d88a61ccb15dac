"""Incidents and the efficacy ledger: one per root cause, and nothing forgotten."""

from dataclasses import replace

import pytest

from sidecar.core.incidents import lifecycle
from sidecar.core.model.cause import Cause, RemedyKind, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult, RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.state import EfficacyKey
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import IncidentChanged
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import EPOCH, SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
LEAF = "bitcoincash-service"
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)


def calm(**settings: object) -> RuleWorld:
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def changes(world: RuleWorld) -> list[IncidentChanged]:
    return [t for t in world.transitions if isinstance(t, IncidentChanged)]


def outage(world: RuleWorld, name: str = ROOT) -> None:
    world.fails(name, Cause.REFUSED)
    world.acted(name)
    world.works(name)


def test_each_outage_is_an_incident_of_its_own() -> None:
    world = calm(targets=(WALLET,))
    outage(world)
    outage(world)
    first, second = world.state.incidents.values()
    assert first.id < second.id
    assert not first.open
    assert not second.open
    assert world.instance(ROOT).incident is None


def test_the_story_of_an_incident_is_told_in_words() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.acted(ROOT)
    world.works(ROOT)
    world.works(LEAF)
    told = [str(c.reason) for c in changes(world)]
    (incident,) = world.state.incidents.values()
    lasted = changes(world)[-1].at.wall - incident.since_wall
    after = f"{lasted:.0f} s after it began"
    assert told == [
        f"{ROOT} is down: it is refused",
        f"{LEAF} is affected: it is http_5xx",
        f"{ROOT} and all that it affected work again, {after}",
    ]
    assert lasted > 1.0


def test_alone_it_is_resolved_alone() -> None:
    world = calm(targets=(WALLET,))
    outage(world)
    assert str(changes(world)[-1].reason).startswith(f"{ROOT} works again, ")


def test_a_dependent_that_fails_while_its_root_is_restarted_belongs_to_it() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    assert world.instance(ROOT).health.failures == 0
    (incident,) = world.state.incidents.values()
    assert incident.affected == (LEAF,)


def test_while_a_root_only_blinks_its_dependents_have_no_incident_yet() -> None:
    world = calm()
    world.fails(ROOT, Cause.REFUSED, 1)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    assert world.last(LEAF).guard is Guard.DEPENDENCY
    assert "is failing (refused)" in str(world.last(LEAF).reason)
    world.works(ROOT)
    world.fails(LEAF, Cause.HTTP_5XX, 2)
    assert changes(world) == []


def test_one_incident_ends_and_another_goes_on() -> None:
    other = replace(SERVICE, depends_on=())
    world = calm(targets=(WALLET, other))
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
    world.acted(ROOT, restart=False)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    world.wait(1.0)
    assert changes(world) == []


def test_a_wallet_that_one_load_brings_back_is_no_incident() -> None:
    world = calm(targets=(WALLET,))
    world.probe(ROOT, NO_WALLET)
    world.acted(ROOT, restart=False)
    assert world.instance(ROOT).state is TargetState.RECOVERING
    world.wait(1.0)
    world.works(ROOT)
    assert changes(world) == []


def test_a_wallet_that_loading_does_not_bring_back_is_one_at_the_threshold() -> None:
    world = calm(targets=(WALLET,))
    world.probe(ROOT, NO_WALLET)
    world.acted(ROOT, restart=False)
    for failures in (2, 3):
        assert changes(world) == []
        world.probe(ROOT, NO_WALLET)
        assert world.instance(ROOT).health.failures == failures
    assert world.instance(ROOT).state is TargetState.RECOVERING
    (opened,) = changes(world)
    assert world.instance(ROOT).incident == opened.incident


def test_the_targets_own_severity_goes_first() -> None:
    world = calm(targets=(replace(WALLET, severity=Severity.P3),))
    world.fails(ROOT, Cause.REFUSED)
    assert [i.severity for i in world.state.incidents.values()] == [Severity.P3]


@pytest.mark.parametrize("kept", [1, 3])
def test_old_incidents_are_forgotten_and_open_ones_never(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "KEPT_INCIDENTS", kept)
    other = replace(SERVICE, depends_on=())
    world = calm(targets=(WALLET, other))
    world.fails(LEAF, Cause.AUTH)
    for _ in range(5):
        world.fails(ROOT, Cause.AUTH)
        world.works(ROOT)
    world.fails(ROOT, Cause.AUTH)
    assert len(world.state.incidents) == max(kept, 2)
    assert sum(i.open for i in world.state.incidents.values()) == 2


# --- the ledger ----------------------------------------------------------------


def test_every_try_is_on_record_with_the_time_it_took() -> None:
    world = calm(targets=(WALLET,))
    outage(world)
    outage(world)
    world.fails(ROOT, Cause.REFUSED)
    world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
    record = world.state.ledger[EfficacyKey(ROOT, Cause.REFUSED, RemedyKind.RESTART)]
    assert (record.tries, record.outages, record.recovered) == (3, 3, 2)
    assert len(record.seconds) == 2
    assert all(0.0 < seconds < 60.0 for seconds in record.seconds)


def test_tries_of_one_outage_are_one_outage() -> None:
    world = calm(targets=(WALLET,))
    for _ in range(60):
        if world.is_acting(ROOT):
            world.acted(ROOT, RemedyCallResult.FAILED, restart=False)
        world.fails(ROOT, Cause.REFUSED, 1)
    record = world.state.ledger[EfficacyKey(ROOT, Cause.REFUSED, RemedyKind.RESTART)]
    assert (record.tries, record.outages) == (3, 1)


def test_a_load_that_never_helped_is_bounded_by_its_own_lane_alone() -> None:
    world = calm(targets=(WALLET,))
    key = EfficacyKey(ROOT, Cause.WALLET_NOT_LOADED, RemedyKind.LOAD_WALLET)
    for _ in range(6):
        before = world.acts().count((ROOT, Action.LOAD_WALLET))
        for _ in range(62):
            world.probe(ROOT, NO_WALLET)
            if world.instance(ROOT).loading is not None:
                world.acted(ROOT, restart=False)
            world.now_s += 2.0
        assert world.acts().count((ROOT, Action.LOAD_WALLET)) == before + 4
        world.works(ROOT)
    assert world.state.ledger[key].tries == 6
    assert world.state.ledger[key].recovered == 0


def test_what_nobody_needed_to_cure_is_not_on_record() -> None:
    world = calm(targets=(WALLET,))
    world.send(RestartRequested(world.now, ROOT))
    world.acted(ROOT)
    world.works(ROOT)
    assert world.state.ledger == {}
