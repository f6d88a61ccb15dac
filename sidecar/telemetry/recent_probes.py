"""The last probes of every target, for the evidence."""

from array import array
from collections.abc import Iterator

from sidecar.core.model.container import RunId
from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.text.formatting import rfc3339

KEPT = 10


class _Probes:
    """The last probes of one instance, oldest first: three times of each in ``times``.

    Equal results, and equal runs, are one object: of a healthy target all of them.
    """

    __slots__ = ("outcomes", "runs", "times")

    def __init__(self) -> None:
        self.times = array("d")
        self.runs: tuple[RunId, ...] = ()
        self.outcomes: tuple[ProbeResult, ...] = ()

    def add(self, probe: ProbeCompleted) -> None:
        run, outcome = probe.run, probe.outcome
        if self.runs and self.runs[-1] == run:
            run = self.runs[-1]
        if self.outcomes and self.outcomes[-1] == outcome:
            outcome = self.outcomes[-1]
        self.runs = (*self.runs[1 - KEPT :], run)
        self.outcomes = (*self.outcomes[1 - KEPT :], outcome)
        self.times.extend((*probe.at, probe.began_mono))
        del self.times[: -3 * KEPT]

    def read(self, instance: InstanceId) -> Iterator[ProbeCompleted]:
        for number, (run, outcome) in enumerate(
            zip(self.runs, self.outcomes, strict=True)
        ):
            *at, began_mono = self.times[3 * number : 3 * number + 3]
            yield ProbeCompleted(Moment(*at), instance, run, began_mono, outcome)


class RecentProbes:
    """Keeps the last few probes of each instance."""

    def __init__(self) -> None:
        self._kept: dict[InstanceId, _Probes] = {}

    def on_step(self, result: StepResult) -> None:
        """Keep a probe; forget removed instances."""
        event = result.event
        if isinstance(event, ProbeCompleted):
            if event.instance not in self._kept:
                self._kept[event.instance] = _Probes()
            self._kept[event.instance].add(event)
        if len(self._kept) > len(result.state.instances):
            removed_ids = self._kept.keys() - result.state.instances.keys()
            for instance in removed_ids:
                del self._kept[instance]

    def of(self, instance: InstanceId, run: RunId) -> tuple[str, ...]:
        """One line for each probe of the run, oldest first."""
        probes = self.probes_of(instance)
        return tuple(_probe_line(probe) for probe in probes if probe.run == run)

    def probes_of(self, instance: InstanceId) -> tuple[ProbeCompleted, ...]:
        """The last probes of the instance, oldest first."""
        kept = self._kept.get(instance)
        return () if kept is None else tuple(kept.read(instance))


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
