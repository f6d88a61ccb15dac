"""The file's notify and hooks: settings, defaults, faults, no secret shown."""

from pathlib import Path

import pytest

from sidecar.config.load import load
from sidecar.config.problem import ConfigError
from sidecar.config.settings import Settings
from sidecar.core.model.cause import Severity
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    HookExec,
    HookPost,
    NotifySettings,
)

WHOLE = """
notify:
  channels:
    ops: {{url_file: {folder}/telegram}}
    phone: {{url: "pushover://user@sesame-token"}}
  routes: {{P0: [phone, ops], P1: [ops]}}
  escalate_after: {{P1: 10m, P3: 1d}}
  repeat: 30m
  heartbeat: {{url: "https://beat.example/open-sesame", interval: 30s}}
  public_url: https://watch.example/
  timezone: Asia/Seoul
hooks:
  - {{on: opened, severity: P0, post: "http://gateway:8080/pause"}}
  - {{on: resolved, exec: {{container: gateway-1, command: [maintenance, "off"]}}}}
"""

BOTH = """
hooks:
  - {on: opened, post: "http://a/", exec: {container: a, command: [b]}}
"""


def load_settings(text: str, folder: Path) -> Settings:
    (folder / "telegram").write_text("tgram://123:hidden-token/4\n")
    file = folder / "sidecar.yaml"
    file.write_text(text)
    return load({}, file)


def fault_lines(text: str, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(text, folder)
    return [fault.line for fault in caught.value.faults]


def test_every_notify_setting_is_loaded(tmp_path: Path) -> None:
    settings = load_settings(WHOLE.format(folder=tmp_path), tmp_path)
    notify = settings.notify
    assert notify.channels == (
        ChannelSettings("ops", "tgram://123:hidden-token/4"),
        ChannelSettings("phone", "pushover://user@sesame-token"),
    )
    assert notify.routes.of(Severity.P0) == ("phone", "ops")
    assert notify.routes.of(Severity.P2) == ()
    assert notify.routes.channels == ("ops", "phone")
    assert dict(notify.escalation.after_s) == {
        Severity.P0: 300.0,
        Severity.P1: 600.0,
        Severity.P2: 7200.0,
        Severity.P3: 86400.0,
    }
    assert notify.escalation.repeat_s == 1800.0
    assert notify.heartbeat is not None
    assert notify.heartbeat.interval_s == 30.0
    assert notify.public_url == "https://watch.example"
    assert notify.timezone == "Asia/Seoul"
    first, second = notify.hooks
    assert (first.on, first.severity) == (MessageKind.OPENED, Severity.P0)
    assert first.does == HookPost("http://gateway:8080/pause")
    assert (second.on, second.severity) == (MessageKind.RESOLVED, None)
    assert second.does == HookExec("gateway-1", ("maintenance", "off"))
    assert "notify" not in " ".join(settings.warnings)


def test_urls_are_secrets(tmp_path: Path) -> None:
    settings = load_settings(WHOLE.format(folder=tmp_path), tmp_path)
    for secret in ("hidden-token", "sesame-token", "open-sesame"):
        assert secret not in repr(settings) + repr(settings.notify)
        assert any(secret in masked_text for masked_text in settings.secrets)


def test_without_routes_every_channel_gets_all_but_notices(tmp_path: Path) -> None:
    text = "notify: {channels: {a: {url: 'json://a'}, b: {url: 'json://b'}}}"
    routes = load_settings(text, tmp_path).notify.routes
    assert [routes.of(s) for s in Severity] == [("a", "b")] * 3 + [()]


def test_file_without_notify_has_no_channels(tmp_path: Path) -> None:
    notify = load_settings("mode: act", tmp_path).notify
    assert notify == NotifySettings(routes=notify.routes)
    assert notify.routes.channels == ()


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("notify: {channels: {ops: {}}}", "notify.channels.ops.url", "nothing"),
        (
            "notify: {channels: {ops: {url: x, url_file: y}}}",
            "notify.channels.ops.url",
            "both a value and a file",
        ),
        (
            "notify: {channels: {ops: {url: hunter2000}}}",
            "notify.channels.ops.url",
            "without a scheme",
        ),
        (
            "notify: {channels: {ops: {url_file: /no/such}}}",
            "notify.channels.ops.url_file",
            "No such file",
        ),
        (
            "notify: {channels: {ops: {url: 'json://a'}}, routes: {P0: [boss]}}",
            "notify.routes.P0",
            "'boss'; allowed: ops",
        ),
        ("notify: {heartbeat: {}}", "notify.heartbeat.url", "nothing"),
        (
            "notify: {heartbeat: {url: 'ftp://hunter2000'}}",
            "notify.heartbeat.url",
            "no http address",
        ),
        ("notify: {public_url: watch}", "notify.public_url", "'watch'"),
        ("notify: {timezone: Mars/Base}", "notify.timezone", "Asia/Seoul"),
        ("hooks: [{on: opened}]", "hooks[0]", "neither"),
        (
            BOTH,
            "hooks[0]",
            "post and exec",
        ),
        ("hooks: [{on: opened, post: gateway}]", "hooks[0].post", "http://"),
        ("hooks: [{on: raised, post: 'http://a/'}]", "hooks[0].on", "opened"),
        (
            "hooks: [{on: opened, exec: {container: a, command: []}}]",
            "hooks[0].exec.command",
            "empty",
        ),
    ],
)
def test_fault_names_its_path_and_the_problem(
    text: str, path: str, words: str, tmp_path: Path
) -> None:
    lines = fault_lines(text, tmp_path)
    assert any(line.startswith(f"{path}: ") and words in line for line in lines), lines
    assert "hunter2000" not in " ".join(lines)
