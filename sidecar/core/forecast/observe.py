"""Memory samples of probes, worked into an instance."""

from sidecar.core.forecast.earlier_runs import summarize_run
from sidecar.core.forecast.limit import forecast_limit
from sidecar.core.forecast.samples import add_sample, begin_history
from sidecar.core.model.container import Container
from sidecar.core.model.instance import Instance
from sidecar.core.model.memory import MemoryHistory, MemorySample
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import Target


def note_memory(
    instance: Instance, target: Target, sample: MemorySample | None, at: Moment
) -> Instance:
    """Add a probe's sample, if it took one, and renew the forecast if it may differ.

    The instance's container must be the one that was probed.
    """
    if sample is None and instance.memory is None:
        return instance
    container, probe = instance.container, target.memory
    if probe is None:
        return instance if instance.memory is None else replace(instance, memory=None)
    if sample is None or container is None:
        return instance
    before = _history_of(instance.memory, container, sample, probe.every_s, at.mono)
    history = add_sample(before, sample, at.mono)
    if history.windows is not before.windows or history.forecast is None:
        forecast = forecast_limit(history, at.mono)
        history = replace(history, forecast=forecast)
    return replace(instance, memory=history)


def _history_of(
    history: MemoryHistory | None,
    container: Container,
    sample: MemorySample,
    every_s: float,
    at_mono: float,
) -> MemoryHistory:
    """The history of the present run; a new run begins a new one."""
    if history is not None and history.run == container.run:
        return history
    new = begin_history(container, sample, every_s, at_mono)
    return new if history is None else replace(new, earlier=summarize_run(history))
