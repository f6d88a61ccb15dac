"""Channels through Apprise: real processes, real receivers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import ChannelSettings
from sidecar.notify.apprise_channel import AppriseChannel
from sidecar.notify.delivery import DeliveryResult, DeliveryStatus
from sidecar.notify.dispatcher import Dispatcher
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from tests.support.channel_credentials import TELEGRAM_TOKEN
from tests.support.notify_process import RECORDING
from tests.support.notify_receivers import (
    PLACE,
    LoopClock,
    MemoryOutbox,
    decode_base64,
    mailbox,
    message,
    no_current_incidents,
    receiver,
    tls_receiver,
    until,
)
from tests.support.repository import REPOSITORY

ROOT = REPOSITORY
ID = "X-Sidecar-Message-Id"
KOREAN = Renderer(read_catalog("ko"), ZoneInfo("UTC"), PLACE)
GOALERT_KEY = "9d5f2c1a-7b3e-4f6a-8c2d-1e0f9a8b7c6d"
DEADLINE_S = 50.0
# Each send starts a process; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(120)


def channel(url: str, environ: Mapping[str, str] | None = None) -> AppriseChannel:
    return AppriseChannel(
        ChannelSettings("ops", url), KOREAN, {**os.environ, **(environ or {})}
    )


async def send_message(
    url: str, environ: Mapping[str, str] | None = None
) -> DeliveryResult:
    async with asyncio.timeout(DEADLINE_S):
        return await channel(url, environ).send(message())


async def test_generic_json_carries_the_text_and_the_id() -> None:
    async with receiver() as hook:
        attempt = await send_message(f"json://127.0.0.1:{hook.port}/in")
    assert attempt.delivery is DeliveryStatus.DELIVERED
    (request,) = hook.requests
    assert request.path == "/in"
    assert (
        request.json["title"]
        == "[P1] electron-cash (shop, 호스트 pay-1): 요청에 응답하지 않습니다"
    )
    assert (
        "측정 결과: 47.0초 동안 응답이 없습니다 (electron-cash:7777)"
        in request.json["message"]
    )
    assert request.json["message"].endswith(f"[{message().id}]")
    assert request.headers[ID] == message().id


@pytest.mark.parametrize("scheme", ["xml", "form"])
async def test_xml_and_form_webhooks_carry_the_id(scheme: str) -> None:
    async with receiver() as hook:
        attempt = await send_message(f"{scheme}://127.0.0.1:{hook.port}/")
    assert attempt.delivery is DeliveryStatus.DELIVERED
    assert hook.requests[0].headers[ID] == message().id


async def test_slack_gets_its_own_format(tmp_path: Path) -> None:
    async def as_slack(_: int) -> web.Response:
        return web.Response(text="ok")

    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"
    async with tls_receiver(tmp_path, "hooks.slack.com", respond=as_slack) as (
        slack,
        environ,
    ):
        attempt = await send_message(url, environ)
    assert attempt.delivery is DeliveryStatus.DELIVERED
    (request,) = slack.requests
    assert request.host == "hooks.slack.com"
    assert request.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert request.json["channel"] == "#ops"
    text = json.dumps(request.json, ensure_ascii=False)
    assert "요청에 응답하지 않습니다" in text
    assert message().id in text


async def test_telegram_gets_its_own_format(tmp_path: Path) -> None:
    url = f"tgram://{TELEGRAM_TOKEN}/4321"
    async with tls_receiver(tmp_path, "api.telegram.org") as (telegram, environ):
        attempt = await send_message(url, environ)
    assert attempt.delivery is DeliveryStatus.DELIVERED
    (request,) = telegram.requests
    assert request.host == "api.telegram.org"
    assert request.path == f"/bot{TELEGRAM_TOKEN}/sendMessage"
    assert str(request.json["chat_id"]) == "4321"
    assert "요청에 응답하지 않습니다" in request.json["text"]
    assert message().id in request.json["text"]


async def test_telegram_rate_limit_gives_the_retry_time(tmp_path: Path) -> None:
    async def busy(_: int) -> web.Response:
        return web.json_response(
            {"ok": False, "error_code": 429}, status=429, headers={"Retry-After": "33"}
        )

    url = f"tgram://{TELEGRAM_TOKEN}/4321"
    async with tls_receiver(tmp_path, "api.telegram.org", respond=busy) as (_, environ):
        attempt = await send_message(url, environ)
    assert attempt == DeliveryResult(
        DeliveryStatus.FAILED, "the receiver answered HTTP 429", 33.0
    )


async def test_mail_carries_the_id() -> None:
    async with mailbox() as box:
        url = f"mailto://127.0.0.1:{box.port}?from=watch@example.com&to=ops@example.com"
        attempt = await send_message(url)
    assert attempt.delivery is DeliveryStatus.DELIVERED, attempt
    (mail,) = box.mails
    assert f"X-Sidecar-Message-Id: {message().id}" in mail.replace("\r\n ", " ")
    body = mail.split("\r\n\r\n", 1)[1]
    assert message().id in body or message().id in decode_base64(
        body.removesuffix("\r\n.\r\n")
    )


PLANTED = "import pathlib; pathlib.Path(__file__).with_suffix('.ran').touch()\n"


def plant_modules(folder: Path) -> None:
    for module in ("apprise", "json", "requests", "sitecustomize", "sidecar"):
        (folder / f"{module}.py").write_text(PLANTED)
    (folder / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    (folder / ".netrc").chmod(0o600)


def list_executed(folder: Path) -> list[Path]:
    return list(folder.glob("*.ran"))


async def test_sender_loads_no_module_or_netrc_of_the_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_modules(tmp_path)
    monkeypatch.chdir(tmp_path)
    home = str(tmp_path)
    environ = {"PYTHONPATH": home, "HOME": home, "PYTHONSTARTUP": "json.py"}
    async with receiver() as hook:
        attempt = await send_message(f"json://127.0.0.1:{hook.port}/in", environ)
    assert attempt.delivery is DeliveryStatus.DELIVERED
    assert list_executed(tmp_path) == []
    assert "Authorization" not in hook.requests[0].headers


async def test_a_mail_server_that_refuses_is_asked_again() -> None:
    async with mailbox("451 try later") as box:
        url = f"mailto://127.0.0.1:{box.port}?from=watch@example.com&to=ops@example.com"
        attempt = await send_message(url)
    assert attempt.delivery is DeliveryStatus.FAILED
    assert "failed" in attempt.error


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        (503, DeliveryStatus.FAILED),
        (404, DeliveryStatus.GIVEN_UP),
        (401, DeliveryStatus.GIVEN_UP),
    ],
)
async def test_http_status_decides_between_retry_and_giving_up(
    status: int, delivery: DeliveryStatus
) -> None:
    async def refuses(_: int) -> web.Response:
        return web.Response(status=status, headers={"Retry-After": "7"})

    async with receiver(refuses) as hook:
        attempt = await send_message(f"json://127.0.0.1:{hook.port}/")
    assert attempt.delivery is delivery
    assert attempt.error == f"the receiver answered HTTP {status}"
    assert attempt.retry_after_s == (7.0 if delivery is DeliveryStatus.FAILED else None)


async def test_refused_connection_is_tried_again() -> None:
    attempt = await send_message("json://127.0.0.1:9/")
    assert attempt == DeliveryResult(DeliveryStatus.FAILED, "ConnectionError")


async def test_unknown_apprise_scheme_is_given_up() -> None:
    attempt = await send_message("pigeon://coop/secret-hatch")
    assert attempt.delivery is DeliveryStatus.GIVEN_UP
    assert "secret-hatch" not in attempt.error


@pytest.mark.parametrize("secret", ["hunter22", "hun#ter/22"])
async def test_errors_and_reprs_show_no_secret(secret: str) -> None:
    login = f"bot:{quote(secret, safe='')}"
    url = f"mailto://{login}@127.0.0.1:9?from=a@example.com&to=b@example.com"
    attempt = await send_message(url)
    assert attempt.delivery is DeliveryStatus.FAILED
    assert secret not in attempt.error
    assert secret not in repr(ChannelSettings("ops", url))


async def test_a_url_is_on_no_command_line_and_our_secrets_reach_no_plugin() -> None:
    contents: list[bytes] = []
    folders: list[Path] = []

    async def inspect_senders(_: int) -> web.Response:
        for process in _senders():
            folders.append((process / "cwd").readlink())
            contents.append((process / "cmdline").read_bytes())
            contents.append((process / "environ").read_bytes())
        return web.Response()

    async with receiver(inspect_senders) as hook:
        await send_message(
            f"json://127.0.0.1:{hook.port}/secret-path",
            {"SIDECAR_API_TOKEN": "our-token", "ELECTRON_CASH_PASSWORD": "our-coins"},
        )
    content = b" ".join(contents)
    assert b"sidecar/notify/apprise_process.py" in content
    assert b"\0-I\0" in content  # isolated: nothing beside the script, or of the user
    assert folders == [Path("/")]
    for secret in (b"secret-path", b"our-token", b"our-coins"):
        assert secret not in content


def _senders() -> list[Path]:
    """Sender processes that are children of this process."""
    running = (p for p in Path("/proc").iterdir() if p.name.isdigit())
    return [process for process in running if _is_our_sender(process)]


def _is_our_sender(process: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes()
        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return False
    return (
        b"sidecar/notify/apprise_process.py" in command and int(parent) == os.getpid()
    )


async def test_hanging_receiver_fails_at_the_deadline_and_its_process_is_killed() -> (
    None
):
    async def hangs(_: int) -> web.Response:
        await asyncio.sleep(110)
        return web.Response()

    async with receiver(hangs) as deaf:
        outbox = MemoryOutbox()
        outbox.add(message())
        ops = channel(f"json://127.0.0.1:{deaf.port}/")
        runner = Dispatcher(
            outbox,
            [ops],
            LoopClock(),
            lambda *_: None,
            no_current_incidents(),
            deadline_s=8.0,
        )
        running = asyncio.create_task(runner.run())
        await until(lambda: bool(_senders()))
        await until(lambda: bool(outbox.errors))
        running.cancel()
    assert outbox.errors == ["no end within 8 s"]
    assert _senders() == []


async def test_a_slow_receiver_is_waited_for() -> None:
    async def slow(_: int) -> web.Response:
        await asyncio.sleep(6.0)
        return web.Response()

    async with receiver(slow) as hook:
        attempt = await send_message(f"json://127.0.0.1:{hook.port}/")
    assert attempt.delivery is DeliveryStatus.DELIVERED
    assert len(hook.requests) == 1


async def test_killed_between_send_and_record_one_message_comes_twice_with_one_id(
    tmp_path: Path,
) -> None:
    async with receiver() as hook:
        command = [
            sys.executable,
            "-m",
            "tests.support.notify_process",
            f"goalert://127.0.0.1:{hook.port}/{GOALERT_KEY}?action=trigger",
            str(tmp_path),
        ]
        first = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        await until((tmp_path / RECORDING).exists, 50.0)
        first.kill()
        await first.wait()
        assert [request.json["dedup"] for request in hook.requests] == [message(1).id]
        for _ in range(2):
            later = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
            async with asyncio.timeout(DEADLINE_S):
                assert await later.wait() == 0
    ids = [request.json["dedup"] for request in hook.requests]
    assert ids == [message(1).id, message(1).id, message(2).id]


async def test_message_kind_gives_the_notification_type() -> None:
    async with receiver() as hook:
        ops = channel(f"json://127.0.0.1:{hook.port}/")
        async with asyncio.timeout(DEADLINE_S):
            for kind in (MessageKind.OPENED, MessageKind.RESOLVED):
                await ops.send(message(kind=kind))
    assert [request.json["type"] for request in hook.requests] == ["failure", "success"]


def test_long_running_process_never_loads_apprise() -> None:
    code = (
        "import sys, sidecar.notify.dispatcher, sidecar.notify.apprise_channel, "
        "sidecar.notify.hooks, sidecar.notify.heartbeat, sidecar.notify.render;"
        "print('apprise' in sys.modules, 'requests' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert result.stdout.split() == ["False", "False"]
