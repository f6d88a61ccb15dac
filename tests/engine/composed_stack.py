"""A stack as an operator has it: a compose file that includes Sidecar's."""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import yaml

from tests.engine.harness import (
    COMPOSE_FILE,
    DEADLINE_S,
    RUN_LABEL,
    SERVICE,
    WALLET,
    Box,
)
from tests.support.haproxy_page import server_states

SHARERS = 5000
"""The group of those who may read the file of the daemon and the service."""

POLL_S = 0.5
SHARED_PASSWORD = "/run/secrets/rpc"
BOTH_HEALTHY = {WALLET: "healthy", SERVICE: "healthy"}

Json = dict[str, Any]


class ComposedStack:
    """One stack; ``environ`` are variables of its compose commands."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "SIDECAR_IMAGE": "sidecar:local",
            # The engine finds a free port when it starts the container.
            "SIDECAR_PORT": "0",
            **environ,
        }

    @property
    def port(self) -> int:
        """The port of this host at which Sidecar listens, once it runs."""
        return int(self.compose("port", "sidecar", "9787").rpartition(":")[2])

    def compose(self, *command: str, check: bool = True) -> str:
        """Run ``docker compose``; returns its output."""
        result = subprocess.run(
            ["docker", "compose", *command],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120.0,
            check=False,
        )
        assert not check or result.returncode == 0, result.stderr + result.stdout
        return result.stdout

    def box(self, service: str, number: int = 1) -> Box:
        """One container of the stack."""
        project = yaml.safe_load((self.folder / "compose.yaml").read_text())["name"]
        name = f"{project}-{service}-{number}"
        return Box(docker.from_env().containers.get(name))

    def sidecar(self, *command: str, check: bool = True) -> str:
        """Run a command of ``sidecar`` in its container; returns its output."""
        return self.compose("exec", "-T", "sidecar", "sidecar", *command, check=check)

    def targets(self) -> dict[str, Json]:
        """The status of each target, by name; none while Sidecar starts."""
        output = self.sidecar("status", "--json", check=False) or '{"targets": []}'
        return {target["name"]: target for target in json.loads(output)["targets"]}

    def states(self) -> dict[str, str]:
        """The state of each target."""
        return {name: target["state"] for name, target in self.targets().items()}

    def wait_for(
        self, what: str, look: Callable[[], object], deadline_s: float = 2 * DEADLINE_S
    ) -> None:
        """Wait until the result of ``look`` is true."""
        end = time.monotonic() + deadline_s
        while not look():
            assert time.monotonic() < end, f"not seen: {what}\n{self.last_logs()}"
            time.sleep(POLL_S)

    def last_logs(self) -> str:
        """The last lines of each service's log: a proxy writes one for each request."""
        return self.compose("logs", "--no-color", "--tail", "40")

    def wait_healthy(self) -> None:
        """Wait until the daemon and the service are healthy."""
        self.wait_for("both healthy", lambda: self.states() == BOTH_HEALTHY)


@contextmanager
def composed_stack(
    folder: Path,
    include: Mapping[str, object],
    *,
    environ: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> Iterator[ComposedStack]:
    """A stack's folder, whose daemon and service share a file; removed at the end.

    ``include`` is the entry for Sidecar's files; ``more`` are parts of the compose
    file, merged into its own.
    """
    document = _merge(_document(include), more or {})
    (folder / "compose.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    (folder / "secrets").mkdir()
    shared = folder / "secrets" / "electron_cash_password"
    shared.write_text("the rpcpassword")
    shared.chmod(0o440)
    os.chown(shared, 0, SHARERS)
    stack = ComposedStack(folder, environ or {})
    try:
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "2", check=False)


def wait_servers(stack: ComposedStack, proxy: str, backend: str, **states: str) -> None:
    """Wait until HAProxy has these states of the servers of a backend."""
    end = time.monotonic() + 2 * DEADLINE_S
    while (current := _read_servers(stack, proxy, backend)) != states:
        assert time.monotonic() < end, f"{current}\n{stack.last_logs()}"
        time.sleep(POLL_S)


def _read_servers(stack: ComposedStack, proxy: str, backend: str) -> dict[str, str]:
    try:
        return server_states(stack.box(proxy).ip, backend)
    except OSError:  # it does not listen yet
        return {}


def give_secret(folder: Path, name: str, text: str) -> Path:
    """A secret's file that only Sidecar reads."""
    file = folder / "secrets" / name
    file.write_text(text)
    file.chmod(0o400)
    os.chown(file, 10001, 10001)
    return file


def sidecar_alone() -> Json:
    """The entry of ``include`` that the README shows."""
    return {"path": str(COMPOSE_FILE)}


_COMMON: Json = {
    "init": True,
    "labels": RUN_LABEL,
    "group_add": [str(SHARERS)],
    "secrets": ["rpc"],
}


def wallet_service() -> Json:
    """A wallet daemon as a service of the compose file."""
    return {
        **_COMMON,
        "image": "sidecar-demo-wallet:local",
        "environment": {"SHAPE": "wrapper", "RPC_USER": "bchrpc"},
        "entrypoint": _with_password("RPC_PASSWORD", "/app/entrypoint.sh"),
    }


def _document(include: Mapping[str, object]) -> Json:
    service: Json = {
        **_COMMON,
        "image": "sidecar-demo-service:local",
        "environment": {
            "WALLET_URL": f"http://{WALLET}:7777/",
            "WALLET_USER": "bchrpc",
        },
        "entrypoint": _with_password("WALLET_PASSWORD", "python /app/service.py"),
    }
    return {
        "include": [dict(include)],
        "name": f"sctest-{secrets.token_hex(4)}",
        "services": {WALLET: wallet_service(), SERVICE: service},
        "secrets": {"rpc": {"file": "./secrets/electron_cash_password"}},
    }


def _with_password(variable: str, command: str) -> list[str]:
    return ["sh", "-c", f"{variable}=$$(cat {SHARED_PASSWORD}) exec {command}"]


def _merge(whole: Json, more: Mapping[str, object]) -> Json:
    return {**whole, **{key: _merge_value(whole.get(key), more[key]) for key in more}}


def _merge_value(value: object, more: object) -> object:
    if isinstance(value, dict) and isinstance(more, Mapping):
        return _merge(value, more)
    return more
