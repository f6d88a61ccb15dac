"""Kinds of channels: settings, defaults, secrets by file, faults."""

import json
from pathlib import Path

import pytest

from sidecar.config.show import show_settings
from sidecar.core.model.notification_settings import (
    AnyChannelSettings,
    NtfySettings,
    PagerDutySettings,
    TelegramSettings,
)
from tests.support.channel_credentials import (
    NTFY_TOKEN,
    NTFY_TOPIC,
    ROUTING_KEY,
    TELEGRAM_TOKEN,
)
from tests.support.config_files import faults_of, load_text

SECRETS = {
    "bot_token": TELEGRAM_TOKEN,
    "topic": NTFY_TOPIC,
    "token": NTFY_TOKEN,
    "routing_key": ROUTING_KEY,
}
TELEGRAM = {"kind": "telegram", "bot_token": TELEGRAM_TOKEN, "chat_id": -1001234}
NTFY = {"kind": "ntfy", "topic": NTFY_TOPIC}
PAGERDUTY = {"kind": "pagerduty", "routing_key": ROUTING_KEY}
PATH = "notify.channels.ops"


def channel(**keys: object) -> str:
    return json.dumps({"notify": {"channels": {"ops": keys}}})


def with_files(keys: dict[str, object], folder: Path) -> dict[str, object]:
    """The same keys with each secret in a file of its own."""
    by_file: dict[str, object] = {}
    for key, value in keys.items():
        if key in SECRETS:
            (folder / key).write_text(f"{value}\n")
            by_file[f"{key}_file"] = str(folder / key)
        else:
            by_file[key] = value
    return by_file


@pytest.mark.parametrize("by_file", [False, True])
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            TELEGRAM,
            TelegramSettings(
                "ops", TELEGRAM_TOKEN, -1001234, "https://api.telegram.org"
            ),
        ),
        (NTFY, NtfySettings("ops", NTFY_TOPIC, None, "https://ntfy.sh")),
        (
            {**NTFY, "token": NTFY_TOKEN, "server": "http://ntfy:80/"},
            NtfySettings("ops", NTFY_TOPIC, NTFY_TOKEN, "http://ntfy:80"),
        ),
        (
            PAGERDUTY,
            PagerDutySettings("ops", ROUTING_KEY, "https://events.pagerduty.com"),
        ),
        (
            {**PAGERDUTY, "server": "https://events.eu.pagerduty.com"},
            PagerDutySettings("ops", ROUTING_KEY, "https://events.eu.pagerduty.com"),
        ),
    ],
    ids=["telegram", "ntfy", "ntfy token", "pagerduty", "pagerduty eu"],
)
def test_channel_of_each_kind_is_loaded(
    keys: dict[str, object],
    expected: AnyChannelSettings,
    by_file: bool,
    tmp_path: Path,
) -> None:
    values = with_files(keys, tmp_path) if by_file else keys
    settings = load_text(channel(**values), tmp_path)
    assert settings.notify.channels == (expected,)
    for key, secret in SECRETS.items():
        if key in keys:
            assert secret in settings.secrets
            assert secret not in repr(settings)
            assert secret not in json.dumps(show_settings(settings))


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        ({"kind": "pigeon"}, "kind", "apprise, ntfy, pagerduty, telegram"),
        ({"kind": "telegram", "chat_id": 1}, "bot_token", "or bot_token_file"),
        ({"kind": "telegram", "bot_token": TELEGRAM_TOKEN}, "chat_id", "nothing"),
        ({**TELEGRAM, "chat_id": "@ops"}, "chat_id", "a chat's number"),
        ({**TELEGRAM, "bot_token": "sesame-token"}, "bot_token", "BotFather"),
        ({**TELEGRAM, "bot_token": "1:sesame/../token"}, "bot_token", "BotFather"),
        ({**TELEGRAM, "url": "tgram://sesame"}, "url", "a key of the kind apprise"),
        ({**TELEGRAM, "server": "telegram"}, "server", "http://"),
        ({**TELEGRAM, "server": "https://a/?sesame"}, "server", "query"),
        ({"kind": "ntfy"}, "topic", "or topic_file"),
        ({"kind": "ntfy", "topic": "sesame topic"}, "topic", "at most 64 letters"),
        ({**NTFY, "token": "sesame token"}, "token", "tk_"),
        ({**NTFY, "chat_id": 5}, "chat_id", "for the kind ntfy: topic, topic_file"),
        ({"kind": "pagerduty"}, "routing_key", "or routing_key_file"),
        ({**PAGERDUTY, "routing_key": "sesame"}, "routing_key", "32 letters"),
        ({"topic": "sesame"}, "topic", "set kind: ntfy"),
        ({"url": "json://a", "server": "http://a"}, "server", "set kind: telegram"),
    ],
)
def test_fault_of_a_channel_names_the_key_and_shows_no_secret(
    keys: dict[str, object], path: str, words: str, tmp_path: Path
) -> None:
    faults = faults_of(channel(**keys), tmp_path)
    line = faults[f"{PATH}.{path}"].line
    assert words in line
    assert not any("sesame" in fault.line for fault in faults.values())


def test_missing_secret_file_is_a_fault(tmp_path: Path) -> None:
    keys = {"kind": "telegram", "bot_token_file": "/no/such", "chat_id": 1}
    faults = faults_of(channel(**keys), tmp_path)
    assert faults.keys() == {f"{PATH}.bot_token_file"}


def test_ntfy_without_a_public_address_has_a_warning(tmp_path: Path) -> None:
    warnings = load_text(channel(**NTFY), tmp_path).warnings
    assert any("no button to acknowledge" in line for line in warnings)
    content = json.loads(channel(**NTFY))
    content["notify"]["public_url"] = "https://watch.example"
    warnings = load_text(json.dumps(content), tmp_path).warnings
    assert not any("button" in line for line in warnings)
