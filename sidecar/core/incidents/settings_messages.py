"""Messages about a configuration file with faults, and about its repair."""

from dataclasses import replace

from sidecar.core.incidents.routing import all_clear_messages, informational_messages
from sidecar.core.model.cause import Severity
from sidecar.core.model.incident import new_id
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State


def settings_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell once that older settings are in force, and then that they are not."""
    view = state.settings
    if view.faults == view.told:
        return state, ()
    facts = {"opened_at_wall": f"{view.since.wall:.3f}", "faults": view.faults}
    if view.faulty_since is not None:
        facts["from_wall"] = f"{view.faulty_since.wall:.3f}"
    if view.faults:
        kind = MessageKind.SETTINGS_REFUSED
        made = informational_messages(
            new_id(kind, at), Severity.P1, kind, facts, settings, at
        )
    else:
        taken = MessageKind.SETTINGS_TAKEN
        made = all_clear_messages(Severity.P1, taken, facts, settings, at)
    return replace(state, settings=replace(view, told=view.faults)), made
