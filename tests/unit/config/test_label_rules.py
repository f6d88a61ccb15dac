"""Limits of labels, which may come from an image of anybody."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.config.file.schema import describe_allowed, keys, schema
from sidecar.config.labels import label_rules
from sidecar.config.labels.targets import targets_in_force
from sidecar.config.load import load
from sidecar.config.settings import Settings
from sidecar.core.model.container import Container, NativeHealth
from sidecar.core.model.probe_settings import (
    Credentials,
    ElectronCashProbe,
    JsonRpcProbe,
)
from tests.support.config_files import load_text
from tests.support.labelled_containers import container, labels

SECRET = "hunter2-of-the-file"

FILE = """
defaults: {{interval: 20s}}
targets:
  wallet:
    service: electron-cash
    probe:
      type: electron_cash
      url: http://electron-cash:7777/
      username: rpc
      password_file: {secret}
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "rpc_password"
    path.write_text(SECRET)
    return path


@pytest.fixture
def settings(tmp_path: Path, secret: Path) -> Settings:
    return load_text(FILE.format(secret=secret), tmp_path)


def collect_fault_lines(settings: Settings, *containers: Container) -> list[str]:
    """Lines of the faults; the targets of the settings stay as they were."""
    targets, faults = targets_in_force(settings, containers)
    assert targets == settings.targets
    assert all(fault.line.isprintable() and len(fault.line) < 500 for fault in faults)
    return [fault.line for fault in faults]


HTTP = labels(probe__type="http", probe__url="http://evil:80/", probe__timeout="3s")
WALLET = labels(probe__type="electron_cash", probe__url="http://evil:7777/")
RPC = labels(
    probe__type="jsonrpc", probe__url="http://evil:7777/", probe__method="ping"
)


# --- files, credentials, headers


@pytest.mark.parametrize(
    ("base", "raw_labels", "word"),
    [
        (HTTP, {"probe.password_file": "{secret}"}, "a file"),
        (HTTP, {"probe.password_file": "/run/secrets/api_token"}, "a file"),
        (HTTP, {"probe.password_file": "/proc/self/environ"}, "a file"),
        (HTTP, {"probe.username": "rpc"}, "a credential"),
        (HTTP, {"probe.password": "x"}, "a credential"),
        (HTTP, {"probe.headers.Authorization": "Bearer x"}, "a header"),
        (HTTP, {"probe.headers.X-Harmless": "x"}, "a header"),
        (HTTP, {"probe.headers": "x"}, "a header"),
        (WALLET, {"probe.wallet_password_file": "{secret}"}, "a file"),
        (WALLET, {"probe.wallet_password": "x"}, "a credential"),
        (WALLET, {"probe.expose_balance": "true"}, "a balance"),
        (WALLET, {"probe.wallet_path": "/wallets/other"}, "a file"),
        (RPC, {"probe.username": "u", "probe.password_file": "{secret}"}, "a file"),
        (HTTP, {"backup.path": "/etc/shadow", "backup.cron": "0 3 * * *"}, "a backup"),
        (HTTP, {"recreate": "true"}, "replaces the container"),
    ],
)
def test_labels_with_a_file_a_credential_or_a_header_make_no_target(
    base: dict[str, str], raw_labels: dict[str, str], word: str, settings: Settings
) -> None:
    path = str(settings.state_dir)
    more = {f"sidecar.{k}": v.format(secret=path) for k, v in raw_labels.items()}
    lines = collect_fault_lines(settings, container("evil", {**base, **more}))
    assert len(lines) == len(raw_labels)
    assert any(word in line and "configuration file" in line for line in lines)


def test_labels_of_a_declared_target_add_no_credential_to_its_probe(
    tmp_path: Path, secret: Path
) -> None:
    text = 'targets: {gw: {probe: {type: http, url: "http://gw/"}}}'
    settings = load_text(text, tmp_path)
    raw_labels = {
        "sidecar.probe.username": "u",
        "sidecar.probe.password_file": str(secret),
    }
    assert len(collect_fault_lines(settings, container("gw", raw_labels))) == 2


def test_fault_does_not_show_the_secret_of_a_label(settings: Settings) -> None:
    raw_labels = {
        **HTTP,
        "sidecar.probe.password": SECRET,
        "sidecar.probe.headers.X": SECRET,
    }
    assert not any(
        SECRET in line
        for line in collect_fault_lines(settings, container("e", raw_labels))
    )


# --- addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example:80/",
        "http://electron-cash:7777/",
        "http://localhost:9787/api/v1/recover",
        "http://127.0.0.1:9787/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://gw.evil.example/",
        "http://gw:80@evil.example/",
        "http://gw\\@evil.example/",
        "http://evil.example#@gw/",
    ],
)
def test_a_label_names_no_host_but_its_own_container(
    url: str, settings: Settings
) -> None:
    for probe in (HTTP, WALLET, RPC):
        raw_labels = {**probe, "sidecar.probe.url": url}
        assert len(collect_fault_lines(settings, container("gw", raw_labels))) == 1
    raw_labels = {"sidecar.busy.url": url, **labels(probe__type="docker")}
    assert len(collect_fault_lines(settings, container("gw", raw_labels))) == 1


