"""The control socket of the whole process, and the real command line beside it."""

import asyncio
import socket
import subprocess
import sys

from tests.support.engine_server import raw_container
from tests.support.notify_receivers import receiver
from tests.support.sidecar_host import (
    DEADLINE_S,
    QUICK,
    WALLET_ID,
    SidecarHost,
    own_host,
)


def run_command(host: SidecarHost, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments],
        env=host.environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def watch_one_target(host: SidecarHost) -> None:
    """Configure one target that needs no server, and wait until it is known."""
    host.engine.add(raw_container(WALLET_ID, stack="shop", service="electron-cash"))
    targets = {"electron-cash": {**QUICK, "probe": {"type": "running"}}}
    host.environ["SIDECAR_CONFIG"] = host.config(targets=targets)


def wait_for_control_socket(host: SidecarHost) -> None:
    """Wait until a process listens at the control socket: later than at its port."""
    path = str(host.folder / "state" / "sidecar.sock")

    def is_served() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(path) == 0

    host.until("the control socket is served", is_served)


def test_command_beside_the_process_needs_no_token(sidecar_host: SidecarHost) -> None:
    watch_one_target(sidecar_host)
    process = sidecar_host.start_serving()
    sidecar_host.until(
        "it is listed", lambda: bool(sidecar_host.target("electron-cash"))
    )
    assert sidecar_host.post("/api/v1/pause").status == 403

    result = run_command(sidecar_host, "pause", "--all")

    assert (result.returncode, result.stdout) == (
        0,
        "all targets: paused until resumed\n",
    )
    assert sidecar_host.target("electron-cash")["paused"]
    assert sidecar_host.stop(process) == 0
    assert not (sidecar_host.folder / "state" / "sidecar.sock").exists()


def test_socket_of_a_killed_process_is_replaced(sidecar_host: SidecarHost) -> None:
    watch_one_target(sidecar_host)
    first = sidecar_host.start_serving()
    wait_for_control_socket(sidecar_host)
    first.kill()
    first.wait(DEADLINE_S)
    assert (sidecar_host.folder / "state" / "sidecar.sock").exists()
    result = run_command(sidecar_host, "status")
    assert result.returncode == 2
    assert sidecar_host.url in result.stderr

    sidecar_host.start_serving()
    wait_for_control_socket(sidecar_host)

    assert run_command(sidecar_host, "resume", "--all").returncode == 0


def test_link_in_place_of_the_socket_is_refused_and_left(
    sidecar_host: SidecarHost,
) -> None:
    state_dir = sidecar_host.folder / "state"
    state_dir.mkdir(mode=0o700)
    aim = sidecar_host.folder / "aim"
    (state_dir / "sidecar.sock").symlink_to(aim)

    process = sidecar_host.start_serving()

    result = run_command(sidecar_host, "status")
    assert result.returncode == 2
    assert "is not the socket that a sidecar makes there" in result.stderr
    assert sidecar_host.stop(process) == 0
    assert (state_dir / "sidecar.sock").is_symlink()
    assert not aim.exists()
    assert "there is no control socket" in "".join(sidecar_host.log_lines)


async def test_message_of_a_process_without_token_names_its_own_commands(
    sidecar_host: SidecarHost,
) -> None:
    sidecar_host.engine.add(raw_container(WALLET_ID, stack="shop", service="web"))
    probe = {"type": "tcp", "host": own_host(), "port": 1}
    async with receiver() as http_receiver:
        ops = {"url": f"json://127.0.0.1:{http_receiver.port}/"}
        file = sidecar_host.config(
            targets={"web": {**QUICK, "probe": probe, "restart": {"enabled": False}}},
            notify={"channels": {"ops": ops}},
        )
        await asyncio.to_thread(sidecar_host.start_serving, SIDECAR_CONFIG=file)
        await asyncio.wait_for(http_receiver.arrived.wait(), DEADLINE_S)
    message = http_receiver.requests[0].json["message"]
    assert "docker exec shop-sidecar-1 sidecar restart web" in message
