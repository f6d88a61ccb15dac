"""A Docker engine of our own, which is a swarm of one node.

The machine's engine is not asked to join a swarm: this one has its own processes,
network and mounts, and ends with them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException
from docker.models.containers import Container

START_S = 30.0
POLL_S = 0.1
DEADLINE_S = 120.0
_ISOLATED = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")


@dataclass(frozen=True)
class SwarmHost:
    """The engine: ``client`` asks it, ``socket`` is where it listens.

    ``environ`` is for the stack files, with the group of the socket.
    """

    client: docker.DockerClient
    socket: Path
    folder: Path
    environ: Mapping[str, str]

    def deploy(self, stack: str, text: str) -> None:
        """Deploy a stack from the text of a stack file."""
        file = self.folder / f"{stack}.yml"
        file.write_text(text)
        self.run(
            "stack",
            "deploy",
            "--resolve-image=never",
            "--detach=true",
            "-c",
            str(file),
            stack,
        )

    def run(self, *command: str) -> str:
        """Output of a command of docker's command line, with its errors."""
        return subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", *command],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            env={**os.environ, **self.environ},
        ).stdout

    def service(self, name: str) -> dict[str, Any]:
        """A service as inspected."""
        return dict(self.client.api.inspect_service(name))  # type: ignore[no-untyped-call]

    def forced_updates(self, name: str) -> int:
        """The number of forced updates of a service."""
        return int(self.service(name)["Spec"]["TaskTemplate"].get("ForceUpdate", 0))

    def containers(self, name: str) -> list[str]:
        """The ids of the running containers of a service, by its slots."""
        label = f"com.docker.swarm.service.name={name}"
        # Swarm removes containers at any time, between the list and a look at one, too.
        running = self.client.containers.list(
            filters={"label": label}, ignore_removed=True
        )
        return [str(c.id) for c in sorted(running, key=lambda c: str(c.name))]

    def wait_for_containers(self, name: str, count: int) -> list[str]:
        """Wait until a service has so many running containers."""
        deadline = time.monotonic() + DEADLINE_S
        while len(running := self.containers(name)) != count:
            assert time.monotonic() < deadline, self.run("service", "ps", name)
            time.sleep(POLL_S)
        return running


@contextlib.contextmanager
def run_swarm(*images: str, **environ: str) -> Iterator[SwarmHost]:
    """A running swarm with images of the machine's engine; it is left at the end.

    ``environ`` is for the stack files.
    """
    folder = Path(tempfile.mkdtemp(prefix="swarm-", dir="/tmp"))
    folder.chmod(0o755)
    socket = folder / "docker.sock"
    with (folder / "log").open("wb") as log:
        engine = subprocess.Popen(
            [*_ISOLATED, "sh", "-c", _start_command(folder, socket)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DOCKER_HOST": ""},
        )
    try:
        client = _wait_for_client(socket, engine, folder / "log")
        environ["DOCKER_GID"] = str(socket.stat().st_gid)
        host = SwarmHost(client, socket, folder, environ)
        _copy_images(images, socket)
        host.run("swarm", "init", "--advertise-addr", "127.0.0.1")
        try:
            yield host
        finally:
            host.run("swarm", "leave", "--force")
            for container in client.containers.list(all=True, ignore_removed=True):
                _remove_unless_gone(container)
            client.close()
    finally:
        _end(engine)
        shutil.rmtree(folder, ignore_errors=True)


def _copy_images(images: tuple[str, ...], socket: Path) -> None:
    save_command = ["docker", "save", *images]
    with subprocess.Popen(save_command, stdout=subprocess.PIPE) as save:
        subprocess.run(
            ["docker", "--host", f"unix://{socket}", "load"],
            check=True,
            stdin=save.stdout,
            capture_output=True,
            timeout=DEADLINE_S,
        )
    assert save.returncode == 0


def _start_command(folder: Path, socket: Path) -> str:
    return (
        "mount -t proc proc /proc && ip link set lo up && exec dockerd"
        f" --data-root {folder}/data --exec-root {folder}/exec"
        f" --pidfile {folder}/pid --host unix://{socket} --bridge none"
    )


def _wait_for_client(
    socket: Path, engine: "subprocess.Popen[bytes]", log: Path
) -> docker.DockerClient:
    deadline = time.monotonic() + START_S
    while True:
        with contextlib.suppress(DockerException):
            client = docker.DockerClient(f"unix://{socket}")
            if client.ping():
                return client
        assert engine.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(POLL_S)


def _remove_unless_gone(container: Container) -> None:
    """Remove a container that the swarm, which was left, may be removing itself."""
    try:
        container.remove(force=True)
    except APIError as error:
        if error.status_code not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
            raise


def _end(engine: "subprocess.Popen[bytes]") -> None:
    """End all processes of the engine's own namespace with its first one."""
    children = Path(f"/proc/{engine.pid}/task/{engine.pid}/children")
    with contextlib.suppress(OSError):
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
    try:
        engine.wait(timeout=15.0)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait(timeout=5.0)
