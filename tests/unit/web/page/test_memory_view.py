"""The plot of the memory of a target."""

from dataclasses import replace

import pytest

from sidecar.core.model.memory import MemoryHistory
from sidecar.core.model.moment import Moment
from sidecar.web.page.memory_view import build_memory_plot
from sidecar.web.page.plot_view import LEAST_POINTS
from sidecar.web.page.texts import PageTexts
from tests.support.page_host import read_test_texts
from tests.support.page_world import SERVICE, add_memory, make_page_world

TEXTS = {name: PageTexts(name, read_test_texts(name)) for name in ("en", "ko")}


@pytest.fixture(name="measured")
def _make_history() -> tuple[MemoryHistory, Moment]:
    fakes = make_page_world()
    add_memory(fakes)
    history = fakes.world.instance(SERVICE).memory
    assert history is not None
    return history, fakes.world.now


def test_plot_rises_towards_the_line_of_the_limit(
    measured: tuple[MemoryHistory, Moment],
) -> None:
    plot = build_memory_plot(*measured, TEXTS["en"])
    assert plot is not None
    heights = [int(point.split()[1]) for point in plot.path[1:].split("L")]
    assert plot.limit_y == "3"
    assert heights[0] > heights[-1] > 3
    assert plot.latest == "463 of 768 MiB"
    assert plot.warning.startswith("reaches its limit ")
    assert "reaches its limit of 768 MiB" in plot.label


def test_plot_without_a_limit_has_no_line(
    measured: tuple[MemoryHistory, Moment],
) -> None:
    history, now = measured
    last = history.last._replace(limit_bytes=None)
    plot = build_memory_plot(
        replace(history, last=last, forecast=None), now, TEXTS["ko"]
    )
    assert plot is not None
    assert (plot.limit_y, plot.latest, plot.warning) == ("", "463MiB 사용", "")


def test_too_little_is_no_plot(measured: tuple[MemoryHistory, Moment]) -> None:
    history, now = measured
    few = replace(history, windows=history.windows[: LEAST_POINTS - 1])
    assert build_memory_plot(few, now, TEXTS["en"]) is None
    assert build_memory_plot(None, now, TEXTS["en"]) is None
