"""The memory of a target's container in its present run, as a small line."""

from typing import NamedTuple

from sidecar.core.forecast.sentence import describe_forecast, is_spoken, wall_of
from sidecar.core.model.memory import MemoryHistory
from sidecar.core.model.moment import Moment
from sidecar.web.page.plot_view import HEIGHT, INSET, LEAST_POINTS, WIDTH
from sidecar.web.page.texts import PageTexts

_MIB = 2**20


class MemoryPlot(NamedTuple):
    """``path`` joins the highest values; ``limit_y``: the height of the limit's line.

    ``warning``: when the limit is reached; empty without a forecast.
    """

    path: str
    limit_y: str
    label: str
    latest: str
    warning: str


def build_memory_plot(
    history: MemoryHistory | None, now: Moment, texts: PageTexts
) -> MemoryPlot | None:
    """The plot of the run; None: there is too little to show."""
    if history is None or len(history.windows) < LEAST_POINTS:
        return None
    sample = history.last
    points = [(window.at_s, window.top_bytes) for window in history.windows]
    points.append((history.last_mono - history.began_mono, sample.anon_bytes or 0.0))
    limit = sample.limit_bytes
    top = max(limit or 0.0, *(size for _, size in points), 1.0)
    first_s, last_s = points[0][0], points[-1][0]
    scale = (WIDTH - 2 * INSET) / max(last_s - first_s, 1.0)
    path = "M" + "L".join(
        f"{INSET + (at_s - first_s) * scale:.0f} {_height(size, top)}"
        for at_s, size in points
    )
    latest = texts("memory.used", used=_mib(sample.used_bytes))
    if limit is not None:
        latest = texts(
            "memory.used_of", used=_mib(sample.used_bytes), limit=_mib(limit)
        )
    forecast = texts.reason(describe_forecast(history, now))
    warning, wall = "", None
    if history.forecast is not None and is_spoken(history.forecast):
        wall = wall_of(history.forecast.limit_mono, now)
    if wall is not None:
        warning = texts("memory.reached", at=texts.clock(wall, now.wall))
    return MemoryPlot(
        path,
        _height(limit, top) if limit is not None else "",
        texts("memory.label", latest=latest, forecast=forecast),
        latest,
        warning,
    )


def _height(size: float, top: float) -> str:
    return f"{HEIGHT - INSET - size / top * (HEIGHT - 2 * INSET):.0f}"


def _mib(size: float) -> str:
    return f"{size / _MIB:.0f}"
