"""Samples of a run, kept in at most MOST_WINDOWS windows.

While a run is young, windows are short; when there are too many, two become one of
double length. From LONGEST_WINDOW_S on the oldest is dropped instead: so twelve days
are kept, which is longer than a daily or weekly wave.
"""

from sidecar.core.model.container import Container
from sidecar.core.model.memory import MemoryHistory, MemorySample, MemoryWindow
from sidecar.core.model.record_copy import replace

MOST_WINDOWS = 48
LONGEST_WINDOW_S = 21600.0
SAMPLES_IN_WINDOW = 5


def begin_history(
    container: Container, sample: MemorySample, every_s: float, at_mono: float
) -> MemoryHistory:
    """History of a run that begins with this sample."""
    return MemoryHistory(
        run=container.run,
        image=container.image_id,
        began_mono=at_mono,
        last=sample,
        last_mono=at_mono,
        window_s=every_s * SAMPLES_IN_WINDOW,
    )


def add_sample(
    history: MemoryHistory, sample: MemorySample, at_mono: float
) -> MemoryHistory:
    """Add a sample of the same run. ``windows`` change if it begins a new window."""
    history = replace(history, last=sample, last_mono=at_mono)
    value = sample.anon_bytes
    if value is None:
        return history
    age_s = at_mono - history.began_mono
    window, present = history.open, MemoryWindow(age_s, value, value)
    if window is None:
        return replace(history, open=present)
    if _place(age_s, history.window_s) == _place(window.at_s, history.window_s):
        return replace(history, open=_merge(window, present))
    closed = replace(history, windows=(*history.windows, window), open=present)
    return _bound_windows(closed)


def _bound_windows(history: MemoryHistory) -> MemoryHistory:
    windows = history.windows
    if len(windows) < MOST_WINDOWS:
        return history
    if 2 * history.window_s > LONGEST_WINDOW_S:
        return replace(history, windows=windows[1 - MOST_WINDOWS :])
    window_s = 2 * history.window_s
    merged: list[MemoryWindow] = []
    for window in windows:
        if merged and _place(merged[-1].at_s, window_s) == _place(
            window.at_s, window_s
        ):
            merged[-1] = _merge(merged[-1], window)
        else:
            merged.append(window)
    return replace(history, windows=tuple(merged), window_s=window_s)


def _merge(earlier: MemoryWindow, later: MemoryWindow) -> MemoryWindow:
    lower = min(earlier, later, key=lambda window: window.floor_bytes)
    return lower._replace(top_bytes=max(earlier.top_bytes, later.top_bytes))


def _place(age_s: float, window_s: float) -> int:
    return int(age_s // window_s)
