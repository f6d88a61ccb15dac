"""A local server that answers as the Bot API of Telegram does."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.support.channel_credentials import TELEGRAM_TOKEN

CHAT_ID = -1001234567890
OTHER_CHAT_ID = -1009876543210
PERSON = {"id": 77, "is_bot": False, "first_name": "Kim"}

Json = dict[str, Any]
Respond = Callable[[], Awaitable[web.StreamResponse]]


def refusal(
    code: int,
    description: str,
    headers: dict[str, str] | None = None,
    **parameters: int,
) -> web.Response:
    """An error in the form of the Bot API."""
    body: Json = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=code, headers=headers)


CONFLICT = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot "
    "instance is running"
)
WEBHOOK = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook "
    "to delete the webhook first"
)


class TelegramServer:
    """One bot. ``calls`` has each call's method and parameters.

    ``respond`` replaces the answer of a method; ``press`` makes an update.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, Json]] = []
        self.messages: dict[int, Json] = {}
        self.respond: dict[str, Respond] = {}
        self.chats = {CHAT_ID, OTHER_CHAT_ID}
        self.polls_open = 0
        self.most_polls_open = 0
        self.port = 0
        self._updates: list[Json] = []
        self._numbers = 500
        self._wake = asyncio.Event()
        self._newest_poll = 0
        self._ended_poll = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def calls_of(self, method: str) -> list[Json]:
        """The parameters of each call of a method."""
        return [parameters for name, parameters in self.calls if name == method]

    def press(
        self,
        message: Json,
        *,
        person: Json | None = None,
        data: str | None = None,
        chat_id: int | None = None,
    ) -> None:
        """Press the button of a message."""
        (button,) = message.get("reply_markup", {"inline_keyboard": [[{}]]})[
            "inline_keyboard"
        ][0]
        visible = {k: v for k, v in message.items() if k != "reply_markup"}
        if chat_id is not None:
            visible["chat"] = {"id": chat_id, "type": "group"}
        query = {
            "id": str(self._next_number()),
            "from": person or PERSON,
            "message": visible,
            "chat_instance": "-3",
            "data": button.get("callback_data", "") if data is None else data,
        }
        self.add_update(callback_query=query)

    def add_update(self, **update: Any) -> None:  # noqa: ANN401
        """Any update, in the order of its number."""
        self._updates.append({"update_id": self._next_number(), **update})
        self._wake.set()

    @property
    def waiting_updates(self) -> int:
        """Number of updates that no poll has confirmed."""
        return len(self._updates)

    def end_polls(self) -> None:
        """End the polls that are held open, so that the next poll comes now."""
        self._ended_poll = self._newest_poll
        self._wake.set()

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    async def handle(self, request: web.Request) -> web.StreamResponse:
        token, method = request.match_info["token"], request.match_info["method"]
        parameters = await request.json()
        self.calls.append((method, parameters))
        if token != TELEGRAM_TOKEN:
            return refusal(401, "Unauthorized")
        if method in self.respond:
            return await self.respond[method]()
        handlers = {
            "sendMessage": self._send,
            "getUpdates": self._get_updates,
            "answerCallbackQuery": self._answer,
            "editMessageText": self._edit,
        }
        if method not in handlers:
            return refusal(404, "Not Found")
        return await handlers[method](parameters)

    async def _send(self, parameters: Json) -> web.StreamResponse:
        if parameters["chat_id"] not in self.chats:
            return refusal(400, "Bad Request: chat not found")
        fault = _text_fault(parameters["text"]) or _button_fault(parameters)
        if fault is not None:
            return fault
        number = self._next_number()
        self.messages[number] = {
            "message_id": number,
            "date": 1767323045,
            "chat": {"id": parameters["chat_id"], "type": "supergroup", "title": "ops"},
            "text": parameters["text"].strip(),
        }
        if "reply_markup" in parameters:
            self.messages[number]["reply_markup"] = parameters["reply_markup"]
        return _result(self.messages[number])

    async def _edit(self, parameters: Json) -> web.StreamResponse:
        message = self.messages.get(parameters["message_id"])
        if message is None or message["chat"]["id"] != parameters["chat_id"]:
            return refusal(400, "Bad Request: message to edit not found")
        fault = _text_fault(parameters["text"])
        if fault is not None:
            return fault
        if message["text"] == parameters["text"] and "reply_markup" not in message:
            return refusal(
                400,
                "Bad Request: message is not modified: specified new message content "
                "and reply markup are exactly the same as a current content and reply "
                "markup of the message",
            )
        message["text"] = parameters["text"]
        message.pop("reply_markup", None)
        return _result(message)

    async def _answer(self, parameters: Json) -> web.StreamResponse:
        if len(parameters["text"]) > 200:
            return refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        return _result(True)

    async def _get_updates(self, parameters: Json) -> web.StreamResponse:
        """Hold the poll open; a later poll ends this one with a conflict."""
        offset = parameters.get("offset", 0)
        self._updates = [u for u in self._updates if u["update_id"] >= offset]
        self._newest_poll += 1
        own, self.polls_open = self._newest_poll, self.polls_open + 1
        self.most_polls_open = max(self.most_polls_open, self.polls_open)
        self._wake.set()
        try:
            async with asyncio.timeout(parameters["timeout"]):
                while not self._updates and self._is_held(own):
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            pass
        finally:
            self.polls_open -= 1
        if own != self._newest_poll:
            return refusal(409, CONFLICT)
        return _result(self._updates[: parameters["limit"]])

    def _is_held(self, poll: int) -> bool:
        return poll == self._newest_poll and poll > self._ended_poll


def _result(result: object) -> web.Response:
    # Telegram escapes all that is not ASCII, as this does.
    return web.Response(
        text=json.dumps({"ok": True, "result": result}), content_type="application/json"
    )


def _text_fault(text: str) -> web.Response | None:
    if not text.strip():
        return refusal(400, "Bad Request: message text is empty")
    if len(text.encode("utf-16-le")) // 2 > 4096:
        return refusal(400, "Bad Request: message is too long")
    return None


def _button_fault(parameters: Json) -> web.Response | None:
    rows = parameters.get("reply_markup", {}).get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        if not 1 <= len(button["callback_data"].encode()) <= 64:
            return refusal(400, "Bad Request: BUTTON_DATA_INVALID")
        if not button["text"]:
            return refusal(400, "Bad Request: text buttons are empty")
    return None


@contextlib.asynccontextmanager
async def telegram_server() -> AsyncIterator[TelegramServer]:
    """Run a server for one bot, whose token is TELEGRAM_TOKEN."""
    server = TelegramServer()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", server.handle)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()
