"""Matches in a log: enough matching lines within a window. Times are the engine's."""

from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.log_mark import LogMatches
from sidecar.core.model.record_copy import replace


@dataclass(frozen=True, slots=True)
class LogRule:
    """A match is ``count`` lines within ``window_s``.

    It lasts until that was true of no line for ``cooldown_s``.
    """

    count: int
    window_s: float
    cooldown_s: float


class MatchingLine(NamedTuple):
    """A line that matches ``what``, a pattern or a set. ``quote``: its masked text."""

    at: float
    what: str
    quote: str


def add_line(matches: LogMatches, rule: LogRule, line: MatchingLine) -> LogMatches:
    """The matches after one more matching line."""
    times = _times_with(matches, rule, line.at)
    if len(times) < rule.count:
        return replace(matches, times=times)
    until = max(matches.until, line.at + rule.cooldown_s)
    if line.at < matches.until:
        return replace(matches, times=times, until=until)
    return LogMatches(matches.rule, times, line.at, until, line.what, line.quote)


def begins_match(matches: LogMatches, rule: LogRule, at: float) -> bool:
    """Does a matching line of this time begin a match?"""
    is_over = at >= matches.until
    return is_over and len(_times_with(matches, rule, at)) >= rule.count


def _times_with(matches: LogMatches, rule: LogRule, at: float) -> tuple[float, ...]:
    """Times of the last ``count`` matching lines within the window before ``at``."""
    recent = (*(t for t in matches.times if t > at - rule.window_s), at)
    return recent[-rule.count :]


def is_matching(matches: LogMatches, now: float) -> bool:
    """Does a match last at this time?"""
    return matches.began <= now < matches.until


def select_run_lines(
    matches: LogMatches, rule: LogRule, started_at: float
) -> LogMatches:
    """The matches of lines since ``started_at`` alone; the rest is forgotten."""
    lines_are_new = all(at >= started_at for at in matches.times)
    if lines_are_new and (not matches.until or matches.began >= started_at):
        return matches
    run_matches = LogMatches(matches.rule)
    for at in matches.times:
        if at >= started_at:
            run_matches = add_line(
                run_matches, rule, MatchingLine(at, matches.what, matches.quote)
            )
    return run_matches
