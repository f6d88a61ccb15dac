"""Messages about our own network: that it is lost, and that it is back."""

from collections.abc import Mapping

from sidecar.core.incidents.payment_impact import payment_impact_of_stack
from sidecar.core.incidents.remedy_facts import facts_of_commands
from sidecar.core.incidents.routing import informational_messages
from sidecar.core.model.cause import Severity
from sidecar.core.model.incident import new_id
from sidecar.core.model.instance import Instance
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import OwnNetworkStatus, State
from sidecar.core.reason.reason_text import reason_facts
from sidecar.core.status.container_run import is_running
from sidecar.core.text.formatting import whole_seconds

GRACE_S = 60.0
"""A network that is created again is back before; the engine has the same grace."""

REPEAT_S = 3600.0
"""Targets that are not reached are not monitored: people must not forget that."""


def own_network_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell each hour that our own network is lost, and once that it is back.

    The message names the targets that are not reached. It is a P2, as for a lost
    engine: only Sidecar itself is known to be broken.
    """
    unreached = [i for i in state.instances.unreached() if _is_unreached(i)]
    view = state.own_network
    if unreached:
        return _network_lost_messages(state, unreached, settings, at)
    if view.since is None and not view.is_reported:
        return state, ()
    cleared = replace(state, own_network=OwnNetworkStatus())
    if not view.is_reported:
        return cleared, ()
    if not any(map(_is_reached, state.instances.values())):
        return state, ()
    kind, facts = MessageKind.OWN_NETWORK_BACK, payment_impact_of_stack(state).facts
    return cleared, _messages(kind, view, facts, settings, at)


def _network_lost_messages(
    state: State, unreached: list[Instance], settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    view = state.own_network
    if view.since is None:
        view = replace(view, since=min(i.since for i in unreached))
    if view.is_reported and view.reported_mono is None:
        view = replace(view, reported_mono=at.mono)
    if not _is_due(view, at):
        return replace(state, own_network=view), ()
    view = replace(view, is_reported=True, reported_mono=at.mono)
    names = ", ".join(sorted(i.name for i in unreached))
    reason = unreached[0].reason
    commands = facts_of_commands(state, unreached[0])
    extra_facts = {
        "affected": names,
        "compose": commands["compose"],
        "network": commands["network"],
        **payment_impact_of_stack(state).facts,
        **reason_facts("reason", reason),
    }
    messages = _messages(MessageKind.OWN_NETWORK_LOST, view, extra_facts, settings, at)
    return replace(state, own_network=view), messages


def _is_due(view: OwnNetworkStatus, at: Moment) -> bool:
    if view.reported_mono is not None:
        return at.mono - view.reported_mono >= REPEAT_S
    return view.since is not None and at.mono - view.since.mono >= GRACE_S


def _messages(
    kind: MessageKind,
    view: OwnNetworkStatus,
    extra_facts: Mapping[str, str],
    settings: NotifySettings,
    at: Moment,
) -> tuple[Message, ...]:
    since = view.since or at
    facts = {
        "opened_at_wall": f"{since.wall:.3f}",
        "from_wall": f"{since.wall:.3f}",
        "seconds": str(whole_seconds(since.wall, at.wall)),
        **extra_facts,
    }
    return informational_messages(
        new_id(kind, at), Severity.P2, kind, facts, settings, at
    )


def _is_unreached(instance: Instance) -> bool:
    return is_running(instance) and instance.health.is_blind


def _is_reached(instance: Instance) -> bool:
    last = instance.health.last
    return last is not None and not last.path_fault and not instance.health.is_blind
