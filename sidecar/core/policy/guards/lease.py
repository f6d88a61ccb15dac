"""Guard for several watchdogs: only one of them acts."""

from sidecar.core.model.decision import Trigger
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Mode
from sidecar.core.model.target_state import BROKEN_STATES
from sidecar.core.policy.guards.engine import STALE_VIEW_S
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import lease as lease_rules


def check_lease(case: GuardInput) -> Reason | None:
    """Hold while another watchdog acts, or too few of them see the target down."""
    lease = case.state.lease
    if lease is None:
        return None
    longest_s = lease_rules.expected_call_s(case.action, case.target)
    since_mono = case.instance.since.mono
    objection = lease_rules.find_objection(lease, since_mono, longest_s, case.at.mono)
    if case.trigger is Trigger.PLANNED and lease_rules.must_skip_plans(
        lease, case.at.mono
    ):
        return Reason.of(R.LEASE_LOST_PLANS, said=lease.lost)
    if not objection and _needs_votes(case):
        objection = lease_rules.find_missing_votes(lease, case.instance.name)
    return objection or None


def _needs_votes(case: GuardInput) -> bool:
    """Must enough watchdogs see it down? Not what follows its root, though it works."""
    follows = case.trigger is Trigger.DEPENDENCY and case.instance.must_restart
    return case.trigger.is_automatic and not (case.finishes or follows)


def may_hold_lease(state: State, at: Moment) -> bool:
    """Could this watchdog act at all? One that cannot leaves the lease to others."""
    listed_mono = state.engine.listed_mono
    if not state.engine.reachable or listed_mono is None:
        return False
    is_recent = at.mono - listed_mono <= STALE_VIEW_S
    return is_recent and state.mode_in_force is Mode.ACT


def names_down(state: State) -> frozenset[str]:
    """The instances that this watchdog sees down: its votes."""
    return frozenset(
        instance.name
        for instance in state.instances.unsettled()
        if instance.state in BROKEN_STATES
    )


def longest_call_s(state: State) -> float:
    """The longest call to the engine that a remedy of a target may need."""
    stops = (t.restart.stop_timeout_s for t in state.targets.values())
    return lease_rules.call_s(max(stops, default=0.0))
