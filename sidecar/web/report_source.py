"""Reports of availability from the store, one at a time."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sidecar.core.model.state import State
from sidecar.core.ports.loop import Clock
from sidecar.core.ports.storage import Journal
from sidecar.core.reporting.monitored_time import extend_to_now
from sidecar.web import late_modules
from sidecar.web.report_steps import read_steps

if TYPE_CHECKING:
    from sidecar.core.reporting.availability import CurrentStatus, Report


class ReportParts(NamedTuple):
    """Parts that reports are built from."""

    clock: Clock
    state: Callable[[], State]
    journal: Journal


class ReportSource:
    """Builds reports for the API, for the badges and for maintenance tasks."""

    def __init__(self, services: ReportParts) -> None:
        self._services = services
        self._one_report = asyncio.Lock()

    async def build(self, span_s: float, *, with_drills: bool = False) -> "Report":
        """The report of the last ``span_s`` until now. Raises StoreUnavailable.

        ``with_drills``: what drills caused counts like any failure.
        """
        async with self._one_report:
            return await self._build(span_s, with_drills=with_drills)

    async def _build(self, span_s: float, *, with_drills: bool) -> "Report":
        """Build it in a thread, piece by piece: the loop must not block."""
        await late_modules.load(late_modules.REPORT)
        from sidecar.core.reporting.availability import (  # noqa: PLC0415 - loaded late
            Period,
            ReportBuilder,
        )

        until = self._services.clock.now().wall
        statuses = self._current_statuses()
        period = Period(until - span_s, until)
        since = period.from_wall - span_s
        journal = self._services.journal
        intervals = extend_to_now(
            await journal.monitored_intervals(since, until), until
        )
        builder = ReportBuilder(period, intervals)
        state = self._services.state()
        async for piece in read_steps(
            journal, state, since, until, with_drills=with_drills
        ):
            await asyncio.to_thread(builder.add, piece)
        return await asyncio.to_thread(builder.close, statuses)

    def _current_statuses(self) -> "dict[str, CurrentStatus]":
        from sidecar.core.reporting.availability import (  # noqa: PLC0415 - loaded late
            CurrentStatus,
        )

        return {
            instance.name: CurrentStatus(
                instance.state, instance.cause, instance.since.wall
            )
            for instance in self._services.state().instances.values()
        }
