"""Containers on a real engine, removed afterwards."""

import http.client
import io
import json
import re
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import docker
from docker.models.containers import Container

WALLET_IMAGE = "sidecar-demo-wallet:local"
SIDECAR_IMAGE = "sidecar:local"
RPC_USER, RPC_PASSWORD = "bchrpc", "only-for-the-benchmark"
API_TOKEN = "token-of-the-benchmark"
SOCKET = Path("/var/run/docker.sock")
RPC_PORT, CONTROL_PORT, SIDECAR_PORT = 7777, 7778, 9787
LABEL = "benchmark-run"
SERVICE = "electron-cash"

REMOVED_AT_ONCE = 4
NOTHING: Mapping[str, str] = MappingProxyType({})
NO_HEALTHCHECK = {"test": ["NONE"]}
NANO = 10**9

T = TypeVar("T")


class Lab:
    """Containers of one run, on the engine behind ``socket``."""

    def __init__(self, socket: Path, network: str) -> None:
        self.client = docker.DockerClient(base_url=f"unix://{socket}", timeout=120)
        self.run_id = uuid.uuid4().hex[:8]
        self._socket = socket
        self.network = network

    def full_name(self, name: str) -> str:
        """Full name of a container."""
        return f"bench-{self.run_id}-{name}"

    def wallet(
        self,
        name: str,
        stack: str,
        *,
        image: str = WALLET_IMAGE,
        shape: str = "pid1",
        health: Mapping[str, Any] = NO_HEALTHCHECK,
    ) -> Container:
        """A wallet daemon's stand-in, not started yet; ``health``: its HEALTHCHECK."""
        return self.member(
            name, stack, image, healthcheck=dict(health), environment={"SHAPE": shape}
        )

    def member(
        self,
        name: str,
        stack: str,
        image: str = WALLET_IMAGE,
        *,
        service: str = SERVICE,
        environment: Mapping[str, str] = NOTHING,
        **settings: Any,  # noqa: ANN401 - the SDK's own
    ) -> Container:
        """A container of a compose stack, not started yet."""
        return self._create_container(
            name,
            image,
            environment={"RPC_PASSWORD": RPC_PASSWORD, **environment},
            labels={
                LABEL: self.run_id,
                "com.docker.compose.project": stack,
                "com.docker.compose.service": service,
                "com.docker.compose.container-number": "1",
            },
            **settings,
        )

    def sidecar(
        self,
        name: str,
        config: Mapping[str, Any],
        *,
        log_level: str = "info",
        sees_host: bool = False,
    ) -> Container:
        """A Sidecar with this configuration; not started yet."""
        container = self._create_container(
            name,
            SIDECAR_IMAGE,
            healthcheck=NO_HEALTHCHECK,
            group_add=[str(self._socket.stat().st_gid)],
            volumes={str(self._socket): {"bind": "/var/run/docker.sock", "mode": "rw"}},
            environment={
                "SIDECAR_LOG_FORMAT": "json",
                "SIDECAR_LOG_LEVEL": log_level,
                "SIDECAR_API_TOKEN": API_TOKEN,
            },
            labels={LABEL: self.run_id},
            **({"pid_mode": "host"} if sees_host else {}),
        )
        container.put_archive("/", _tar("etc/sidecar/sidecar.yaml", json.dumps(config)))
        return container

    @contextmanager
    def count_events(self, action: str) -> Iterator[Callable[[], int]]:
        """A function that counts our containers' events of this kind from now on."""
        ours = {"label": f"{LABEL}={self.run_id}", "event": action}
        stream = self.client.events(decode=True, filters=ours)
        events: list[object] = []
        threading.Thread(target=lambda: events.extend(stream), daemon=True).start()
        try:
            yield lambda: len(events)
        finally:
            stream.close()

    def _create_container(self, name: str, image: str, **settings: Any) -> Container:  # noqa: ANN401
        return self.client.containers.create(
            image,
            name=self.full_name(name),
            network=self.network,
            **{"init": True, **settings},
        )

    def clear(self) -> None:
        """Remove every container."""
        ours = f"{LABEL}={self.run_id}"
        remaining = self.client.containers.list(all=True, filters={"label": ours})
        with ThreadPoolExecutor(REMOVED_AT_ONCE) as threads:
            list(threads.map(lambda each: each.remove(force=True, v=True), remaining))


@contextmanager
def lab(socket: Path = SOCKET, network: str | None = None) -> Iterator[Lab]:
    """A lab on ``network``, or on its own network; always removed afterwards."""
    opened = Lab(socket, network or f"bench-{uuid.uuid4().hex[:8]}")
    try:
        if network is None:
            opened.client.networks.create(opened.network)
        yield opened
    finally:
        opened.clear()
        if network is None:
            opened.client.networks.get(opened.network).remove()
        opened.client.close()


def wallet_probe(host: str) -> dict[str, Any]:
    """The settings of the probe of a wallet."""
    return {
        "type": "electron_cash",
        "url": f"http://{host}:{RPC_PORT}/",
        "username": RPC_USER,
        "password": RPC_PASSWORD,
    }


def http_probe(host: str) -> dict[str, Any]:
    """The settings of the probe of a wallet's control port."""
    return {"type": "http", "url": f"http://{host}:{CONTROL_PORT}/state"}


def address(container: Container) -> str:
    """Address of a running container on a bridge, as seen from this machine."""
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])


def pid(container: Container) -> int:
    """Process id of the container's main process on this machine."""
    container.reload()
    return int(container.attrs["State"]["Pid"])


def ask(
    host: str, port: int, path: str, *, method: str = "GET", timeout_s: float = 5.0
) -> Any:  # noqa: ANN401
    """JSON from an HTTP server; OSError where there is none."""
    return json.loads(ask_text(host, port, path, method=method, timeout_s=timeout_s))


def ask_text(
    host: str, port: int, path: str, *, method: str = "GET", timeout_s: float = 5.0
) -> str:
    """Body of an HTTP server's answer; OSError without an answer."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request(method, path, b"{}" if method == "PUT" else None)
        return connection.getresponse().read().decode()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def find_sample(metrics: str, name: str, target: str = "") -> float | None:
    """The value of one series in the text of `/metrics`; None if it is not there."""
    labels = f'{{target="{target}"}}' if target else ""
    match = re.search(rf"^{name}{re.escape(labels)} (\S+)$", metrics, re.MULTILINE)
    return float(match[1]) if match else None


def wait_for(
    what: str, look: Callable[[], T | None], within_s: float, every_s: float = 0.5
) -> T:
    """Wait for a true result of ``look`` and return it; raises TimeoutError."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            result = look()
        except OSError:
            result = None
        if result:
            return result
        time.sleep(every_s)
    raise TimeoutError(f"not within {within_s:.0f} s: {what}")


def _tar(path: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(text.encode()), 0o644
        archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
