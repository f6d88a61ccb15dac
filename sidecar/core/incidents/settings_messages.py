"""Messages about a configuration file with faults, and about its repair."""

from sidecar.core.incidents.payment_impact import payment_impact_of_stack
from sidecar.core.incidents.routing import all_clear_messages, informational_messages
from sidecar.core.model.cause import Severity
from sidecar.core.model.incident import new_id
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State


def settings_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell once that older settings are in force, and once that they no longer are."""
    view = state.settings
    if view.faults == view.reported_faults:
        return state, ()
    facts = {
        "opened_at_wall": f"{view.since.wall:.3f}",
        "faults": view.faults,
        **payment_impact_of_stack(state).facts,
    }
    if view.faulty_since is not None:
        facts["from_wall"] = f"{view.faulty_since.wall:.3f}"
    if view.faults:
        kind = MessageKind.SETTINGS_REFUSED
        messages = informational_messages(
            new_id(kind, at), Severity.P1, kind, facts, settings, at
        )
    else:
        kind_of_end = MessageKind.SETTINGS_TAKEN
        messages = all_clear_messages(Severity.P1, kind_of_end, facts, settings, at)
    return replace(state, settings=replace(view, reported_faults=view.faults)), messages
