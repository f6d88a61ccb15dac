"""Addresses that could be read in two ways: refused, and never shown."""

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
DOUBTFUL = [
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


def ran(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=20.0,
        check=False,
    )


def is_silent(said: str) -> bool:
    return not any(part in said for part in PARTS)


@pytest.mark.parametrize("url", DOUBTFUL)
def test_what_could_be_read_in_two_ways_is_refused_unseen(url: str) -> None:
    fault = url_fault("x", url)
    assert fault is not None
    assert is_silent(fault.line)
    assert host_of(url) in {"", "h"}


@pytest.mark.parametrize("url", DOUBTFUL)
@pytest.mark.parametrize("name", ["ELECTRON_CASH_URL", "BCH_SERVICE_URL"])
def test_the_environments_addresses_are_refused_unseen(name: str, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({name: url}, None)
    assert name in str(caught.value)
    assert is_silent(str(caught.value))


@pytest.mark.parametrize("url", ["http://u:aa/bb@h:1/", "http://u:12/34@h:1/"])
def test_a_doubtful_address_ends_with_2_and_without_a_part_of_it(
    url: str, tmp_path: Path
) -> None:
    state = str(tmp_path)
    for command in (("run",), ("config", "check"), ("config", "show"), ("check",)):
        done = ran(*command, ELECTRON_CASH_URL=url, SIDECAR_STATE_DIR=state)
        assert done.returncode == 2
        assert is_silent(done.stdout + done.stderr), done.stderr


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
def test_every_address_of_the_file_is_refused_unseen(
    key: str, url: str, tmp_path: Path
) -> None:
    faults = faults_of(json.dumps(settings_with(url)[key]), tmp_path)
    assert len(faults) == 1
    assert all(is_silent(fault.line) for fault in faults.values())


@pytest.mark.parametrize(
    "url", ["http://u:aa/bb@h:1/", "http://u:12/34@h:1/", "http://[h", "http://h:x/"]
)
def test_a_doubtful_heartbeat_is_refused_unseen(url: str, tmp_path: Path) -> None:
    faults = faults_of(json.dumps({"notify": {"heartbeat": {"url": url}}}), tmp_path)
    assert set(faults) == {"notify.heartbeat.url"}
    assert all(is_silent(fault.line) for fault in faults.values())


@pytest.mark.parametrize("url", ["tcp://u:aa/bb@h:1", "http://u:12/34@h:1", "u:aa@h"])
def test_a_doubtful_engine_is_refused_unseen(url: str) -> None:
    with pytest.raises(BadEngineAddress) as caught:
        address_from({"DOCKER_HOST": url})
    assert is_silent(str(caught.value))


def test_of_an_engine_over_ssh_the_scheme_is_shown() -> None:
    with pytest.raises(BadEngineAddress, match=r"DOCKER_HOST: found 'ssh://\*\*\*'"):
        address_from({"DOCKER_HOST": "ssh://root@host"})


def test_an_engines_socket_may_have_an_at() -> None:
    url = "unix:///run/user@1000/docker.sock"
    assert address_from({"DOCKER_HOST": url}).url == url


@pytest.mark.parametrize("url", ["http://u:aa/bb@h:1/", "http://u:12/34@h:1/"])
def test_a_doubtful_address_of_the_command_line_is_refused_unseen(url: str) -> None:
    done = ran("status", "--url", url)
    assert done.returncode == 2
    assert is_silent(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "url", ["http://electron-cash:7777/", "https://h/a?b=c", "http://[::1]:1/x%40y"]
)
def test_what_is_certain_is_accepted_and_shown(url: str) -> None:
    assert url_fault("x", url) is None
    assert masked_url(url) == url


def test_of_an_address_with_an_at_the_scheme_is_shown() -> None:
    assert masked_url("http://u:aa/bb@h:1/") == "http://***"
