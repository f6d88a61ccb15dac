"""Judges the lines of one container's log, in the thread that reads them."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sidecar.core.model.container import Container
from sidecar.core.model.log_mark import LogLine, LogMark, LogMatches, LogPosition
from sidecar.core.model.probe_settings import LogProbe, OnMatch
from sidecar.core.status.log_gap import LogGap
from sidecar.core.status.log_matches import (
    LogRule,
    MatchingLine,
    add_line,
    begins_match,
    is_matching,
    select_run_lines,
)
from sidecar.core.status.log_position import LogCursor
from sidecar.core.text.printable import on_one_line
from sidecar.probes.line_patterns import LinePatterns

BACKLOG_LINES = 10_000
"""Lines that are read at most when a log is opened: 2 MB of a usual log."""
LATE_BACKLOG_LINES = 5000
"""The same after lines were left out."""
LATE_S = 10.0
"""A reader that is later than this leaves lines out."""
_EARLY_S = 0.1
"""The engine dates the begin of a run after the first lines of the run."""
_CONTEXT_LINES = 100
_CONTEXT_CHARACTERS = 256
"""A secret may have several lines, which are short."""
_QUOTE_CHARACTERS = 200


class JudgingProgress(NamedTuple):
    """Result of the lines so far; the loop's thread takes it as a whole."""

    position: LogPosition
    matches: tuple[LogMatches, ...]
    matched: int = 0
    skipped_bytes: int = 0
    skipped_s: float = 0.0


class _WatchedRule(NamedTuple):
    key: str
    rule: LogRule
    patterns: LinePatterns
    is_of_run: bool
    """Only lines of the present run count: a restart is to cure what they say."""


class LineJudge:
    """Judges each line once, from a mark on.

    ``take`` is called in the thread that reads, and ``open_again`` while none reads;
    all else is of the loop's thread. Nothing is locked: values pass as a whole.
    """

    def __init__(self, mask: Callable[[str], str], mark: LogMark) -> None:
        self._mask = mask
        self._rules: dict[LogProbe, _WatchedRule] = {}
        self._started_at = 0.0
        self.progress = JudgingProgress(mark.position, mark.matches)
        self._cursor = LogCursor(mark.position)
        self._matches = {matches.rule: matches for matches in mark.matches}
        self._matched = 0
        self._gap = LogGap(self._cursor.last_nano / 1e9)
        self._is_late = False
        self._context: deque[str] = deque(maxlen=_CONTEXT_LINES)

    def find_match(
        self, settings: LogProbe, container: Container, engine_wall: float
    ) -> LogMatches | None:
        """The match of a probe that lasts now by the engine's clock; None: none does.

        The patterns of the probe are looked for from now on.
        """
        self._started_at = container.started_at - _EARLY_S
        rule = self._watch(settings)
        published = (m for m in self.progress.matches if m.rule == rule.key)
        matches = next(published, LogMatches(rule.key))
        if rule.is_of_run:
            matches = select_run_lines(matches, rule.rule, self._started_at)
        return matches if is_matching(matches, engine_wall) else None

    def _watch(self, settings: LogProbe) -> _WatchedRule:
        rule = self._rules.get(settings)
        if rule is None:
            rule = _WatchedRule(
                settings.rule_key,
                LogRule(settings.count, settings.window_s, settings.cooldown_s),
                LinePatterns(settings),
                settings.on_match is not OnMatch.WARN,
            )
            self._rules = {**self._rules, settings: rule}
        return rule

    def open_again(self) -> tuple[int, int]:
        """The time in nanoseconds and the number of lines from which to read on."""
        self._cursor.open_again()
        self._gap.open_again()
        lines = LATE_BACKLOG_LINES if self._is_late else BACKLOG_LINES
        self._is_late = False
        return self._cursor.since_nano, lines

    def stop_if_late(self, before: JudgingProgress, engine_wall: float) -> None:
        """Take no more lines if those read since ``before`` are too old.

        A log that was just opened may have so old lines.
        """
        now = self.progress
        if now.position != before.position and self._gap.lines > BACKLOG_LINES:
            late_s = engine_wall - now.position.recent[-1].at_nano / 1e9
            self._is_late = late_s > LATE_S

    def take(self, line: LogLine) -> bool:
        """Judge one line; False: no more lines are wanted."""
        is_gap = self._cursor.is_gap_before(line)
        if self._cursor.is_new(line):
            at = line.at_nano / 1e9
            self._gap.add(at, line.size_bytes, is_gap=is_gap)
            self._judge(at, line.text)
            self._publish()
        return not self._is_late

    def _judge(self, at: float, text: bytes) -> None:
        names = [(rule, rule.patterns.find(text)) for rule in self._rules.values()]
        matching = [(rule, name) for rule, name in names if name]
        self._matched += bool(matching)
        for rule, name in matching:
            self._add(rule, at, name, text)
        context_line = text[:_CONTEXT_CHARACTERS].decode(errors="replace")
        self._context.append(context_line)

    def _add(self, rule: _WatchedRule, at: float, name: str, text: bytes) -> None:
        matches = self._matches.get(rule.key) or LogMatches(rule.key)
        if rule.is_of_run and at >= self._started_at:
            matches = select_run_lines(matches, rule.rule, self._started_at)
        quote = self._quote_line(text) if begins_match(matches, rule.rule, at) else ""
        line = MatchingLine(at, name, quote)
        self._matches[rule.key] = add_line(matches, rule.rule, line)

    def _quote_line(self, text: bytes) -> str:
        """The line, masked; a secret may begin in the lines before it."""
        lines = [*self._context, text.decode(errors="replace")]
        masked = self._mask("\n".join(lines)).rpartition("\n")[2]
        return on_one_line(masked)[:_QUOTE_CHARACTERS]

    def _publish(self) -> None:
        before = self.progress
        matches = before.matches
        if self._matched != before.matched:
            matches = tuple(self._matches.values())
        self.progress = JudgingProgress(
            self._cursor.position,
            matches,
            self._matched,
            self._gap.skipped_bytes,
            self._gap.skipped_s,
        )
