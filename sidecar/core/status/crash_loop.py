"""Message about a crash loop: one per loop, with the end of the container's log.

The page is decided at once; the log takes a moment to be read. The message waits for
the log, for a bounded time and in the stored state, so that a crash of Sidecar loses
neither.
"""

from collections.abc import Mapping

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.instance import CrashLoopLog, Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.reason.reason_text import reason_facts
from sidecar.core.text.formatting import fold_repeated_lines

LOG_WAIT_S = 5.0
"""Longer than the deadline for gathering evidence."""

LOOP_EXITS = 3
LOOP_WINDOW_S = 120.0
SHORT_RUN_S = 60.0


def is_looping(instance: Instance) -> bool:
    """Does the container end after every start, whoever starts it?"""
    return len(instance.exits) >= LOOP_EXITS or instance.short_runs >= LOOP_EXITS


def count_exit(
    instance: Instance, died_mono: float, lifetime_s: float | None
) -> Instance:
    """Count an exit by itself; ``lifetime_s`` None: of an earlier run.

    The engine repeats the events of the last minutes to a Sidecar that has started.
    One from long before the last exit is in no loop with it.
    """
    if any(known - died_mono >= LOOP_WINDOW_S for known in instance.exits):
        return instance
    recent = tuple(t for t in instance.exits if died_mono - t < LOOP_WINDOW_S)
    short_runs = instance.short_runs
    if lifetime_s is not None:
        short_runs = short_runs + 1 if lifetime_s < SHORT_RUN_S else 0
    return replace(instance, exits=(*recent, died_mono), short_runs=short_runs)


def start_log_wait(instance: Instance, decision: Decision) -> Instance:
    """Start the wait for the log on the first page about a crash loop."""
    if not _is_page(decision) or instance.last_words is not None:
        return instance
    crash_loop_log = CrashLoopLog(decision.at.mono + LOG_WAIT_S)
    return replace(instance, last_words=crash_loop_log)


def is_notified(instance: Instance, decision: Decision) -> bool:
    """Is this a repeated page about a loop with a message, sent or waiting?"""
    return _is_page(decision) and instance.last_words is not None


def _is_page(decision: Decision) -> bool:
    return decision.action is Action.PAGE and decision.cause is Cause.CRASH_LOOP


def add_log(instance: Instance, log: str | None) -> Instance:
    """Add the end of the log; None: it could not be read."""
    crash_loop_log = instance.last_words
    if crash_loop_log is None or crash_loop_log.told:
        return instance
    return replace(instance, last_words=replace(crash_loop_log, log=log))


def should_notify(instance: Instance, at: Moment) -> bool:
    """Is the message due?"""
    crash_loop_log = instance.last_words
    if crash_loop_log is None or crash_loop_log.told or not instance.looping:
        return False
    return crash_loop_log.log is not None or at.mono >= crash_loop_log.until_mono


def add_log_facts(instance: Instance, facts: Mapping[str, str]) -> dict[str, str]:
    """Add the facts of the crash loop to those of its incident.

    ``log`` is empty where it is not known, or where nothing was written; in the latter
    case ``is_silent`` is ``yes``.
    """
    crash_loop_log = instance.last_words
    is_root = facts["target"] == instance.name
    return {
        **facts,
        "target": instance.name,
        "about": instance.name,
        "affected": facts["affected"] if is_root else "",
        "followers": "",
        "cause": Cause.CRASH_LOOP.value,
        **reason_facts("reason", instance.reason),
        "log": fold_repeated_lines(
            (crash_loop_log.log if crash_loop_log is not None else None) or ""
        ),
        "is_silent": "yes"
        if crash_loop_log is not None and crash_loop_log.log == ""
        else "",
    }


def mark_notified(instance: Instance) -> Instance:
    """Mark the message as sent and drop the log."""
    crash_loop_log = instance.last_words
    if crash_loop_log is None:
        return instance
    return replace(instance, last_words=replace(crash_loop_log, log=None, told=True))


def end_crash_loop(instance: Instance) -> Instance:
    """End the loop: the next loop is reported again."""
    has_traces = instance.looping or instance.short_runs or instance.exits
    if not has_traces and instance.last_words is None:
        return instance
    return replace(instance, looping=False, short_runs=0, exits=(), last_words=None)
