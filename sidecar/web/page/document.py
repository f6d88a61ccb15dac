"""Whole pages of HTML: the status page, in pieces, and that of an incident."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import NamedTuple

from sidecar.core.model.incident import Incident
from sidecar.core.reporting.incident_review import IncidentReview
from sidecar.web.page.content import PageContent
from sidecar.web.page.fragments import FragmentWriter
from sidecar.web.page.graph_view import sort_by_depth
from sidecar.web.page.history import DayHistory
from sidecar.web.page.incident_page import IncidentPageBuilder
from sidecar.web.page.incident_view import IncidentCard, build_incident_card
from sidecar.web.page.page_views import (
    PageFacts,
    PageViews,
)
from sidecar.web.page.strip_view import (
    IncidentsByDay,
    Strip,
    build_strip,
    incidents_by_day,
)
from sidecar.web.page.target_view import TargetView, Time
from sidecar.web.page.texts import PageTexts, machine_time
from sidecar.web.session import Viewer

PIECE_TARGETS = 20
"""Targets that are written before others get their turn: 10 to 20 ms."""

MOST_DEPTH = 6
SHOWN_DAYS = 10
LANGUAGE_NAMES = (("en", "English"), ("ko", "한국어"))


class BadDay(NamedTuple):
    """A day with an outage or an incident."""

    date: str
    share: str
    incidents: tuple[str, ...]


class Answer(NamedTuple):
    """The last good answer: seconds since the epoch, and the time of day."""

    wall: float
    text: str


class PageDocument:
    """Writes pages for one viewer in one language.

    ``may_sign_in``: a visitor sees the way to the sign-in.
    """

    def __init__(
        self,
        content: PageContent,
        texts: PageTexts,
        viewer: Viewer,
        *,
        may_sign_in: bool = False,
    ) -> None:
        self.texts = texts
        self.viewer = viewer
        self._content = content
        self._may_sign_in = may_sign_in
        self._writer: FragmentWriter = content.writer(
            texts, is_operator=viewer.is_operator
        )

    def _render(self, name: str, **values: object) -> str:
        services = self._content.services
        common = {
            "stack": services.stack,
            "title": services.stack,
            "level": "idle",
            "is_live": False,
            "is_reloaded": False,
            "app_version": services.version,
            "version": self._content.templates.version,
            "languages": LANGUAGE_NAMES,
            "zone": services.state().notify.timezone,
            "may_sign_in": self._may_sign_in,
        }
        return self._writer.render(name, common | values, self.viewer.csrf_token)

    # --- the status page

    async def status_page(self, search: str = "") -> AsyncIterator[str]:
        """The page in pieces; the head is made before anything is read.

        With ``search``, only the targets whose names contain it. The stream of changes
        has no such page: browsers load it again every 30 s.
        """
        yield self._render("head", is_live=not search, is_reloaded=bool(search))
        state = await self._content.state_for(self.viewer)
        is_operator = self.viewer.is_operator
        facts = await self._content.facts(state, is_operator=is_operator, search=search)
        views = await self._content.views(facts, self.texts)
        history = await self._content.history.read(self.texts.zone)
        values = self._values_of(facts, views, history)
        yield self._render("body_top", **values)
        plots = await self._content.plots(facts, self._writer, self.texts)
        pieces = self._card_pieces(facts, views, history, plots)
        async for piece in self._content.services.turns.iterate(pieces, size=1):
            yield piece
        yield self._render("body_end", **values)

    def _values_of(
        self, facts: PageFacts, views: PageViews, history: DayHistory
    ) -> dict[str, object]:
        at, texts = facts.now.wall, self.texts
        parts = [value for part in views.stack_parts.values() for value in part.items()]
        return {
            **dict(parts),
            "views": views,
            "layout": self._content.layout(
                views, texts.language, is_operator=self.viewer.is_operator
            ),
            "title": self._content.title(views),
            "at": Time(machine_time(at), texts.clock(at, at)),
            "first_date": history.dates[0].isoformat(),
        }

    def _card_pieces(
        self,
        facts: PageFacts,
        views: PageViews,
        history: DayHistory,
        plots: Mapping[str, str],
    ) -> Iterator[str]:
        by_day = incidents_by_day(history.incidents, history.bounds, facts.now.wall)
        ordered = sort_by_depth(views.targets)
        for start in range(0, len(ordered), PIECE_TARGETS):
            yield "".join(
                self._card(
                    view,
                    min(depth, MOST_DEPTH),
                    self._answer(facts, views, view),
                    plots,
                    history,
                    by_day.get(view.name, {}),
                )
                for depth, view in ordered[start : start + PIECE_TARGETS]
            )

    def _card(
        self,
        view: TargetView,
        depth: int,
        answer: Answer | None,
        plots: Mapping[str, str],
        history: DayHistory,
        incidents: IncidentsByDay,
    ) -> str:
        strip = build_strip(history.days.get(view.name), incidents, self.texts)
        controls = ""
        if self.viewer.is_operator:
            controls = self._render("controls", view=view)
        return self._render(
            "card",
            view=view,
            depth=depth,
            live=_safe(self._writer.target_parts(view)[f"t-{view.id}"]),
            answer=answer,
            plot=_safe(plots.get(f"r-{view.id}", "")),
            memory=_safe(plots.get(f"m-{view.id}", "")),
            strip=strip,
            days_json=json.dumps(strip.days, separators=(",", ":")),
            bad_days=tuple(_bad_days(strip, history)),
            controls=_safe(controls),
        )

    def _answer(
        self, facts: PageFacts, views: PageViews, view: TargetView
    ) -> Answer | None:
        wall = views.answers.get(view.id)
        if wall is None:
            return None
        return Answer(wall, self.texts.clock(wall, facts.now.wall))

    # --- incidents

    async def incident_page(self, review: IncidentReview) -> str:
        """The page of one incident; built in a thread, for its timeline may be long."""
        card = await self._open_card(review.incident)
        builder = IncidentPageBuilder(self.texts, is_operator=self.viewer.is_operator)
        payments = card.payments if card is not None else ""
        page = await asyncio.to_thread(builder.build, review, payments)
        return self._render(
            "incident",
            title=f"{page.target}: {page.problem}",
            level="bad" if page.is_open else "ok",
            incident=page,
            card=card,
        )

    async def _open_card(self, incident: Incident) -> IncidentCard | None:
        """The card of an incident that is open now."""
        state = await self._content.state_for(self.viewer)
        current = state.incidents.get(incident.id)
        if current is None or not current.open:
            return None
        return build_incident_card(
            state,
            current,
            self._content.services.clock.now(),
            self.texts,
            is_operator=self.viewer.is_operator,
        )


def _bad_days(strip: Strip, history: DayHistory) -> Iterator[BadDay]:
    """The latest days with an outage or an incident, newest first."""
    latest = sorted(strip.days, key=int, reverse=True)[:SHOWN_DAYS]
    for nth in latest:
        share, incidents = strip.days[nth]
        assert isinstance(incidents, list)
        date = history.dates[int(nth)].isoformat()
        yield BadDay(date, str(share), tuple(map(str, incidents)))


def _safe(html: str) -> object:
    """HTML of our own templates, which is not escaped again."""
    from markupsafe import Markup  # noqa: PLC0415 - loaded with jinja2, at a visit

    return Markup(html)  # noqa: S704 - rendered with autoescape
