"""A stack of Docker Swarm, on an engine of our own that is a swarm."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
import yaml
from typing_extensions import override

from sidecar.core.model.container import Container, Status
from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.ports.engine import ContainerGone, LeftAlone
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker_host import address_from
from sidecar.engine.features import ALL_FEATURES
from sidecar.engine.swarm import SwarmEngine
from tests.engine.swarm_engine import DEADLINE_S, POLL_S, SwarmHost, run_swarm
from tests.support.container_commands import run_in
from tests.support.docker_proxy import DockerProxy
from tests.support.repository import REPOSITORY

pytestmark = [pytest.mark.engine, pytest.mark.timeout(360)]

IMAGE = "sidecar:local"
EXAMPLE = REPOSITORY / "compose" / "examples" / "swarm.yml"
PROBED = {
    "sidecar.enable": "true",
    "sidecar.probe.type": "http",
    "sidecar.probe.url": "http://payments:8080/",
    "sidecar.probe.timeout": "3s",
    "sidecar.probe.hang_after": "12s",
    "sidecar.interval": "1s",
    "sidecar.fast_interval": "500ms",
    "sidecar.start_period": "10s",
    "sidecar.restart.backoff": "1s",
    "sidecar.restart.recovery_timeout": "60s",
}


def service(replicas: int = 1, **deploy: object) -> dict[str, Any]:
    """A service that answers on port 8080."""
    return {
        "image": IMAGE,
        "entrypoint": ["python", "-m", "http.server", "8080"],
        "healthcheck": {"disable": True},
        "init": True,
        "stop_grace_period": "1s",
        "networks": ["net"],
        "deploy": {
            "replicas": replicas,
            "endpoint_mode": "dnsrr",
            "labels": PROBED,
            **deploy,
        },
    }


def stack_of(**services: object) -> str:
    network = {"net": {"driver": "overlay"}}
    return yaml.safe_dump({"services": services, "networks": network})


class ClashingProxy(DockerProxy):
    """Before each update the service gets a new version, for so many times."""

    def __init__(self, host: SwarmHost, name: str) -> None:
        self.clashes = 0
        self.updates: list[bytes] = []
        self._host, self._name = host, name
        super().__init__(host.folder / f"proxy-{name}", host.socket)

    @override
    def reply_to(self, method: str, path: str, request: bytes) -> bytes | None:
        if method == "POST" and "/update" in path:
            self.updates.append(request.partition(b"\r\n\r\n")[2])
            if self.clashes:
                self.clashes -= 1
                label = f"clash={self.clashes}"
                self._host.run(
                    "service", "update", "--detach", "--label-add", label, self._name
                )
        return super().reply_to(method, path, request)


class Watched:
    """The stack ``shop`` with its own sidecar, and the stack ``other`` beside it."""

    def __init__(self, host: SwarmHost) -> None:
        self.host = host
        host.run("stack", "config", "--compose-file", str(EXAMPLE))
        sidecar = yaml.safe_load(EXAMPLE.read_text())["services"]["sidecar"]
        sidecar |= {
            "environment": {"SIDECAR_WATCH_LABEL": "autoheal"},
            "volumes": [f"{host.socket}:/var/run/docker.sock"],
            "networks": ["net"],
            "stop_grace_period": "1s",
        }
        del sidecar["secrets"]
        host.deploy("other", stack_of(payments=service()))
        host.deploy("shop", stack_of(sidecar=sidecar, payments=service(2)))

    def ask(self, *command: str) -> Any:  # noqa: ANN401 - JSON
        """The answer of a command of the sidecar, as JSON."""
        sidecar_id = self.host.wait_for_containers("shop_sidecar", 1)[0]
        container = self.host.client.containers.get(sidecar_id)
        exit_code, output = run_in(container, ["sidecar", *command, "--json"])
        return json.loads(output) if exit_code == 0 else None

    def incidents(self) -> list[dict[str, Any]]:
        """The incidents on record."""
        return list((self.ask("incidents") or {}).get("incidents", ()))

    def states(self) -> dict[str, str]:
        """The state of each instance by name."""
        answer = self.ask("status")
        return {t["name"]: t["state"] for t in (answer or {}).get("targets", ())}

    def log(self) -> str:
        return self.host.run("service", "logs", "--raw", "shop_sidecar")

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not is_true():
            assert time.monotonic() < deadline, f"{self.states()}\n{self.log()}"
            time.sleep(POLL_S)

    def freeze(self, container_id: str) -> None:
        """Stop all processes of a container, below its init as well."""
        container = self.host.client.containers.get(container_id)
        run_in(container, ["python", "-c", "import os; os.kill(-1, 19)"])


async def test_service_of_a_swarm_is_restarted_and_its_operator_respected() -> None:
    """One engine for all parts: its start takes longest."""
    async with (
        own_swarm() as swarm,
        manage_service(swarm) as clashing,
        manage_service(swarm) as operated,
    ):
        await asyncio.gather(
            asyncio.to_thread(check_whole_sidecar, swarm),
            check_version_clash(swarm, clashing),
            check_operators_hands(swarm, operated),
        )


@asynccontextmanager
async def own_swarm() -> AsyncIterator[SwarmHost]:
    context = run_swarm(IMAGE, SIDECAR_IMAGE=IMAGE)
    host = await asyncio.to_thread(context.__enter__)
    try:
        yield host
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def check_whole_sidecar(swarm: SwarmHost) -> None:
    """A hung task is replaced; a neighbour, and a service scaled to 0, are not."""
    stack = Watched(swarm)
    both_work = {"payments-1": "healthy", "payments-2": "healthy"}
    stack.wait_until(lambda: stack.states() == both_work)
    before = swarm.service("shop_payments")["Spec"]
    hung = swarm.containers("shop_payments")[0]
    neighbour = swarm.wait_for_containers("other_payments", 1)

    stack.freeze(neighbour[0])
    stack.freeze(hung)
    stack.wait_until(lambda: stack.incidents() != [])
    stack.wait_until(lambda: stack.states() == both_work)

    # The state is shown before the end of the incident is stored.
    stack.wait_until(lambda: {i["state"] for i in stack.incidents()} == {"resolved"})
    (incident,) = stack.incidents()
    assert incident["target"] == "payments-1"
    assert incident["cause"] == "hung"
    after = swarm.service("shop_payments")["Spec"]
    assert after["TaskTemplate"].pop("ForceUpdate") == 1
    before["TaskTemplate"].pop("ForceUpdate")
    assert after == before
    assert hung not in swarm.containers("shop_payments")
    assert swarm.containers("other_payments") == neighbour
    assert swarm.forced_updates("other_payments") == 0

    swarm.run("service", "scale", "--detach", "shop_payments=0")
    stack.wait_until(lambda: set(stack.states().values()) == {"stopped"})
    assert "scaled to 0" in json.dumps(stack.ask("status"))
    swarm.wait_for_containers("shop_payments", 0)
    time.sleep(3.0)
    assert swarm.containers("shop_payments") == []
    assert swarm.forced_updates("shop_payments") == 1
    assert len(stack.incidents()) == 1


class Managed(NamedTuple):
    """A stack of one service with one task, and Sidecar's view of it."""

    name: str
    engine: SwarmEngine
    proxy: ClashingProxy
    container: Container


