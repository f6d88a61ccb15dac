"""Roots as a dependent sees them: which of them count, and which may be to blame."""

from collections.abc import Iterator

from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import BROKEN_STATES, WORKING_STATES, TargetState
from sidecar.core.status.current_cause import current_cause
from sidecar.core.status.target_status import is_done

PROOF_MARGIN_S = 30.0
"""Beyond its interval and timeouts, what a root's next answer may take."""

HELD_LASTS_S = 60.0
"""Two calls that wait for an upstream server in vain."""

_LEFT_ALONE = frozenset(
    {
        TargetState.CRASH_LOOP,
        TargetState.DEAD_LETTER,
        TargetState.STOPPED,
        TargetState.MISSING,
    }
)


def blocking_dependencies(state: State, name: str) -> Iterator[Instance]:
    """Every replica of everything that ``name`` needs, roots first.

    One that nothing of ours will bring back does not count while a sister of
    it works: its dependents would wait for ever. A job that is done is no trouble.
    """
    for upstream in state.topology.upstreams.get(name, ()):
        replicas = tuple(state.replicas(upstream))
        serves = any(replica.state in WORKING_STATES for replica in replicas)
        for replica in replicas:
            if is_done(replica):
                continue
            if not serves or replica.state not in _LEFT_ALONE:
                yield replica


def is_declared_dependency(state: State, target: Target) -> bool:
    """Do the settings declare it, and nothing declared that it needs?"""
    if not target.declared:
        return False
    needs = (state.targets.get(name) for name in target.depends_on)
    return not any(need is not None and need.declared for need in needs)


def is_blocking(state: State, root: Instance, at: Moment) -> bool:
    """Does it not work, fail to answer just now, or answer between others' calls?"""
    if root.state in BROKEN_STATES or is_failing(root):
        return True
    return is_held(state, root, at)


def is_failing(root: Instance) -> bool:
    """Did its last probes fail?"""
    return root.health.failures > 0


def is_held(state: State, root: Instance, at: Moment) -> bool:
    """Do calls of others hold a wallet daemon, now or a moment ago?

    Between two calls of 30 s it answers at once, and a probe may just have hit that.
    """
    held_mono = root.health.held_mono
    if held_mono is None or state.target_of(root).wallet is None:
        return False
    interval_s = state.target_of(root).cadence.interval_s
    return at.mono - held_mono < HELD_LASTS_S + interval_s


def is_unconfirmed(
    state: State, root: Instance, dependent: Instance, at: Moment
) -> bool:
    """Has it still to answer since it started, or since the dependent began to fail?

    One that cannot be asked (its probes end in nothing but unknown) is waited
    for no longer than an answer could take.
    """
    first = dependent.health.first_failure_mono
    answered = root.health.last_success_mono
    if first is not None and answered is not None and answered >= first:
        return False
    if root.state is TargetState.STARTING or _fails_at_start(root):
        return True
    return first is not None and at.mono - first < confirmation_s(state.target_of(root))


def _fails_at_start(root: Instance) -> bool:
    """Was its last answer a failure that did not count, with the next one due?"""
    return root.health.blind is None and current_cause(root) is not None


def confirmation_s(root: Target) -> float:
    """What its next answer may take: its interval, its time-outs, and some more."""
    longest = sum(2.0 * probe.timeout_s for probe in root.probes)
    return root.cadence.interval_s + longest + PROOF_MARGIN_S
