"""Guards for the engine: its state, its permissions and its restart policy."""

from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import engine_permission
from sidecar.core.status import container_run, stop_origin
from sidecar.core.status import own_network as own_network_rules
from sidecar.core.status.service_hold import describe_hold

STALE_VIEW_S = 90.0
"""Three missed listings."""

ENGINE_RESTART_WAIT_S = 30.0
"""Time of the engine's own restart policy to start a container again."""


def check_engine(case: GuardInput) -> Reason | None:
    """Wait while the engine is unreachable or the last listing is old."""
    view = case.state.engine
    if not view.reachable:
        return Reason.of(R.ENGINE_UNREACHABLE, said=view.reason)
    if view.listed_mono is None or case.at.mono - view.listed_mono > STALE_VIEW_S:
        return Reason.of(R.LISTING_OLD, seconds=STALE_VIEW_S)
    return None


def check_forbidden(case: GuardInput) -> Reason | None:
    """Wait after the engine has refused this action."""
    refusal = case.instance.refusal
    if refusal is None or case.trigger is Trigger.OPERATOR:
        return None
    if refusal.action is not case.action:
        return None
    if case.trigger is Trigger.PLANNED:
        # The target works: a stop without a permitted start would be our own outage.
        return Reason.of(R.ENGINE_FORBIDS, said=refusal.reason)
    wait_s = engine_permission.refusal_wait_s(refusal, case.at)
    if wait_s <= 0:
        return None
    return Reason.of(R.ENGINE_FORBIDS_FOR, said=refusal.reason, wait_s=wait_s)


def check_own_network(case: GuardInput) -> Reason | None:
    """Wait while our own network is the likely cause of the failure."""
    loss = own_network_rules.find_loss(case.instance)
    if loss is None:
        return None
    blind = case.instance.health.blind
    if blind is not None and case.instance.health.is_blind:
        return blind.reason
    others = {
        *own_network_rules.targets_lost_with(case.state, case.instance, loss, case.at)
    }
    if not others:
        return None
    return Reason.of(R.MANY_UNREACHABLE, count=len(others) + 1)


def check_stopping(case: GuardInput) -> Reason | None:
    """Wait during a stop: the engine reports it only at the end."""
    if case.trigger is Trigger.OPERATOR:
        return None
    if stop_origin.is_told_to_stop(case.instance, case.at.mono):
        return Reason.of(R.TOLD_TO_STOP)
    if stop_origin.awaits_engine_event(case.instance, case.at.mono):
        return Reason.of(R.STOP_AWAITED)
    if stop_origin.may_have_been_stopped(case.instance):
        return Reason.of(R.STOP_NOT_KNOWN)
    return None


def check_engine_policy(case: GuardInput) -> Reason | None:
    """Wait while the engine's own policy, or an update of its swarm service, acts."""
    container = case.instance.container
    if container is None:
        return None
    loads = case.action is Action.LOAD_WALLET
    hold = ServiceHold.NONE if loads else container.service_hold
    if hold or container.status is Status.RESTARTING:
        return describe_hold(hold) or Reason.of(R.ENGINE_RESTARTS_IT)
    exited_mono = case.instance.exited_mono
    if not container.engine_restarts_it or exited_mono is None or case.forced:
        return None
    # After a stop or a kill that was asked for, the policy does nothing.
    is_asked_for = container_run.is_stopped_by_person(
        case.instance
    ) or stop_origin.is_killed_by_drill(case.instance, container)
    if case.settles or is_asked_for:
        return None
    if case.at.mono - exited_mono >= ENGINE_RESTART_WAIT_S:
        return None
    return Reason.of(R.ENGINE_WILL_START_IT, policy=container.restart_policy)
