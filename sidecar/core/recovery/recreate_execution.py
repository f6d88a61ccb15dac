"""Results of a recreate that was refused, and of one that was ended later."""

from sidecar.core.model.event import RemedyCallResult, RemedyExecuted
from sidecar.core.model.instance import Instance, Remedy
from sidecar.core.model.record_copy import replace
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.state import State
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.model.update import Update, replace_instances, update_instance
from sidecar.core.recovery.verification_begin import begin_verification


def on_refused(
    after: State, reverted: Instance, remedy: Remedy, event: RemedyExecuted
) -> Update:
    """Report a recreate that is not possible; restarts go on in its place.

    ``after`` and ``reverted``: without the remedy, which was no try.
    """
    decision = remedy.decision
    incident = reverted.incident or decision.incident
    ended = RemedyEnded(
        event.at,
        reverted.id,
        reverted.name,
        decision.action,
        decision.trigger,
        decision.cause,
        RemedyOutcome.FAILED,
        event.reason,
        event.at.mono - remedy.began.mono,
        None,
        incident,
    )
    noted = replace(reverted, recreated_in=incident or "")
    return Update(replace_instances(after, noted), (ended,), (noted.id,))


def on_settled(
    state: State, attached: Instance, remedy: Remedy, event: RemedyExecuted
) -> Update | None:
    """Go on after the end of an earlier recreate; None: its remedy ends now.

    ``attached`` has the container that the executor reported.
    """
    settled = replace(attached, overlap=RestartOverlap())
    if event.result in {RemedyCallResult.DONE, RemedyCallResult.FAILED}:
        settled = replace(settled, set_aside="")
    if remedy.decision.settles:
        return update_instance(state, replace(settled, remedy=None))
    if event.result is RemedyCallResult.FAILED:
        return None
    was_done = event.result in {RemedyCallResult.DONE, RemedyCallResult.UNKNOWN}
    if remedy.uncertain and not was_done:
        return None
    verified = begin_verification(state, settled, remedy, event)
    return update_instance(state, verified)