@pytest.mark.parametrize("host", ["electron-cash", "127.0.0.1", "evil.example"])
def test_a_label_connects_to_no_host_but_its_own_container(
    host: str, settings: Settings
) -> None:
    raw_labels = labels(probe__type="tcp", probe__host=host, probe__port="22")
    (line,) = collect_fault_lines(settings, container("gw", raw_labels))
    assert "gw or oratio-gw-1" in line


@pytest.mark.parametrize("host", ["gw", "GW", "oratio-gw-1"])
def test_a_label_may_name_its_own_service_and_its_own_container(
    host: str, settings: Settings
) -> None:
    raw_labels = labels(probe__type="http", probe__url=f"http://{host}:80/health")
    targets, faults = targets_in_force(settings, [container("gw", raw_labels)])
    assert (len(targets), faults) == (2, ())


# --- methods


@pytest.mark.parametrize(
    "method",
    [
        *("stop", "load_wallet", "close_wallet", "payto", "broadcast", "sendtoaddress"),
        *("getnewaddress", "getunusedaddress", "createnewaddress", "getseed"),
        *("getprivatekeys", "eth_sendTransaction", "ping\n", "Stop", "getinfo stop"),
    ],
)
def test_a_label_calls_no_method_that_may_change_something(
    method: str, settings: Settings
) -> None:
    raw_labels = {**RPC, "sidecar.probe.method": method}
    assert len(collect_fault_lines(settings, container("evil", raw_labels))) == 1


@pytest.mark.parametrize("method", ["ping", "getinfo", "getblockcount", "net_version"])
def test_a_label_calls_a_method_that_reads(method: str, settings: Settings) -> None:
    raw_labels = {**RPC, "sidecar.probe.method": method}
    targets, faults = targets_in_force(settings, [container("evil", raw_labels)])
    assert faults == ()
    assert targets[1].probes == (JsonRpcProbe("http://evil:7777/", method),)


def test_the_file_may_call_any_method_of_any_host(tmp_path: Path) -> None:
    text = """
    targets:
      gw: {probe: {type: jsonrpc, url: "http://elsewhere/", method: reload}}
    """
    settings = load_text(text, tmp_path)
    raw_labels = {"sidecar.probe.timeout": "3s"}
    targets, faults = targets_in_force(settings, [container("gw", raw_labels)])
    assert faults == ()
    assert targets[0].probes == (JsonRpcProbe("http://elsewhere/", "reload", 3.0),)


# --- the credentials of the settings


def test_label_url_does_not_redirect_credentials_of_the_file(
    settings: Settings,
) -> None:
    raw_labels = {
        "sidecar.probe.url": "http://evil.example/",
        "sidecar.probe.timeout": "3s",
        "sidecar.interval": "30s",
    }
    targets, faults = targets_in_force(
        settings, [container("electron-cash", raw_labels)]
    )
    assert faults == ()
    assert targets[0].probes == (
        ElectronCashProbe(
            "http://electron-cash:7777/", 3.0, Credentials("rpc", SECRET)
        ),
    )


def test_a_container_with_the_name_of_a_target_gets_none_of_its_settings(
    settings: Settings, secret: Path
) -> None:
    secret.unlink()
    same_name_container = container("wallet", labels(probe__type="docker"))
    (line,) = collect_fault_lines(settings, same_name_container)
    assert "a name other than" in line
    assert str(secret) not in line


# --- names and texts


@pytest.mark.parametrize(
    "name", ["-x", "a b", "a/b", "\x1b[31mred", "a\n", "x" * 101, "\u202eevil", "가"]
)
def test_the_name_of_a_labelled_target_follows_the_rule_for_names(
    name: str, settings: Settings
) -> None:
    (line,) = collect_fault_lines(
        settings, container(name, labels(probe__type="docker"), name="c")
    )
    assert "a name of letters, digits" in line


@pytest.mark.parametrize(
    "raw_labels",
    [
        {"sidecar.probe.type": "docker\x1b]0;x\x07"},
        {"sidecar.severity": "P0\u202e"},
        {"sidecar.probe.expect_body": "x" * 1001, "sidecar.probe.type": "http"},
        {f"sidecar.{'x' * 5000}": "1"},
        {"sidecar.x\x1b[2J": "1"},
        {f"sidecar.x{n}": "1" for n in range(65)},
        {f"sidecar.x{n}": "1" for n in range(100_000)},
    ],
)
def test_labels_too_many_too_long_or_not_printable_are_one_fault(
    raw_labels: dict[str, str], settings: Settings
) -> None:
    raw_labels = {"sidecar.enable": "true", **raw_labels}
    (line,) = collect_fault_lines(settings, container("gw", raw_labels))
    assert "not printable" in line or "allowed: at most " in line


