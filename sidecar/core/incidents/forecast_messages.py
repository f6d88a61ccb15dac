"""Messages about containers whose memory will reach its limit."""

from sidecar.core.forecast.sentence import describe_forecast, wall_of
from sidecar.core.incidents.payment_impact import payment_impact_of_stack
from sidecar.core.incidents.routing import informational_messages
from sidecar.core.model.cause import Severity
from sidecar.core.model.incident import new_id
from sidecar.core.model.instance import Instance
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.update import replace_instances
from sidecar.core.reason.reason_text import reason_facts
from sidecar.core.status.maintenance_windows import is_silenced

SOON_S = 86400.0


def forecast_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """One message per run and severity; none for a target that is paused.

    In a maintenance window they wait for its end.

    P3, or P2 if the limit may be reached within a day and no restart is planned.
    """
    messages: list[Message] = []
    updated_instances: list[Instance] = []
    for instance in state.instances.foreseen():
        severity = _severity_to_tell(state, instance, at)
        if severity is None or instance.memory is None:
            continue
        updated_instances.append(
            replace(instance, memory=replace(instance.memory, told=severity))
        )
        facts = {
            "target": instance.name,
            "opened_at_wall": f"{at.wall:.3f}",
            **payment_impact_of_stack(state).facts,
            **reason_facts("reason", describe_forecast(instance.memory, at)),
        }
        group_id, kind = new_id(instance.name, at), MessageKind.LIMIT_FORESEEN
        messages.extend(
            informational_messages(group_id, severity, kind, facts, settings, at)
        )
    if updated_instances:
        state = replace_instances(state, *updated_instances)
    return state, tuple(messages)


def _severity_to_tell(state: State, instance: Instance, at: Moment) -> Severity | None:
    """The severity of a message that is due; None: there is none."""
    memory = instance.memory
    if memory is None or memory.forecast is None or memory.forecast.silence is not None:
        return None
    target = state.target_of(instance)
    if is_silenced(state, target.name, at.wall):
        return None
    earliest_wall = wall_of(memory.forecast.earliest_mono, at)
    is_soon = earliest_wall is not None and earliest_wall < at.wall + SOON_S
    is_urgent = is_soon and target.preventive is None
    severity = Severity.P2 if is_urgent else Severity.P3
    return severity if memory.told is None or severity < memory.told else None
