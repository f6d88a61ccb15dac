"""Results of probes worked into the state."""

from collections.abc import Iterator

from sidecar.core.forecast.observe import note_memory
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.update import (
    Update,
    no_update,
    replace_instances,
    update_instance,
)
from sidecar.core.recovery import address_loss, balance_check, wallet_load
from sidecar.core.recovery.limit_restart import note_near_limit
from sidecar.core.recovery.restart_wish import note_restart_wish
from sidecar.core.status import expected_wallets, host_trouble, own_network
from sidecar.core.status.start_period import (
    is_boot_over,
    is_in_start_period,
    learn_boot_s,
)
from sidecar.core.status.streaks import add_result


def on_probe_completed(state: State, event: ProbeCompleted) -> Update:
    """Work in a probe's result; not one of an ended run, or during a remedy.

    Of such a result only the mark of the log is kept: its lines are judged and counted.
    """
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return no_update(state)
    marked = _keep_log_mark(instance, event.outcome)
    if instance.container.run != event.run or is_acting(instance):
        if marked is instance:
            return no_update(state)
        return update_instance(state, marked)
    instance, health_result = marked, event.outcome
    if health_result.log is not None:
        health_result = replace(health_result, log=None)
    target = state.target_of(instance)
    instance = own_network.record_loss(instance, health_result, event.began_mono)
    result = own_network.excuse_result(state, instance, health_result, event.at)
    instance, judged = expected_wallets.judge_wallets(instance, target, result)
    outcome = host_trouble.attribute_failure(state, instance, judged, event.at)
    starting = is_in_start_period(instance, target, event.at.mono)
    starting = starting and not is_boot_over(instance, target, outcome)
    health = add_result(
        instance.health,
        target,
        outcome,
        event.began_mono,
        event.at,
        starting=starting,
    )
    instance = wallet_load.note_file_change(instance, outcome)
    looked = instance.looked if health.failures or starting else None
    boot_s = learn_boot_s(instance, target, outcome, event.began_mono)
    updated = replace(instance, health=health, looked=looked, boot_s=boot_s)
    updated, compared = balance_check.note_balance(updated, target, outcome, event.at)
    updated, loss = address_loss.compare_count(updated, outcome)
    updated = note_memory(updated, target, event.outcome.memory, event.at)
    state = replace_instances(state, updated)
    state = note_near_limit(state, updated, target, event.at)
    state = note_restart_wish(state, updated, outcome, event.at)
    touched = (updated.id, *_dependents_without_incident(state, updated))
    update = Update(state, compared, touched)
    if loss is None:
        return update
    return address_loss.open_incident(update, updated, loss, event.at)


def _dependents_without_incident(state: State, root: Instance) -> Iterator[InstanceId]:
    """Dependents that are down, and whose incident may wait for the root's answer.

    It is opened before the decision on them, which belongs to it.
    """
    if root.health.failures:
        return
    for dependent in state.dependents(root.id.target):
        if dependent.state is TargetState.DOWN and dependent.incident is None:
            yield dependent.id


def _keep_log_mark(instance: Instance, outcome: ProbeResult) -> Instance:
    """Keep how far the log of its container was judged."""
    mark = None if outcome.log is None else outcome.log.mark
    container = instance.container
    if mark is None or container is None or mark.container_id != container.id:
        return instance
    return replace(instance, log=mark)


def is_acting(instance: Instance) -> bool:
    """Does the executor carry out a remedy on it now?"""
    return instance.remedy is not None and instance.remedy.phase is RemedyPhase.ACTING
