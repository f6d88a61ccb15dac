"""Guards for other targets: dependencies, and current remedies."""

from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.instance import Instance, RemedyPhase, Settling
from sidecar.core.model.moment import Moment
from sidecar.core.model.target_state import BROKEN_STATES
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import presumed_dependencies, replicas
from sidecar.core.status.dependencies import (
    blocking_dependencies,
    is_dependency_unconfirmed,
    is_failing,
    is_held,
)


def check_remedy_running(case: GuardInput) -> Reason | None:
    """Permit one remedy at a time in a stack, and loads in a restart's verification."""
    for other in case.state.instances.in_remedy():
        is_same = other.id == case.instance.id
        if is_same and (case.finishes or _ends_drain(case, other)):
            continue
        if is_same and case.action is Action.LOAD_WALLET and _is_verifying(other):
            continue
        if not is_same and _does_not_block(case, other):
            continue
        action = other.remedy.decision.action if other.remedy else Action.LOAD_WALLET
        return Reason.of(R.REMEDY_RUNNING, action=action, root=other.name)
    plan = case.state.plan
    if plan is None or case.trigger is not Trigger.PLANNED:
        return None
    if case.finishes or case.instance.id == plan.remaining_ids[0]:
        return None
    rolls = plan.trigger is Trigger.OPERATOR
    return Reason.of(R.ROLL_RUNNING if rolls else R.PLAN_RUNNING, root=plan.target)


def _does_not_block(case: GuardInput, other: Instance) -> bool:
    """May this remedy run during the other instance's remedy?

    A remedy that began during a verification may be finished during one.
    """
    if case.finishes and presumed_dependencies.is_only_verified(other):
        return True
    if _is_urgent(case) and replicas.is_drained(other):
        # Nothing was done yet, and the drain ends.
        return True
    return presumed_dependencies.gives_way(case.state, case.instance, other)


def _is_urgent(case: GuardInput) -> bool:
    """Is it a remedy for a failure? A target that still serves can wait for a drain.

    It may be drained first, too: two drains would end each other again and again.
    """
    return case.trigger.is_automatic and not replicas.is_serving(case.instance)


def _ends_drain(case: GuardInput, instance: Instance) -> bool:
    """Is it the restart after the drain, or one that does not wait for its end?"""
    return replicas.is_drained(instance) and (case.drained or case.forced)


def _is_verifying(instance: Instance) -> bool:
    return instance.remedy is None or instance.remedy.phase is RemedyPhase.VERIFYING


def check_dependency(case: GuardInput) -> Reason | None:
    """Wait for a dependency that is, or may be, the cause of the failure."""
    if case.forced or case.action is Action.LOAD_WALLET:
        return None
    for root in blocking_dependencies(case.state, case.target.name):
        objection = _blocks(case, root)
        if objection is not None:
            return objection
    settling = case.instance.settling
    if case.instance.must_restart:
        return None
    if case.action is Action.START or case.trigger is Trigger.PLANNED:
        return None
    grace = grace_reason(settling, case.at) if settling is not None else None
    if grace is not None or not case.trigger.is_automatic:
        return grace
    return presumed_dependencies.wait_for_wallet(case.state, case.instance, case.at)


def grace_reason(settling: Settling, at: Moment) -> Reason | None:
    """Reason to wait while a dependent may still follow its root by itself."""
    if at.mono >= settling.until_mono:
        return None
    remaining_s = settling.until_mono - at.mono
    return Reason.of(R.FOLLOWS_BY_ITSELF, root=settling.root, wait_s=remaining_s)


def _blocks(case: GuardInput, root: Instance) -> Reason | None:
    if root.state in BROKEN_STATES:
        return _describe_broken(root)
    if is_failing(root):
        return Reason.of(
            R.DEPENDENCY_FAILING, root=root.name, cause=str(root.health.cause)
        )
    if is_held(case.state, root, case.at):
        return Reason.of(R.DEPENDENCY_HELD, root=root.name)
    if not case.trigger.is_automatic:
        return None
    if is_dependency_unconfirmed(case.state, root, case.instance, case.at):
        return Reason.of(R.DEPENDENCY_UNCONFIRMED, root=root.name)
    return None


def _describe_broken(root: Instance) -> Reason:
    """Its state, with the cause; one that answers well again has none any more."""
    if root.cause is None:
        return Reason.of(R.DEPENDENCY_IN_STATE, root=root.name, state=root.state)
    return Reason.of(
        R.DEPENDENCY_DOWN, root=root.name, state=root.state, cause=str(root.cause)
    )
