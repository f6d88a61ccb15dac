"""The answers for everybody: feed, badges, and the status as Statuspage has it.

They may be cached, and a flood of requests makes no query of the store each.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from sidecar.core.model.journal_entry import EntryKind, JournalEntry
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.loop import PlannedTime
from sidecar.web import late_modules
from sidecar.web.kept_value import KeptValue
from sidecar.web.report_source import ReportSource
from sidecar.web.response import RequestRefused, cacheable_response, encode_json
from sidecar.web.routes.acknowledge import NotificationServices
from sidecar.web.services import ApiServices
from sidecar.web.views import badge, feed, health, status

if TYPE_CHECKING:
    from sidecar.web.views.statuspage import StatuspageWriter

DAY_S = 86400.0
WINDOWS = {"24h": DAY_S, "7d": 7 * DAY_S, "30d": 30 * DAY_S, "90d": 90 * DAY_S}
"""The windows of availability badges, in seconds."""

FEED_KEPT_S = 60
AVAILABILITY_KEPT_S = 60
SUMMARY_KEPT_S = 5
STATE_KEPT_S = 10
FEED_INCIDENTS = 50
FEED_TARGETS = 20
"""Number of targets whose planned restarts are in the feed."""

FEED_RESTARTS_S = 7 * DAY_S
"""Planned restarts that have ended are in the feed for that long."""


class _BothAnswers(NamedTuple):
    """Both answers of Statuspage, made from the same facts, in JSON."""

    summary: bytes
    status: bytes


class PublicRoutes:
    """GET /feed.atom, /badge/..., /api/v2/..."""

    def __init__(
        self, services: ApiServices, texts: NotificationServices, reports: ReportSource
    ) -> None:
        self._services = services
        self._texts = texts
        self._reports = reports
        self._skipped_walls: dict[tuple[str, float], float] = {}
        clock = services.clock
        self._feed = KeptValue(self._write_feed, clock, FEED_KEPT_S)
        self._summary = KeptValue(self._write_summary, clock, SUMMARY_KEPT_S)
        self._shares = {
            window: KeptValue(
                partial(self._measure, span_s), clock, AVAILABILITY_KEPT_S
            )
            for window, span_s in WINDOWS.items()
        }

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [
            web.get("/feed.atom", self._answer_feed),
            web.get("/badge/{target}/state.svg", self._answer_state),
            web.get(
                "/badge/{target}/availability/{window}.svg", self._answer_availability
            ),
            web.get("/api/v2/summary.json", self._answer_summary),
            web.get("/api/v2/status.json", self._answer_status),
        ]

    async def close(self, _: web.Application) -> None:
        """Stop what is being made."""
        await asyncio.gather(
            self._feed.close(),
            self._summary.close(),
            *(share.close() for share in self._shares.values()),
        )

    # --- badges

    async def _answer_state(self, request: web.Request) -> web.Response:
        name = request.match_info["target"]
        answer = health.health_of(self._services.state(), name)
        if answer is None:
            raise RequestRefused(404, f"there is no target {name}")
        state = TargetState(answer[1].state)
        word = self._texts.words(f"public.state.{state}")
        picture = badge.Badge(name, word, badge.STATE_COLOURS[state])
        return _answer_badge(request, picture, STATE_KEPT_S)

    async def _answer_availability(self, request: web.Request) -> web.Response:
        name, window = request.match_info["target"], request.match_info["window"]
        if health.health_of(self._services.state(), name) is None:
            raise RequestRefused(404, f"there is no target {name}")
        if window not in self._shares:
            raise RequestRefused(
                404, f"there is no window {window}; there are: {', '.join(WINDOWS)}"
            )
        share = (await self._shares[window].get()).get(name)
        words = self._texts.words
        word = words("public.no_data") if share is None else badge.format_share(share)
        label = words(f"public.window.{window}", target=name)
        picture = badge.Badge(label, word, badge.choose_colour(share))
        return _answer_badge(request, picture, AVAILABILITY_KEPT_S)

    async def _measure(self, span_s: float) -> badge.Shares:
        report = await self._reports.build(span_s)
        return badge.find_shares(report, self._services.state())

    # --- feed

    async def _answer_feed(self, request: web.Request) -> web.Response:
        body = await self._feed.get()
        return cacheable_response(request, body, "application/atom+xml", FEED_KEPT_S)

    async def _write_feed(self) -> bytes:
        services, state = self._services, self._services.state()
        now_wall = services.clock.now().wall
        planned = status.certain_times(services.schedule.upcoming_times(1))
        self._note_skips(planned, now_wall)
        facts = feed.FeedFacts(
            stack=services.stack,
            started_wall=state.started.wall,
            now_wall=now_wall,
            incidents=await services.journal.incidents(limit=FEED_INCIDENTS),
            planned=planned[:FEED_TARGETS],
            skipped_walls=dict(self._skipped_walls),
            remedies=await self._read_remedies(planned, now_wall),
            public_url=state.notify.public_url or "",
            zone=state.notify.timezone,
            language=self._texts.language,
            windows=state.windows,
        )
        return await asyncio.to_thread(feed.write_feed, facts, self._texts.words)

    def _note_skips(self, planned: Sequence[PlannedTime], now_wall: float) -> None:
        """Note when each skip was first seen; the schedule does not keep that."""
        skipped = [(time.target, time.at_wall) for time in planned if time.skipped]
        self._skipped_walls = {
            key: self._skipped_walls.get(key, now_wall) for key in skipped
        }

    async def _read_remedies(
        self, planned: Sequence[PlannedTime], now_wall: float
    ) -> list[JournalEntry]:
        """Remedies of the targets with planned restarts; the last of each."""
        state, journal = self._services.state(), self._services.journal
        targets = [time.target for time in planned[:FEED_TARGETS]]
        names = [n for target in targets for n in status.replica_names(state, target)]
        remedies: list[JournalEntry] = []
        for name in names[:FEED_TARGETS]:
            entries = await journal.entries(
                now_wall - FEED_RESTARTS_S,
                now_wall,
                target=name,
                kinds=frozenset({EntryKind.REMEDY}),
            )
            remedies += entries[-FEED_INCIDENTS:]
        return remedies

    # --- Statuspage

    async def _answer_summary(self, request: web.Request) -> web.Response:
        body = (await self._summary.get()).summary
        return cacheable_response(request, body, "application/json", SUMMARY_KEPT_S)

    async def _answer_status(self, request: web.Request) -> web.Response:
        body = (await self._summary.get()).status
        return cacheable_response(request, body, "application/json", SUMMARY_KEPT_S)

    async def _write_summary(self) -> _BothAnswers:
        await late_modules.load(late_modules.STATUSPAGE_VIEWS)
        from sidecar.web.views.statuspage import (  # noqa: PLC0415 - loaded late
            StatuspageFacts,
            StatuspageWriter,
        )

        services = self._services
        facts = StatuspageFacts(
            services.state(),
            services.clock.now(),
            services.stack,
            status.certain_times(services.schedule.upcoming_times(1)),
        )
        make_writer = partial(StatuspageWriter, facts, self._texts.words)
        return await asyncio.to_thread(_write_both, make_writer)


def _write_both(make_writer: Callable[[], "StatuspageWriter"]) -> _BothAnswers:
    writer = make_writer()
    return _BothAnswers(
        encode_json(writer.write_summary()), encode_json(writer.write_status())
    )


def _answer_badge(
    request: web.Request, picture: badge.Badge, kept_s: int
) -> web.Response:
    body = badge.write_badge(picture).encode()
    return cacheable_response(request, body, "image/svg+xml", kept_s)
