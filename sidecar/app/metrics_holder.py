"""The metrics, which exist before the planner whose times they show."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from sidecar import __version__
from sidecar.core.ports.loop import PlannedTime
from sidecar.telemetry.metrics import Metrics


class MetricsHolder:
    """The metrics, and the source of planned times that is set later.

    The metrics exist before the planner whose times they show.
    """

    def __init__(self) -> None:
        self.planned_times: Callable[[], tuple[PlannedTime, ...]] = tuple
        registry = CollectorRegistry()
        self.metrics = Metrics(registry, __version__, self._read_planned_times)

    def _read_planned_times(self) -> tuple[PlannedTime, ...]:
        return self.planned_times()
