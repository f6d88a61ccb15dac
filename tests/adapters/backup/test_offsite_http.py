"""Off-site by HTTP PUT: real requests to a place that keeps them, or fails."""

from collections.abc import AsyncIterator, Callable

import pytest

from sidecar.backup.offsite import send_offsite
from sidecar.backup.offsite_http import send_by_http
from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.model.backup_settings import OffsiteSettings
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON
from tests.support.offsite_server import (
    PASSWORD,
    USERNAME,
    OffsiteServer,
    run_offsite_server,
)
from tests.support.probe_servers import refused_port

NAME = "20261130T143000Z-wallet.age"
STORED = b"age-encryption.org/v1" + bytes(range(256)) * 16
PUT_TOKEN, GET_TOKEN = "X-Amz-Signature=of-put", "X-Amz-Signature=of-get"


@pytest.fixture
async def place() -> AsyncIterator[OffsiteServer]:
    async with run_offsite_server() as server:
        yield server


async def refuse(settings: OffsiteSettings, deadline_s: float = 10.0) -> str:
    """The words of the error, which never show the address or the password."""
    with pytest.raises(BackupEdgeError) as caught:
        await send_by_http(settings, NAME, STORED, deadline_s)
    words = str(caught.value)
    for secret in (settings.url, settings.read_url, PASSWORD, "127.0.0.1", "of-put"):
        assert not secret or secret not in words
    return words


async def test_a_folder_gets_the_file_by_its_name_with_a_login(
    place: OffsiteServer,
) -> None:
    place.needs_login = True
    settings = OffsiteSettings(
        f"{place.url}/dav/my%20wallets/", username=USERNAME, password=PASSWORD
    )
    assert await send_offsite(settings, NAME, STORED) is NO_REASON
    assert place.kept == {f"/dav/my wallets/{NAME}": STORED}
    assert [method for method, _ in place.requests] == ["PUT", "GET"]


async def test_a_presigned_url_is_used_as_it_is(place: OffsiteServer) -> None:
    place.tokens = {"PUT": PUT_TOKEN, "GET": GET_TOKEN}
    put_url, get_url = f"{place.url}/b/w?{PUT_TOKEN}", f"{place.url}/b/w?{GET_TOKEN}"
    settings = OffsiteSettings(put_url, read_url=get_url)
    assert await send_offsite(settings, NAME, STORED) is NO_REASON
    assert place.kept == {"/b/w": STORED}


async def test_a_presigned_url_for_put_alone_is_told_as_not_compared(
    place: OffsiteServer,
) -> None:
    place.tokens = {"PUT": PUT_TOKEN, "GET": GET_TOKEN}
    settings = OffsiteSettings(f"{place.url}/b/w?{PUT_TOKEN}")
    reason = await send_offsite(settings, NAME, STORED)
    assert reason.code is R.OFFSITE_NOT_COMPARED
    assert "not compared" in str(reason)
    assert "403" in str(reason)
    assert place.kept == {"/b/w": STORED}


def wrong_password(place: OffsiteServer) -> None:
    place.needs_login = True


def full_disk(place: OffsiteServer) -> None:
    place.put_status = 507


def redirect(place: OffsiteServer) -> None:
    place.put_status = 302


def spoilt(place: OffsiteServer) -> None:
    place.spoil = b"x"


def missing_file(place: OffsiteServer) -> None:
    place.get_status = 404


def endless(place: OffsiteServer) -> None:
    place.is_endless = True


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (wrong_password, "answered 401 to PUT"),
        (full_disk, "answered 507 to PUT"),
        (redirect, "answered 302 to PUT"),
        (spoilt, "is not equal"),
        (missing_file, "answered 404 to GET"),
        (endless, "is not equal"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_place_that_does_not_keep_it_is_an_error(
    place: OffsiteServer, fault: Callable[[OffsiteServer], None], words: str
) -> None:
    fault(place)
    assert words in await refuse(OffsiteSettings(f"{place.url}/dav/"))


async def test_a_read_url_that_is_refused_is_an_error(place: OffsiteServer) -> None:
    place.tokens = {"GET": GET_TOKEN}
    settings = OffsiteSettings(f"{place.url}/b/w", read_url=f"{place.url}/b/w?old=1")
    assert "answered 403 to GET" in await refuse(settings)


async def test_a_silent_place_ends_at_the_deadline(place: OffsiteServer) -> None:
    place.is_silent = True
    words = await refuse(OffsiteSettings(f"{place.url}/dav/"), deadline_s=0.6)
    assert "no answer within 1 s" in words


async def test_a_place_that_refuses_connections_is_an_error() -> None:
    with refused_port() as port:
        settings = OffsiteSettings(f"http://127.0.0.1:{port}/dav/")
        assert "ClientConnectorError" in await refuse(settings)
