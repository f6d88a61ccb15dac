"""The API's memory: what happened, what helped, and how available everyone was."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from aiohttp import web

from sidecar.core.model.journal_entry import JournalEntry
from sidecar.core.reporting.availability import (
    CurrentStatus,
    Period,
    Report,
    ReportBuilder,
)
from sidecar.core.reporting.incident_review import without_amounts
from sidecar.core.reporting.monitored_time import extend_to_now
from sidecar.web.auth import has_token
from sidecar.web.duration_param import DAY_S, parse_duration_param
from sidecar.web.query import parse_query
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.views import health, history, status

MAX_ENTRIES = 2000


class _Review(NamedTuple):
    entries: list[JournalEntry]
    complete: bool


class HistoryRoutes:
    """GET /api/v1/history, /api/v1/remedies, /api/v1/report."""

    def __init__(self, desk: ApiServices) -> None:
        self._desk = desk
        self._one_report = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Where each is found."""
        return [
            web.get("/api/v1/history", self._history),
            web.get("/api/v1/remedies", self._remedies),
            web.get("/api/v1/history/cures", self._moved),
            web.get("/api/v1/report", self._report),
        ]

    # --- what happened

    async def _history(self, request: web.Request) -> web.Response:
        said = parse_query(request, since="7d", target="")
        span_s = parse_duration_param(self._desk, "since", said["since"])
        until = self._desk.clock.now().wall
        names = self._names(said["target"])
        found = await self._last_entries(names, until - span_s, until)
        if names and not found.entries and not self._is_known(names[0]):
            raise RequestRefused(
                404, f"there is no target {names[0]}, and nothing is on record of it"
            )
        may_see = has_token(request, self._desk.token)
        entries = found.entries if may_see else without_amounts(found.entries)
        return json_response(history.history(entries, complete=found.complete))

    def _names(self, name: str) -> tuple[str, ...]:
        """A target's own name and its replicas'; empty: all there are."""
        if not name:
            return ()
        state = self._desk.state()
        return tuple(dict.fromkeys((name, *status.replica_names(state, name))))

    def _is_known(self, name: str) -> bool:
        state = self._desk.state()
        return name in state.targets or health.instance_named(state, name) is not None

    async def _last_entries(
        self, names: tuple[str, ...], since: float, until: float
    ) -> _Review:
        """From the end backwards, a day at a time, until there are enough."""
        found: list[JournalEntry] = []
        end = until
        while end > since and len(found) < MAX_ENTRIES:
            begin = max(since, end - DAY_S)
            found[:0] = await self._entries(names, begin, end)
            end = begin
        kept = found[-MAX_ENTRIES:]
        return _Review(kept, end <= since and len(kept) == len(found))

    async def _entries(
        self, names: tuple[str, ...], since: float, until: float
    ) -> Iterable[JournalEntry]:
        journal = self._desk.journal
        if not names:
            return await journal.entries(since, until)
        told = [await journal.entries(since, until, target=name) for name in names]
        return sorted((e for one in told for e in one), key=lambda e: e.at_wall)

    async def _remedies(self, _: web.Request) -> web.Response:
        return json_response(history.remedy_stats(self._desk.state().ledger))

    async def _moved(self, _: web.Request) -> web.Response:
        raise RequestRefused(410, "this is at /api/v1/remedies now")

    # --- how available everyone was

    async def _report(self, request: web.Request) -> web.Response:
        said = parse_query(request, window="30d")
        span_s = parse_duration_param(self._desk, "window", said["window"])
        async with self._one_report:
            made = await self._made(span_s)
            view = await asyncio.to_thread(history.report, made)
        return json_response(view)

    async def _made(self, span_s: float) -> Report:
        """In a thread, piece by piece: the loop must go on turning meanwhile."""
        until = self._desk.clock.now().wall
        standing = self._standing()
        period = Period(until - span_s, until)
        since = period.from_wall - span_s
        journal = self._desk.journal
        watched = extend_to_now(await journal.watched(since, until), until)
        books = ReportBuilder(period, watched)
        async for piece in journal.steps(since, until):
            await asyncio.to_thread(books.add, piece)
        return await asyncio.to_thread(books.close, standing)

    def _standing(self) -> dict[str, CurrentStatus]:
        return {
            one.name: CurrentStatus(one.state, one.cause, one.since.wall)
            for one in self._desk.state().instances.values()
        }
