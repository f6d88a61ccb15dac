"""Log lines of a container's runs: its log continues from one run to the next.

The engine stamps runs and lines by one clock, which may differ from ours: its times are
only compared with each other.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.instance import Instance, RunInterval
from sidecar.core.model.record_copy import replace

RUN_SEPARATOR = "--- here it was started again ---"
"""Separator between two runs. A log line begins with its time instead."""

MAX_RUNS = 8
"""Maximum number of remembered ended runs."""

_FRACTION = re.compile(r"[0-9T:-]{19}[.]")
_EARLY_S = 0.1
_EARLY_AT_MOST_S = 1.0
"""The engine may record a start a moment after the process began to write."""


def add_run_end(instance: Instance, engine_time: float, *, current: bool) -> Instance:
    """Record the end of a run; ``current``: it is the instance's current run."""
    runs, container = instance.runs, instance.container
    last = runs[-1].ended if runs else None
    if last is not None and engine_time <= last:
        return instance
    began = engine_time if last is None else last
    if current and container is not None:
        # Where a start was missed, the current run has ended before.
        began = max(find_run_start(container, runs), began if runs else 0.0)
    span = RunInterval(began, engine_time)
    return replace(instance, runs=(*runs, span)[-MAX_RUNS:])


def is_known_end(instance: Instance, engine_time: float) -> bool:
    """Is this the end of a remembered run?"""
    return any(run.ended == engine_time for run in instance.runs)


def run_starts(instance: Instance, cause: Cause | None) -> tuple[float, ...]:
    """Start times of the runs whose lines are evidence, oldest first.

    That is the judged run; for a crash loop it is each remembered run.
    """
    container, runs = instance.container, instance.runs
    if container is None:
        return ()
    last = find_run_start(container, runs)
    earlier = [run.began for run in runs] if cause is Cause.CRASH_LOOP else []
    return (*(start for start in earlier if start < last), last)


def find_run_start(container: Container, runs: Sequence[RunInterval] = ()) -> float:
    """First time of lines of the container's current, or else last, run."""
    started = container.started_at
    ends = (*(run.ended for run in runs), container.finished_at)
    before = [at for at in ends if 0.0 < at < started]
    if not before:
        return started - _EARLY_S
    return max((max(before) + started) / 2, started - _EARLY_AT_MOST_S)


def select_lines(
    log: str, starts: Sequence[float], until_time: float
) -> tuple[str, ...]:
    """Log text of each run, oldest first; a run without text is omitted.

    ``starts`` are the start times of the runs. Lines before the first of them, and from
    ``until_time`` on, are dropped. A line without a time belongs to the run of the line
    before it.
    """
    lines = log.split("\n")
    stamps = [_read_stamp(line) for line in lines]
    at = next((stamp for stamp in stamps if stamp is not None), starts[-1])
    # Podman stamps lines in whole seconds: a line may be up to a second later.
    in_seconds = not any(_FRACTION.match(line) for line in lines)
    runs: dict[int, list[str]] = {}
    for line, stamp in zip(lines, stamps, strict=True):
        at = at if stamp is None else stamp
        if at < until_time:
            latest = at + 1.0 if in_seconds else at
            runs.setdefault(bisect_right(starts, latest), []).append(line)
    runs.pop(0, None)
    texts = ("\n".join(runs[nth]).rstrip("\n") for nth in sorted(runs))
    return tuple(text for text in texts if text.strip())


def _read_stamp(line: str) -> float | None:
    try:
        at = datetime.fromisoformat(line.partition(" ")[0])
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None
