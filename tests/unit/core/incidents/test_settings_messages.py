"""Messages about a configuration file with faults."""

from dataclasses import replace

from sidecar.core.model.cause import Severity
from sidecar.core.model.event import SettingsApplied, SettingsRefused
from sidecar.core.model.message import MessageKind
from sidecar.core.model.state import SettingsStatus
from sidecar.core.model.target import Mode
from sidecar.core.recovery.takeover import restore_state
from tests.support.notification_recipients import Notifier


def set_faults(notifier: Notifier, faults: str) -> None:
    world = notifier.world
    view = replace(notifier.state.settings, faults=faults, since=world.now)
    world.state = replace(notifier.state, settings=view)


def test_a_faulty_file_sends_one_p1_message_and_one_at_its_end() -> None:
    notifier = Notifier(("ops",))
    set_faults(notifier, "mode: found 'atc'")
    notifier.world.wait(7200.0)
    (refused,) = notifier.new_messages()
    assert (refused.kind, refused.severity) == (
        MessageKind.SETTINGS_REFUSED,
        Severity.P1,
    )
    assert refused.facts["faults"] == "mode: found 'atc'"
    settings_event = SettingsApplied(
        notifier.world.now, Mode.OBSERVE, notifier.state.notify
    )
    notifier.world.send(settings_event)
    notifier.world.wait(7200.0)
    assert [m.kind for m in notifier.new_messages()] == [MessageKind.SETTINGS_TAKEN]
    assert notifier.state.mode is Mode.OBSERVE


def test_the_same_faults_after_a_restart_send_no_message_and_others_do() -> None:
    notifier = Notifier(("ops",))
    set_faults(notifier, "mode: found 'atc'")
    notifier.world.wait(1.0)
    assert len(notifier.new_messages()) == 1
    restored_state = restore_state(
        notifier.state, notifier.world.now, notifier.world.now
    )
    assert restored_state.settings == SettingsStatus(
        reported_faults="mode: found 'atc'"
    )
    notifier.world.state = replace(notifier.state, settings=restored_state.settings)
    set_faults(notifier, "mode: found 'atc'")
    notifier.world.wait(60.0)
    assert notifier.new_messages() == []
    set_faults(notifier, "mode: found 'obsrve'")
    notifier.world.wait(1.0)
    assert [m.kind for m in notifier.new_messages()] == [MessageKind.SETTINGS_REFUSED]


def test_a_refused_reload_sends_no_message() -> None:
    notifier = Notifier(("ops",))
    refused = SettingsRefused(notifier.world.now, "mode: found 'x'")
    notifier.world.send(refused)
    notifier.world.wait(1.0)
    assert notifier.new_messages() == []
    assert notifier.state.settings == SettingsStatus()
    set_faults(notifier, "mode: found 'atc'")
    notifier.world.wait(1.0)
    assert len(notifier.new_messages()) == 1
    notifier.world.send(refused)
    notifier.world.wait(60.0)
    assert notifier.new_messages() == []
    assert notifier.state.settings.faults == "mode: found 'x'"
    settings_event = SettingsApplied(
        notifier.world.now, Mode.ACT, notifier.state.notify
    )
    notifier.world.send(settings_event)
    notifier.world.wait(1.0)
    assert [m.kind for m in notifier.new_messages()] == [MessageKind.SETTINGS_TAKEN]
