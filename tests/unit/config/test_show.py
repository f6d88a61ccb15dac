"""Shown settings are complete, ready for JSON, and without secrets."""

import json
from pathlib import Path

from sidecar.config.file.schema import schema
from sidecar.config.load import load
from sidecar.config.show import show_settings
from tests.support.config_files import SECRETS, load_text, write_whole_config
from tests.support.environment_variables import EVERY_VARIABLE


def test_no_secret_is_shown(tmp_path: Path) -> None:
    text = write_whole_config(tmp_path).replace(
        'url: "http://bitcoincash-service:8080/health"',
        'url: "http://bitcoincash-service:8080/health?token=t0ken&page=2", '
        "headers: {Authorization: Bearer zzz, Accept: text/plain}",
    )
    settings = load_text(text, tmp_path, {"SIDECAR_API_TOKEN": "api-t0ken"})
    output = json.dumps(show_settings(settings))
    secrets = [*SECRETS.values(), "t0ken", "zzz", "tgram://bot-key/42", "9f3c"]
    assert not any(secret in output for secret in secrets)
    assert "token=***&page=2" in output
    assert "text/plain" in output
    assert {"api-t0ken", "t0ken", "Bearer zzz"} <= set(settings.secrets)
    assert not {"2", "text/plain", ""} & set(settings.secrets)


def test_settings_in_force_are_shown_with_their_sources(tmp_path: Path) -> None:
    text = "{stack: mine, targets: {a: {probe: {type: docker}, interval: 20s}}}"
    view = show_settings(load_text(text, tmp_path, {"SIDECAR_MODE": "observe"}))
    assert view["mode"] == "observe"
    targets = view["targets"]
    assert isinstance(targets, dict)
    assert targets["a"]["interval"] == "20s"
    assert targets["a"]["restart"]["window"] == "15m"
    assert targets["a"]["probe"][0]["type"] == "docker"
    sources = view["sources"]
    assert isinstance(sources, dict)
    assert sources["mode"] == "environment SIDECAR_MODE"
    assert sources["targets.a.interval"] == f"file {tmp_path / 'sidecar.yaml'}"
    assert "targets.a.restart.window" not in sources


def test_every_setting_of_the_process_is_shown() -> None:
    environ = EVERY_VARIABLE | {"SIDECAR_LISTEN": "[::]:9787"}
    view = show_settings(load(environ, None))
    targets = view.pop("targets")
    assert isinstance(targets, dict)
    assert isinstance(view.pop("sources"), dict)
    assert isinstance(view.pop("warnings"), list)
    assert view == {
        "stack": "oratio",
        "host_name": "pay-1",
        "mode": "observe",
        "language": "ko",
        "page": "public",
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
        "rolling",
        "objective",
        "recreate",
    ]
    probe = targets["wallet"]["probe"][0]
    assert (probe["username"], probe["password"]) == ("bchrpc", "***")
    slow_lane = ["10m", "20m", "40m", "80m", "160m"]
    assert targets["wallet"]["restart"]["slow_lane"] == slow_lane


def test_secrets_of_the_environment_are_masked_too() -> None:
    environ = {"ELECTRON_CASH_USER": "u", "ELECTRON_CASH_PASSWORD": "hunter2"}
    view = show_settings(load(environ, None))
    assert "hunter2" not in json.dumps(view)
    sources = view["sources"]
    assert isinstance(sources, dict)
    path = "targets.electron-cash.probe.password"
    assert sources[path] == "environment ELECTRON_CASH_PASSWORD"


def test_schema_is_a_json_schema_with_every_section() -> None:
    json_schema = schema()
    assert str(json_schema["$schema"]).endswith("2020-12/schema")
    definitions = json_schema["$defs"]
    assert isinstance(definitions, dict)
    assert {"TargetSection", "HttpSection", "RestartSection"} <= set(definitions)
    json.dumps(json_schema)
