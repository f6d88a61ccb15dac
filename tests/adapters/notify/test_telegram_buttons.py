"""Buttons in Telegram: pressed in the chat, received by long polling."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from types import MappingProxyType

import pytest
from aiohttp import web
from loguru import logger

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import AckRequested
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import MessageKind
from sidecar.core.ports.loop import QueueFull
from sidecar.notify.telegram_poller import TelegramPoller
from tests.support.channel_credentials import TELEGRAM_TOKEN
from tests.support.notify_receivers import until
from tests.support.phone_world import PhoneWorld, run_pollers, telegram
from tests.support.telegram_server import (
    CHAT_ID,
    CONFLICT,
    OTHER_CHAT_ID,
    WEBHOOK,
    Json,
    TelegramServer,
    refusal,
    telegram_server,
)

FIRST_WAIT_S = 0.1


class Chat:
    """A chat with one message of the incident, and the poller of its answers."""

    def __init__(
        self, server: TelegramServer, world: PhoneWorld, poller: TelegramPoller
    ) -> None:
        self.server = server
        self.world = world
        self.poller = poller

    @property
    def message(self) -> Json:
        (message,) = self.server.messages.values()
        return message

    @property
    def notices(self) -> list[str]:
        """Notices to the people who pressed a button."""
        answers = self.server.calls_of("answerCallbackQuery")
        return [answer["text"] for answer in answers]

    @property
    def acks(self) -> list[AckRequested]:
        events = self.world.fakes.events
        return [event for event in events if isinstance(event, AckRequested)]

    async def press(self, **press: object) -> None:
        """Press the button, and wait until the next poll confirms it."""
        self.server.press(self.message, **press)  # type: ignore[arg-type]
        await self.until_confirmed()

    async def until_confirmed(self) -> None:
        await until(lambda: not self.server.waiting_updates)

    def store(self, incident: Incident) -> None:
        world = self.world.fakes.world
        incidents = MappingProxyType({incident.id: incident})
        world.state = replace(world.state, incidents=incidents)


@contextlib.asynccontextmanager
async def chat_with_message(language: str = "en") -> AsyncIterator[Chat]:
    world = PhoneWorld(language)
    async with (
        telegram_server() as server,
        world.poller(server.url, FIRST_WAIT_S) as poller,
    ):
        await world.send(telegram(server.url))
        yield Chat(server, world, poller)


# --- a press


async def test_press_acknowledges_as_the_command_does() -> None:
    async with chat_with_message() as chat:
        await chat.press()
    (ack,) = chat.acks
    assert (ack.incident, ack.by) == (chat.world.incident.id, "telegram Kim")
    assert chat.world.incident.acked_by == "telegram Kim"


@pytest.mark.parametrize(
    ("language", "notice", "line"),
    [
        (
            "en",
            "Thank you. You take care of electron-cash; reminders stop for now.",
            "Who takes care of it: acknowledged by telegram Kim, at ",
        ),
        (
            "ko",
            (
                "감사합니다. 담당자로 확인되었습니다. 대상: electron-cash. "
                "당분간 재알림을 보내지 않습니다."
            ),
            "담당: 확인됨(경로: telegram Kim), 확인 시각: ",
        ),
    ],
)
async def test_press_is_answered_and_the_message_names_the_person_and_the_time(
    language: str, notice: str, line: str
) -> None:
    async with chat_with_message(language) as chat:
        before = chat.message["text"]
        await chat.press()
        assert chat.notices == [notice]
        assert "reply_markup" not in chat.message
        after = chat.message["text"]
    assert after.startswith(before)
    last = after.splitlines()[-1]
    assert last.startswith(line)
    # The day is in the message already.
    assert last.removeprefix(line).rstrip(".").count(":") == 2


async def test_second_press_says_who_takes_care_and_acknowledges_nothing() -> None:
    async with chat_with_message() as chat:
        button = dict(chat.message)
        await chat.press()
        chat.server.press(button, person={"id": 78, "first_name": "Lee"})
        await chat.until_confirmed()
        assert "Somebody takes care of electron-cash already" in chat.notices[1]
        assert "acknowledged by telegram Kim" in chat.message["text"]
        assert chat.message["text"].count("Who takes care of it") <= 2
    assert len(chat.acks) == 1


async def test_press_of_an_old_message_removes_its_button_and_names_the_person() -> (
    None
):
    async with chat_with_message() as chat:
        acked = replace(
            chat.world.incident,
            acked_at=chat.world.fakes.now(),
            acked_by="link sent to phone",
        )
        chat.store(acked)
        await chat.press()
        assert "acknowledged through the link sent to phone" in chat.message["text"]
        assert "reply_markup" not in chat.message
    assert chat.acks == []


async def test_press_after_the_end_says_that_the_incident_is_over() -> None:
    async with chat_with_message() as chat:
        chat.store(replace(chat.world.incident, resolved_at=chat.world.fakes.now()))
        await chat.press()
        assert chat.notices == ["This incident is over: electron-cash works again."]
        assert "This incident is over" in chat.message["text"].splitlines()[-1]
        assert "reply_markup" not in chat.message
    assert chat.acks == []


async def test_press_for_an_unknown_incident_says_so() -> None:
    async with chat_with_message() as chat:
        chat.store(replace(chat.world.incident, id="01JOTHER00000000000000000A"))
        await chat.press()
        assert "no longer known" in chat.notices[0]
    assert chat.acks == []


async def test_press_for_lost_addresses_closes_the_incident() -> None:
    async with chat_with_message() as chat:
        fact = replace(chat.world.incident, cause=Cause.ADDRESSES_LOST)
        chat.store(fact)
        await chat.press()
        assert chat.notices == ["Thank you. The incident of electron-cash is closed."]
    assert not chat.world.incident.open


async def test_press_with_a_full_queue_asks_to_try_again() -> None:
    world = PhoneWorld()

    async def refuse(_: object) -> None:
        raise QueueFull

    world.fakes.ask = refuse  # type: ignore[method-assign, assignment]
    async with (
        telegram_server() as server,
        world.poller(server.url, FIRST_WAIT_S) as poller,
    ):
        await world.send(telegram(server.url))
        chat = Chat(server, world, poller)
        await chat.press()
        assert "try again in a minute" in chat.notices[0]
        assert "reply_markup" in chat.message
    assert world.incident.acked_at is None


async def test_press_that_telegram_no_longer_answers_still_acknowledges() -> None:
    async def too_old() -> web.Response:
        return refusal(
            400,
            "Bad Request: query is too old and response timeout expired or query ID is "
            "invalid",
        )

    async with chat_with_message() as chat:
        chat.server.respond["answerCallbackQuery"] = too_old
        await chat.press()
        assert "acknowledged by telegram Kim" in chat.message["text"]
        assert chat.poller.problem == ""
    assert chat.world.incident.acked_by == "telegram Kim"


# --- hostile presses


async def test_press_in_another_chat_is_ignored() -> None:
    async with chat_with_message() as chat:
        await chat.press(chat_id=OTHER_CHAT_ID)
        assert chat.notices == []
        assert chat.server.calls_of("editMessageText") == []
    assert chat.acks == []


async def test_button_of_another_channel_is_not_valid_in_this_chat() -> None:
    async with chat_with_message() as chat:
        incident_id = chat.world.incident.id
        seal = chat.world.signer.seal(incident_id, "phone")
        await chat.press(data=f"ack:{incident_id}:{seal}")
        assert "not valid" in chat.notices[0]
    assert chat.acks == []


@pytest.mark.parametrize(
    "data",
    [
        "",
        "ack",
        "ack:{incident}",
        "ack:{incident}:AAAAAAAAAAAAAAAAAAAAAAAA",
        "ack:{incident}:" + "\u0661" * 24,
        "ack:../../../../../../etc/pass:AAAAAAAAAAAAAAAAAAAAAAAA",
        "\u202e\U0001f6d1" * 16,
        "x" * 64,
    ],
)
async def test_forged_button_is_refused(data: str) -> None:
    async with chat_with_message() as chat:
        await chat.press(data=data.format(incident=chat.world.incident.id))
        assert chat.notices == [chat.world.words("ack.invalid_button")]
        assert chat.server.calls_of("editMessageText") == []
    assert chat.acks == []


@pytest.mark.parametrize(
    "update",
    [
        {"message": {"text": "/start", "chat": {"id": CHAT_ID}}},
        {"callback_query": None},
        {"callback_query": "ack"},
        {"callback_query": {"id": 5, "from": []}},
        {"callback_query": {"id": "5", "from": {"id": 1}, "game_short_name": "x"}},
        {"callback_query": {"id": "5", "from": {"id": 1}, "inline_message_id": "x"}},
        {"callback_query": {"id": "5", "from": {"id": 1}, "message": {"date": 0}}},
    ],
)
async def test_update_that_is_no_press_is_skipped(update: Json) -> None:
    errors: list[str] = []
    sink = logger.add(lambda line: errors.append(str(line)), level="ERROR")
    try:
        async with chat_with_message() as chat:
            chat.server.add_update(**update)
            await chat.press()
            assert len(chat.acks) == 1
    finally:
        logger.remove(sink)
    assert len(chat.notices) == 1
    assert errors == []


async def test_press_of_an_inaccessible_message_acknowledges_without_an_edit() -> None:
    async with chat_with_message() as chat:
        message = {key: v for key, v in chat.message.items() if key != "text"}
        chat.server.press({**message, "date": 0})
        await chat.until_confirmed()
        assert len(chat.notices) == 1
        assert chat.server.calls_of("editMessageText") == []
    assert len(chat.acks) == 1


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"first_name": "Kim", "last_name": "Min-ji"}, "Kim Min-ji"),
        (
            {"first_name": "\u05d0\u05d1\u05d2 \U0001f9d1"},
            "\u05d0\u05d1\u05d2 \U0001f9d1",
        ),
        ({"first_name": "\u202eevil\x1b[31m\nline\u2028two"}, "evil linetwo"),
        ({"first_name": "x" * 5000}, "x" * 64),
        ({"first_name": "\u200b", "username": "kim_mj"}, "kim_mj"),
        ({"first_name": "\u200b"}, "77"),
        ({"first_name": f"I am {TELEGRAM_TOKEN}"}, "I am ***"),
    ],
)
async def test_name_of_a_person_is_foreign_text(person: Json, name: str) -> None:
    async with chat_with_message() as chat:
        await chat.press(person={"id": 77, **person})
    assert chat.world.incident.acked_by == f"telegram {name}"


async def test_name_is_no_markup_in_the_edited_message() -> None:
    async with chat_with_message() as chat:
        await chat.press(person={"id": 77, "first_name": "@all <b>x</b> evil.example"})
        last = chat.message["text"].splitlines()[-1]
    assert not any(character in last for character in "@<>")
    assert "evil.example" not in last


async def test_long_message_keeps_its_last_lines_in_the_edit() -> None:
    async with chat_with_message() as chat:
        await chat.world.send(
            telegram(chat.server.url),
            chat.world.message(MessageKind.CRASH_LOOP, log="\U0001f6d1 log\n" * 900),
        )
        message = list(chat.server.messages.values())[-1]
        chat.server.press(message)
        await chat.until_confirmed()
    assert len(message["text"].encode("utf-16-le")) // 2 <= 4096
    lines = message["text"].splitlines()
    assert "acknowledged by telegram Kim" in lines[-1]
    assert lines[-3].startswith("[")


# --- polling


async def test_bot_of_two_channels_has_one_poller() -> None:
    world = PhoneWorld()
    async with (
        telegram_server() as server,
        world.channels(
            telegram(server.url),
            telegram(server.url, "boss", OTHER_CHAT_ID),
        ) as configured,
        run_pollers(*configured.pollers),
    ):
        assert len(configured.pollers) == 1
        for channel in configured.channels:
            await channel.send(world.message())
        boss = list(server.messages.values())[-1]
        assert boss["chat"]["id"] == OTHER_CHAT_ID
        server.press(boss)
        await until(lambda: bool(server.calls_of("editMessageText")))
        assert server.most_polls_open == 1
    assert world.incident.acked_by == "telegram Kim"


async def test_press_while_nobody_polls_is_received_by_the_next_poller() -> None:
    world = PhoneWorld()
    async with telegram_server() as server:
        await world.send(telegram(server.url))
        (message,) = server.messages.values()
        server.press(message)
        async with (
            world.channels(telegram(server.url)) as configured,
            run_pollers(*configured.pollers),
        ):
            await until(lambda: not server.waiting_updates)
    assert "offset" not in server.calls_of("getUpdates")[0]
    assert world.incident.acked_by == "telegram Kim"


async def test_press_that_was_handled_but_not_confirmed_changes_nothing_again() -> None:
    async with chat_with_message() as chat:
        button = dict(chat.message)
        await chat.press()
        at = chat.world.incident.acked_at
        chat.server.press(button)
        await chat.until_confirmed()
    assert chat.world.incident.acked_at == at
    assert len(chat.acks) == 1


@pytest.mark.parametrize(
    ("code", "description", "words"),
    [
        (409, CONFLICT, "another program reads the answers to this bot"),
        (409, WEBHOOK, "another program reads the answers to this bot"),
        (401, "Unauthorized", "Telegram does not accept bot_token"),
        (404, "Not Found", "Telegram knows no bot with this bot_token"),
    ],
)
async def test_polling_that_needs_a_person_is_reported_at_once(
    code: int, description: str, words: str
) -> None:
    async def refuse() -> web.Response:
        return refusal(code, description)

    async with chat_with_message() as chat:
        polls = len(chat.server.calls_of("getUpdates"))
        chat.server.respond["getUpdates"] = refuse
        chat.server.end_polls()
        await until(lambda: bool(chat.poller.problem))
        assert len(chat.server.calls_of("getUpdates")) == polls + 1
        assert words in chat.poller.problem
        assert f"HTTP {code}" in chat.poller.problem
        assert TELEGRAM_TOKEN not in chat.poller.problem
        del chat.server.respond["getUpdates"]
        await chat.press()
        assert chat.poller.problem == ""
    assert chat.world.incident.acked_by == "telegram Kim"


@pytest.mark.parametrize("body", ["", "<html>login</html>", '{"ok": true}', "[]", "{"])
async def test_poll_with_a_strange_answer_is_tried_again(body: str) -> None:
    async def strange() -> web.Response:
        return web.Response(text=body, content_type="text/html")

    async with chat_with_message() as chat:
        polls = len(chat.server.calls_of("getUpdates"))
        chat.server.respond["getUpdates"] = strange
        chat.server.end_polls()
        await until(lambda: len(chat.server.calls_of("getUpdates")) > polls)
        del chat.server.respond["getUpdates"]
        await chat.press()
    assert chat.world.incident.acked_by == "telegram Kim"


async def test_rate_limit_of_polls_is_respected() -> None:
    async def busy() -> web.Response:
        return refusal(429, "Too Many Requests: retry after 900", retry_after=900)

    async with chat_with_message() as chat:
        chat.server.respond["getUpdates"] = busy
        polls = len(chat.server.calls_of("getUpdates"))
        chat.server.end_polls()
        await until(lambda: len(chat.server.calls_of("getUpdates")) == polls + 1)
        # Its own first wait would be over by then.
        await asyncio.sleep(5 * FIRST_WAIT_S)
        assert len(chat.server.calls_of("getUpdates")) == polls + 1


async def test_polling_slows_down_with_each_failure() -> None:
    async def refuse() -> web.Response:
        polls.append(asyncio.get_running_loop().time())
        return refusal(409, CONFLICT)

    polls: list[float] = []
    async with chat_with_message() as chat:
        chat.server.respond["getUpdates"] = refuse
        chat.server.end_polls()
        await until(lambda: len(polls) == 4)
    waits_s = [later - sooner for sooner, later in itertools.pairwise(polls)]
    for wait_s, least_s in zip(waits_s, (0.1, 0.2, 0.4), strict=True):
        assert wait_s >= least_s


async def test_empty_answers_without_a_wait_do_not_make_a_busy_loop() -> None:
    async def empty() -> web.Response:
        return web.Response(text=json.dumps({"ok": True, "result": []}))

    async with chat_with_message() as chat:
        chat.server.respond["getUpdates"] = empty
        chat.server.end_polls()
        polls = len(chat.server.calls_of("getUpdates"))
        await asyncio.sleep(1.5)
        assert len(chat.server.calls_of("getUpdates")) <= polls + 3


async def test_only_presses_are_asked_for() -> None:
    async with chat_with_message() as chat:
        await until(lambda: bool(chat.server.calls_of("getUpdates")))
        (poll,) = chat.server.calls_of("getUpdates")
    assert poll["allowed_updates"] == ["callback_query"]
