"""The page's snapshots: rendered once for all viewers of one language and kind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

import msgspec
from loguru import logger

from sidecar.core.model.event import (
    ContainerEventSeen,
    ContainersListed,
    DecisionMade,
    EvidenceGathered,
    ProbeCompleted,
    ProcessesInspected,
    Tick,
)
from sidecar.core.model.host_event import HostMeasured
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.loop import Clock
from sidecar.core.text.formatting import rfc3339
from sidecar.web.event_stream import encode_event
from sidecar.web.response import RequestRefused
from sidecar.web.session import VISITOR, Viewer
from sidecar.web.views.public_state import public_state

PageSnapshot = Callable[[State, Viewer, str], Awaitable[Mapping[str, object]]]
"""The content of the page for a state, a viewer and a language, JSON-ready.

For a visitor the state is public (``public_state``). The content is for all viewers of
a kind: an operator's ``csrf_token`` is empty here. Its member ``html`` maps the ids of
the page's parts to their HTML.
"""

RENDER_INTERVAL_S = 0.25
REFRESH_S = 5.0
"""Time after which the page is rendered anew without a change of the state."""

RENDER_DEADLINE_S = 10.0
_OPERATOR = Viewer(is_operator=True)
_ROUTINE = (
    ContainerEventSeen,
    ContainersListed,
    DecisionMade,
    EvidenceGathered,
    HostMeasured,
    ProbeCompleted,
    ProcessesInspected,
    Tick,
)
"""Events that change nothing to show unless they lead to a transition or decision."""


class RenderedPage(NamedTuple):
    """One snapshot; ``number`` grows with each.

    ``body``: the snapshot in JSON; ``event``: the same as an event of the stream.
    ``change``: an event for those who have the snapshot ``base``, in which ``html`` has
    only the parts that differ. All listeners share these bytes.
    """

    number: int
    body: bytes
    event: bytes
    base: int
    change: bytes

    def event_after(self, number: int) -> bytes:
        """The event for a listener whose last snapshot was ``number``."""
        return self.change if number == self.base else self.event


class PageFeed:
    """The snapshots of the page, and their changes. Called in the loop's thread.

    Numbers begin at the time in milliseconds, so that they also grow from one process
    to the next.
    """

    def __init__(
        self, snapshot: PageSnapshot, state: Callable[[], State], clock: Clock
    ) -> None:
        self._snapshot = snapshot
        self._pages: dict[tuple[str, bool], SharedPage] = {}
        self._last_number = int(clock.now().wall * 1000)
        self.state = state
        self.clock = clock
        self.change_count = 0
        self.changed = asyncio.Event()

    def on_step(self, result: StepResult) -> None:
        """Note a step of the loop that changes what is shown."""
        is_routine = isinstance(result.event, _ROUTINE)
        if is_routine and not (result.transitions or result.decisions):
            return
        self.change_count += 1
        self.changed.set()
        self.changed = asyncio.Event()

    def page(self, language: str, *, is_operator: bool) -> "SharedPage":
        """The page in a language, for operators or for visitors."""
        key = (language, is_operator)
        if key not in self._pages:
            self._pages[key] = SharedPage(self, language, is_operator=is_operator)
        return self._pages[key]

    def next_number(self) -> int:
        """The number of a new snapshot."""
        self._last_number += 1
        return self._last_number

    async def render(self, language: str, *, is_operator: bool) -> Mapping[str, object]:
        """The content of the page now."""
        state = self.state()
        if not is_operator:
            state = await asyncio.to_thread(public_state, state, self.clock.now())
        viewer = _OPERATOR if is_operator else VISITOR
        async with asyncio.timeout(RENDER_DEADLINE_S):
            return await self._snapshot(state, viewer, language)


class SharedPage:
    """The last snapshot for one language and kind of viewer."""

    def __init__(self, feed: PageFeed, language: str, *, is_operator: bool) -> None:
        self._feed = feed
        self._language = language
        self._is_operator = is_operator
        self._rendering = asyncio.Lock()
        self._page: RenderedPage | None = None
        self._content: Mapping[str, object] = {}
        self._change_count = -1
        self._rendered_s = float("-inf")
        """Time of the event loop."""

    async def current(self) -> RenderedPage:
        """The snapshot of now, rendered anew only where something has changed.

        RequestRefused where it could not be rendered.
        """
        async with self._rendering:
            if self._is_stale:
                await self._render()
        if self._page is None:
            raise RequestRefused(
                503,
                "the page cannot be shown; the sidecar's log says why",
                retry_after_s=round(REFRESH_S),
            )
        return self._page

    async def wait_until_stale(self) -> None:
        """Wait until the snapshot may differ."""
        while not self._is_stale:
            changed = self._feed.changed
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._rendered_s + REFRESH_S):
                    await changed.wait()

    @property
    def _is_stale(self) -> bool:
        if self._change_count != self._feed.change_count:
            return True
        return asyncio.get_running_loop().time() - self._rendered_s >= REFRESH_S

    async def _render(self) -> None:
        loop = asyncio.get_running_loop()
        # Changes in a row make one snapshot; it shows the last of them.
        await asyncio.sleep(self._rendered_s + RENDER_INTERVAL_S - loop.time())
        feed = self._feed
        change_count = feed.change_count
        self._rendered_s = loop.time()
        try:
            content = await feed.render(self._language, is_operator=self._is_operator)
        except Exception:  # noqa: BLE001 - the watch goes on without its page
            logger.exception("the page could not be rendered")
            self._page = None
        else:
            self._take(content)
        # Only now: a viewer who left while it was rendered has cancelled this.
        self._change_count = change_count

    def _take(self, content: Mapping[str, object]) -> None:
        page, previous = self._page, self._content
        if page is not None and content == previous:
            return
        number = self._feed.next_number()
        at = rfc3339(self._feed.clock.now().wall)
        base = page.number if page is not None else number
        body = _encode({"number": number, "at": at, **content})
        changed = {**content, "html": _changed_parts(previous, content)}
        change = _encode({"number": number, "base": base, "at": at, **changed})
        self._content = content
        self._page = RenderedPage(
            number,
            body,
            encode_event("page", str(number), body),
            base,
            encode_event("page", str(number), change),
        )


def _encode(snapshot: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(snapshot)


def _changed_parts(
    before: Mapping[str, object], after: Mapping[str, object]
) -> dict[str, object]:
    """The parts of the page that are new or differ."""
    old, new = before.get("html"), after.get("html")
    old_parts = old if isinstance(old, Mapping) else {}
    new_parts = new if isinstance(new, Mapping) else {}
    return {
        name: html for name, html in new_parts.items() if old_parts.get(name) != html
    }
