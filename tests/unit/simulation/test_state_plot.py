"""The plot of states: well-formed, escaped, and with every state and its period."""

from xml.etree import ElementTree

import pytest

from sidecar.core.model.target_state import TargetState
from sidecar.simulation.record import SimulationRecord
from sidecar.simulation.state_plot import draw_states, format_offset
from sidecar.simulation.verdict import FinalInstance

SVG = "{http://www.w3.org/2000/svg}"
NAME = "<b>&wallet"


def test_plot_shows_every_state_and_names_its_period() -> None:
    record = SimulationRecord(0.0)
    for index, state in enumerate(TargetState):
        record.note_state(60.0 * index, NAME, state)
    end_s = 60.0 * len(TargetState)
    instance = FinalInstance(NAME, NAME, TargetState.HEALTHY)
    plot = ElementTree.fromstring(draw_states(record, (instance,), end_s))
    titles = [title.text for title in plot.iterfind(f".//{SVG}rect/{SVG}title")]
    assert titles == [
        f"{state.replace('_', ' ')}, {index}:00 to {index + 1}:00"
        for index, state in enumerate(TargetState)
    ]
    texts = [text.text for text in plot.iterfind(f"{SVG}text")]
    assert texts[0] == NAME
    assert {state.replace("_", " ") for state in TargetState} <= set(texts)
    fills = [
        r.get("fill")
        for r in plot.iterfind(f"{SVG}rect")
        if r.find(f"{SVG}title") is not None
    ]
    assert len(set(fills)) == len(TargetState)


def test_short_period_is_visible() -> None:
    record = SimulationRecord(0.0)
    record.note_state(0.0, NAME, TargetState.HEALTHY)
    record.note_state(100.0, NAME, TargetState.DOWN)
    record.note_state(101.0, NAME, TargetState.HEALTHY)
    instance = FinalInstance(NAME, NAME, TargetState.HEALTHY)
    plot = ElementTree.fromstring(draw_states(record, (instance,), 86_400.0))
    bars = [r for r in plot.iterfind(f"{SVG}rect") if r.find(f"{SVG}title") is not None]
    assert all(float(bar.get("width", "0")) >= 1.0 for bar in bars)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0:00"), (65.4, "1:05"), (3725.0, "1:02:05"), (-30.0, "-0:30")],
)
def test_offset_is_a_time_since_the_begin(seconds: float, text: str) -> None:
    assert format_offset(seconds) == text
