"""Ninety days of availability and incidents, read from the journal and cached."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo

from loguru import logger

from sidecar.core.model.incident import Incident
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.reporting.availability import CurrentStatus
from sidecar.core.reporting.daily_availability import (
    DailyBuilder,
    TargetDays,
    day_bounds,
    last_dates,
)
from sidecar.core.reporting.monitored_time import extend_to_now
from sidecar.web.page.strip_view import DAYS
from sidecar.web.report_steps import read_steps
from sidecar.web.services import ApiServices

KEPT_S = 30.0
"""Today's figures are read again after that time."""

WAIT_S = 5.0
"""Time for which a visitor waits for the history."""

MOST_INCIDENTS = 500


@dataclass(frozen=True, slots=True)
class DayHistory:
    """``dates`` are the last days, today last; ``bounds`` their begins and the end."""

    dates: tuple[date, ...]
    bounds: tuple[float, ...]
    days: Mapping[str, TargetDays]
    incidents: tuple[Incident, ...]
    read_wall: float


class HistoryCache:
    """Reads all days once, then today alone."""

    def __init__(self, services: ApiServices, wait_s: float = WAIT_S) -> None:
        self._services = services
        self._wait_s = wait_s
        self._reading: asyncio.Task[DayHistory] | None = None
        self._cached: DayHistory | None = None
        self._zone: tzinfo | None = None

    async def read(self, zone: tzinfo) -> DayHistory:
        """The history until now, at most KEPT_S old.

        It is empty where it cannot be read, or not within ``wait_s``. Then it is read
        on, for the next visitor.
        """
        now_wall = self._services.clock.now().wall
        cached = self._cached if zone is self._zone else None
        if cached is not None and 0.0 <= now_wall - cached.read_wall < KEPT_S:
            return cached
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(zone, now_wall, cached))
            self._reading.add_done_callback(_take_error)
        try:
            async with asyncio.timeout(self._wait_s):
                return await asyncio.shield(self._reading)
        except (StoreUnavailable, TimeoutError):
            dates = last_dates(now_wall, zone, DAYS)
            return DayHistory(dates, day_bounds(dates, zone), {}, (), now_wall)

    async def _read(
        self, zone: tzinfo, now_wall: float, cached: DayHistory | None
    ) -> DayHistory:
        dates = last_dates(now_wall, zone, DAYS)
        bounds = day_bounds(dates, zone)
        incidents = await self._services.journal.incidents(limit=MOST_INCIDENTS)
        if cached is None or cached.dates != dates:
            days: Mapping[str, TargetDays] = await self._build(bounds, now_wall)
        else:
            today = await self._build(bounds[-2:], now_wall)
            days = _join(cached.days, today)
        self._cached = DayHistory(dates, bounds, days, incidents, now_wall)
        self._zone = zone
        return self._cached

    async def _build(
        self, bounds: tuple[float, ...], now_wall: float
    ) -> dict[str, TargetDays]:
        """Build it in a thread, piece by piece: the loop must not block."""
        journal = self._services.journal
        statuses = {
            instance.name: CurrentStatus(
                instance.state, instance.cause, instance.since.wall
            )
            for instance in self._services.state().instances.values()
        }
        watched = extend_to_now(
            await journal.monitored_intervals(bounds[0], now_wall), now_wall
        )
        builder = DailyBuilder(bounds, watched)
        state = self._services.state()
        async for piece in read_steps(journal, state, bounds[0], now_wall):
            await asyncio.to_thread(builder.add, piece)
        return await asyncio.to_thread(builder.close, now_wall, statuses)


def _join(
    cached: Mapping[str, TargetDays], today: Mapping[str, TargetDays]
) -> dict[str, TargetDays]:
    """The cached days, with today's figures; a new target has no earlier days."""
    joined = dict(cached)
    for name, last in today.items():
        joined.setdefault(name, TargetDays(DAYS)).replace_last(last)
    return joined


def _take_error(reading: "asyncio.Task[DayHistory]") -> None:
    """Take the error of a reading for which no visitor waits any more."""
    if not reading.cancelled() and reading.exception() is not None:
        logger.warning("the page's history was not read: {}", reading.exception())
