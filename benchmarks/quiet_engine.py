"""A separate Docker engine, so that its CPU time is caused by the benchmark alone.

The same dockerd as the machine's, with its own containerd, data, socket and, so that
it touches no bridge and no rule of the machine's, its own network namespace.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import docker

from benchmarks import processes
from benchmarks.lab import wait_for

DATA_PARENT = Path("/var/lib")
MOUNTS = Path("/proc/self/mounts")
START_S = 60.0


# As a program of its own: it runs in the engine's network namespace.
GET = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"


class QuietEngine(NamedTuple):
    """Its socket, and its processes, dockerd first, but for the containers' shims."""

    socket: Path
    pids: tuple[int, ...]

    def get(self, url: str) -> str:
        """Answer of an HTTP server in one of its containers; raises OSError."""
        inside = ["nsenter", f"--target={self.pids[0]}", "--net"]
        command = [*inside, sys.executable, "-c", GET, url]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise OSError(result.stderr.strip().rpartition("\n")[2])
        return result.stdout

    def cpu_s(self) -> float:
        """CPU seconds of the engine, with its ended child processes."""
        return sum(processes.cpu(pid).total for pid in self.pids)


@contextmanager
def quiet_engine(images: tuple[str, ...]) -> Iterator[QuietEngine]:
    """Start an engine with these images; RuntimeError if that is not possible."""
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        raise RuntimeError("needs dockerd on this machine, and root")
    folder = Path(tempfile.mkdtemp(prefix="sidecar-benchmark-", dir=DATA_PARENT))
    socket = folder / "docker.sock"
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(_command(folder, socket), stdout=log, stderr=log)
    try:
        wait_for("the quiet engine", lambda: _answers(socket), START_S)
        _copy(images, socket)
        yield QuietEngine(socket, processes.tree(daemon.pid))
    finally:
        daemon.terminate()
        daemon.wait(30)
        _remove(folder)


def _remove(folder: Path) -> None:
    """The engine leaves a network namespace mounted."""
    mounts = [line.split()[1] for line in MOUNTS.read_text().splitlines()]
    for mount in sorted(mounts, reverse=True):
        if Path(mount).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", mount], check=True)
    shutil.rmtree(folder)


def _command(folder: Path, socket: Path) -> list[str]:
    return [
        *("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"),
        "dockerd",
        f"--host=unix://{socket}",
        f"--data-root={folder / 'data'}",
        f"--exec-root={folder / 'exec'}",
        f"--pidfile={folder / 'pid'}",
        "--bridge=none",
    ]


def _answers(socket: Path) -> bool:
    if not socket.exists():
        return False
    client = docker.DockerClient(base_url=f"unix://{socket}")
    try:
        return client.ping()
    except docker.errors.DockerException as error:
        raise OSError(str(error)) from error
    finally:
        client.close()


def _copy(images: tuple[str, ...], socket: Path) -> None:
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
        subprocess.run(
            ["docker", "--host", f"unix://{socket}", "load", "--quiet"],
            stdin=saved.stdout,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    if saved.returncode:
        raise RuntimeError(f"docker save {' '.join(images)} failed; see scripts/images")
