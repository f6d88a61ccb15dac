"""The control socket: who may connect, and what is at its path before and after."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sidecar.core.ports.control_socket import SOCKET_NAME
from sidecar.web.control_socket import LIMITS, PathTaken, bind_socket
from sidecar.web.server import WebServer
from tests.support.api_services import TOKEN, ApiServiceFakes

DEADLINE_S = 10.0
RESTART = "/api/v1/targets/electron-cash/restart"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: sidecar\r\n\r\n"
OTHER_UID = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users")


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A folder with a short path, which other users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="sidecar-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@asynccontextmanager
async def serve(folder: Path, token: str | None = None) -> AsyncIterator[WebServer]:
    server = WebServer(ApiServiceFakes(token=token).desk, "127.0.0.1", 0)
    server.use_control_socket(folder)
    await server.start()
    try:
        yield server
    finally:
        async with asyncio.timeout(DEADLINE_S):
            await server.stop()


async def ask_socket(folder: Path, method: str, path: str, **headers: str) -> int:
    connector = aiohttp.UnixConnector(str(folder / SOCKET_NAME))
    async with (
        aiohttp.ClientSession("http://sidecar", connector=connector) as client,
        client.request(method, path, headers=headers) as response,
    ):
        await response.read()
        return response.status


async def ask_port(server: WebServer, method: str, path: str) -> int:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with aiohttp.ClientSession() as client, client.request(method, url) as answer:
        return answer.status


# --- authorisation


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_request_over_the_socket_needs_no_token(
    state_dir: Path, token: str | None
) -> None:
    async with serve(state_dir, token):
        assert await ask_socket(state_dir, "POST", RESTART) == 202
        assert await ask_socket(state_dir, "GET", "/livez") == 200


@pytest.mark.parametrize(("token", "status"), [(None, 403), (TOKEN, 401)])
async def test_request_to_the_port_still_needs_the_token(
    state_dir: Path, token: str | None, status: int
) -> None:
    async with serve(state_dir, token) as server:
        assert await ask_port(server, "POST", RESTART) == status


async def test_only_the_user_of_the_socket_may_open_it(state_dir: Path) -> None:
    async with serve(state_dir):
        mode = (state_dir / SOCKET_NAME).lstat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


ASK = """
import os, socket, sys
os.setgroups([])
os.setuid(int(sys.argv[3]))
connection = socket.socket(socket.AF_UNIX)
try:
    connection.connect(sys.argv[1])
except PermissionError:
    sys.exit("no permission")
connection.sendall(b"POST %s HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" % sys.argv[2].encode())
print(connection.recv(4096).decode())
"""


def ask_as(uid: int, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-IS",
            "-c",
            ASK,
            str(folder / SOCKET_NAME),
            RESTART,
            str(uid),
        ],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@as_root
async def test_other_user_may_not_connect(state_dir: Path) -> None:
    async with serve(state_dir):
        result = await asyncio.to_thread(ask_as, OTHER_UID, state_dir)
    assert result.stderr == "no permission\n"


@as_root
async def test_other_user_is_refused_although_the_mode_was_changed(
    state_dir: Path,
) -> None:
    async with serve(state_dir):
        (state_dir / SOCKET_NAME).chmod(0o666)
        other = await asyncio.to_thread(ask_as, OTHER_UID, state_dir)
        same = await asyncio.to_thread(ask_as, os.geteuid(), state_dir)
    assert other.stdout.startswith("HTTP/1.1 403 "), other
    assert "for the user of the sidecar and for root" in other.stdout
    assert same.stdout.startswith("HTTP/1.1 202 "), same


# --- the path


async def test_socket_of_a_process_that_has_ended_is_replaced(state_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(state_dir / SOCKET_NAME))
        dead.listen()
    async with serve(state_dir):
        assert await ask_socket(state_dir, "GET", "/livez") == 200


async def test_socket_of_a_living_process_is_not_stolen(
    state_dir: Path, log_lines: list[str]
) -> None:
    async with serve(state_dir, TOKEN):
        async with serve(state_dir) as second:
            assert await ask_port(second, "GET", "/livez") == 200
        assert "another process listens there" in "".join(log_lines)
        assert await ask_socket(state_dir, "POST", RESTART) == 202


def link(path: Path) -> None:
    path.symlink_to("/nowhere")


@pytest.mark.parametrize("occupy", [link, Path.touch, Path.mkdir])
async def test_path_with_something_else_is_left_as_it_is(
    state_dir: Path, log_lines: list[str], occupy: object
) -> None:
    path = state_dir / SOCKET_NAME
    assert callable(occupy)
    occupy(path)
    before = path.lstat()
    async with serve(state_dir) as server:
        assert await ask_port(server, "GET", "/livez") == 200
    assert path.lstat() == before
    (line,) = log_lines
    assert "there is no control socket" in line
    assert "something that is no socket is there: remove it" in line


def test_link_to_a_socket_is_refused(state_dir: Path) -> None:
    elsewhere = state_dir / "elsewhere"
    with bind_socket(elsewhere):
        (state_dir / SOCKET_NAME).symlink_to(elsewhere)
        with pytest.raises(PathTaken, match="no socket"):
            bind_socket(state_dir / SOCKET_NAME)


@pytest.mark.parametrize("folder", ["/proc", "/nowhere", f"/tmp/{'x' * 120}"])
async def test_folder_that_takes_no_socket_is_named_and_the_port_works(
    folder: str, log_lines: list[str]
) -> None:
    async with serve(Path(folder)) as server:
        assert await ask_port(server, "GET", "/livez") == 200
    (line,) = log_lines
    assert f"there is no control socket: {folder}" in line
    assert "need the API token" in line


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_socket_is_removed_at_the_end(state_dir: Path) -> None:
    async with serve(state_dir):
        assert names_in(state_dir) == [SOCKET_NAME]
    assert names_in(state_dir) == []


async def test_socket_of_a_successor_is_not_removed(state_dir: Path) -> None:
    path = state_dir / SOCKET_NAME
    async with serve(state_dir):
        path.unlink()
        successor = await asyncio.to_thread(bind_socket, path)
    with successor:
        assert stat.S_ISSOCK(path.lstat().st_mode)


# --- limits


async def test_connections_are_bounded_and_a_new_one_is_served(state_dir: Path) -> None:
    path = str(state_dir / SOCKET_NAME)
    async with serve(state_dir):
        with ExitStack() as stack:
            idle = [
                stack.enter_context(socket.socket(socket.AF_UNIX))
                for _ in range(LIMITS.waiting + 2)
            ]
            for connection in idle:
                connection.setblocking(False)
                await asyncio.get_running_loop().sock_connect(connection, path)
            assert await ask_socket(state_dir, "GET", "/livez") == 200
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(DEADLINE_S):
                assert await loop.sock_recv(idle[0], 1) == b""
            last = idle[-1]
            await loop.sock_sendall(last, LIVEZ)
            async with asyncio.timeout(DEADLINE_S):
                assert (await loop.sock_recv(last, 12)) == b"HTTP/1.1 200"
