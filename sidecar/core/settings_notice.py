"""Messages about a configuration file with faults, and about its repair."""

from dataclasses import replace

from sidecar.core.incident import new_id
from sidecar.core.mailing import good_news, notice
from sidecar.core.moment import Moment
from sidecar.core.notify import NotifySettings
from sidecar.core.outcome import Severity
from sidecar.core.record import Message, MessageKind
from sidecar.core.state import State


def tell_settings(
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
        made = notice(new_id(kind, at), Severity.P1, kind, facts, settings, at)
    else:
        taken = MessageKind.SETTINGS_TAKEN
        made = good_news(Severity.P1, taken, facts, settings, at)
    return replace(state, settings=replace(view, told=view.faults)), made
