"""Messages about a configuration file with faults."""

from dataclasses import replace

from sidecar.core.model.cause import Severity
from sidecar.core.model.event import SettingsApplied, SettingsRefused
from sidecar.core.model.message import MessageKind
from sidecar.core.model.state import SettingsStatus
from sidecar.core.model.target import Mode
from sidecar.core.recovery.takeover import restore_state
from tests.unit.core.incidents.test_recipients import Told


def faulty(told: Told, faults: str) -> None:
    world = told.world
    view = replace(told.state.settings, faults=faults, since=world.now)
    world.state = replace(told.state, settings=view)


def test_a_faulty_file_is_told_once_as_p1_and_so_is_its_end() -> None:
    told = Told(("ops",))
    faulty(told, "mode: found 'atc'")
    told.world.wait(7200.0)
    (refused,) = told.turn()
    assert (refused.kind, refused.severity) == (
        MessageKind.SETTINGS_REFUSED,
        Severity.P1,
    )
    assert refused.facts["faults"] == "mode: found 'atc'"
    taken = SettingsApplied(told.world.now, Mode.OBSERVE, told.state.notify)
    told.world.send(taken)
    told.world.wait(7200.0)
    assert [m.kind for m in told.turn()] == [MessageKind.SETTINGS_TAKEN]
    assert told.state.mode is Mode.OBSERVE


def test_the_same_faults_after_a_restart_are_told_once_and_others_anew() -> None:
    told = Told(("ops",))
    faulty(told, "mode: found 'atc'")
    told.world.wait(1.0)
    assert len(told.turn()) == 1
    left = restore_state(told.state, told.world.now, told.world.now)
    assert left.settings == SettingsStatus(told="mode: found 'atc'")
    told.world.state = replace(told.state, settings=left.settings)
    faulty(told, "mode: found 'atc'")
    told.world.wait(60.0)
    assert told.turn() == []
    faulty(told, "mode: found 'obsrve'")
    told.world.wait(1.0)
    assert [m.kind for m in told.turn()] == [MessageKind.SETTINGS_REFUSED]


def test_a_reload_that_is_refused_tells_nobody_anew() -> None:
    told = Told(("ops",))
    refused = SettingsRefused(told.world.now, "mode: found 'x'")
    told.world.send(refused)
    told.world.wait(1.0)
    assert told.turn() == []
    assert told.state.settings == SettingsStatus()
    faulty(told, "mode: found 'atc'")
    told.world.wait(1.0)
    assert len(told.turn()) == 1
    told.world.send(refused)
    told.world.wait(60.0)
    assert told.turn() == []
    assert told.state.settings.faults == "mode: found 'x'"
    taken = SettingsApplied(told.world.now, Mode.ACT, told.state.notify)
    told.world.send(taken)
    told.world.wait(1.0)
    assert [m.kind for m in told.turn()] == [MessageKind.SETTINGS_TAKEN]
