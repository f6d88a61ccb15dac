"""All guards, in the order in which they are asked."""

from collections.abc import Callable

from sidecar.core.model.decision import Action, Guard
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

GUARDS: tuple[tuple[Guard, Callable[[GuardInput], str | None]], ...] = (
    (Guard.OPTED_OUT, opted_out),
    (Guard.PAUSED, paused),
    (Guard.ENGINE, engine),
    (Guard.FORBIDDEN, forbidden),
    (Guard.OWN_NETWORK, own_network),
    (Guard.STOPPING, stopping),
    (Guard.STARTING, starting),
    (Guard.ENGINE_RESTARTS, engine_policy),
    (Guard.SELF_RESTART, self_restart),
    (Guard.REMEDY_RUNNING, remedy_running),
    (Guard.UPSTREAM, dependency),
    (Guard.STORM, rate_limit),
    (Guard.EFFICACY, ineffective),
    (Guard.BACKOFF, backoff),
    (Guard.BUDGET, budget),
    (Guard.RECENT, recently_restarted),
    (Guard.OBSERVE, observe),
)

_OF_THE_ENGINE = frozenset(
    {
        Guard.ENGINE,
        Guard.FORBIDDEN,
        Guard.ENGINE_RESTARTS,
        Guard.REMEDY_RUNNING,
        Guard.OBSERVE,
    }
)
_OF_PEOPLE = frozenset({Guard.OPTED_OUT, Guard.PAUSED})


def _guards_for_takeover(case: GuardInput) -> frozenset[Guard]:
    """Whom what was allowed once, to a predecessor that then died, must still pass.

    What does not run is started even while acting is paused.
    """
    if case.action is Action.START:
        return _OF_THE_ENGINE
    return _OF_THE_ENGINE | _OF_PEOPLE


def first_objection(case: GuardInput) -> tuple[Guard, str] | None:
    """The first guard that objects, with its reason."""
    for guard, ask in GUARDS:
        if case.action is Action.STOP and guard not in _OF_THE_ENGINE:
            continue
        if case.finishes and guard not in _guards_for_takeover(case):
            continue
        reason = ask(case)
        if reason is not None:
            return guard, reason
    return None
