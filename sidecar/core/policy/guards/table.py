"""All guards, in the order in which they are asked."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.policy.guards.busy import check_busy
from sidecar.core.policy.guards.dependencies import (
    check_dependency,
    check_remedy_running,
)
from sidecar.core.policy.guards.engine import (
    check_engine,
    check_engine_policy,
    check_forbidden,
    check_own_network,
    check_stopping,
)
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.policy.guards.host import check_host
from sidecar.core.policy.guards.lease import check_lease
from sidecar.core.policy.guards.limits import (
    check_backoff,
    check_budget,
    check_ineffective,
    check_rate_limit,
)
from sidecar.core.policy.guards.operator import (
    check_maintenance,
    check_observe,
    check_opted_out,
    check_paused,
)
from sidecar.core.policy.guards.replicas import check_draining
from sidecar.core.policy.guards.target import (
    check_recently_restarted,
    check_self_restart,
    check_starting,
)
from sidecar.core.policy.guards.wallet_file import check_wallet_file
from sidecar.core.reason.reason import Reason

Check = Callable[[GuardInput], Reason | None]


class GuardAnswer(NamedTuple):
    """A guard's answer about a remedy; ``reason`` None: it does not object.

    ``is_asked``: False for a guard that this remedy need not pass.
    """

    guard: Guard
    check: Check
    is_asked: bool
    reason: Reason | None


GUARDS: tuple[tuple[Guard, Check], ...] = (
    (Guard.OPTED_OUT, check_opted_out),
    (Guard.PAUSED, check_paused),
    (Guard.MAINTENANCE, check_maintenance),
    (Guard.LEASE, check_lease),
    (Guard.ENGINE, check_engine),
    (Guard.FORBIDDEN, check_forbidden),
    (Guard.WALLET_FILE, check_wallet_file),
    (Guard.OWN_NETWORK, check_own_network),
    (Guard.STOPPING, check_stopping),
    (Guard.STARTING, check_starting),
    (Guard.ENGINE_POLICY, check_engine_policy),
    (Guard.SELF_RESTART, check_self_restart),
    (Guard.HOST, check_host),
    (Guard.REMEDY_RUNNING, check_remedy_running),
    (Guard.DEPENDENCY, check_dependency),
    (Guard.DRAINING, check_draining),
    (Guard.RATE_LIMIT, check_rate_limit),
    (Guard.INEFFECTIVE, check_ineffective),
    (Guard.BACKOFF, check_backoff),
    (Guard.BUDGET, check_budget),
    (Guard.RECENTLY_RESTARTED, check_recently_restarted),
    (Guard.BUSY, check_busy),
    (Guard.OBSERVE, check_observe),
)


def _must_pass(case: GuardInput, guard: Guard) -> bool:
    """Is the guard asked about this remedy?

    To stop again what a person had stopped, and to finish what a dead predecessor was
    allowed to begin, fewer guards are asked.
    """
    if case.action is Action.STOP:
        return guard.rule.holds_takeover
    if not case.finishes:
        return True
    starts = case.action is Action.START or case.settles
    return guard.rule.holds_takeover or (
        guard.rule.holds_takeover_restart and not starts
    )


def ask_guards(case: GuardInput) -> Iterator[GuardAnswer]:
    """Each guard's answer, in order; a guard is asked when its answer is taken."""
    for guard, check in GUARDS:
        is_asked = _must_pass(case, guard)
        yield GuardAnswer(guard, check, is_asked, check(case) if is_asked else None)


def first_objection(case: GuardInput) -> tuple[Guard, Reason] | None:
    """The first guard that objects, with its reason."""
    return next(find_objections(case), None)


def find_objections(case: GuardInput) -> Iterator[tuple[Guard, Reason]]:
    """Each guard that objects, with its reason, in the order of asking."""
    for answer in ask_guards(case):
        if answer.reason is not None:
            yield answer.guard, answer.reason
