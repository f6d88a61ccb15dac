"""The page's code and content, loaded at the first visit.

A sidecar whose page nobody opens needs no memory for it.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from sidecar.core.model.state import State
from sidecar.web.page.sources import PageSources
from sidecar.web.services import ApiServices
from sidecar.web.session import Viewer

if TYPE_CHECKING:
    from sidecar.web.page.content import PageContent
    from sidecar.web.page.document import PageDocument
    from sidecar.web.page.templates import Templates
    from sidecar.web.page.texts import PageTexts


class _LoadedPage(NamedTuple):
    content: "PageContent"
    make_document: "type[PageDocument]"


class PageLoader:
    """Loads the page in a thread; each call is quick once that is done."""

    def __init__(self, services: ApiServices, sources: PageSources) -> None:
        self.sources = sources
        self._services = services
        self._loaded: _LoadedPage | None = None
        self._loading = asyncio.Lock()

    async def _load(self) -> "_LoadedPage":
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._import)
            return self._loaded

    def _import(self) -> "_LoadedPage":
        from sidecar.web.page.content import PageContent  # noqa: PLC0415
        from sidecar.web.page.document import PageDocument  # noqa: PLC0415

        return _LoadedPage(PageContent(self._services, self.sources), PageDocument)

    async def templates(self) -> "Templates":
        """The templates and the static files."""
        return await (await self._load()).content.load_templates()

    async def texts(self, language: str) -> "PageTexts":
        """The texts of a language."""
        return await (await self._load()).content.prepare(language)

    async def document(
        self, language: str, viewer: Viewer, *, may_sign_in: bool
    ) -> "PageDocument":
        """The writer of pages for a viewer in a language."""
        content, make_document = await self._load()
        texts = await content.prepare(language)
        return make_document(content, texts, viewer, may_sign_in=may_sign_in)

    async def snapshot(
        self, state: State, viewer: Viewer, language: str
    ) -> Mapping[str, object]:
        """The content of the page for a state: ``PageContent.snapshot``."""
        return await (await self._load()).content.snapshot(state, viewer, language)