def test_first_faults_of_a_container_are_listed_and_the_rest_counted(
    settings: Settings,
) -> None:
    raw_labels = {"sidecar.enable": "true"} | {f"sidecar.x{n}": "1" for n in range(60)}
    lines = collect_fault_lines(settings, container("gw", raw_labels))
    assert len(lines) == 9
    assert "52 further faults" in lines[-1]


# --- bounds


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("restart.budget", "6"),
        ("restart.budget", "12"),
        ("restart.backoff", "100ms"),
        ("restart.backoff", "999ms"),
        ("restart.window", "25h"),
        ("restart.stop_timeout", "121s"),
        ("restart.recovery_timeout", "301s"),
        ("restart.slow_lane", "10m,59s,20m"),
        ("interval", "999ms"),
        ("interval", "11m"),
        ("fast_interval", "100ms"),
        ("start_period", "6m"),
        ("settle", "1d"),
        ("probe.timeout", "61s"),
        ("probe.timeout", "1ms"),
        ("probe.hang_after", "11m"),
        ("failure_threshold", "21"),
        ("success_threshold", "1000"),
    ],
)
def test_a_label_sets_no_time_or_number_out_of_bounds(
    key: str, value: str, settings: Settings
) -> None:
    raw_labels = {**HTTP, f"sidecar.{key}": value}
    (line,) = collect_fault_lines(settings, container("evil", raw_labels))
    assert f"label sidecar.{key}: found '{value}'; allowed: from " in line


UNBOUNDED_NUMBERS = {"probe.port"}


def test_every_time_and_number_of_labels_has_bounds() -> None:
    definitions: Any = schema()["$defs"]
    timed_keys = {
        key
        for key, part in keys(definitions["TargetSection"])
        if "duration" in describe_allowed(part)
        or "whole number" in describe_allowed(part)
        if label_rules.refusal(key) is None
    }
    timed_keys -= {"probe.expect_status", *UNBOUNDED_NUMBERS}
    assert timed_keys == set(label_rules.BOUNDS)


@pytest.mark.parametrize("cron", ["* * * * *", "*/5 * * * * *", "0,59 3 * * *"])
def test_label_cron_more_often_than_hourly_is_refused(
    cron: str, settings: Settings
) -> None:
    raw_labels = {**HTTP, "sidecar.preventive.cron": cron}
    (line,) = collect_fault_lines(settings, container("evil", raw_labels))
    assert "1h or more between two" in line


def test_label_cannot_disable_the_skip_after_another_restart(
    settings: Settings,
) -> None:
    raw_labels = {
        **HTTP,
        "sidecar.preventive.cron": "0 3 * * *",
        "sidecar.preventive.skip_if_restarted_within": "0s",
    }
    assert len(collect_fault_lines(settings, container("evil", raw_labels))) == 1


def test_values_of_the_file_have_no_bounds_and_override_labels(
    tmp_path: Path,
) -> None:
    text = """
    targets:
      gw:
        probe: {type: docker}
        restart: {budget: 12, backoff: 100ms, window: 1h}
        preventive: {cron: "*/10 * * * *", skip_if_restarted_within: 0s}
    """
    settings = load_text(text, tmp_path)
    raw_labels = {"sidecar.restart.budget": "99", "sidecar.restart.backoff": "1ms"}
    result = targets_in_force(settings, [container("gw", raw_labels)])
    assert result == (settings.targets, ())


def test_a_watched_containers_stop_timeout_has_the_labels_bound() -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal"}, None)
    raw_labels = {"autoheal": "true", "autoheal.stop.timeout": "121"}
    watched_container = replace(container("a", raw_labels), health=NativeHealth.HEALTHY)
    targets, faults = targets_in_force(settings, [watched_container])
    assert targets == ()
    assert "autoheal.stop.timeout: found '121'; allowed: at most 120" in faults[0].line


# --- the source of a target


def test_target_is_declared_by_the_file_but_not_by_labels_alone(
    settings: Settings,
) -> None:
    plain = labels(probe__type="docker")
    targets, _ = targets_in_force(
        settings,
        [
            container("gw", plain),
            container("electron-cash", {"sidecar.interval": "9s"}),
        ],
    )
    assert {t.name: t.declared for t in targets} == {"wallet": True, "gw": False}


@pytest.mark.parametrize(
    "key",
    [
        *("recreate", "backup.cron", "probe.expose_balance", "probe.patterns"),
        *("probe.headers.X", "probe.password_file", "probe.username"),
    ],
)
def test_a_label_never_sets_what_only_the_file_may_say(key: str) -> None:
    assert label_rules.refusal(key) is not None
    assert label_rules.refusal("probe.timeout") is None
