"""The API's history: journal entries, success of remedies, availability report."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.model.journal_entry import JournalEntry
from sidecar.web import late_modules
from sidecar.web.auth import is_authorised
from sidecar.web.duration_param import DAY_S, parse_duration_param
from sidecar.web.query import parse_query, parse_switch
from sidecar.web.report_source import ReportSource
from sidecar.web.report_steps import MOST_DRILLS
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.target_names import describe_known
from sidecar.web.views import status

if TYPE_CHECKING:
    from sidecar.web.views.drill_history import DrillHistory

MAX_ENTRIES = 2000


class _Review(NamedTuple):
    entries: list[JournalEntry]
    complete: bool


class HistoryRoutes:
    """GET /api/v1/history, /api/v1/remedies, /api/v1/report."""

    def __init__(self, services: ApiServices, reports: ReportSource) -> None:
        self._services = services
        self._reports = reports

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [
            web.get("/api/v1/history", self._history),
            web.get("/api/v1/remedies", self._remedies),
            web.get("/api/v1/history/cures", self._refuse_moved),
            web.get("/api/v1/report", self._report),
        ]

    # --- journal and remedies

    async def _history(self, request: web.Request) -> web.Response:
        query = parse_query(request, since="7d", target="")
        span_s = parse_duration_param(self._services, "since", query["since"])
        until = self._services.clock.now().wall
        since = until - span_s
        names = self._names(query["target"])
        review = await self._last_entries(names, since, until)
        if names and not review.entries and not self._is_known(names[0]):
            hint = describe_known(self._services.state(), names[0])
            raise RequestRefused(
                404,
                f"there is no target {names[0]}, and nothing is on record of it; "
                f"{hint}",
            )
        may_see = is_authorised(request, self._services.token)
        if not review.complete:
            since = review.entries[0].at_wall
        drills = await self._read_drills(since, until)
        await late_modules.load(late_modules.HISTORY_VIEWS)
        from sidecar.core.reporting.incident_review import (  # noqa: PLC0415 - loaded late
            without_amounts,
        )
        from sidecar.web.views import history  # noqa: PLC0415 - loaded late

        entries = review.entries if may_see else without_amounts(review.entries)
        if drills is None:
            document = history.history(entries, complete=review.complete)
        else:
            document = history.history(
                drills.mark(entries),
                complete=review.complete,
                begins=drills.begins(names, since),
                ends=drills.ends(names, details=may_see),
            )
        return json_response(document)

    async def _read_drills(self, since: float, until: float) -> "DrillHistory | None":
        """The drills since then; None: there are none, as in most stacks."""
        current = self._services.state().drill
        records = await self._services.journal.drills(MOST_DRILLS)
        recent = [record for record in records if record.ended_wall >= since]
        if not recent and current is None:
            return None
        await late_modules.load(late_modules.DRILL_HISTORY)
        from sidecar.web.views.drill_history import (  # noqa: PLC0415 - rarely needed
            DrillHistory,
        )

        return DrillHistory(recent, current, until)

    def _names(self, name: str) -> tuple[str, ...]:
        """A target's own name and its replicas' names; empty: no restriction."""
        if not name:
            return ()
        state = self._services.state()
        return tuple(dict.fromkeys((name, *status.replica_names(state, name))))

    def _is_known(self, name: str) -> bool:
        state = self._services.state()
        return name in state.targets or instance_named(state, name) is not None

    async def _last_entries(
        self, names: tuple[str, ...], since: float, until: float
    ) -> _Review:
        """Read backwards from the end, one day at a time, until MAX_ENTRIES."""
        entries: list[JournalEntry] = []
        end = until
        while end > since and len(entries) < MAX_ENTRIES:
            begin = max(since, end - DAY_S)
            entries[:0] = await self._entries(names, begin, end)
            end = begin
        newest = entries[-MAX_ENTRIES:]
        return _Review(newest, end <= since and len(newest) == len(entries))

    async def _entries(
        self, names: tuple[str, ...], since: float, until: float
    ) -> Iterable[JournalEntry]:
        journal = self._services.journal
        if not names:
            return await journal.entries(since, until)
        entries_by_name = [
            await journal.entries(since, until, target=name) for name in names
        ]
        return sorted(
            (entry for entries in entries_by_name for entry in entries),
            key=lambda entry: entry.at_wall,
        )

    async def _remedies(self, _: web.Request) -> web.Response:
        await late_modules.load(late_modules.HISTORY_VIEWS)
        from sidecar.web.views import history  # noqa: PLC0415 - loaded late

        return json_response(history.remedy_stats(self._services.state().ledger))

    async def _refuse_moved(self, _: web.Request) -> web.Response:
        raise RequestRefused(410, "this is at /api/v1/remedies now")

    # --- availability

    async def _report(self, request: web.Request) -> web.Response:
        query = parse_query(request, window="30d", drills="0")
        span_s = parse_duration_param(self._services, "window", query["window"])
        with_drills = parse_switch(query, "drills", "to count drills as well")
        report = await self._reports.build(span_s, with_drills=with_drills)
        await late_modules.load(late_modules.HISTORY_VIEWS)
        from sidecar.web.views import history  # noqa: PLC0415 - loaded late

        return json_response(await asyncio.to_thread(history.report, report))
