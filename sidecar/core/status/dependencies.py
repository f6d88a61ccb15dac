"""Roots of a dependent: which of them may cause its failure."""

from collections.abc import Iterator

from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import BROKEN_STATES, SERVING_STATES, TargetState
from sidecar.core.status.current_cause import current_cause
from sidecar.core.status.target_status import is_done

PROOF_MARGIN_S = 30.0
"""Additional time of a root's next answer, beyond its interval and timeouts."""

HELD_LASTS_S = 60.0
"""Time of two calls that wait for an upstream server in vain."""

_LEFT_ALONE = frozenset(
    {
        TargetState.CRASH_LOOP,
        TargetState.DEAD_LETTER,
        TargetState.STOPPED,
        TargetState.MISSING,
    }
)


def blocking_dependencies(state: State, name: str) -> Iterator[Instance]:
    """Every replica of all dependencies of ``name``, roots first.

    A replica that Sidecar will not restart is omitted while another replica works: its
    dependents would wait for ever. A job that is done is omitted as well.
    """
    for upstream in state.topology.upstreams.get(name, ()):
        replicas = tuple(state.replicas(upstream))
        serves = any(replica.state in SERVING_STATES for replica in replicas)
        for replica in replicas:
            if is_done(replica):
                continue
            if not serves or replica.state not in _LEFT_ALONE:
                yield replica


def is_declared_root(state: State, target: Target) -> bool:
    """Is the target declared in the settings, with no declared dependency?"""
    if not target.declared:
        return False
    needs = (state.targets.get(name) for name in target.depends_on)
    return not any(need is not None and need.declared for need in needs)


def is_blocking(state: State, root: Instance, at: Moment) -> bool:
    """Is the root broken, failing, or held by other calls?"""
    if root.state in BROKEN_STATES or is_failing(root):
        return True
    return is_held(state, root, at)


def is_failing(root: Instance) -> bool:
    """Did its last probes fail?"""
    return root.health.failures > 0


def is_held(state: State, root: Instance, at: Moment) -> bool:
    """Do other calls hold a wallet daemon, now or shortly before?

    Between two calls of 30 s it answers at once, and the last probe may have come then.
    """
    held_mono = root.health.held_mono
    if held_mono is None or state.target_of(root).wallet is None:
        return False
    interval_s = state.target_of(root).cadence.interval_s
    return at.mono - held_mono < HELD_LASTS_S + interval_s


def is_dependency_unconfirmed(
    state: State, root: Instance, dependent: Instance, at: Moment
) -> bool:
    """Has the root not answered since its start, or since the dependent is down?

    One good answer of a root that starts is not enough: it does not work yet, and the
    dependent has its time to follow only once it does. A root that cannot be probed
    (all results are UNKNOWN) is awaited no longer than an answer could take.
    """
    if root.state is TargetState.STARTING:
        return True
    if has_answered_since_failure(root, dependent):
        return False
    if _fails_at_start(root):
        return True
    awaited_mono = awaited_since_mono(dependent)
    return awaited_mono is not None and at.mono - awaited_mono < confirmation_s(
        state.target_of(root)
    )


def awaited_since_mono(dependent: Instance) -> float | None:
    """Since when its roots have to answer; None: it does not fail.

    A root may begin to fail between two failures of its dependent, so an answer since
    the first one is not enough once the dependent is down.
    """
    first_mono = dependent.health.first_failure_mono
    if first_mono is None or dependent.state is not TargetState.DOWN:
        return first_mono
    return max(first_mono, dependent.since.mono)


def has_answered_since_failure(root: Instance, dependent: Instance) -> bool:
    """Did a good answer of the root come since the dependent fails?

    The root must have been asked after the dependent's first failure. Once the
    dependent is down, the answer must have come after that as well.
    """
    awaited_mono = awaited_since_mono(dependent)
    first_mono = dependent.health.first_failure_mono
    asked_mono, answered_at = root.health.last_success_mono, root.health.last_at
    if awaited_mono is None or first_mono is None:
        return False
    if asked_mono is None or answered_at is None:
        return False
    return asked_mono >= first_mono and answered_at.mono >= awaited_mono


def _fails_at_start(root: Instance) -> bool:
    """Was its last result a failure that did not count, with no UNKNOWN since?"""
    return root.health.blind is None and current_cause(root) is not None


def confirmation_s(root: Target) -> float:
    """Maximum time to its next answer: its interval, timeouts and a margin."""
    longest_s = sum(2.0 * probe.timeout_s for probe in root.probes)
    return root.cadence.interval_s + longest_s + PROOF_MARGIN_S
