"""Proposals for a replica that is drained, or is to be drained before its restart."""

from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance, Remedy
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.policy.proposal import Proposal
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import drain
from sidecar.core.status import replicas


def is_drained_first(state: State, instance: Instance, proposal: Proposal) -> bool:
    """Does a drain come before this restart? Not before that of ``--now``."""
    if proposal.action is not Action.RESTART or proposal.drained or proposal.forced:
        return False
    if replicas.is_drained(instance):
        return False
    return replicas.may_be_drained(state, instance)


def drain_instead(proposal: Proposal, target: Target) -> Proposal:
    """The drain that comes before the proposed restart, for the same reason."""
    why = Reason.of(R.DRAIN_FIRST, why=proposal.why, wait_s=target.rolling.drain_s)
    return replace(proposal, action=Action.DRAIN, why=why)


def propose_after_drain(
    state: State, instance: Instance, remedy: Remedy, at: Moment
) -> Proposal | None:
    """The restart after the drain, or the drain's end without it; None: it goes on."""
    decision, why = remedy.decision, _reason_of_restart(remedy)
    obstacle = drain.find_obstacle(state, instance, decision)
    if obstacle is not None:
        return Proposal(
            Action.HOLD,
            decision.trigger,
            decision.cause,
            Reason.of(R.DRAIN_ENDS, why=why, reason=obstacle),
            Guard.DRAINING,
            drained=True,
        )
    if not drain.is_over(state, instance, at):
        return None
    why = drain.describe_drain(state, instance, remedy, why, at)
    return Proposal(Action.RESTART, decision.trigger, decision.cause, why, drained=True)


def _reason_of_restart(remedy: Remedy) -> Reason:
    """Why the restart was decided on, before its drain."""
    act = remedy.decision.reason.get("why")
    why = act.get("why") if isinstance(act, Reason) else None
    return why if isinstance(why, Reason) else remedy.decision.reason
