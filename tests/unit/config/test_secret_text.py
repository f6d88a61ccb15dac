"""Secrets and user names with unintended characters around them."""

from pathlib import Path

import pytest

from sidecar.config.load import load
from sidecar.config.problem import ConfigError
from tests.support.config_files import faults_of, load_text

JSONRPC = "targets: {{a: {{probe: {{type: jsonrpc, url: http://a/, method: m, {}}}}}}}"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\xef\xbb\xbfhunter2hunter2\n", "a byte-order mark at its start"),
        (b'"hunter2hunter2"\n', "quotes around it"),
        (b"'hunter2hunter2'\n", "quotes around it"),
        ("“hunter2hunter2”".encode(), "quotes around it"),
        (b" hunter2hunter2\n", "blanks at its ends"),
        (b"hunter2hunter2 \r\n", "blanks at its ends"),
        (b"hunter2hunter2\t", "blanks at its ends"),
        ("hunter2hunter2\u00a0".encode(), "blanks at its ends"),
        (b"\nhunter2hunter2", "blanks at its ends"),
        (b"hunter2\nhunter2", "a line break or another control character in it"),
        (b"hunter2\x00hunter2", "a line break or another control character in it"),
    ],
)
@pytest.mark.parametrize("key", ["password_file", "wallet_password_file", "url_file"])
def test_secret_file_with_extra_characters_is_refused_without_showing_it(
    key: str, content: bytes, found: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content)
    probe = f"{{type: electron_cash, url: http://a/, username: u, {key}: {secret}}}"
    if key == "wallet_password_file":
        probe = f"{{type: electron_cash, url: http://a/, {key}: {secret}}}"
    text = f"targets: {{a: {{probe: {probe}}}}}"
    if key == "url_file":
        text = f"notify: {{channels: {{ops: {{url_file: {secret}}}}}}}"
    (fault,) = faults_of(text, tmp_path).values()
    assert fault.actual == f"{str(secret)!r} ({found})"
    assert fault.path.endswith(key)
    assert "hunter2" not in fault.line


@pytest.mark.parametrize(
    "content", [b"hunter2hunter2\r\n", b'hunter2"hunter2', b'hunter2hunter2"', b"'"]
)
def test_secret_file_with_characters_of_a_secret_is_accepted(
    content: bytes, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content)
    settings = load_text(
        JSONRPC.format(f"username: u, password_file: {secret}"), tmp_path
    )
    assert settings.secrets == (content.decode().rstrip("\r\n"),)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ('"bchrpc"', "quotes around it"),
        ("'bchrpc'", "quotes around it"),
        ("bchrpc\r", "blanks at its ends"),
        (" bchrpc", "blanks at its ends"),
        ("bch\nrpc", "a line break or another control character in it"),
        ("\ufeffbchrpc", "a byte-order mark at its start"),
        ("bch:rpc", "a ':' in it"),
    ],
)
def test_user_name_with_extra_characters_is_refused(name: str, found: str) -> None:
    environ = {"ELECTRON_CASH_USER": name, "ELECTRON_CASH_PASSWORD": "hunter2hunter2"}
    with pytest.raises(ConfigError) as caught:
        load(environ, None)
    (fault,) = caught.value.faults
    assert (fault.path, fault.actual) == ("ELECTRON_CASH_USER", found)


def test_short_secret_gives_a_warning_with_its_variable(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("test")
    environ = {
        "ELECTRON_CASH_USER": "u",
        "ELECTRON_CASH_PASSWORD": "bitcoin",
        "SIDECAR_API_TOKEN_FILE": str(token),
    }
    warnings = load(environ, None).warnings
    assert [w.partition(":")[0] for w in warnings] == [
        "SIDECAR_API_TOKEN_FILE",
        "ELECTRON_CASH_PASSWORD",
    ]
    assert not any("bitcoin" in w or "test" in w for w in warnings)


def test_long_secret_gives_no_warning() -> None:
    environ = {"ELECTRON_CASH_USER": "u", "ELECTRON_CASH_PASSWORD": "hunter22"}
    assert load(environ, None).warnings == ()
