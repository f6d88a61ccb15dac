"""Ambiguous addresses are refused and never shown."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sidecar.config.check.urls import host_of, url_fault
from sidecar.config.load import load
from sidecar.config.problem import ConfigError
from sidecar.config.secrets import masked_url
from sidecar.engine.docker_host import BadEngineAddress, address_from
from tests.support.config_files import faults_of

PARTS = ("aa", "bb", "12", "34", "hunter2")
AMBIGUOUS_URLS = [
    "http://u:aa/bb@h:1/",
    "http://u:12/34@h:1/",
    "http://u:12?34@h:1/",
    "http://u:12#34@h:1/",
    "http://u:aa\\bb@h:1/",
    "http://u:hunter2@h:1/",
    "http://aa/bb@h:1/",
    "u:hunter2@h:1",
    "//u:aa/bb@h:1/",
    "http:/u:hunter2@h/",
    "ftp://u:aa/bb@h/",
    "http://u:aa bb@h:1/",
    "http://u:hunter2@[h/",
]


def run_sidecar(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )


def hides_url_parts(text: str) -> bool:
    return not any(part in text for part in PARTS)


@pytest.mark.parametrize("url", AMBIGUOUS_URLS)
def test_ambiguous_url_is_refused_without_showing_it(url: str) -> None:
    fault = url_fault("x", url)
    assert fault is not None
    assert hides_url_parts(fault.line)
    assert host_of(url) in {"", "h"}


@pytest.mark.parametrize("url", AMBIGUOUS_URLS)
@pytest.mark.parametrize("name", ["ELECTRON_CASH_URL", "BCH_SERVICE_URL"])
def test_ambiguous_url_of_environment_is_refused_without_showing_it(
    name: str, url: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load({name: url}, None)
    assert name in str(caught.value)
    assert hides_url_parts(str(caught.value))


@pytest.mark.parametrize("url", ["http://u:aa/bb@h:1/", "http://u:12/34@h:1/"])
def test_command_with_ambiguous_url_exits_with_2_without_showing_it(
    url: str, tmp_path: Path
) -> None:
    state = str(tmp_path)
    for command in (("run",), ("config", "check"), ("config", "show"), ("check",)):
        process = run_sidecar(*command, ELECTRON_CASH_URL=url, SIDECAR_STATE_DIR=state)
        assert process.returncode == 2
        assert hides_url_parts(process.stdout + process.stderr), process.stderr


def settings_with(url: str) -> Mapping[str, dict[str, object]]:
    docker = {"type": "docker"}
    return {
        "http": {"targets": {"a": {"probe": {"type": "http", "url": url}}}},
        "jsonrpc": {
            "targets": {"a": {"probe": {"type": "jsonrpc", "url": url, "method": "m"}}}
        },
        "electron_cash": {
            "targets": {"a": {"probe": {"type": "electron_cash", "url": url}}}
        },
        "busy": {"targets": {"a": {"probe": docker, "busy": {"url": url}}}},
        "hook": {"hooks": [{"on": "opened", "post": url}]},
        "public_url": {"notify": {"public_url": url}},
    }


@pytest.mark.parametrize("key", settings_with(""))
@pytest.mark.parametrize("url", ["http://u:aa/bb@h:1/", "http://u:12/34@h:1/"])
def test_ambiguous_url_of_file_is_refused_without_showing_it(
    key: str, url: str, tmp_path: Path
) -> None:
    faults = faults_of(json.dumps(settings_with(url)[key]), tmp_path)
    assert len(faults) == 1
    assert all(hides_url_parts(fault.line) for fault in faults.values())


@pytest.mark.parametrize(
    "url", ["http://u:aa/bb@h:1/", "http://u:12/34@h:1/", "http://[h", "http://h:x/"]
)
def test_ambiguous_heartbeat_url_is_refused_without_showing_it(
    url: str, tmp_path: Path
) -> None:
    faults = faults_of(json.dumps({"notify": {"heartbeat": {"url": url}}}), tmp_path)
    assert set(faults) == {"notify.heartbeat.url"}
    assert all(hides_url_parts(fault.line) for fault in faults.values())


@pytest.mark.parametrize("url", ["tcp://u:aa/bb@h:1", "http://u:12/34@h:1", "u:aa@h"])
def test_ambiguous_engine_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(BadEngineAddress) as caught:
        address_from({"DOCKER_HOST": url})
    assert hides_url_parts(str(caught.value))


def test_engine_address_over_ssh_is_refused_showing_only_its_scheme() -> None:
    with pytest.raises(BadEngineAddress, match=r"DOCKER_HOST: found 'ssh://\*\*\*'"):
        address_from({"DOCKER_HOST": "ssh://root@host"})


def test_engine_socket_path_may_contain_an_at_sign() -> None:
    url = "unix:///run/user@1000/docker.sock"
    assert address_from({"DOCKER_HOST": url}).url == url


@pytest.mark.parametrize("url", ["http://u:aa/bb@h:1/", "http://u:12/34@h:1/"])
def test_ambiguous_url_of_command_line_is_refused_without_showing_it(url: str) -> None:
    process = run_sidecar("status", "--url", url)
    assert process.returncode == 2
    assert hides_url_parts(process.stdout + process.stderr)


@pytest.mark.parametrize(
    "url", ["http://electron-cash:7777/", "https://h/a?b=c", "http://[::1]:1/x%40y"]
)
def test_unambiguous_url_is_accepted_and_shown(url: str) -> None:
    assert url_fault("x", url) is None
    assert masked_url(url) == url


def test_masked_url_with_an_at_sign_shows_only_its_scheme() -> None:
    assert masked_url("http://u:aa/bb@h:1/") == "http://***"
