"""All guards, in the order in which they are asked."""

from collections.abc import Callable

from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.policy.guards.dependencies import (
    dependency,
    remedy_running,
)
from sidecar.core.policy.guards.engine import (
    engine,
    engine_policy,
    forbidden,
    own_network,
    stopping,
)
from sidecar.core.policy.guards.guard_input import (
    GuardInput,
)
from sidecar.core.policy.guards.limits import (
    backoff,
    budget,
    ineffective,
    rate_limit,
)
from sidecar.core.policy.guards.operator import (
    observe,
    opted_out,
    paused,
)
from sidecar.core.policy.guards.target import (
    recently_restarted,
    self_restart,
    starting,
)
from sidecar.core.reason.reason import Reason

GUARDS: tuple[tuple[Guard, Callable[[GuardInput], Reason | None]], ...] = (
    (Guard.OPTED_OUT, opted_out),
    (Guard.PAUSED, paused),
    (Guard.ENGINE, engine),
    (Guard.FORBIDDEN, forbidden),
    (Guard.OWN_NETWORK, own_network),
    (Guard.STOPPING, stopping),
    (Guard.STARTING, starting),
    (Guard.ENGINE_POLICY, engine_policy),
    (Guard.SELF_RESTART, self_restart),
    (Guard.REMEDY_RUNNING, remedy_running),
    (Guard.DEPENDENCY, dependency),
    (Guard.RATE_LIMIT, rate_limit),
    (Guard.INEFFECTIVE, ineffective),
    (Guard.BACKOFF, backoff),
    (Guard.BUDGET, budget),
    (Guard.RECENTLY_RESTARTED, recently_restarted),
    (Guard.OBSERVE, observe),
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
    starts = case.action is Action.START
    return guard.rule.holds_takeover or (
        guard.rule.holds_takeover_restart and not starts
    )


def first_objection(case: GuardInput) -> tuple[Guard, Reason] | None:
    """The first guard that objects, with its reason."""
    for guard, ask in GUARDS:
        reason = ask(case) if _must_pass(case, guard) else None
        if reason is not None:
            return guard, reason
    return None
