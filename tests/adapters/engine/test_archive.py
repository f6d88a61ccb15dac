"""Files of containers: only regular ones, only of the stack, bounded in size."""

from collections.abc import Iterator

import pytest

from sidecar.core.ports.engine import EngineForbidden, EngineRefused, FileAbsent
from sidecar.engine.archive import _Source
from tests.support.engine_connection import (
    FOREIGN,
    OWN,
    Requests,
    link_to,
    open_engine,
    run_engine_server,
)
from tests.support.engine_server import EngineServer, make_archive, raw_container

PATH, DATA = "/data/wallets/default_wallet", b"wallet" * 5000
MOST_BYTES = 100_000


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        server.add(raw_container(FOREIGN, stack="neighbour"))
        server.files[PATH] = DATA
        yield server


async def test_file_is_read_with_owner_and_version(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        copy = await engine.read_file(OWN, PATH, MOST_BYTES)
        assert (copy.data, copy.uid, copy.gid, copy.mode) == (DATA, 1000, 1000, 0o600)
        assert await engine.file_version(OWN, PATH) == copy.version != ""
        server.files[PATH] = DATA + b"!"
        assert await engine.file_version(OWN, PATH) != copy.version
    assert ("archive", "ok") in requests


async def test_absent_file_is_told_from_a_filter_that_knows_no_such_path(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(FileAbsent):
            await engine.read_file(OWN, "/data/none", MOST_BYTES)
        with pytest.raises(FileAbsent):
            await engine.file_version(OWN, "/data/none")
        server.say["/archive"] = (404, b'{"message": "page not found"}')
        with pytest.raises(EngineRefused):
            await engine.read_file(OWN, PATH, MOST_BYTES)
        server.say["/archive"] = (403, b"Forbidden")
        with pytest.raises(EngineForbidden):
            await engine.read_file(OWN, PATH, MOST_BYTES)


ENTRIES = {
    "folder": make_archive("w", b"", type=b"5"),
    "symbolic link": make_archive("w", b"", type=b"2", linkname="/etc/shadow"),
    "device": make_archive("w", b"", type=b"3"),
    "nothing": b"\0" * 1024,
    "no archive": b"x" * 2000,
    "cut": make_archive("w", DATA)[:9000],
    "too large": make_archive("w", b"w" * (MOST_BYTES + 1)),
    "huge by its own word": make_archive("w", b"")[:124]
    + b"77777777777\0"
    + make_archive("w", b"")[136:],
}


@pytest.mark.parametrize("name", ENTRIES)
async def test_anything_but_a_whole_regular_file_is_refused(
    name: str, server: EngineServer, requests: Requests
) -> None:
    server.files["/x.tar"] = ENTRIES[name]
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused):
            await engine.read_file(OWN, "/x.tar", MOST_BYTES)


def test_stream_takes_no_more_of_the_answer_than_it_was_asked_for() -> None:
    """Kept bytes would be copied at each read: minutes for a large wallet."""
    pieces = iter([b"x" * 16] * 20)
    source = _Source(pieces)
    assert [len(source.read(10)) for _ in range(16)] == [10] * 16
    assert len(list(pieces)) == 10


async def test_file_of_another_stack_is_refused_and_not_asked_for(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused):
            await engine.read_file(FOREIGN, PATH, MOST_BYTES)
        with pytest.raises(EngineRefused):
            await engine.file_version(FOREIGN, PATH)
    assert server.count_requests("/archive") == 0
