"""A Docker engine of our own, so that what it uses is used for us alone.

The same dockerd as the machine's, with its own containerd, data and socket, without
a bridge: its containers have the host's network or none.
"""

import shutil
import subprocess
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


class QuietEngine(NamedTuple):
    """Its socket, and its processes but for the containers' shims."""

    socket: Path
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """What it used, with the processes that it waited for."""
        return sum(processes.cpu(pid).total for pid in self.pids)


@contextmanager
def quiet_engine(images: tuple[str, ...]) -> Iterator[QuietEngine]:
    """Start one that has these images; RuntimeError where that is not possible."""
    if shutil.which("dockerd") is None:
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
        "dockerd",
        f"--host=unix://{socket}",
        f"--data-root={folder / 'data'}",
        f"--exec-root={folder / 'exec'}",
        f"--pidfile={folder / 'pid'}",
        "--bridge=none",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
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
