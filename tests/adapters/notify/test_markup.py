"""Foreign text is no markup in any channel: no mentions, no links."""

import email
import email.message
import email.policy
import json
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import ChannelSettings
from sidecar.core.text.printable import printable
from sidecar.notify.apprise_channel import AppriseChannel
from sidecar.notify.delivery import DeliveryStatus
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Links, Renderer
from tests.support.channel_credentials import TELEGRAM_TOKEN
from tests.support.message_text import MARKUP
from tests.support.notify_receivers import (
    PLACE,
    mailbox,
    message,
    receiver,
    tls_receiver,
)

HOSTILE = (
    "@everyone @here <@123> <@&9> <#7> <!channel> <!here|x> <!subteam^S1> 한국어 "
    "&lt;!channel&gt; <https://evil.example|click> [click](https://evil.example/a) "
    "[x](evil.example) https://evil.example/b www.evil.example evil.example/c "
    "<at>Bob</at> tg://user?id=1 ops@evil.example mailto:ops@evil.example ||hidden|| "
    "**bold** ~~gone~~ ```code <a href='https://evil.example'>x</a> ![i](//evil.example"
)
LOG = f"# big\n> quoted\n{HOSTILE}\n-# small"
OURS = "https://watch.example/ack/"
RENDERERS = {
    language: Renderer(
        read_catalog(language),
        ZoneInfo("UTC"),
        PLACE,
        Links("https://watch.example", lambda *_: "seal"),
    )
    for language in ("en", "ko")
}

FACTS = {
    **dict.fromkeys(("reason", "last_reason", "load_failure"), HOSTILE),
    "log": LOG,
    "container": "<!channel>",
    "affected": "@everyone, [x](https://evil.example)",
}
KINDS = (MessageKind.OPENED, MessageKind.CRASH_LOOP)
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.parametrize("kind", KINDS),
    pytest.mark.parametrize("language", RENDERERS),
]


async def send(
    url: str, language: str, kind: MessageKind, environ: dict[str, str] | None = None
) -> None:
    settings = ChannelSettings("ops", url)
    channel = AppriseChannel(settings, RENDERERS[language], environ or {})
    attempt = await channel.send(message(kind=kind, facts=FACTS))
    assert attempt.delivery is DeliveryStatus.DELIVERED, attempt


def assert_no_foreign_markup(text: str) -> None:
    """Foreign text is no markup, and our own link still is a link."""
    assert MARKUP.findall(text) == []
    assert OURS in text
    assert "한국어" in text


async def test_rendered_text_has_no_foreign_markup(
    language: str, kind: MessageKind
) -> None:
    text = RENDERERS[language](message(kind=kind, facts=FACTS))
    assert_no_foreign_markup(f"{text.title}\n{text.body}")
    assert "\n" not in text.title


async def test_text_of_an_older_store_is_printable(
    language: str, kind: MessageKind
) -> None:
    odd = "a\x1b[31m\u202eb\ud800\nc"
    facts = dict.fromkeys(("reason", "last_reason", "log", "target"), odd)
    text = RENDERERS[language](message(kind=kind, facts=facts))
    rendered = f"{text.title}\n{text.body}"
    assert printable(rendered) == rendered
    assert "\n" not in text.title


async def test_discord_message_has_no_foreign_markup(
    tmp_path: Path, language: str, kind: MessageKind
) -> None:
    url = f"discord://4000000001/{'t' * 64}"
    async with tls_receiver(tmp_path, "discord.com") as (discord, environ):
        await send(url, language, kind, environ)
    (request,) = discord.requests
    assert_no_foreign_markup(request.json["content"])
    assert not request.json.get("allow_mentions")


async def test_slack_message_has_no_foreign_markup(
    tmp_path: Path, language: str, kind: MessageKind
) -> None:
    async def as_slack(_: int) -> web.Response:
        return web.Response(text="ok")

    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"
    async with tls_receiver(tmp_path, "hooks.slack.com", respond=as_slack) as (
        slack,
        environ,
    ):
        await send(url, language, kind, environ)
    text = json.dumps(slack.requests[0].json, ensure_ascii=False).replace("\\n", "\n")
    assert_no_foreign_markup(text)


async def test_telegram_message_has_no_foreign_markup(
    tmp_path: Path, language: str, kind: MessageKind
) -> None:
    url = f"tgram://{TELEGRAM_TOKEN}/4321"
    async with tls_receiver(tmp_path, "api.telegram.org") as (telegram, environ):
        await send(url, language, kind, environ)
    assert_no_foreign_markup(
        telegram.requests[0].json["text"].replace("<b>", "").replace("</b>", "")
    )


async def test_teams_message_has_no_foreign_markup(
    tmp_path: Path, language: str, kind: MessageKind
) -> None:
    url = "workflows://prod.logic.azure.com:443/643e69f83c8944/e75a4c1d8f/"
    async with tls_receiver(tmp_path, "prod.logic.azure.com") as (teams, environ):
        await send(url, language, kind, environ)
    card = teams.requests[0].json["attachments"][0]["content"]["body"]
    card_text = "\n".join(block["text"] for block in card if "text" in block)
    # Its markup has escapes, and the sender writes them.
    assert_no_foreign_markup(re.sub(r"\\(.)", r"\1", card_text))


async def test_ntfy_message_has_no_foreign_markup(
    language: str, kind: MessageKind
) -> None:
    async with receiver() as ntfy:
        await send(f"ntfy://127.0.0.1:{ntfy.port}/ops", language, kind)
    (request,) = ntfy.requests
    assert_no_foreign_markup(request.json["message"])
    assert "X-Markdown" not in request.headers


async def test_mail_has_no_foreign_markup(language: str, kind: MessageKind) -> None:
    async with mailbox() as box:
        to = "from=watch@example.com&to=ops@example.com"
        await send(f"mailto://127.0.0.1:{box.port}?{to}", language, kind)
    mail = email.message_from_string(box.mails[0], policy=email.policy.default)
    assert isinstance(mail, email.message.EmailMessage)
    body = mail.get_body(("plain", "html"))
    assert body is not None
    assert_no_foreign_markup(body.get_content())
    assert "evil" not in str(mail["Subject"])
