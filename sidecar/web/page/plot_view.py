"""The last response times of a target, as a small line."""

from collections.abc import Sequence
from typing import NamedTuple

from sidecar.core.model.event import ProbeCompleted
from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.web.page.texts import PageTexts

WIDTH, HEIGHT, INSET = 120, 28, 3
LEAST_POINTS = 3
_SECOND_S = 1.0


class Plot(NamedTuple):
    """``path`` joins the answers, ``failed`` are points of checks that failed."""

    path: str
    failed: tuple[tuple[str, str], ...]
    label: str
    latest: str


def build_plot(probes: Sequence[ProbeCompleted], texts: PageTexts) -> Plot | None:
    """The plot of the last checks, oldest first; None: there are too few."""
    if len(probes) < LEAST_POINTS:
        return None
    seconds = [max(0.0, probe.at.mono - probe.began_mono) for probe in probes]
    top = max(*seconds, 0.001)
    step = (WIDTH - 2 * INSET) / (len(probes) - 1)
    points = [
        (f"{INSET + nth * step:.0f}", f"{HEIGHT - INSET - s / top * 22:.0f}")
        for nth, s in enumerate(seconds)
    ]
    path = "M" + "L".join(f"{x} {y}" for x, y in points)
    failed = tuple(
        point
        for point, probe in zip(points, probes, strict=True)
        if probe.outcome.verdict is not ProbeVerdict.SUCCESS
    )
    latest = write_seconds(seconds[-1], texts)
    label = texts(
        "plot.label",
        count=len(probes),
        latest=latest,
        highest=write_seconds(max(seconds), texts),
        failed=len(failed),
    )
    return Plot(path, failed, label, latest)


def write_seconds(seconds: float, texts: PageTexts) -> str:
    """A response time, in milliseconds below a second."""
    if seconds < _SECOND_S:
        return texts("milliseconds", number=f"{seconds * 1000:.0f}")
    return texts("seconds", number=f"{seconds:.1f}")
