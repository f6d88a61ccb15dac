"""The last probes of every target, for the evidence."""

from collections import deque

from sidecar.core.model.container import RunId
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.text.formatting import rfc3339

KEPT = 10


class RecentProbes:
    """Keeps the last few probes of each instance."""

    def __init__(self) -> None:
        self._kept: dict[InstanceId, deque[ProbeCompleted]] = {}

    def on_step(self, result: StepResult) -> None:
        """Keep a probe; forget removed instances."""
        if isinstance(result.event, ProbeCompleted):
            probes = self._kept.setdefault(result.event.instance, deque(maxlen=KEPT))
            probes.append(result.event)
        if len(self._kept) > len(result.state.instances):
            removed_ids = self._kept.keys() - result.state.instances.keys()
            for instance in removed_ids:
                del self._kept[instance]

    def of(self, instance: InstanceId, run: RunId) -> tuple[str, ...]:
        """One line for each probe of the run, oldest first."""
        probes = self._kept.get(instance, ())
        return tuple(_probe_line(probe) for probe in probes if probe.run == run)

    def probes_of(self, instance: InstanceId) -> tuple[ProbeCompleted, ...]:
        """The last probes of the instance, oldest first."""
        return tuple(self._kept.get(instance, ()))


def _probe_line(probe: ProbeCompleted) -> str:
    outcome = probe.outcome
    seconds = probe.at.mono - probe.began_mono
    words = (
        rfc3339(probe.at.wall),
        outcome.verdict,
        outcome.cause or "",
        f"{seconds:.3f} s",
        str(outcome.reason),
    )
    return " ".join(word for word in words if word)
