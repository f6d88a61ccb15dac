"""The probing parts of the application: prober, scheduler, views of the processes."""

from pathlib import Path

from sidecar.app.contexts import EngineContext
from sidecar.app.drill_listener import DrillListener
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.loop import Clock, Post
from sidecar.host import open_view
from sidecar.host.measurement import HostReader
from sidecar.host.measurer import measure_host
from sidecar.probes.busy_watcher import BusyWatcher
from sidecar.probes.prober import ProbeRunner
from sidecar.probes.scheduler import (
    SILENCE_S,
    VISIBLE_SILENCE_S,
    IntervalProbeScheduler,
)
from sidecar.remedies.disk_examination import DiskExamination
from sidecar.remedies.disk_watcher import DiskWatcher
from sidecar.remedies.process_watcher import ProcessWatcher
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.secret_mask import Mask

ENGINE_DISK = Path("/")
"""In a container, Sidecar's own files are on the engine's disk."""


class ProbingParts:
    """Parts that measure the targets. ``host`` None: its processes are not visible."""

    def __init__(
        self,
        context: EngineContext,
        clock: Clock,
        post: Post,
        mask: Mask,
        metrics: Metrics,
    ) -> None:
        engine = context.engine
        self._clock, self._post = clock, post
        self.prober = ProbeRunner(engine, clock, mask=mask, own=context.own.now)
        self.drills = DrillListener(context, self.prober.faults, clock, post)
        self.busy_watcher = BusyWatcher(self.prober, clock, post)
        self.disk_watcher = DiskWatcher(DiskExamination(engine, clock), clock, post)
        self.host = open_view(self._on_processes_died)
        self.process_watcher = ProcessWatcher(
            engine,
            clock,
            post,
            mask,
            host=self.host,
            on_known=self.host.follow if self.host else lambda *_: None,
        )
        self.scheduler = IntervalProbeScheduler(
            self.prober,
            post,
            clock,
            metrics.loop_lag,
            self.process_watcher.look_at_silent,
            self._silence_s,
        )
        metrics.read_probe_delay_s = self.scheduler.overload.delay_s

    def _on_processes_died(self, instance_id: InstanceId) -> None:
        """React to the end of all serving processes of an instance."""
        self.process_watcher.forget(instance_id)
        self.scheduler.hurry(instance_id)

    def _silence_s(self, instance_id: InstanceId) -> float:
        """The silence in seconds after which an unanswered probe is inspected.

        An inspection costs nothing where the host's processes are visible.
        """
        is_visible = self.host is not None and self.host.follows(instance_id)
        return VISIBLE_SILENCE_S if is_visible else SILENCE_S

    async def measure_host(self, state_dir: Path) -> None:
        """Measure the host until cancelled."""
        reader = HostReader((ENGINE_DISK, state_dir))
        await measure_host(reader, self._clock, self._post)

    async def end_probes(self) -> None:
        """End all probes and views; the prober itself stays usable."""
        await self.scheduler.close()
        await self.process_watcher.close()
        await self.busy_watcher.close()
        await self.disk_watcher.close()
        if self.host is not None:
            self.host.close()
