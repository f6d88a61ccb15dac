"""Settings of several watchdogs."""

from pathlib import Path

import pytest

from sidecar.config.load import load
from sidecar.core.model.lease import ClusterSettings, OnLost
from tests.support.config_files import faults_of, load_text

URL = "redis://:pass-word@redis:6379/0"


def test_without_the_section_the_watchdog_is_alone() -> None:
    assert load({}, None).cluster is None


def test_every_key_is_taken_and_the_address_is_not_shown(tmp_path: Path) -> None:
    text = (
        f"cluster: {{redis_url: '{URL}', quorum: 2, lease: 30s, on_lost: hold}}\n"
        "targets: {a: {probe: {type: running}}}"
    )
    settings = load_text(text, tmp_path)
    assert settings.cluster == ClusterSettings(URL, 2, 30.0, OnLost.HOLD)
    assert "pass-word" not in repr(settings)
    assert {URL, "pass-word"} <= set(settings.secrets)


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/redis.sock",
        "rediss://user:a%40b@redis:6380/1?ssl_ca_certs=/run/ca.pem",
        "redis://[::1]:6379",
    ],
)
def test_addresses_of_all_kinds_are_accepted(url: str, tmp_path: Path) -> None:
    settings = load_text(f"cluster: {{redis_url: '{url}'}}", tmp_path)
    assert settings.cluster is not None
    assert settings.cluster.redis_url == url


def test_password_in_percent_form_is_masked_in_both_forms(tmp_path: Path) -> None:
    settings = load_text("cluster: {redis_url: 'redis://:a%40bcdef@redis'}", tmp_path)
    assert {"a%40bcdef", "a@bcdef"} <= set(settings.secrets)


@pytest.mark.parametrize(
    "url",
    [
        "http://redis:6379",
        "redis:6379",
        "redis://",
        "redis://redis:port",
        "redis://:p/w@redis:6379",
        "redis://redis:6379/zero",
        "rediss://redis:6379/0?ssl_cert_reqs=none",
        "redis://redis:6379/0?unknown_option=1",
    ],
)
def test_another_text_is_refused_and_not_shown(url: str, tmp_path: Path) -> None:
    fault = faults_of(f"cluster: {{redis_url: '{url}'}}", tmp_path)["cluster.redis_url"]
    assert fault.actual == "another text (not shown: a secret)"
    assert "redis://:PASSWORD@redis:6379/0" in fault.allowed


@pytest.mark.parametrize("lease", ["4s", "6m"])
def test_lease_of_another_length_is_refused(lease: str, tmp_path: Path) -> None:
    text = f"cluster: {{redis_url: '{URL}', lease: {lease}}}"
    fault = str(faults_of(text, tmp_path))
    assert "cluster.lease" in fault
    assert "5s to 5m" in fault


def test_section_needs_an_address(tmp_path: Path) -> None:
    assert "cluster.redis_url" in faults_of("cluster: {quorum: 2}", tmp_path)
