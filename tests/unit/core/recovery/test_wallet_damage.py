"""A damaged wallet file holds restarts, and is an incident of its own."""

from dataclasses import replace

import pytest

from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    AckRequested,
    PlannedRestartDue,
    RecoverRequested,
    RemedyCallResult,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import MessageKind
from sidecar.core.model.target import PlannedRestartSettings
from sidecar.core.model.wallet_file import WalletFilesChecked
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from tests.support.notification_recipients import SETTINGS
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

NAME = "electron-cash"
CUT = Reason.of(R.WALLET_FILE_CUT, file="/data/w", size=300)
SHRUNKEN = Reason.of(R.WALLET_FILE_FEWER_ADDRESSES, file="/data/w", left=1, had=3)
BACKED_UP = replace(
    WALLET,
    backup=BackupSettings(("/data/w",), "0 3 * * *"),
    preventive=PlannedRestartSettings("0 3 * * *", skip_if_restarted_within_s=0.0),
)


@pytest.fixture
def world() -> RuleWorld:
    world = RuleWorld((BACKED_UP, SERVICE))
    world.works(NAME, SERVICE.name)
    world.wait(120.0, step=10.0)
    return world


def check(world: RuleWorld, damage: Reason = NO_REASON) -> None:
    world.send(WalletFilesChecked(world.now, world.instance(NAME).id, damage))


def damages(world: RuleWorld) -> list[Incident]:
    incidents = world.state.incidents.values()
    return [i for i in incidents if i.cause is Cause.WALLET_DAMAGED]


def test_damage_of_a_working_daemon_is_paged_at_once(world: RuleWorld) -> None:
    check(world, CUT)
    (incident,) = damages(world)
    assert (incident.severity, incident.open) == (Severity.P1, True)
    assert incident.detail == CUT
    assert world.instance(NAME).wallet_damage is not None
    assert world.acts() == []


def test_sound_file_ends_the_incident_and_the_hold(world: RuleWorld) -> None:
    check(world, CUT)
    world.wait(60.0, step=10.0)
    check(world)
    (incident,) = damages(world)
    assert not incident.open
    assert world.instance(NAME).wallet_damage is None
    check(world)
    assert len(damages(world)) == 1


def test_damage_that_lasts_or_changes_is_one_incident(world: RuleWorld) -> None:
    for damage in (CUT, CUT, SHRUNKEN):
        check(world, damage)
    (incident,) = damages(world)
    assert incident.detail == SHRUNKEN


def test_failing_daemon_with_damaged_file_is_not_restarted(world: RuleWorld) -> None:
    check(world, CUT)
    world.fails(NAME, Cause.REFUSED, times=5)
    assert world.acts() == []
    assert world.last(NAME).guard is Guard.WALLET_FILE
    assert "ends in the middle" in str(world.last(NAME).reason)
    check(world)
    world.fails(NAME, Cause.REFUSED, times=1)
    assert world.acts() == [(NAME, Action.RESTART)]


def test_damage_found_right_before_a_restart_holds_the_next(world: RuleWorld) -> None:
    world.fails(NAME, Cause.REFUSED)
    assert world.acts() == [(NAME, Action.RESTART)]
    check(world, CUT)
    world.complete_remedy(NAME, RemedyCallResult.NOT_SENT, restart=False)
    world.fails(NAME, Cause.REFUSED, times=10)
    assert world.acts() == [(NAME, Action.RESTART)]
    assert world.last(NAME).guard is Guard.WALLET_FILE


def test_exited_daemon_with_damaged_file_is_not_started(world: RuleWorld) -> None:
    check(world, CUT)
    world.exits(NAME)
    world.wait(60.0, step=5.0)
    assert world.acts() == []
    assert world.last(NAME).guard is Guard.WALLET_FILE


def test_planned_restart_of_damaged_file_is_skipped(world: RuleWorld) -> None:
    check(world, CUT)
    world.send(PlannedRestartDue(world.now, NAME))
    world.wait(5.0)
    assert (Action.SKIP, Guard.WALLET_FILE) in world.decision_guards(NAME)
    assert world.acts() == []


def test_operator_restarts_damaged_daemon_only_by_force(world: RuleWorld) -> None:
    check(world, CUT)
    world.send(RestartRequested(world.now, NAME, now=False))
    assert world.last(NAME).guard is Guard.WALLET_FILE
    assert world.acts() == []
    world.send(RestartRequested(world.now, NAME, now=True))
    assert world.acts() == [(NAME, Action.RESTART)]
    assert world.last(NAME).forced


def test_acknowledgement_does_not_end_a_damage(world: RuleWorld) -> None:
    check(world, CUT)
    world.send(AckRequested(world.now, damages(world)[0].id, "ops"))
    (incident,) = damages(world)
    assert incident.open
    assert incident.acked_at is not None


def test_recover_forgets_a_damage_until_the_next_look(world: RuleWorld) -> None:
    check(world, CUT)
    world.send(RecoverRequested(world.now, NAME))
    assert [incident.open for incident in damages(world)] == [False]
    assert world.instance(NAME).wallet_damage is None
    world.wait(1.0)
    check(world, CUT)
    assert [incident.open for incident in damages(world)] == [False, True]


def test_target_without_backups_is_not_held(world: RuleWorld) -> None:
    check(world, CUT)
    world.targets = (WALLET, SERVICE)
    world.relist()
    world.fails(NAME, Cause.REFUSED)
    assert world.acts() == [(NAME, Action.RESTART)]


def test_incident_ends_with_the_target(world: RuleWorld) -> None:
    check(world, CUT)
    world.containers.pop(world.instance(NAME).id)
    world.targets = (SERVICE,)
    world.relist()
    assert [incident.open for incident in damages(world)] == [False]


def test_incident_ends_with_the_settings_of_backups(world: RuleWorld) -> None:
    """Nobody looks at the file any more, so that nothing else would end it."""
    check(world, CUT)
    world.targets = (replace(BACKED_UP, backup=None), SERVICE)
    world.relist()
    assert [incident.open for incident in damages(world)] == [False]
    assert world.instance(NAME).wallet_damage is None


def test_people_are_told_of_the_damage_and_of_its_end() -> None:
    world = RuleWorld((BACKED_UP, SERVICE), notify=SETTINGS)
    world.works(NAME, SERVICE.name)
    check(world, CUT)
    world.wait(30.0)
    check(world)
    world.wait(30.0)
    messages = [(m.kind, m.severity) for m in world.messages]
    assert messages[:1] == [(MessageKind.OPENED, Severity.P1)]
    assert MessageKind.RESOLVED in [kind for kind, _ in messages]
