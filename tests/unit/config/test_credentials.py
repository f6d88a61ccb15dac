"""Secrets that systemd hands over as credentials."""

from pathlib import Path

import pytest

from sidecar.config.load import load
from sidecar.config.problem import ConfigError

FILE = "${CREDENTIALS_DIRECTORY}/token"
ENVIRON = {"SIDECAR_API_TOKEN_FILE": FILE, "ELECTRON_CASH_URL": "http://wallet:7777/"}


def test_credential_is_read_from_the_folder_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a long token\n")
    settings = load(ENVIRON | {"CREDENTIALS_DIRECTORY": str(tmp_path)}, None)
    assert settings.api_token == "a long token"
    assert "a long token" in settings.secrets


def test_missing_credential_is_told_by_the_name_that_was_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match="SIDECAR_API_TOKEN_FILE") as raised:
        load(ENVIRON | {"CREDENTIALS_DIRECTORY": str(tmp_path)}, None)
    assert f"{FILE!r} (No such file or directory)" in str(raised.value)


def test_credential_without_systemd_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError) as raised:
        load(ENVIRON, None)
    assert "SIDECAR_API_TOKEN_FILE" in str(raised.value)
    assert "LoadCredential=" in str(raised.value)
    assert "let systemd start Sidecar" in str(raised.value)
