"""The certificate file of a private authority (``ca_file``)."""

import os
from pathlib import Path

import pytest
import trustme

from sidecar.core.model.probe_settings import HttpProbe
from tests.support.config_files import faults_of, load_text

FILE = "targets: {{a: {{probe: {{type: http, url: '{}', ca_file: '{}'}}}}}}"
PATH = "targets.a.probe.ca_file"


def test_ca_file_with_certificate_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    (target,) = load_text(FILE.format("https://a/", file), tmp_path).targets
    assert target.probes == (HttpProbe("https://a/", ca_file=str(file)),)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "no certificate in PEM"),
        (b"hello", "no certificate in PEM"),
        (b"x" * 1_000_001, "1000001 bytes"),
    ],
)
def test_ca_file_without_certificate_is_refused(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    fault = faults_of(FILE.format("https://a/", file), tmp_path)[PATH]
    assert fault.actual == f"{str(file)!r} ({reason})"


def test_ca_file_that_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for file in (pipe, tmp_path):
        fault = faults_of(FILE.format("https://a/", file), tmp_path)[PATH]
        assert "no regular file" in fault.actual


def test_ca_file_for_address_without_tls_is_refused(tmp_path: Path) -> None:
    fault = faults_of(FILE.format("http://a/", tmp_path / "ca.pem"), tmp_path)[PATH]
    assert fault.actual == "an address without TLS"
