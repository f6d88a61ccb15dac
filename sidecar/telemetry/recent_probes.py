"""The last answers of every target, for the evidence."""

from collections import deque

from sidecar.core.model.container import RunId
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.text.formatting import rfc3339

KEPT = 10


class RecentProbes:
    """Told of every turn; keeps the last few probes of each instance."""

    def __init__(self) -> None:
        self._kept: dict[InstanceId, deque[ProbeCompleted]] = {}

    def on_step(self, result: StepResult) -> None:
        """Keep a probe; forget instances that are gone."""
        if isinstance(result.event, ProbeCompleted):
            kept = self._kept.setdefault(result.event.instance, deque(maxlen=KEPT))
            kept.append(result.event)
        if len(self._kept) > len(result.state.instances):
            gone = self._kept.keys() - result.state.instances.keys()
            for instance in gone:
                del self._kept[instance]

    def of(self, instance: InstanceId, run: RunId) -> tuple[str, ...]:
        """One line a probe of that run, oldest first."""
        kept = self._kept.get(instance, ())
        return tuple(_probe_line(probe) for probe in kept if probe.run == run)


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