@asynccontextmanager
async def manage_service(swarm: SwarmHost) -> AsyncIterator[Managed]:
    stack = f"shop-{secrets.token_hex(3)}"
    await asyncio.to_thread(swarm.deploy, stack, stack_of(payments=service()))
    name = f"{stack}_payments"
    await asyncio.to_thread(swarm.wait_for_containers, name, 1)
    proxy = ClashingProxy(swarm, name)
    address = address_from({"DOCKER_HOST": f"unix://{proxy.path}"})
    link = EngineConnection(
        address, lambda *_: None, features_in_use=lambda: ALL_FEATURES
    )
    engine = SwarmEngine(link, stack)
    try:
        (container,) = await engine.containers()
        yield Managed(name, engine, proxy, container)
    finally:
        await engine.close()
        proxy.close()


async def check_version_clash(swarm: SwarmHost, managed: Managed) -> None:
    """An update under an old version is sent again, with the new settings."""
    name, engine, proxy, container = managed
    assert (container.status, container.service) == (Status.RUNNING, "payments")
    assert container.pid > 0
    assert await engine.processes(container.id)
    result = await engine.execute(container.id, ("python", "-V"), 10.0)
    assert result.output.startswith("Python 3")

    proxy.clashes = 1
    await engine.restart(container.id, 5.0)
    fresh = await engine.inspect(container.id)
    assert fresh.status is Status.RUNNING
    assert fresh.run != container.run
    spec = (await asyncio.to_thread(swarm.service, name))["Spec"]
    assert spec["Labels"]["clash"] == "0"
    assert spec["TaskTemplate"]["ForceUpdate"] == 1
    assert [json.loads(body) == spec for body in proxy.updates] == [False, True]

    await asyncio.to_thread(wait_for_update, swarm, name, "completed")
    proxy.clashes = 99
    await engine.inspect(container.id)
    with pytest.raises(LeftAlone, match="5 times meanwhile"):
        await engine.restart(container.id, 5.0)


async def check_operators_hands(swarm: SwarmHost, managed: Managed) -> None:
    """A service that an operator updates, scales to 0 or removes is left alone."""
    name, engine, _, container = managed

    async def update(*options: str) -> None:
        command = ("service", "update", "--detach", *options, name)
        await asyncio.to_thread(swarm.run, *command)

    await update("--image", "no-such-image")
    await asyncio.to_thread(wait_for_update, swarm, name, "updating", "paused")
    updating = await engine.inspect(container.id)
    assert updating.service_hold.is_update
    with pytest.raises(LeftAlone, match="update of its service has not ended"):
        await engine.restart(container.id, 5.0)

    await update("--replicas", "0")
    scaled = await engine.inspect(container.id)
    assert scaled.service_hold is ServiceHold.SCALED_TO_ZERO
    with pytest.raises(LeftAlone, match="scaled to 0"):
        await engine.start(container.id)

    await asyncio.to_thread(swarm.run, "service", "rm", name)
    with pytest.raises(ContainerGone):
        await engine.inspect(container.id)
    assert await engine.containers() == ()


def wait_for_update(swarm: SwarmHost, name: str, *states: str) -> None:
    """Wait until the update of a service is in one of these states.

    Swarm takes an order for an update before it begins the update.
    """
    deadline = time.monotonic() + DEADLINE_S
    while swarm.service(name).get("UpdateStatus", {}).get("State") not in states:
        assert time.monotonic() < deadline, swarm.service(name)
        time.sleep(POLL_S)
