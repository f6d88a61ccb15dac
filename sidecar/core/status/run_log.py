"""Whose lines they are: a container's log goes on from one run to the next.

The engine stamps runs and lines by one clock, which need not be ours: its times are
compared with each other alone.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.instance import Instance, RunInterval

AGAIN = "--- here it was started again ---"
"""Between the lines of two runs. A line of a log begins with its time instead."""

KEPT = 8
"""So many runs that have ended are remembered."""

_EARLY_S = 0.1
_EARLY_AT_MOST_S = 1.0
"""An engine may note a start a moment after the process began to write."""


def add_run_end(instance: Instance, engine_time: float, *, current: bool) -> Instance:
    """Remember that a run has ended; ``current``: it is the one that is known."""
    runs, container = instance.runs, instance.container
    last = runs[-1].ended if runs else None
    if last is not None and engine_time <= last:
        return instance
    began = engine_time if last is None else last
    if current and container is not None:
        # Where a start was missed, the run that is known has ended before.
        began = max(is_run_start(container, runs), began if runs else 0.0)
    span = RunInterval(began, engine_time)
    return replace(instance, runs=(*runs, span)[-KEPT:])


def run_starts(instance: Instance, cause: Cause | None) -> tuple[float, ...]:
    """When those runs began whose lines are evidence, oldest first.

    It is the run that is judged; of a crash loop it is each run that is remembered.
    """
    container, runs = instance.container, instance.runs
    if container is None:
        return ()
    last = is_run_start(container, runs)
    earlier = [run.began for run in runs] if cause is Cause.CRASH_LOOP else []
    return (*(at for at in earlier if at < last), last)


def is_run_start(container: Container, runs: Sequence[RunInterval] = ()) -> float:
    """From when on a line is of the container's present run, or of its last one."""
    started = container.started_at
    ends = (*(run.ended for run in runs), container.finished_at)
    before = [at for at in ends if 0.0 < at < started]
    if not before:
        return started - _EARLY_S
    return max((max(before) + started) / 2, started - _EARLY_AT_MOST_S)


def select_lines(log: str, begun: Sequence[float], until: float) -> tuple[str, ...]:
    """What each run wrote, oldest first; a run that wrote nothing is left out.

    ``begun`` are the beginnings of the runs. What was written before the first of
    them, and from ``until`` on, is nobody's. A line without a time is of the run of
    the line before it.
    """
    lines = log.split("\n")
    stamps = [_read_stamp(line) for line in lines]
    at = next((stamp for stamp in stamps if stamp is not None), begun[-1])
    runs: dict[int, list[str]] = {}
    for line, stamp in zip(lines, stamps, strict=True):
        at = at if stamp is None else stamp
        if at < until:
            runs.setdefault(bisect_right(begun, at), []).append(line)
    runs.pop(0, None)
    texts = ("\n".join(runs[nth]).rstrip("\n") for nth in sorted(runs))
    return tuple(text for text in texts if text.strip())


def _read_stamp(line: str) -> float | None:
    try:
        at = datetime.fromisoformat(line.partition(" ")[0])
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None
