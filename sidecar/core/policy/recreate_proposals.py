"""Proposals to recreate a container, and to end a recreate that was interrupted."""

from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.policy.proposal import Proposal
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import recreation
from sidecar.core.status import container_run

_LISTED_ANEW_S = 5.0
_SETTLE_AGAIN_S = 10.0
"""Wait before the next attempt to end a recreate."""


def propose_settlement(instance: Instance, at: Moment) -> Proposal | None:
    """End a recreate that was interrupted, or whose old container was not removed."""
    remedy, last = instance.remedy, instance.last_decision
    if not instance.set_aside or instance.loading is not None:
        return None
    if container_run.has_stopped(instance) and _may_not_recreate(instance):
        return None
    if last is not None and last.settles and at.mono - last.at.mono < _SETTLE_AGAIN_S:
        return None
    if _has_just_acted(instance, at):
        return None
    if remedy is not None and remedy.phase is not RemedyPhase.VERIFYING:
        is_over = remedy.phase is RemedyPhase.TAKEN_OVER and (
            at.mono >= remedy.deadline_mono or not container_run.is_running(instance)
        )
        if not is_over:
            return None
    trigger = Trigger.FAILURE if remedy is None else remedy.decision.trigger
    cause = instance.cause if remedy is None else remedy.decision.cause
    why = Reason.of(R.LEFT_UNFINISHED, action=Action.RECREATE)
    return Proposal(Action.RECREATE, trigger, cause, why, finishes=True, settles=True)


def _has_just_acted(instance: Instance, at: Moment) -> bool:
    """May the last listing be from before the end of our own action?"""
    acted = instance.restarted
    return acted is not None and at.mono - acted.mono < _LISTED_ANEW_S


def _may_not_recreate(instance: Instance) -> bool:
    """Did the engine refuse the end of the recreate? Then a start comes first."""
    return instance.refusal is not None and instance.refusal.action is Action.RECREATE


def deepen(
    state: State, instance: Instance, target: Target, proposal: Proposal | None
) -> Proposal | None:
    """Recreate in place of a restart that is known not to help."""
    if proposal is None or proposal.cause is None:
        return proposal
    action = recreation.choose_action(
        state, instance, target, proposal.cause, proposal.action
    )
    if action is proposal.action:
        return proposal
    why = Reason.of(R.RESTARTS_DID_NOT_HELP, why=proposal.why)
    return replace(proposal, action=action, why=why)


def is_being_recreated(instance: Instance) -> bool:
    """Is its container being replaced at this moment?"""
    remedy = instance.remedy
    return (
        remedy is not None
        and remedy.phase is RemedyPhase.ACTING
        and remedy.decision.action is Action.RECREATE
    )
