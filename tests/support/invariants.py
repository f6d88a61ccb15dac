"""Invariants of a state, of a decision, and of messages: they hold in every world."""

from collections import Counter
from collections.abc import Sequence

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.instance import StopOrigin
from sidecar.core.model.lane import Lane
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.state import State
from sidecar.core.model.target import Mode
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.recovery import retry_budget
from sidecar.core.recovery.restart_rate import RESTART_LIMIT, within_hour
from sidecar.core.status.current_cause import current_cause
from sidecar.core.status.dependencies import blocking_dependencies
from sidecar.core.status.presumed_dependencies import is_only_verified
from sidecar.core.status.replicas import is_drained

_REMEDIES = frozenset({Action.START, Action.RESTART, Action.RECREATE})


def check_one_remedy_at_once(state: State) -> None:
    """One remedy acts in a stack; only its verification or a drain may give way."""
    busy = [i for i in state.instances.values() if i.remedy or i.loading]
    acted_on = [i.name for i in busy if not (is_only_verified(i) or is_drained(i))]
    assert len(acted_on) <= 1, f"two remedies at once: {acted_on}"
    for instance in busy:
        upstreams = state.topology.upstreams.get(instance.id.target, ())
        roots = [i.name for i in busy if i.id.target in upstreams]
        assert not roots, f"{instance.name} and its root at once: {roots}"


def check_limits(state: State, now_mono: float) -> None:
    """Tries are within the budgets, and health resets them."""
    for instance in state.instances.values():
        settings, lane = state.target_of(instance).restart, instance.lane
        if lane == Lane():
            continue
        tries = retry_budget.tries_in_window(lane, settings, now_mono)
        assert tries <= settings.budget, f"{instance.name}: {tries} tries"
        assert lane.slow_tries <= len(settings.slow_lane_s), instance.name
        assert instance.state not in WORKING_STATES, "health re-arms"
    restarts = within_hour(state.restarts, now_mono)
    assert len(restarts) <= RESTART_LIMIT, f"{len(restarts)} restarts in an hour"


def check_decision(state: State, decision: Decision) -> None:
    """It has a reason; a remedy is permitted, fits its cause and comes root first."""
    assert decision.reason, f"{decision.action} without a reason"
    if not decision.action.changes_something:
        return
    assert state.mode_in_force is Mode.ACT, f"{decision.action} in observe mode"
    assert state.engine.reachable, f"{decision.action} without the engine"
    if decision.trigger is Trigger.OPERATOR:
        return
    _check_permission(state, decision)
    if decision.trigger.is_automatic and decision.action in _REMEDIES:
        _check_cure(decision)
        _check_roots(state, decision)


def _check_permission(state: State, decision: Decision) -> None:
    """No person, setting or window forbids what Sidecar does by itself."""
    name, what = decision.instance.target, f"{decision.action} of {decision.name}"
    assert name not in state.paused, f"{what}, which is paused"
    assert state.targets[name].restart.enabled, f"{what}, which is switched off"
    lasting = (w for w in state.windows if w.includes(decision.at.wall))
    assert not any(w.concerns(name) for w in lasting), f"{what} in a window"
    if decision.action is not Action.STOP:
        stop = state.instances[decision.instance].stop
        assert stop is not StopOrigin.SEEN, f"{what}, which a person stopped"


def _check_cure(decision: Decision) -> None:
    """A remedy may cure the cause; a crash loop gets one last start."""
    if decision.cause is None or decision.cause is Cause.CRASH_LOOP:
        assert decision.cause is None or decision.action is Action.START
        return
    assert CAUSES[decision.cause].remedy is not None, f"no cure: {decision.cause}"


def _check_roots(state: State, decision: Decision) -> None:
    """Every root works, or is not known to fail."""
    for root in blocking_dependencies(state, decision.instance.target):
        assert root.health.failures == 0, f"{decision.name} before {root.name}"
        doubtful = current_cause(root) is not None and not root.health.blind
        assert not doubtful, f"{decision.name} before {root.name}, which just failed"


def check_one_open_incident(state: State) -> None:
    """A root has one open incident at a time."""
    roots = Counter(i.target for i in state.incidents.values() if i.open)
    assert all(count == 1 for count in roots.values()), roots


def check_message_order(messages: Sequence[Message]) -> None:
    """No message comes twice, and those of an incident come in order.

    Messages for information are no incident: they may share an id of a group.
    """
    ids = Counter(message.id for message in messages)
    assert ids.total() == len(ids), [i for i, count in ids.items() if count > 1]
    last: dict[tuple[str, str], Message] = {}
    opened: set[tuple[str, str]] = set()
    for message in messages:
        thread = message.incident, message.channel
        before = last.get(thread)
        if before is not None and thread in opened:
            assert message.sequence > before.sequence, message
        if message.kind is MessageKind.OPENED:
            assert thread not in opened, f"opened twice: {message}"
            opened.add(thread)
        if message.kind is MessageKind.RESOLVED:
            assert thread in opened, f"resolved and never opened: {message}"
            assert before is not None
            assert before.kind is not MessageKind.RESOLVED, f"twice: {message}"
        last[thread] = message


def check_unhealthy_is_held(state: State) -> None:
    """A target that does not work is tried again, or left for a reason for people."""
    for instance in state.instances.values():
        if instance.state in WORKING_STATES | {TargetState.STOPPED}:
            continue
        is_waiting = instance.remedy is not None or instance.lane.tries > 0
        decision = instance.last_decision
        is_held = decision is not None and bool(decision.reason)
        assert is_waiting or is_held, instance
