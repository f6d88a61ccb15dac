"""What is shown is complete, ready for JSON, and without secrets."""

import json
from pathlib import Path

from sidecar.config.load import load
from sidecar.config.show import schema, show_settings
from tests.support.config_files import SECRETS, load_text, whole
from tests.unit.config.test_load import EVERY_VARIABLE


def test_no_secret_is_shown(tmp_path: Path) -> None:
    text = whole(tmp_path).replace(
        'url: "http://bitcoincash-service:8080/health"',
        'url: "http://bitcoincash-service:8080/health?token=t0ken&page=2", '
        "headers: {Authorization: Bearer zzz, Accept: text/plain}",
    )
    settings = load_text(text, tmp_path, {"SIDECAR_API_TOKEN": "api-t0ken"})
    said = json.dumps(show_settings(settings))
    secrets = [*SECRETS.values(), "t0ken", "zzz", "tgram://bot-key/42", "9f3c"]
    assert not any(secret in said for secret in secrets)
    assert "token=***&page=2" in said
    assert "text/plain" in said
    assert {"api-t0ken", "t0ken", "Bearer zzz"} <= set(settings.secrets)
    assert not {"2", "text/plain", ""} & set(settings.secrets)


def test_the_settings_in_force_and_their_sources(tmp_path: Path) -> None:
    text = "{stack: mine, targets: {a: {probe: {type: docker}, interval: 20s}}}"
    shown = show_settings(load_text(text, tmp_path, {"SIDECAR_MODE": "observe"}))
    assert shown["mode"] == "observe"
    targets = shown["targets"]
    assert isinstance(targets, dict)
    assert targets["a"]["interval"] == "20s"
    assert targets["a"]["restart"]["window"] == "15m"
    assert targets["a"]["probe"][0]["type"] == "docker"
    sources = shown["sources"]
    assert isinstance(sources, dict)
    assert sources["mode"] == "environment SIDECAR_MODE"
    assert sources["targets.a.interval"] == f"file {tmp_path / 'sidecar.yaml'}"
    assert "targets.a.restart.window" not in sources


def test_every_setting_of_the_process_is_shown() -> None:
    environ = EVERY_VARIABLE | {"SIDECAR_LISTEN": "[::]:9787"}
    shown = show_settings(load(environ, None))
    targets = shown.pop("targets")
    assert isinstance(targets, dict)
    assert isinstance(shown.pop("sources"), dict)
    assert isinstance(shown.pop("warnings"), list)
    assert shown == {
        "stack": "oratio",
        "host_name": "pay-1",
        "mode": "observe",
        "language": "ko",
        "listen": "[::]:9787",
        "state_dir": "/srv/state",
        "api_token": "***",
        "log_level": "debug",
        "log_format": "text",
        "watch_label": "autoheal",
    }
    assert show_settings(load({}, None))["api_token"] is None
    assert list(targets["payments"]) == [
        "probe",
        "interval",
        "fast_interval",
        "start_period",
        "failure_threshold",
        "success_threshold",
        "service",
        "depends_on",
        "after_dependency",
        "settle",
        "restart",
    ]
    probe = targets["wallet"]["probe"][0]
    assert (probe["username"], probe["password"]) == ("bchrpc", "***")
    slow_lane = ["10m", "20m", "40m", "80m", "160m"]
    assert targets["wallet"]["restart"]["slow_lane"] == slow_lane


def test_secrets_of_the_environment_are_masked_too() -> None:
    environ = {"ELECTRON_CASH_USER": "u", "ELECTRON_CASH_PASSWORD": "hunter2"}
    shown = show_settings(load(environ, None))
    assert "hunter2" not in json.dumps(shown)
    sources = shown["sources"]
    assert isinstance(sources, dict)
    path = "targets.electron-cash.probe.password"
    assert sources[path] == "environment ELECTRON_CASH_PASSWORD"


def test_the_schema_is_one_and_names_every_section() -> None:
    found = schema()
    assert str(found["$schema"]).endswith("2020-12/schema")
    definitions = found["$defs"]
    assert isinstance(definitions, dict)
    assert {"TargetSection", "HttpSection", "RestartSection"} <= set(definitions)
    json.dumps(found)
