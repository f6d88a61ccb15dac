"""Messages about planned restarts that were left out."""

from collections.abc import Iterable

from sidecar.core.incidents.routing import informational_messages
from sidecar.core.model.cause import Severity
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.incident import new_id
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State
from sidecar.core.reason.reason_text import reason_facts

"""The settings say so: worth knowing, and no more."""


def skipped_restart_messages(
    state: State, decisions: Iterable[Decision], settings: NotifySettings, at: Moment
) -> tuple[Message, ...]:
    """One for each; of a target that is paused nothing is told."""
    made: list[Message] = []
    for decision in decisions:
        if decision.action is not Action.SKIP:
            continue
        if decision.instance.target in state.paused:
            continue
        intended = decision.guard.rule.is_intended
        severity = Severity.P3 if intended else Severity.P2
        facts = {
            "target": decision.name,
            "opened_at_wall": f"{at.wall:.3f}",
            **reason_facts("last_reason", decision.reason),
        }
        which, kind = new_id(decision.name, at), MessageKind.PLAN_SKIPPED
        made.extend(informational_messages(which, severity, kind, facts, settings, at))
    return tuple(made)
