"""The watch over the log of one container, for all its ``log`` probes."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from loguru import logger

from sidecar.core.model.container import Container
from sidecar.core.model.log_mark import LogFacts, LogLine, LogMark, LogMatches
from sidecar.core.model.probe_settings import LogProbe
from sidecar.core.ports.engine import Engine, EngineError
from sidecar.core.ports.loop import Clock
from sidecar.probes.line_judge import JudgingProgress, LineJudge

STORE_EVERY_S = 30.0
"""Interval at which a position is stored while nothing matches."""
SKIP_LASTS_S = 300.0
"""Time for which lines that were left out are reported."""
UNASKED_S = 900.0
"""A log is read no longer if no probe asked for it for so long."""
_OPENING_S = 3.0
_CONNECTION_LASTS_S = 10.0
_NEVER = float("-inf")


class LogJudgement(NamedTuple):
    """Judgement of a log for one probe.

    ``matches`` None: no match lasts. ``unread_s``: for how long the log has not been
    read, with the engine's ``error``, if it gave one. ``skipped``: about what was left
    out lately.
    """

    matches: LogMatches | None
    facts: LogFacts
    unread_s: float
    error: str
    skipped: "SkippedPart"


class SkippedPart(NamedTuple):
    """A part of a log that was left out; the size is an estimate."""

    size_bytes: int = 0
    lasted_s: float = 0.0

    @property
    def megabytes(self) -> float:
        """The size in MB."""
        return self.size_bytes / 1e6


class LogWatch:
    """Follows one log from its mark on, over restarts of the container and of Sidecar.

    A connection lasts until the container stops, or no probe has asked for it for
    ``unasked_s``. The next probe opens another.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        mask: Callable[[str], str],
        mark: LogMark,
        *,
        unasked_s: float = UNASKED_S,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._container_id = mark.container_id
        self._unasked_s = unasked_s
        self._lines = LineJudge(mask, mark)
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._opened = asyncio.Event()
        self._opened_mono = 0.0
        self._ahead_s = 0.0
        self._error = ""
        self._unread_mono: float | None = clock.now().mono
        self._reported = self._lines.progress
        self._stored = self._lines.progress
        self._stored_mono = _NEVER
        self._skipped = SkippedPart()
        self._skipped_mono = _NEVER

    async def judge(self, settings: LogProbe, container: Container) -> LogJudgement:
        """Judge the lines that were read; open the log first if it is not open."""
        self._lines.find_match(settings, container, self._engine_wall())
        self._arm_timer()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._follow())
            await self._wait_until_open(self._task, min(settings.timeout_s, _OPENING_S))
        engine_wall = self._engine_wall()
        matches = self._lines.find_match(settings, container, engine_wall)
        self._lines.stop_if_late(self._reported, engine_wall)
        facts = self._report(container)
        now_mono = self._clock.now().mono
        if now_mono - self._skipped_mono >= SKIP_LASTS_S:
            self._skipped = SkippedPart()
        unread_s = self._measure_unread_s(now_mono)
        return LogJudgement(matches, facts, unread_s, self._error, self._skipped)

    async def close(self) -> None:
        """Read no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def on_open(self, clock_ahead_s: float) -> None:
        """Note that the log is open."""
        self._ahead_s = clock_ahead_s
        self._opened_mono = self._clock.now().mono
        self._opened.set()

    def take(self, line: LogLine) -> bool:
        """Judge one line, in the thread that reads."""
        return self._lines.take(line)

    def _engine_wall(self) -> float:
        return self._clock.now().wall + self._ahead_s

    def _arm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._unasked_s, self._stop_reading)

    def _stop_reading(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _wait_until_open(
        self, task: "asyncio.Task[None]", timeout_s: float
    ) -> None:
        opening = asyncio.get_running_loop().create_task(self._opened.wait())
        try:
            await asyncio.wait(
                {opening, task}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            opening.cancel()

    async def _follow(self) -> None:
        """Read over one connection."""
        since_nano, lines = self._lines.open_again()
        try:
            await self._engine.follow_log(self._container_id, since_nano, lines, self)
        except EngineError as error:
            self._note_error(str(error))
        except Exception as error:  # noqa: BLE001 - Sidecar's own error, not the log's
            logger.exception("the log of {} cannot be judged", self._container_id)
            self._note_error(f"{type(error).__name__}: {error}")
        else:
            self._error, self._unread_mono = "", None
        finally:
            self._opened.clear()

    def _note_error(self, text: str) -> None:
        self._error = text
        if self._unread_mono is None:
            self._unread_mono = self._clock.now().mono

    def _measure_unread_s(self, now_mono: float) -> float:
        """For how long the log has not been read; a connection must last to count."""
        lasted_s = now_mono - self._opened_mono
        if self._opened.is_set() and lasted_s >= _CONNECTION_LASTS_S:
            self._error, self._unread_mono = "", None
        return 0.0 if self._unread_mono is None else now_mono - self._unread_mono

    def _report(self, container: Container) -> LogFacts:
        """The facts since the last report, with a mark if one is to be stored."""
        before, now = self._reported, self._lines.progress
        self._reported = now
        skipped_bytes = now.skipped_bytes - before.skipped_bytes
        if now.skipped_s > before.skipped_s:
            self._note_skip(skipped_bytes, now.skipped_s - before.skipped_s, container)
        matched = now.matched - before.matched
        return LogFacts(self._mark_to_store(now), matched, skipped_bytes)

    def _note_skip(
        self, size_bytes: int, lasted_s: float, container: Container
    ) -> None:
        """Add to what was left out lately; the first part is logged."""
        part, is_first = self._skipped, not self._skipped.lasted_s
        part = SkippedPart(part.size_bytes + size_bytes, part.lasted_s + lasted_s)
        self._skipped, self._skipped_mono = part, self._clock.now().mono
        if is_first:
            logger.warning(
                "about {:.1f} MB of the log of {}, {:.0f} s, were not judged: it grows "
                "faster than it is read; sidecar_log_skipped_bytes_total counts on",
                part.megabytes,
                container.name,
                part.lasted_s,
            )

    def _mark_to_store(self, now: JudgingProgress) -> LogMark | None:
        stored = self._stored
        mono = self._clock.now().mono
        is_due = mono - self._stored_mono >= STORE_EVERY_S
        if now.matches == stored.matches and (
            not is_due or now.position == stored.position
        ):
            return None
        self._stored, self._stored_mono = now, mono
        return LogMark(self._container_id, now.position, now.matches)
