"""The README's steps, executed literally, with a shared password file."""

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.harness import COMPOSE_FILE, DEADLINE_S, RUN_LABEL, SERVICE, WALLET
from tests.support.readme_steps import code_of, run_as_root

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SHARERS = 5000
"""The group of those who may read the file of the daemon and the service."""

STACK = """
include: [{{path: {sidecar}}}]
name: {name}
services:
  electron-cash:
    image: sidecar-demo-wallet:local
    init: true
    labels: {labels}
    group_add: ["{group}"]
    environment: {{SHAPE: wrapper, RPC_USER: bchrpc}}
    entrypoint: [sh, -c, 'RPC_PASSWORD=$$(cat {file}) exec /app/entrypoint.sh']
    secrets: [rpc]
  bitcoincash-service:
    image: sidecar-demo-service:local
    init: true
    labels: {labels}
    group_add: ["{group}"]
    environment: {{WALLET_URL: "http://electron-cash:7777/", WALLET_USER: bchrpc}}
    entrypoint: [sh, -c, 'WALLET_PASSWORD=$$(cat {file}) exec python /app/service.py']
    secrets: [rpc]
secrets:
  rpc: {{file: ./secrets/electron_cash_password}}
"""


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def compose(folder: Path, *command: str, check: bool = True) -> str:
    result = subprocess.run(
        ["docker", "compose", *command],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "SIDECAR_IMAGE": "sidecar:local",
            "SIDECAR_PORT": str(free_port()),
        },
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )
    assert not check or result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A stack's folder, whose daemon and service share a file; removed at the end."""
    name = f"sctest-{secrets.token_hex(4)}"
    text = STACK.format(
        sidecar=COMPOSE_FILE,
        name=name,
        labels=json.dumps(RUN_LABEL),
        group=SHARERS,
        file="/run/secrets/rpc",
    )
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / "secrets").mkdir()
    shared = tmp_path / "secrets" / "electron_cash_password"
    shared.write_text("the rpcpassword")
    shared.chmod(0o440)
    os.chown(shared, 0, SHARERS)
    yield tmp_path
    compose(tmp_path, "down", "--volumes", "--timeout", "2", check=False)


def states(folder: Path) -> dict[str, str]:
    output = compose(
        folder, "exec", "-T", "sidecar", "sidecar", "status", "--json", check=False
    )
    targets = json.loads(output or '{"targets": []}')["targets"]
    return {target["name"]: target["state"] for target in targets}


def test_readme_steps_monitor_stack_and_keep_shared_password_file(folder: Path) -> None:
    for step in (2, 3):
        run_as_root(code_of(step), folder)
    settings = folder / ".env"
    settings.write_text(settings.read_text().replace("=observe", "=act"))
    compose(folder, "up", "--detach")
    end = time.monotonic() + 2 * DEADLINE_S
    while states(folder) != {WALLET: "healthy", SERVICE: "healthy"}:
        assert time.monotonic() < end, compose(folder, "logs")
        time.sleep(0.5)
    shared = (folder / "secrets" / "electron_cash_password").stat()
    assert (shared.st_uid, shared.st_gid) == (0, SHARERS)
    check = compose(folder, "exec", "-T", "sidecar", "sidecar", "check", "--json")
    assert {row["outcome"] for row in json.loads(check)} == {"success"}
