"""Messages about a configuration file with faults."""

from dataclasses import replace

from sidecar.core.event import SettingsRefused, SettingsTaken
from sidecar.core.outcome import Severity
from sidecar.core.record import MessageKind
from sidecar.core.restore import restored
from sidecar.core.state import SettingsView
from sidecar.core.target import Mode
from tests.unit.test_notify_mailing import Told


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
    taken = SettingsTaken(told.world.now, Mode.OBSERVE, told.state.notify)
    told.world.send(taken)
    told.world.wait(7200.0)
    assert [m.kind for m in told.turn()] == [MessageKind.SETTINGS_TAKEN]
    assert told.state.mode is Mode.OBSERVE


def test_the_same_faults_after_a_restart_are_told_once_and_others_anew() -> None:
    told = Told(("ops",))
    faulty(told, "mode: found 'atc'")
    told.world.wait(1.0)
    assert len(told.turn()) == 1
    left = restored(told.state, told.world.now, told.world.now)
    assert left.settings == SettingsView(told="mode: found 'atc'")
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
    assert told.state.settings == SettingsView()
    faulty(told, "mode: found 'atc'")
    told.world.wait(1.0)
    assert len(told.turn()) == 1
    told.world.send(refused)
    told.world.wait(60.0)
    assert told.turn() == []
    assert told.state.settings.faults == "mode: found 'x'"
    taken = SettingsTaken(told.world.now, Mode.ACT, told.state.notify)
    told.world.send(taken)
    told.world.wait(1.0)
    assert [m.kind for m in told.turn()] == [MessageKind.SETTINGS_TAKEN]
