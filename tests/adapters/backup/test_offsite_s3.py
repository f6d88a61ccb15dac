"""Off-site in a bucket: the real client, and a server with signatures and policies."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sidecar.backup.offsite import send_offsite
from sidecar.backup.offsite_s3 import send_to_bucket
from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.model.backup_settings import OffsiteSettings
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON
from tests.support.probe_servers import refused_port
from tests.support.s3_server import S3Server, run_s3_server

NAME = "20261130T143000Z-wallet.age"
STORED = b"age-encryption.org/v1\n" + bytes(range(256)) * 4000


@pytest.fixture(scope="module")
def bucket_server() -> Iterator[S3Server]:
    with run_s3_server() as server:
        yield server


async def refuse(place: OffsiteSettings, deadline_s: float = 30.0) -> str:
    """The words of the error, which never show a key."""
    with pytest.raises(BackupEdgeError) as caught:
        await send_to_bucket(place, NAME, STORED, deadline_s)
    words = str(caught.value)
    assert not any(key and key in words for key in (place.username, place.password))
    return words


async def test_a_backup_is_sent_to_the_bucket_read_again_and_equal(
    bucket_server: S3Server,
) -> None:
    place = bucket_server.place()
    assert place.is_bucket
    assert await send_offsite(place, NAME, STORED) is NO_REASON


async def test_a_writer_who_may_not_read_is_told_as_not_compared(
    bucket_server: S3Server,
) -> None:
    reason = await send_offsite(bucket_server.place("writer"), NAME, STORED)
    assert reason.code is R.OFFSITE_BUCKET_NOT_COMPARED
    assert "AccessDenied" in str(reason)


async def test_a_bucket_that_refuses_is_an_error_with_its_code(
    bucket_server: S3Server,
) -> None:
    missing = bucket_server.place(bucket="no-such-bucket")
    assert "NoSuchBucket" in await refuse(missing)
    stolen = replace(bucket_server.place(), password="another secret key")
    assert "SignatureDoesNotMatch" in await refuse(stolen)


async def test_a_server_that_is_not_there_or_silent_is_an_error(
    bucket_server: S3Server,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        place = replace(bucket_server.place(), endpoint=f"http://{host}:{port}")
        assert "no answer within 2 s" in await refuse(place, deadline_s=2.0)
    with refused_port() as port:
        place = replace(place, endpoint=f"http://127.0.0.1:{port}")
        assert "MaxRetryError" in await refuse(place)
