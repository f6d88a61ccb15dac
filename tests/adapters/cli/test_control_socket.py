"""Commands beside the sidecar: they use its control socket, and need no token."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.core.ports.control_socket import SOCKET_NAME
from tests.support.api_services import ApiServiceFakes
from tests.support.command_runner import CommandRunner, serve, sidecar


@pytest.fixture
async def beside(tmp_path: Path) -> AsyncIterator[CommandRunner]:
    """A sidecar without a token, with its control socket in ``tmp_path``."""
    async for runner in serve(ApiServiceFakes(token=None), state_dir=tmp_path):
        yield runner


async def test_order_beside_the_sidecar_needs_no_token(
    beside: CommandRunner, tmp_path: Path
) -> None:
    result = await sidecar(
        "restart", "electron-cash", "--now", SIDECAR_STATE_DIR=str(tmp_path)
    )
    assert result.status == 0
    assert result.out.startswith("electron-cash: restart: ")
    assert len(beside.fakes.events) == 1


@pytest.mark.parametrize("way", ["option", "variable"])
async def test_given_address_is_used_instead_of_the_socket(
    beside: CommandRunner, tmp_path: Path, way: str
) -> None:
    arguments = ("--url", beside.url) if way == "option" else ()
    environ = {"SIDECAR_URL": beside.url} if way == "variable" else {}
    result = await sidecar(
        "resume", "--all", *arguments, SIDECAR_STATE_DIR=str(tmp_path), **environ
    )
    assert result.status == 3
    assert "docker exec" in result.err
    assert "SIDECAR_API_TOKEN" in result.err


async def test_port_is_used_if_no_process_listens_at_the_socket(
    beside: CommandRunner, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(other / SOCKET_NAME))
    port = beside.url.rpartition(":")[2]
    for folder in (other, tmp_path / "nowhere"):
        result = await sidecar(
            "status", SIDECAR_STATE_DIR=str(folder), SIDECAR_LISTEN=f"0.0.0.0:{port}"
        )
        assert result.status == 0, folder


@pytest.mark.usefixtures("beside")
async def test_link_to_the_socket_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / SOCKET_NAME).symlink_to(tmp_path / SOCKET_NAME)
    result = await sidecar("status", SIDECAR_STATE_DIR=str(other))
    assert (result.status, result.out) == (2, "")
    assert f"{other / SOCKET_NAME} is not the socket" in result.err
    assert "--url" in result.err


async def test_lost_sidecar_is_named_by_its_socket(tmp_path: Path) -> None:
    """It accepts the connection and ends before it answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        path = tmp_path / SOCKET_NAME
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20.0)

        async def lose_two() -> None:
            for _ in range(2):
                connection, _address = await asyncio.to_thread(listener.accept)
                connection.close()

        losing = asyncio.create_task(lose_two())
        result = await sidecar("status", SIDECAR_STATE_DIR=str(tmp_path))
        await losing
    assert result.status == 2
    assert f"no sidecar answers at unix:{path}" in result.err
