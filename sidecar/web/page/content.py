"""The page's content, for each kind of viewer and each language."""

import asyncio
from zlib import crc32

from sidecar.core.model.state import State
from sidecar.web.page.fragments import FragmentWriter
from sidecar.web.page.history import HistoryCache
from sidecar.web.page.memory_view import build_memory_plot
from sidecar.web.page.page_views import (
    PageFacts,
    PageViews,
    build_page_views,
    build_target_views,
)
from sidecar.web.page.plot_view import build_plot
from sidecar.web.page.shown_targets import choose_shown
from sidecar.web.page.sources import PageSources
from sidecar.web.page.templates import Templates, load_templates
from sidecar.web.page.texts import PageTexts, dom_id, machine_time
from sidecar.web.services import ApiServices
from sidecar.web.session import Viewer
from sidecar.web.shared_answer import SharedAnswer
from sidecar.web.views.public_state import public_state
from sidecar.web.views.status import certain_times

Snapshot = dict[str, object]


class PageContent:
    """Makes what the page shows, and the snapshots that keep it up to date.

    Await ``prepare`` before the other calls: it loads what the first visit needs.
    """

    def __init__(self, services: ApiServices, sources: PageSources) -> None:
        self.services = services
        self.sources = sources
        self.history = HistoryCache(services)
        self._texts: dict[str, PageTexts] = {}
        self._writers: dict[tuple[str, bool], FragmentWriter] = {}
        self._revision = sources.revision
        self._templates: Templates | None = None
        self._loading = asyncio.Lock()
        self._shared_public_state = SharedAnswer(self._make_public_state)

    # --- preparation

    async def prepare(self, language: str) -> PageTexts:
        """Load templates and texts, in a thread; quick where that is done.

        The texts of the language.
        """
        await self.load_templates()
        async with self._loading:
            if self._revision != self.sources.revision:
                self._revision = self.sources.revision
                self._texts.clear()
                self._writers.clear()
            if language not in self._texts:
                source = await asyncio.to_thread(self.sources.read_texts, language)
                self._texts[language] = PageTexts(language, source)
            return self._texts[language]

    async def load_templates(self) -> Templates:
        """Load the templates and static files alone, once for all who ask meanwhile."""
        async with self._loading:
            if self._templates is None:
                self._templates = await asyncio.to_thread(load_templates)
            return self._templates

    @property
    def templates(self) -> Templates:
        """The templates, after ``prepare``."""
        assert self._templates is not None, "prepare was not awaited"
        return self._templates

    def writer(self, texts: PageTexts, *, is_operator: bool) -> FragmentWriter:
        """The writer of parts in the language of ``texts``, for one kind of viewer."""
        key = (texts.language, is_operator)
        writer = self._writers.get(key)
        if writer is None or writer.texts is not texts:
            writer = FragmentWriter(self.templates, texts, is_operator=is_operator)
            self._writers[key] = writer
        return writer

    # --- the present

    async def snapshot(self, state: State, viewer: Viewer, language: str) -> Snapshot:
        """Content of the page for a state, JSON-ready; ``html`` is by ids of the page.

        For a visitor the state is the public one. The content is for all viewers of a
        kind: it holds no token of a form.
        """
        texts, is_operator = await self.prepare(language), viewer.is_operator
        facts = await self.facts(state, is_operator=is_operator)
        writer = self.writer(texts, is_operator=is_operator)
        views = await self.views(facts, texts)
        turns = self.services.turns
        await turns.take()
        writer.forget_others(views)
        html = writer.stack_parts(views)
        async for view in turns.iterate(views.targets):
            html |= writer.target_parts(view)
        html |= await self.plots(facts, writer, texts)
        await turns.take()
        return {
            "as_of": machine_time(facts.now.wall),
            "layout": self.layout(views, language, is_operator=is_operator),
            "level": views.summary.level,
            "title": self.title(views),
            "targets": [
                {
                    "id": view.id,
                    "name": view.name,
                    "state": view.state,
                    "word": view.word,
                    "problem": view.problem,
                    "reason": view.reason,
                    "doing": view.doing,
                }
                for view in views.targets
            ],
            "incidents": [
                {"id": card.id, "target": card.target, "severity": card.severity}
                for card in views.incidents
            ],
            "answers": views.answers,
            "html": html,
        }

    async def facts(
        self, state: State, *, is_operator: bool, search: str = ""
    ) -> PageFacts:
        """Facts for the page at this moment; ``search`` bounds the targets."""
        services = self.services
        await services.turns.take()
        return PageFacts(
            state,
            services.clock.now(),
            services.components(),
            certain_times(services.schedule.upcoming_times(1)),
            is_operator,
            search,
        )

    async def state_for(self, viewer: Viewer) -> State:
        """The state that this viewer may see."""
        if viewer.is_operator:
            return self.services.state()
        return await self._shared_public_state.get()

    async def _make_public_state(self) -> State:
        state, now = self.services.state(), self.services.clock.now()
        return await asyncio.to_thread(public_state, state, now)

    async def views(self, facts: PageFacts, texts: PageTexts) -> PageViews:
        """All views, made with a turn for others after every few targets."""
        turns = self.services.turns
        targets = await turns.collect(build_target_views(facts, texts))
        await turns.take()
        return build_page_views(facts, targets, texts)

    def title(self, views: PageViews) -> str:
        """The title of the window."""
        return f"{views.summary.headline} {self.services.stack}"

    def layout(self, views: PageViews, language: str, *, is_operator: bool) -> str:
        """Differs where the page must be loaded anew, as after a change of targets."""
        rows = (
            f"{v.id}<{','.join(name for name, _ in v.needs)}<{v.has_memory}"
            for v in views.targets
        )
        whole = "|".join((language, str(is_operator), self.templates.version, *rows))
        return f"{crc32(whole.encode()):08x}"

    async def plots(
        self, facts: PageFacts, writer: FragmentWriter, texts: PageTexts
    ) -> dict[str, str]:
        """The plots of response times and memory, by their ids, where there are any."""
        fragments: dict[str, str] = {}
        instances = choose_shown(facts.state, facts.search)
        async for instance in self.services.turns.iterate(instances):
            plot = build_plot(self.sources.recent_probes(instance.id), texts)
            if plot is not None:
                name = f"r-{dom_id(instance.name)}"
                fragments[name] = writer.render("plot", {"plot": plot})
            memory = build_memory_plot(instance.memory, facts.now, texts)
            if memory is not None:
                name = f"m-{dom_id(instance.name)}"
                fragments[name] = writer.render("memory", {"memory": memory})
        return fragments
