"""A whole sidecar beside a fake engine: an incident acknowledged from the phone."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.channel_credentials import (
    NTFY_TOKEN,
    NTFY_TOPIC,
    ROUTING_KEY,
    TELEGRAM_TOKEN,
)
from tests.support.engine_server import raw_container
from tests.support.notify_receivers import until
from tests.support.push_services import ntfy_server, pagerduty_server
from tests.support.sidecar_host import (
    DEADLINE_S,
    QUICK,
    TOKEN,
    WALLET_ID,
    SidecarHost,
    own_host,
)
from tests.support.telegram_server import (
    CHAT_ID,
    CONFLICT,
    PERSON,
    refusal,
    telegram_server,
)

WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
SECRETS = (TELEGRAM_TOKEN, NTFY_TOKEN, NTFY_TOPIC, ROUTING_KEY)
MODULES = (
    "channel_texts",
    "ntfy_channel",
    "pagerduty_channel",
    "service_client",
    "telegram_",
)
Json = dict[str, Any]


def channel(folder: Path, kind: str, server: str) -> Json:
    """A channel of a kind, with each secret in a file."""
    secrets = {
        "telegram": {"bot_token": TELEGRAM_TOKEN},
        "ntfy": {"topic": NTFY_TOPIC, "token": NTFY_TOKEN},
        "pagerduty": {"routing_key": ROUTING_KEY},
    }[kind]
    keys: Json = {"kind": kind, "server": server}
    if kind == "telegram":
        keys["chat_id"] = CHAT_ID
    for name, secret in secrets.items():
        file = folder / name
        file.write_text(f"{secret}\n")
        keys[f"{name}_file"] = str(file)
    return keys


def broken_stack(**notify: object) -> Json:
    """Settings with a target that does not work, so that an incident opens."""
    closed = {"web": {"probe": {"type": "tcp", "host": own_host(), "port": 1}}}
    return {
        "mode": "observe",
        "defaults": QUICK,
        "targets": closed,
        "notify": notify,
    }


async def start(host: SidecarHost, settings: Json) -> subprocess.Popen[str]:
    host.engine.add(raw_container(WALLET_ID, stack="shop", service="web"))
    file = host.config(**settings)
    return await asyncio.to_thread(
        host.start_serving, SIDECAR_CONFIG=file, SIDECAR_API_TOKEN=TOKEN
    )


async def wait(host: SidecarHost, what: str, condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(host.until, what, condition)


def incident(host: SidecarHost) -> Json:
    incidents: list[Json] = host.get("/api/v1/incidents").json["incidents"]
    return incidents[0]


def part(host: SidecarHost, name: str) -> Json:
    parts: list[Json] = host.get("/readyz").json["components"]
    return next((part for part in parts if part["name"] == name), {})


async def test_press_in_telegram_acknowledges_and_pagerduty_is_told(
    sidecar_host: SidecarHost,
) -> None:
    async with telegram_server() as bot, pagerduty_server() as alerts:
        channels = {
            "ops": channel(sidecar_host.folder, "telegram", bot.url),
            "duty": channel(sidecar_host.folder, "pagerduty", alerts.url),
        }
        await start(sidecar_host, broken_stack(channels=channels))
        await until(lambda: bool(bot.messages) and bool(alerts.alerts))
        (message,) = bot.messages.values()
        bot.press(message)
        await until(lambda: "acknowledged" in alerts.alerts.values())
        acked = await asyncio.to_thread(incident, sidecar_host)
        await until(lambda: bool(bot.calls_of("editMessageText")))
    assert acked["acked_by"] == f"telegram {PERSON['first_name']}"
    assert alerts.alerts.keys() == {acked["id"]}
    log = "".join(sidecar_host.log_lines)
    assert not any(secret in log for secret in SECRETS)


async def test_ntfy_button_acknowledges_over_the_public_address(
    sidecar_host: SidecarHost,
) -> None:
    async with ntfy_server() as topic:
        channels = {"phone": channel(sidecar_host.folder, "ntfy", topic.url)}
        notify = {"channels": channels, "public_url": sidecar_host.url}
        await start(sidecar_host, broken_stack(**notify))
        await until(lambda: bool(topic.bodies))
    (action,) = topic.bodies[0]["actions"]
    timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.request(action["method"], action["url"]) as answer,
    ):
        assert answer.status == 200
        # A browser shows the page of ntfy whether the button worked.
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    acked = await asyncio.to_thread(incident, sidecar_host)
    assert acked["acked_by"] == "link sent to phone"


async def test_test_command_reaches_each_kind(sidecar_host: SidecarHost) -> None:
    folder = sidecar_host.folder
    async with (
        telegram_server() as bot,
        ntfy_server() as topic,
        pagerduty_server() as alerts,
    ):
        channels = {
            "telegram": channel(folder, "telegram", bot.url),
            "ntfy": channel(folder, "ntfy", topic.url),
            "pagerduty": channel(folder, "pagerduty", alerts.url),
        }
        await start(sidecar_host, {"notify": {"channels": channels}})
        for name in channels:
            path = f"/api/v1/notify/{name}/test"
            answer = await asyncio.to_thread(sidecar_host.post, path, **WITH_TOKEN)
            assert answer.status == 200, answer.text
        assert len(bot.messages) == len(topic.bodies) == len(alerts.alerts) == 1
        bot.chats.clear()
        path = "/api/v1/notify/telegram/test"
        answer = await asyncio.to_thread(sidecar_host.post, path, **WITH_TOKEN)
    assert answer.status == 502
    assert "chat not found" in answer.text


async def test_reload_adds_and_removes_the_poller(sidecar_host: SidecarHost) -> None:
    async def reload(**channels: Json) -> None:
        sidecar_host.config(notify={"channels": channels})
        path = "/api/v1/reload"
        answer = await asyncio.to_thread(sidecar_host.post, path, **WITH_TOKEN)
        assert answer.status == 200, answer.text

    async with telegram_server() as bot:
        ops = channel(sidecar_host.folder, "telegram", bot.url)
        await start(sidecar_host, {"notify": {}})
        assert bot.calls == []
        await reload(ops=ops)
        await until(lambda: bot.polls_open == 1)
        await reload(ops=ops, boss={**ops, "chat_id": 5})
        await until(
            lambda: len(bot.calls_of("getUpdates")) == 2 and bot.polls_open == 1
        )
        await reload()
        await until(lambda: bot.polls_open == 0)
        assert bot.most_polls_open == 1


@pytest.mark.parametrize(
    ("status", "description", "words"),
    [
        (409, CONFLICT, "another program reads the answers to this bot"),
        (401, "Unauthorized", "Telegram does not accept bot_token"),
    ],
)
async def test_health_of_the_channel_says_why_no_answers_are_received(
    status: int, description: str, words: str, sidecar_host: SidecarHost
) -> None:
    async def refuse() -> aiohttp.web.Response:
        return refusal(status, description)

    async with telegram_server() as bot:
        bot.respond["getUpdates"] = refuse
        channels = {"ops": channel(sidecar_host.folder, "telegram", bot.url)}
        await start(sidecar_host, {"notify": {"channels": channels}})
        await wait(
            sidecar_host,
            "the problem is reported",
            lambda: words in part(sidecar_host, "notify ops").get("reason", ""),
        )
        ops = await asyncio.to_thread(part, sidecar_host, "notify ops")
        assert not ops["ok"]
        assert TELEGRAM_TOKEN not in ops["reason"]
    await wait(
        sidecar_host,
        "the problem is in the log",
        lambda: any(words in line for line in sidecar_host.log_lines),
    )


async def test_secrets_are_in_no_process_list_metric_or_page(
    sidecar_host: SidecarHost,
) -> None:
    folder = sidecar_host.folder
    async with telegram_server() as bot, ntfy_server() as topic:
        channels = {
            "telegram": channel(folder, "telegram", bot.url),
            "ntfy": channel(folder, "ntfy", topic.url),
        }
        process = await start(sidecar_host, broken_stack(channels=channels))
        await until(lambda: bool(bot.messages) and bool(topic.bodies))
        own = Path(f"/proc/{process.pid}")
        content = (own / "cmdline").read_bytes() + (own / "environ").read_bytes()
        for path in ("/metrics", "/api/v1/status", "/readyz", "/api/v1/incidents"):
            answer = await asyncio.to_thread(sidecar_host.get, path)
            content += answer.text.encode()
        content += b"".join(
            file.read_bytes() for file in (folder / "state").iterdir() if file.is_file()
        )
    assert b"python" in content
    assert not any(secret.encode() in content for secret in SECRETS)


PRINT_MODULES = """
import sys
from sidecar.app.main import run
status = run(None)
print(*sys.modules)
sys.exit(status)
"""


async def loaded_modules(host: SidecarHost, settings: Json) -> set[str]:
    """The modules of a process that was ready and then stopped."""
    environ = {"SIDECAR_CONFIG": host.config(**settings)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PRINT_MODULES),
        env=host.environ | environ,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await wait(host, "it is ready", lambda: host.get("/readyz").status == 200)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return set(output.decode().split())


def of_phone_channels(modules: set[str]) -> set[str]:
    prefixes = tuple(f"sidecar.notify.{name}" for name in MODULES)
    return {module for module in modules if module.startswith(prefixes)}


async def test_process_without_such_a_channel_loads_none_of_their_modules(
    sidecar_host: SidecarHost,
) -> None:
    modules = await loaded_modules(sidecar_host, {"notify": {}})
    assert "sidecar.notify.dispatcher" in modules
    assert of_phone_channels(modules) == set()
    assert "apprise" not in modules


async def test_process_loads_the_modules_of_the_configured_kind_alone(
    sidecar_host: SidecarHost,
) -> None:
    async with ntfy_server() as topic:
        channels = {"phone": channel(sidecar_host.folder, "ntfy", topic.url)}
        modules = await loaded_modules(sidecar_host, {"notify": {"channels": channels}})
    assert of_phone_channels(modules) == {
        "sidecar.notify.channel_texts",
        "sidecar.notify.ntfy_channel",
        "sidecar.notify.service_client",
    }
