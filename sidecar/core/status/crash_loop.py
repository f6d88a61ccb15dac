"""What people are told of a crash loop: once, with its container's last words.

The page is decided at once; the log takes a moment to be read. The message waits for
it, for a bounded time and in the stored state, so that our own death loses neither.
"""

from collections.abc import Mapping
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.instance import CrashLoopLog, Instance
from sidecar.core.model.moment import Moment
from sidecar.core.reason.reason_text import reason_facts
from sidecar.core.text.formatting import fold_repeated_lines

LOG_WAIT_S = 5.0
"""More than gathering evidence may take."""


def start_log_wait(instance: Instance, decision: Decision) -> Instance:
    """With a page about a crash loop people are to be told, once for each loop."""
    if not _is_page(decision) or instance.last_words is not None:
        return instance
    waiting = CrashLoopLog(decision.at.mono + LOG_WAIT_S)
    return replace(instance, last_words=waiting)


def is_notified(instance: Instance, decision: Decision) -> bool:
    """Is this one more page about a loop that people were to be told of before?"""
    return _is_page(decision) and instance.last_words is not None


def _is_page(decision: Decision) -> bool:
    return decision.action is Action.PAGE and decision.cause is Cause.CRASH_LOOP


def add_log(instance: Instance, log: str | None) -> Instance:
    """The end of its log has been read, or could not be."""
    words = instance.last_words
    if words is None or words.told:
        return instance
    return replace(instance, last_words=replace(words, log=log))


def should_notify(instance: Instance, at: Moment) -> bool:
    """Is it time for the message?"""
    words = instance.last_words
    if words is None or words.told or not instance.looping:
        return False
    return words.log is not None or at.mono >= words.until_mono


def add_log_facts(instance: Instance, known: Mapping[str, str]) -> dict[str, str]:
    """The facts of its incident and of itself, with those of the loop.

    ``log`` is empty where it is not known, or nothing was written: ``is_silent`` then.
    """
    words = instance.last_words
    is_root = known["target"] == instance.name
    return {
        **known,
        "target": instance.name,
        "about": instance.name,
        "affected": known["affected"] if is_root else "",
        "followers": "",
        "cause": Cause.CRASH_LOOP.value,
        **reason_facts("reason", instance.reason),
        "log": fold_repeated_lines((words.log if words is not None else None) or ""),
        "is_silent": "yes" if words is not None and words.log == "" else "",
    }


def mark_notified(instance: Instance) -> Instance:
    """It was told; what it wrote is not needed any more."""
    words = instance.last_words
    if words is None:
        return instance
    return replace(instance, last_words=replace(words, log=None, told=True))


def end_crash_loop(instance: Instance) -> Instance:
    """The loop has ended: the next one is news."""
    return replace(instance, looping=False, short_runs=0, exits=(), last_words=None)
