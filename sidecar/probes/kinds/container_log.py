"""Probe ``log``: do lines of the container's log match?"""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.log_mark import LogMatches
from sidecar.core.model.probe_result import (
    ProbeResult,
    ProbeWarning,
    probe_match,
    probe_success,
)
from sidecar.core.model.probe_settings import LogProbe
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext
from sidecar.probes.log_watches import MOST_WATCHES, TooManyLogs

UNREAD_S = 60.0
"""Time without the log after which that is reported."""
_NAME_CHARACTERS = 60


async def probe(
    settings: LogProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Judge the lines that were read. A log that cannot be read is no failure."""
    try:
        judgement = await tools.logs.judge(settings, container)
    except TooManyLogs:
        return _not_judged(Reason.of(R.TOO_MANY_LOGS, count=MOST_WATCHES))
    outcome = probe_success()
    if judgement.matches is not None:
        reason = _describe_match(settings, judgement.matches)
        outcome = probe_match(settings.on_match, Cause.LOG_MATCHED, reason)
    elif judgement.unread_s >= UNREAD_S:
        outcome = _not_judged(_describe_unread(judgement.error, judgement.unread_s))
    elif judgement.skipped.lasted_s:
        megabytes, lasted_s = judgement.skipped.megabytes, judgement.skipped.lasted_s
        outcome = _not_judged(
            Reason.of(R.LOG_SKIPPED, megabytes=megabytes, lasted_s=lasted_s)
        )
    return replace(outcome, log=judgement.facts)


def _describe_match(settings: LogProbe, matches: LogMatches) -> Reason:
    pattern = matches.what[:_NAME_CHARACTERS]
    if settings.count == 1:
        return Reason.of(R.LOG_LINE_MATCHES, pattern=pattern, said=matches.quote)
    return Reason.of(
        R.LOG_LINES_MATCH,
        count=settings.count,
        window_s=settings.window_s,
        pattern=pattern,
        said=matches.quote,
    )


def _describe_unread(error: str, unread_s: float) -> Reason:
    if not error:
        return Reason.of(R.LOG_UNREAD_SILENTLY, unread_s=unread_s)
    return Reason.of(R.LOG_UNREAD, unread_s=unread_s, said=error)


def _not_judged(reason: Reason) -> ProbeResult:
    return probe_success(warnings=(ProbeWarning.NOT_JUDGED,), reason=reason)
