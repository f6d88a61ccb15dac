"""The last answers of every target, for the evidence."""

from collections import deque

from sidecar.core.container import RunId
from sidecar.core.decision import Decision
from sidecar.core.event import Event, ProbeDone
from sidecar.core.moment import rfc3339
from sidecar.core.state import State
from sidecar.core.target import InstanceId
from sidecar.core.transition import Transition

KEPT = 10


class RecentProbes:
    """Told of every turn; keeps the last few probes of each instance."""

    def __init__(self) -> None:
        self._kept: dict[InstanceId, deque[ProbeDone]] = {}

    def tell(
        self,
        event: Event,
        transitions: tuple[Transition, ...],  # noqa: ARG002 - probes alone count here
        decisions: tuple[Decision, ...],  # noqa: ARG002
        state: State,
    ) -> None:
        """Keep a probe; forget instances that are gone."""
        if isinstance(event, ProbeDone):
            kept = self._kept.setdefault(event.instance, deque(maxlen=KEPT))
            kept.append(event)
        if len(self._kept) > len(state.instances):
            gone = self._kept.keys() - state.instances.keys()
            for instance in gone:
                del self._kept[instance]

    def of(self, instance: InstanceId, run: RunId) -> tuple[str, ...]:
        """One line a probe of that run, oldest first."""
        kept = self._kept.get(instance, ())
        return tuple(_line(probe) for probe in kept if probe.run == run)


def _line(probe: ProbeDone) -> str:
    outcome = probe.outcome
    seconds = probe.at.mono - probe.began_mono
    words = (
        rfc3339(probe.at.wall),
        outcome.verdict,
        outcome.cause or "",
        f"{seconds:.3f} s",
        outcome.reason,
    )
    return " ".join(word for word in words if word)
