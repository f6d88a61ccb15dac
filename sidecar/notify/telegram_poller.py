"""Receives the presses of Telegram buttons by long polling, without an open port.

Telegram keeps each press until the next poll names a later one: so no press is lost in
a restart of Sidecar, and one that comes twice finds its incident acknowledged already.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from loguru import logger

from sidecar.notify.delivery import LONGEST_ASKED_S
from sidecar.notify.telegram_api import (
    CONFLICT,
    NOT_FOUND,
    UNAUTHORIZED,
    TelegramApi,
    TelegramRefusal,
)
from sidecar.notify.telegram_press import ButtonPress, PressHandler

POLL_S = 30
"""Time in which Telegram holds a poll open if nothing happens."""
_MARGIN_S = 15.0
_AT_ONCE = 10
_MOST_BYTES = 1_048_576
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 300.0
_SHORTEST_POLL_S = 1.0
_FAILURES_TO_REPORT = 3
_NEEDS_PERSON = frozenset({UNAUTHORIZED, NOT_FOUND, CONFLICT})
_HANDLING_S = 20.0
_NOTHING = msgspec.Raw(b"null")


class _Update(msgspec.Struct):
    update_id: int
    callback_query: msgspec.Raw = _NOTHING


class TelegramPoller:
    """Polls for one bot, whatever number of channels it has.

    ``problem`` says why no answers are received; empty where they are.
    """

    def __init__(
        self,
        api: TelegramApi,
        presses: PressHandler,
        *,
        poll_s: int = POLL_S,
        first_wait_s: float = _FIRST_WAIT_S,
    ) -> None:
        self._api = api
        self._presses = presses
        self._poll_s = poll_s
        self._first_wait_s = first_wait_s
        self._failures = 0
        self._next_update: int | None = None
        self.problem = ""

    async def run(self) -> None:
        """Poll until cancelled; errors are reported and polling goes on."""
        while True:
            try:
                pause_s = await self._poll()
            except TelegramRefusal as refusal:
                pause_s = self._note_failure(refusal)
            except Exception:  # noqa: BLE001  no answer may end the polling
                logger.exception("a press of a Telegram button could not be handled")
                pause_s = self._first_wait_s
            await asyncio.sleep(pause_s)

    async def _poll(self) -> float:
        """Poll once and handle the presses; return the seconds until the next poll."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        updates = await self._api.call(
            "getUpdates",
            self._parameters(),
            list[_Update],
            timeout_s=self._poll_s + _MARGIN_S,
            most_bytes=_MOST_BYTES,
        )
        self._note_success()
        for update in updates:
            self._next_update = max(self._next_update or 0, update.update_id + 1)
            await self._handle(update)
        lasted_s = loop.time() - began
        return 0.0 if updates else max(0.0, _SHORTEST_POLL_S - lasted_s)

    def _parameters(self) -> Mapping[str, Any]:
        parameters = {
            "timeout": self._poll_s,
            "limit": _AT_ONCE,
            "allowed_updates": ["callback_query"],
        }
        if self._next_update is None:
            return parameters
        return {**parameters, "offset": self._next_update}

    async def _handle(self, update: _Update) -> None:
        """Handle one update; what is no press of a button is skipped."""
        try:
            press = msgspec.json.decode(update.callback_query, type=ButtonPress)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        try:
            async with asyncio.timeout(_HANDLING_S):
                await self._presses.handle(press)
        except TimeoutError:
            logger.warning("a press of a Telegram button took too long")

    def _note_failure(self, refusal: TelegramRefusal) -> float:
        """Note why polling failed; return the seconds until the next poll."""
        self._failures += 1
        is_lasting = self._failures >= _FAILURES_TO_REPORT
        if refusal.status in _NEEDS_PERSON or is_lasting:
            problem = f"answers are not received: {refusal.result.error}"
            if problem != self.problem:
                logger.warning("Telegram: {}", problem)
            self.problem = problem
        doublings = min(self._failures - 1, 30)
        own_s = min(self._first_wait_s * 2.0**doublings, _LONGEST_WAIT_S)
        return max(own_s, min(refusal.result.retry_after_s or 0.0, LONGEST_ASKED_S))

    def _note_success(self) -> None:
        if self.problem:
            logger.info("Telegram: answers are received again")
        self._failures, self.problem = 0, ""
