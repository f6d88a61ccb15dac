"""Turns: where very many instances need attention at once, each tick looks at some.

A step must not hold up the loop, and nothing is forgotten: half of the places belong to
those that are decided on first, roots before dependents; the others are given in turn.
"""

from collections.abc import Iterable
from heapq import nsmallest
from itertools import islice

from sidecar.core.model.event import Tick
from sidecar.core.model.instance import Instance
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import RemedyEnded
from sidecar.core.model.update import Update
from sidecar.core.status.presumed_dependencies import failing_since_mono

PER_TICK = 500
"""Instances, and incidents, that a tick looks at; up to so many it looks at all."""


def decision_order(state: State, instance: Instance) -> tuple[int, float, InstanceId]:
    """Sort key: the target's precedence, then the time of the first failure."""
    precedence = state.topology.precedence[instance.id.target]
    return precedence, failing_since_mono(instance), instance.id


def take_instances(state: State) -> tuple[State, tuple[Instance, ...]]:
    """The unsettled instances that a tick looks at, and the state after their turn."""
    unsettled = tuple(state.instances.unsettled())
    if len(unsettled) <= PER_TICK:
        return state, unsettled
    first = _first_of(state, unsettled)
    last_id = state.last_turn.instance
    later = [i for i in unsettled if last_id is None or i.id > last_id]
    in_turn = (*later, *unsettled)[: PER_TICK // 2]
    by_id = {i.id: i for i in (*state.instances.in_remedy(), *first, *in_turn)}
    last_turn = state.last_turn._replace(instance=in_turn[-1].id)
    return replace(state, last_turn=last_turn), tuple(by_id.values())


def _first_of(state: State, unsettled: Iterable[Instance]) -> list[Instance]:
    return nsmallest(PER_TICK // 2, unsettled, key=lambda i: decision_order(state, i))


def unsettled_ids(update: Update) -> tuple[InstanceId, ...]:
    """The unsettled instances that a step decides on; of very many what it touched.

    Where a remedy has ended, also those that are decided on first: one of them may
    begin now, before whichever instance is probed next.
    """
    unsettled = islice(update.state.instances.unsettled(), PER_TICK + 1)
    ids = tuple(instance.id for instance in unsettled)
    if len(ids) <= PER_TICK:
        return ids
    touched = update.touched if len(update.touched) <= 2 * PER_TICK else ()
    if not any(isinstance(t, RemedyEnded) for t in update.transitions):
        return touched
    first = _first_of(update.state, update.state.instances.unsettled())
    return (*touched, *(instance.id for instance in first))


def take_incidents(result: StepResult) -> tuple[State, tuple[str, ...]]:
    """Ids of the incidents whose messages may be due, and the state after their turn.

    Of very many a tick takes some in turn, any other step those that it has changed.
    """
    state = result.state
    if len(state.incidents) <= PER_TICK:
        return state, tuple(i.id for i in state.incidents.values() if i.open)
    if not isinstance(result.event, Tick):
        changed = dict.fromkeys(t.incident or "" for t in result.transitions)
        # A remedy may end after its incident is forgotten.
        return state, tuple(i for i in changed if i in state.incidents)
    open_ids = sorted(i.id for i in state.incidents.values() if i.open)
    later = [i for i in open_ids if i > state.last_turn.incident]
    in_turn = dict.fromkeys((*later, *open_ids)[:PER_TICK])
    last_turn = state.last_turn._replace(incident=next(reversed(in_turn), ""))
    return replace(state, last_turn=last_turn), tuple(in_turn)
