"""When a container is recreated in place of a restart: once per incident at most.

A restart keeps the container's own files, such as a lock file of a dead process, and
what the engine set up for it. A new container has neither.
"""

from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import LaneName, RemedyStats
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import EfficacyKey, State
from sidecar.core.model.target import Target
from sidecar.core.recovery import efficacy
from sidecar.core.status import expected_wallets


def choose_action(
    state: State, instance: Instance, target: Target, cause: Cause, action: Action
) -> Action:
    """RECREATE in place of a restart that is known not to help; else ``action``."""
    if action is not Action.RESTART or not target.recreate:
        return action
    is_due = _may_still_recreate(instance, cause) and not _is_ineffective(
        state, instance, cause, Action.RECREATE
    )
    is_due = is_due and (
        _is_fast_lane_used_up(instance)
        or _is_ineffective(state, instance, cause, Action.RESTART)
    )
    return Action.RECREATE if is_due else action


def _may_still_recreate(instance: Instance, cause: Cause) -> bool:
    """Is the cause one that a restart can repair, and this the incident's first?"""
    is_first = bool(instance.incident) and instance.recreated_in != instance.incident
    return is_first and CAUSES[cause].remedy is RemedyKind.RESTART


def _is_fast_lane_used_up(instance: Instance) -> bool:
    """Did the quick tries of this outage not help?"""
    return instance.lane.name is LaneName.SLOW and bool(instance.lane.spent)


def _is_ineffective(
    state: State, instance: Instance, cause: Cause, action: Action
) -> bool:
    key = EfficacyKey(instance.id.target, cause, RemedyKind(action.value))
    record = state.ledger.get(key, RemedyStats())
    tried_now = efficacy.is_tried_now(action, instance)
    return efficacy.is_ineffective(record, tried_now=tried_now)


def note_begin(instance: Instance, decision: Decision) -> Instance:
    """Note that its incident has had its recreate."""
    if decision.action is not Action.RECREATE or decision.settles:
        return instance
    return replace(instance, recreated_in=instance.incident or "")


def note_reverted(instance: Instance, decision: Decision | None) -> Instance:
    """Forget a recreate that was not sent."""
    if decision is None or decision.action is not Action.RECREATE or decision.settles:
        return instance
    return replace(instance, recreated_in="")


def wallets_to_keep(
    decision: Decision, instance: Instance, target: Target
) -> tuple[str, ...]:
    """The wallets that a recreate would lose if they were in the container itself."""
    if decision.action is not Action.RECREATE:
        return ()
    # One that was loaded by hand, beside those of the settings, has money, too.
    expected = expected_wallets.find_expected(instance, target)
    backed_up = target.backup.path if target.backup is not None else ()
    return tuple(dict.fromkeys((*expected, *instance.wallets, *backed_up)))
