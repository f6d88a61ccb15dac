"""Channels of the phone: what is sent, and how each answer of a service is read."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web

from sidecar.core.model.cause import Severity
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import AnyChannelSettings
from sidecar.notify.delivery import (
    DELIVERED,
    DeliveryResult,
    DeliveryStatus,
)
from sidecar.notify.dispatcher import Dispatcher
from tests.support.channel_credentials import NTFY_TOKEN, NTFY_TOPIC, ROUTING_KEY
from tests.support.notify_receivers import (
    LoopClock,
    MemoryOutbox,
    message,
    no_current_incidents,
    receiver,
    until,
)
from tests.support.phone_world import (
    PUBLIC_URL,
    SECRETS,
    PhoneWorld,
    ntfy,
    pagerduty,
    telegram,
)
from tests.support.push_services import (
    ntfy_error,
    ntfy_server,
    pagerduty_error,
    pagerduty_server,
)
from tests.support.telegram_server import refusal, telegram_server

RTL = "\u05e9\u05dc\u05d5\u05dd"
EMOJI = "\U0001f6d1\U0001f469\u200d\U0001f4bb"
HOSTILE_LOG = f'{EMOJI} {RTL} "quoted" \\ <b>*x*</b> [a](http://evil.example) @all\n'
FAILED, GIVEN_UP = DeliveryStatus.FAILED, DeliveryStatus.GIVEN_UP

Respond = Callable[[], Awaitable[web.StreamResponse]]
Sent = Callable[[Respond | None], Awaitable[DeliveryResult]]


# --- Telegram


async def test_telegram_gets_the_text_and_a_signed_button() -> None:
    world = PhoneWorld("ko")
    async with telegram_server() as server:
        assert await world.send(telegram(server.url)) == DELIVERED
    (call,) = server.calls_of("sendMessage")
    title, _, body = call["text"].partition("\n\n")
    assert title.startswith("[P1] electron-cash (shop, 호스트 pay-1): ")
    assert body.endswith(f"[{world.message().id}]")
    assert "parse_mode" not in call
    assert call["link_preview_options"] == {"is_disabled": True}
    ((button,),) = call["reply_markup"]["inline_keyboard"]
    assert button["text"] == "확인: 제가 처리하겠습니다"
    seal = world.signer.seal(world.incident.id, "ops")
    assert button["callback_data"] == f"ack:{world.incident.id}:{seal}"


@pytest.mark.parametrize(
    ("sent_message", "label"),
    [
        (message(), "Acknowledge"),
        (message(kind=MessageKind.REMINDER), "Acknowledge"),
        (
            message(facts={"cause": "addresses_lost"}),
            "The addresses are made again: close the incident",
        ),
        (message(facts={"acked_by": "api"}), ""),
        (message(kind=MessageKind.RESOLVED), ""),
        (message(kind=MessageKind.ENGINE_LOST), ""),
        (message(kind=MessageKind.TEST), ""),
    ],
)
async def test_only_a_message_that_asks_for_a_person_has_a_button(
    sent_message: Message, label: str
) -> None:
    world = PhoneWorld()
    async with telegram_server() as server, ntfy_server() as topic:
        assert await world.send(telegram(server.url), sent_message) == DELIVERED
        assert await world.send(ntfy(topic.url), sent_message) == DELIVERED
    (call,) = server.calls_of("sendMessage")
    rows = call.get("reply_markup", {"inline_keyboard": []})["inline_keyboard"]
    assert [button["text"] for row in rows for button in row] == ([label] * bool(label))
    (published,) = topic.bodies
    labels = [action["label"] for action in published["actions"]]
    assert labels == [label] * bool(label)


async def test_long_text_reaches_telegram_and_ntfy_with_its_last_lines() -> None:
    world = PhoneWorld("ko")
    facts = {"log": HOSTILE_LOG * 200}
    long_message = world.message(MessageKind.CRASH_LOOP, **facts)
    async with telegram_server() as server, ntfy_server() as topic:
        assert await world.send(telegram(server.url), long_message) == DELIVERED
        assert await world.send(ntfy(topic.url), long_message) == DELIVERED
    (call,) = server.calls_of("sendMessage")
    (published,) = topic.bodies
    for text in (call["text"], published["message"]):
        assert EMOJI in text
        assert f"/ack/{world.incident.id}" in text
        assert text.endswith(f"[{long_message.id}]")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            refusal(429, "Too Many Requests: retry after 33", retry_after=33),
            DeliveryResult(
                FAILED,
                "the receiver answered HTTP 429: Too Many Requests: retry after 33",
                33.0,
            ),
        ),
        (
            refusal(
                429, "Too Many Requests: retry after 5", headers={"Retry-After": "7"}
            ),
            DeliveryResult(
                FAILED,
                "the receiver answered HTTP 429: Too Many Requests: retry after 5",
                7.0,
            ),
        ),
        (
            refusal(502, "Bad Gateway"),
            DeliveryResult(FAILED, "the receiver answered HTTP 502: Bad Gateway"),
        ),
        (
            refusal(400, "Bad Request: chat not found"),
            DeliveryResult(
                GIVEN_UP, "the receiver answered HTTP 400: Bad Request: chat not found"
            ),
        ),
        (
            refusal(403, "Forbidden: bot was kicked from the supergroup chat"),
            DeliveryResult(
                GIVEN_UP,
                "the receiver answered HTTP 403: Forbidden: bot was kicked from the "
                "supergroup chat",
            ),
        ),
        (
            refusal(401, "Unauthorized"),
            DeliveryResult(
                GIVEN_UP,
                "the receiver answered HTTP 401: Telegram does not accept bot_token "
                "(Unauthorized)",
            ),
        ),
        (
            refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=-1001111,
            ),
            DeliveryResult(GIVEN_UP, "the chat has a new number: chat_id -1001111"),
        ),
        (
            web.json_response({"ok": False, "error_code": 200, "description": "?"}),
            DeliveryResult(FAILED, "the receiver answered HTTP 500: ?"),
        ),
        (
            web.json_response({"ok": True, "result": {"message_id": 1}}, status=301),
            DeliveryResult(FAILED, "the receiver answered HTTP 301"),
        ),
    ],
    ids=lambda value: getattr(value, "error", None),
)
async def test_error_of_telegram_decides_between_retry_and_giving_up(
    answer: web.Response, expected: DeliveryResult
) -> None:
    async def respond() -> web.Response:
        return answer

    async with telegram_server() as server:
        server.respond["sendMessage"] = respond
        assert await PhoneWorld().send(telegram(server.url)) == expected


# --- ntfy


async def test_ntfy_gets_the_text_as_plain_json_and_the_token_in_a_header() -> None:
    world = PhoneWorld("ko")
    async with ntfy_server() as server:
        assert await world.send(ntfy(server.url)) == DELIVERED
    (request,), (body,) = server.requests, server.bodies
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["Authorization"] == f"Bearer {NTFY_TOKEN}"
    assert body["topic"] == NTFY_TOPIC
    assert body["title"].startswith("[P1] electron-cash (shop, 호스트 pay-1)")
    assert body["message"].endswith(f"[{world.message().id}]")
    assert body["markdown"] is False
    assert body["click"] == f"{PUBLIC_URL}/"


async def test_ntfy_button_posts_to_the_signed_link_and_clears_on_success() -> None:
    world = PhoneWorld()
    async with ntfy_server() as server:
        await world.send(ntfy(server.url))
    token = world.signer.token(world.incident.id, "ops")
    assert server.bodies[0]["actions"] == [
        {
            "action": "http",
            "label": "Acknowledge",
            "url": f"{PUBLIC_URL}/ack/{world.incident.id}?t={token}",
            "method": "POST",
            "clear": True,
        }
    ]


async def test_ntfy_without_a_public_address_has_no_button_and_no_link() -> None:
    world = PhoneWorld(public_url=None)
    async with ntfy_server() as server:
        assert await world.send(ntfy(server.url)) == DELIVERED
    (body,) = server.bodies
    assert body["actions"] == []
    assert "click" not in body


@pytest.mark.parametrize(
    ("kind", "severity", "priority", "symbol"),
    [
        (MessageKind.OPENED, Severity.P0, 5, "rotating_light"),
        (MessageKind.OPENED, Severity.P1, 4, "warning"),
        (MessageKind.REMINDER, Severity.P2, 3, "warning"),
        (MessageKind.NOTICE, Severity.P3, 2, "information_source"),
        (MessageKind.RESOLVED, Severity.P0, 3, "white_check_mark"),
        (MessageKind.PLAN_SKIPPED, Severity.P2, 3, "information_source"),
    ],
)
async def test_ntfy_priority_and_symbol_follow_the_severity(
    kind: MessageKind, severity: Severity, priority: int, symbol: str
) -> None:
    sent_message = replace(message(kind=kind), severity=severity)
    async with ntfy_server() as server:
        await PhoneWorld().send(ntfy(server.url), sent_message)
    (body,) = server.bodies
    assert body["priority"] == priority
    assert body["tags"] == [symbol, severity.value]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            ntfy_error(403, 40301, "forbidden"),
            DeliveryResult(GIVEN_UP, "the receiver answered HTTP 403: forbidden"),
        ),
        (
            ntfy_error(429, 42908, "limit reached: too many messages"),
            DeliveryResult(
                FAILED,
                "the receiver answered HTTP 429: limit reached: too many messages",
            ),
        ),
        (
            ntfy_error(500, 50001, "internal server error"),
            DeliveryResult(
                FAILED, "the receiver answered HTTP 500: internal server error"
            ),
        ),
    ],
    ids=lambda value: getattr(value, "error", None),
)
async def test_error_of_ntfy_decides_between_retry_and_giving_up(
    answer: web.Response, expected: DeliveryResult
) -> None:
    async def respond() -> web.Response:
        return answer

    async with ntfy_server() as server:
        server.respond = respond
        assert await PhoneWorld().send(ntfy(server.url)) == expected


# --- PagerDuty


async def test_pagerduty_alert_is_triggered_acknowledged_and_resolved() -> None:
    world = PhoneWorld()
    async with pagerduty_server() as server:
        states = []
        for kind in (
            MessageKind.OPENED,
            MessageKind.REMINDER,
            MessageKind.ACKNOWLEDGED,
            MessageKind.RESOLVED,
        ):
            sent_message = world.message(kind)
            assert await world.send(pagerduty(server.url), sent_message) == DELIVERED
            states.append(server.alerts.get(world.incident.id, ""))
    assert states == ["triggered", "triggered", "acknowledged", ""]
    assert {event["dedup_key"] for event in server.bodies} == {world.incident.id}
    assert {event["routing_key"] for event in server.bodies} == {ROUTING_KEY}


async def test_resolve_after_a_lost_trigger_is_accepted() -> None:
    world = PhoneWorld()
    async with pagerduty_server() as server:
        resolved = world.message(MessageKind.RESOLVED)
        assert await world.send(pagerduty(server.url), resolved) == DELIVERED
    (event,) = server.bodies
    assert event.keys() == {"routing_key", "event_action", "dedup_key"}
    assert server.alerts == {}


async def test_pagerduty_alert_has_facts_and_links_to_the_post_mortem() -> None:
    world = PhoneWorld()
    async with pagerduty_server() as server:
        await world.send(pagerduty(server.url))
    (event,) = server.bodies
    payload = event["payload"]
    assert payload["summary"].startswith("[P1] electron-cash (shop on pay-1)")
    assert payload["source"] == "pay-1"
    assert payload["severity"] == "error"
    assert payload["timestamp"] == "2026-01-02T03:04:05.000Z"
    assert (payload["component"], payload["group"]) == ("electron-cash", "shop")
    assert payload["class"] == "hung"
    assert payload["custom_details"]["message_id"] == world.message().id
    incident_id = world.incident.id
    token = world.signer.token(incident_id, "ops")
    assert event["client_url"] == f"{PUBLIC_URL}/"
    assert [link["href"] for link in event["links"]] == [
        f"{PUBLIC_URL}/api/v1/incidents/{incident_id}/postmortem",
        f"{PUBLIC_URL}/ack/{incident_id}?t={token}",
    ]


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        (Severity.P0, "critical"),
        (Severity.P1, "error"),
        (Severity.P2, "warning"),
        (Severity.P3, "info"),
    ],
)
async def test_pagerduty_severity_follows_ours(
    severity: Severity, expected: str
) -> None:
    async with pagerduty_server() as server:
        sent_message = replace(message(), severity=severity)
        await PhoneWorld().send(pagerduty(server.url), sent_message)
    assert server.bodies[0]["payload"]["severity"] == expected


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (MessageKind.ENGINE_LOST, MessageKind.ENGINE_BACK),
        (MessageKind.OWN_NETWORK_LOST, MessageKind.OWN_NETWORK_BACK),
        (MessageKind.SETTINGS_REFUSED, MessageKind.SETTINGS_TAKEN),
    ],
)
async def test_alert_about_sidecar_itself_is_resolved_by_its_end(
    begin: MessageKind, end: MessageKind
) -> None:
    world = PhoneWorld()
    async with pagerduty_server() as server:
        await world.send(
            pagerduty(server.url), message(incident="01JFIRST", kind=begin)
        )
        assert list(server.alerts.values()) == ["triggered"]
        await world.send(pagerduty(server.url), message(incident="01JSECOND", kind=end))
        assert server.alerts == {}
    assert "links" not in server.bodies[0] or not server.bodies[0]["links"]


@pytest.mark.parametrize("kind", list(MessageKind))
async def test_message_of_each_kind_is_accepted_by_each_service(
    kind: MessageKind,
) -> None:
    world = PhoneWorld()
    sent_message = world.message(kind, reason=HOSTILE_LOG, reason_data="")
    async with (
        telegram_server() as bot,
        ntfy_server() as topic,
        pagerduty_server() as alerts,
    ):
        for settings in (telegram(bot.url), ntfy(topic.url), pagerduty(alerts.url)):
            assert await world.send(settings, sent_message) == DELIVERED


async def test_refusal_of_pagerduty_is_given_up_in_its_words() -> None:
    async def respond() -> web.Response:
        return pagerduty_error("Invalid routing key")

    async with pagerduty_server() as server:
        server.respond = respond
        result = await PhoneWorld().send(pagerduty(server.url))
    assert result == DeliveryResult(
        GIVEN_UP,
        "the receiver answered HTTP 400: Event object is invalid, Invalid routing key",
    )


# --- answers that no service gives


@pytest.fixture(params=["telegram", "ntfy", "pagerduty"])
def settings_of(request: pytest.FixtureRequest) -> Callable[[str], AnyChannelSettings]:
    kinds: dict[str, Callable[[str], AnyChannelSettings]] = {
        "telegram": telegram,
        "ntfy": ntfy,
        "pagerduty": pagerduty,
    }
    return kinds[request.param]


Settings = Callable[[str], AnyChannelSettings]


async def send_to(settings: Settings, respond: Respond) -> DeliveryResult:
    """The result of a message to a server with this answer to everything."""

    async def answer(_: int) -> web.Response:
        response = await respond()
        assert isinstance(response, web.Response)
        return response

    async with receiver(answer) as server:
        return await PhoneWorld().send(settings(f"http://127.0.0.1:{server.port}"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>Sign in to this network</html>",
        b"[]",
        b"null",
        b'{"ok": "yes", "id": 5, "status": []}',
        b'{"ok": true, "id": "", "event": "open", "status": "failure"}',
        b"\xff\xfe\x00",
        b'"\\ud800"',
    ],
)
async def test_success_that_is_no_answer_of_the_service_leaves_doubt(
    settings_of: Settings, body: bytes
) -> None:
    async def respond() -> web.Response:
        return web.Response(body=body)

    result = await send_to(settings_of, respond)
    assert (result.delivery, result.is_doubtful) == (FAILED, True)


async def test_huge_answer_is_not_read_to_its_end(settings_of: Settings) -> None:
    async def respond() -> web.Response:
        return web.Response(body=b" " * 3_000_000)

    result = await send_to(settings_of, respond)
    assert (result.delivery, result.is_doubtful) == (FAILED, True)
    assert "too long" in result.error


async def test_compressed_answer_is_not_expanded(settings_of: Settings) -> None:
    async def respond() -> web.Response:
        answer = web.Response(body=b'{"ok": true}' + b" " * 5_000_000)
        answer.enable_compression(web.ContentCoding.gzip)
        return answer

    result = await send_to(settings_of, respond)
    assert (result.delivery, result.is_doubtful) == (FAILED, True)
    assert "but no answer of" in result.error


@pytest.mark.parametrize("status", [500, 503])
async def test_error_without_json_is_tried_again_after_the_time_asked_for(
    settings_of: Settings, status: int
) -> None:
    async def respond() -> web.Response:
        return web.Response(
            status=status, text="<html>oops</html>", headers={"Retry-After": "9"}
        )

    assert await send_to(settings_of, respond) == DeliveryResult(
        FAILED, f"the receiver answered HTTP {status}", 9.0
    )


async def test_redirect_is_not_followed(settings_of: Settings) -> None:
    async with receiver() as elsewhere:

        async def respond() -> web.Response:
            url = f"http://127.0.0.1:{elsewhere.port}/"
            return web.Response(status=307, headers={"Location": url})

        result = await send_to(settings_of, respond)
    assert result == DeliveryResult(FAILED, "the receiver answered HTTP 307")
    assert elsewhere.requests == []


async def test_words_of_a_service_are_masked_and_short(settings_of: Settings) -> None:
    words = " ".join(SECRETS) + "\x1b[31m\u202e\n" + "x" * 500

    async def respond() -> web.Response:
        content = {"description": words, "error": words, "message": words}
        body = {"ok": False, "error_code": 400, "status": "invalid event", **content}
        return web.json_response(body, status=400)

    result = await send_to(settings_of, respond)
    assert result.delivery is GIVEN_UP
    assert len(result.error) <= 200
    assert result.error.isprintable()
    assert not any(secret in result.error for secret in SECRETS)


async def test_unreachable_service_leaves_no_doubt(settings_of: Settings) -> None:
    result = await PhoneWorld().send(settings_of("http://127.0.0.1:9"))
    assert (result.delivery, result.is_doubtful) == (FAILED, False)
    assert "127.0.0.1" not in result.error


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
)
async def test_answer_that_breaks_off_leaves_doubt(
    settings_of: Settings, answer: bytes
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await PhoneWorld().send(settings_of(f"http://127.0.0.1:{port}"))
    assert (result.delivery, result.is_doubtful) == (FAILED, True)


async def test_hanging_service_ends_at_the_deadline_and_the_message_waits(
    settings_of: Settings,
) -> None:
    async def hang(_: int) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    world, outbox = PhoneWorld(), MemoryOutbox()
    outbox.add(world.message())
    async with receiver(hang) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with world.channels(settings_of(url)) as configured:
            runner = Dispatcher(
                outbox,
                configured.channels,
                LoopClock(),
                lambda *_: None,
                no_current_incidents(),
                deadline_s=0.5,
            )
            running = asyncio.create_task(runner.run())
            await until(lambda: bool(outbox.errors))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert outbox.errors == ["no end within 0.5 s"]
    assert outbox.messages


async def test_slow_service_is_waited_for() -> None:
    async def slow() -> web.Response:
        await asyncio.sleep(2.0)
        return web.json_response({"id": "x", "event": "message"})

    async with ntfy_server() as server:
        server.respond = slow
        assert await PhoneWorld().send(ntfy(server.url)) == DELIVERED


def test_settings_show_no_secret_in_their_repr() -> None:
    url = "http://127.0.0.1:1"
    text = repr((telegram(url), ntfy(url), pagerduty(url)))
    assert not any(secret in text for secret in SECRETS)
    assert re.search(r"chat_id=-\d+", text)


async def test_bodies_are_utf8_without_escapes() -> None:
    """The limit of ntfy is in bytes: an escape would take twice the space."""
    world = PhoneWorld("ko")
    async with receiver() as server:
        await world.send(ntfy(f"http://127.0.0.1:{server.port}"))
    (request,) = server.requests
    assert "장애 대상".encode() in request.body
    assert json.loads(request.body)["topic"] == NTFY_TOPIC
