"""A stack on an engine of its own, such as Podman, in a privileged container."""

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import docker
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from docker.types import EndpointConfig
from typing_extensions import override

from tests.engine.harness import RUN_LABEL, SIDECAR, WALLET, Box, Stack, T
from tests.support.container_commands import run_in
from tests.support.docker_proxy import DockerProxy, make_socket_folder

IMAGES = ("sidecar:local", "sidecar-demo-wallet:local")
START_S = 60.0
PORTS = {WALLET: (7777, 7778), SIDECAR: (9787,)}
"""Published: this host reaches no container inside that of the engine."""


class OtherEngine:
    """An engine with the images of the tests; ``name``: podman-5, podman-4, docker-20.

    scripts/images builds the image of the engine.
    """

    def __init__(self, name: str) -> None:
        self.is_podman = name.startswith("podman")
        self._program = "podman" if self.is_podman else "docker"
        self.folder = make_socket_folder(f"sctest-{name}")
        self.socket = self.folder / "engine.sock"
        self._host = docker.DockerClient()
        self._network = self._host.networks.create(self.folder.name, labels=RUN_LABEL)
        self._container = self._host.containers.run(
            f"sidecar-test-{name}:local",
            [str(self.socket)],
            detach=True,
            privileged=True,
            cgroupns="private",
            labels=RUN_LABEL,
            network=self._network.name,
            volumes={str(self.folder): {"bind": str(self.folder), "mode": "rw"}},
        )

    def start(self) -> None:
        """Wait until it answers, and load the images."""
        self.client = self._wait_for_client()
        archive = self.folder / "images.tar"
        subprocess.run(["docker", "save", "--output", archive, *IMAGES], check=True)
        self.run("load", "--quiet", "--input", str(archive))
        archive.unlink()

    def _wait_for_client(self) -> docker.DockerClient:
        deadline = time.monotonic() + START_S
        while True:
            self._container.reload()
            # Podman makes its socket for root alone.
            log = self._container.logs().decode(errors="replace")
            assert self._container.status == "running", log
            opened = run_in(self._container, ["chmod", "0666", str(self.socket)])
            if opened.exit_code == 0:
                # The file is there before the engine listens.
                with contextlib.suppress(DockerException):
                    return docker.DockerClient(base_url=f"unix://{self.socket}")
            assert time.monotonic() < deadline, log
            time.sleep(0.2)

    @property
    def address(self) -> str:
        """The address of published ports."""
        networks = self._container.attrs["NetworkSettings"]["Networks"]
        return next(str(network["IPAddress"]) for network in networks.values())

    def run(self, *command: str) -> str:
        """The output of the engine's own command line, as an operator uses it."""
        host = [] if self.is_podman else ["--host", f"unix://{self.socket}"]
        status, output = run_in(self._container, [self._program, *host, *command])
        text = output.decode(errors="replace")
        assert status == 0, f"{command}: exit {status}: {text}"
        return text

    @contextlib.contextmanager
    def check_health(self, *boxes: Box) -> Iterator[None]:
        """Run the health checks each second: a systemd timer does so for Podman."""
        ended = threading.Event()

        def run_checks() -> None:
            while self.is_podman and not ended.wait(1.0):
                for box in boxes:
                    with contextlib.suppress(AssertionError):  # it is unhealthy
                        self.run("healthcheck", "run", box.name)

        thread = threading.Thread(target=run_checks, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=20.0)

    def close(self) -> None:
        """Remove the engine with all that is in it."""
        self._container.remove(force=True, v=True)
        self._network.remove()
        self._host.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def run_other_engine(name: str) -> Iterator[OtherEngine]:
    """An engine that is removed on exit."""
    engine = OtherEngine(name)
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


@dataclass
class OtherStack(Stack):
    """One compose project on another engine than this host's."""

    engine: OtherEngine = None  # type: ignore[assignment]  # given by keyword

    @override
    def __enter__(self) -> Self:
        self._boxes, self._containers, self._sidecar = [], [], None
        self.folder = self.engine.folder / self.project
        self.folder.mkdir()
        self.client = self.engine.client
        self.client.networks.create(self.project, labels=self._labels())
        self.proxy = DockerProxy(self.folder / "engine", self.engine.socket)
        self._exit_stack = contextlib.ExitStack()
        self._exit_stack.callback(self.proxy.close)
        self._exit_stack.callback(self._remove_all)
        return self

    def _remove_all(self) -> None:
        for container in self.client.containers.list(all=True):
            with contextlib.suppress(APIError):  # it does not run
                container.kill()
            container.remove(force=True, v=True)

    @override
    def container(
        self,
        image: str,
        service: str,
        *,
        number: int = 1,
        env: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        volumes: Mapping[str, str] | None = None,
        healthcheck: Mapping[str, object] | None = None,
        **kwargs: Any,
    ) -> Container:
        binds = {s: {"bind": i, "mode": "ro"} for s, i in (volumes or {}).items()}
        if kwargs.get("restart_policy") == {"Name": "no"}:
            del kwargs["restart_policy"]
        container: Container = self.client.containers.create(
            f"localhost/{image}" if self.engine.is_podman else image,
            kwargs.pop("command", None),
            name=f"{self.project}-{service}-{number}",
            environment=dict(env or {}),
            volumes=binds,
            ports={f"{port}/tcp": port for port in PORTS.get(service, ())},
            network=self.project,
            networking_config={self.project: EndpointConfig("1.41", aliases=[service])},
            labels={
                **self._labels(),
                "com.docker.compose.service": service,
                "com.docker.compose.container-number": str(number),
                "com.docker.compose.oneoff": "False",
                **(labels or {}),
            },
            healthcheck=dict(healthcheck or {"test": ["NONE"]}),
            **kwargs,
        )
        container.start()
        return container

    @override
    def _add_box(self, box: T) -> T:
        reachable = replace(box, address=self.engine.address)  # type: ignore[type-var]
        return super()._add_box(reachable)
