"""A plot of the states of each instance over time, as SVG."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType

from sidecar.core.model.target_state import TargetState
from sidecar.simulation.record import SimulationRecord, StatePeriod
from sidecar.simulation.verdict import FinalInstance

_WIDTH, _NAME_WIDTH, _MARGIN = 960, 200, 20
_ROW, _BAR, _TOP, _LEGEND_ROW = 34, 20, 16, 22
_TICKS = 6
_LEGEND_COLUMN = 130

_COLOURS: Mapping[TargetState, str] = MappingProxyType(
    {
        TargetState.UNKNOWN: "#9e9e9e",
        TargetState.STARTING: "#80deea",
        TargetState.HEALTHY: "#2e7d32",
        TargetState.DEGRADED: "#c0ca33",
        TargetState.FAILING: "#f9a825",
        TargetState.DOWN: "#c62828",
        TargetState.DRAINING: "#5c6bc0",
        TargetState.RECOVERING: "#0277bd",
        TargetState.CRASH_LOOP: "#6a1b9a",
        TargetState.DEAD_LETTER: "#212121",
        TargetState.STOPPED: "#bcaaa4",
        TargetState.MISSING: "#4e342e",
    }
)


def draw_states(
    record: SimulationRecord, instances: Sequence[FinalInstance], end_s: float
) -> str:
    """One bar for each instance; the states have a legend, and words on hover."""
    bottom = _TOP + _ROW * len(instances)
    states = _list_states(record, instances, end_s)
    columns = (_WIDTH - _MARGIN) // _LEGEND_COLUMN
    height = bottom + 30 + _LEGEND_ROW * -(-len(states) // columns)
    font = 'font-family="sans-serif" font-size="13"'
    box = f'viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} {font} role="img">',
        "<title>States of each target over time</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for row, instance in enumerate(instances):
        y = _TOP + _ROW * row
        parts.append(f'<text x="{_MARGIN}" y="{y + 15}">{escape(instance.name)}</text>')
        periods = record.periods_of(instance.name, end_s)
        parts += [_draw_period(period, y, end_s) for period in periods]
    parts += [*_draw_axis(bottom, end_s), *_draw_legend(states, bottom + 30, columns)]
    return "\n".join([*parts, "</svg>", ""])


def format_offset(seconds: float) -> str:
    """A time since the begin: ``1:02:03`` or ``-0:30``."""
    sign, whole = ("-" if seconds < 0 else ""), round(abs(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{sign}{hours}:{minutes:02d}:{rest:02d}"
    return f"{sign}{minutes}:{rest:02d}"


def _list_states(
    record: SimulationRecord, instances: Sequence[FinalInstance], end_s: float
) -> list[TargetState]:
    occurring = {p.state for i in instances for p in record.periods_of(i.name, end_s)}
    return [state for state in TargetState if state in occurring]


def _place(seconds: float, end_s: float) -> float:
    begin_x = _MARGIN + _NAME_WIDTH
    return begin_x + (_WIDTH - begin_x - _MARGIN) * seconds / end_s


def _draw_period(period: StatePeriod, y: int, end_s: float) -> str:
    x = _place(period.begin_s, end_s)
    # A short period must stay visible: a failure of seconds is what one looks for.
    width = max(1.0, _place(period.end_s, end_s) - x)
    times = f"{format_offset(period.begin_s)} to {format_offset(period.end_s)}"
    words = period.state.replace("_", " ")
    return (
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" '
        f'fill="{_COLOURS[period.state]}"><title>{words}, {times}</title></rect>'
    )


def _draw_axis(bottom: int, end_s: float) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        seconds = end_s * tick / _TICKS
        x = _place(seconds, end_s)
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" '
            'stroke="#000000" stroke-opacity="0.15"/>'
        )
        yield (
            f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle" '
            f'font-size="11">{format_offset(seconds)}</text>'
        )


def _draw_legend(
    states: Sequence[TargetState], top: int, columns: int
) -> Iterator[str]:
    for index, state in enumerate(states):
        x = _MARGIN + _LEGEND_COLUMN * (index % columns)
        y = top + _LEGEND_ROW * (index // columns)
        yield f'<rect x="{x}" y="{y}" width="14" height="14" fill="{_COLOURS[state]}"/>'
        yield f'<text x="{x + 20}" y="{y + 12}">{state.replace("_", " ")}</text>'
