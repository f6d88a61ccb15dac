"""A container that compose made is recreated on the real engine; compose has no say."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.status.set_aside import set_aside_name
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.features import ALL_FEATURES
from sidecar.engine.replacement_plan import differences
from tests.engine.harness import (
    DEADLINE_S,
    QUICK_RESTART,
    RUN_LABEL,
    SidecarBox,
    Stack,
    config,
)
from tests.support.compose_command import run_compose
from tests.support.container_commands import run_in
from tests.support.timestamps import unix_time

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

Json = dict[str, Any]
SHOP = "shop"
RECREATE = {
    "budget": 1,
    "slow_lane": ["1s", "3s", "10m"],
    "stop_timeout": "1s",
}
FAULTY = "/tmp/faulty"
"""While this file is in the container itself, the service answers 500."""
ENDED_WITH_3 = "with exit code 3;|and the engine started it again;"
"""The engine starts it again: it may run at every look, and then has no exit code."""
SERVICE = f"""
import http.server, os, sys
if os.path.exists("/data/refuse") and not os.path.exists("{FAULTY}"):
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists("{FAULTY}") else 200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


class ComposeProject:
    """The compose project of a test's stack, with one service of many settings."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        secret = folder / "secret"
        secret.write_text("x")
        shop = {
            "image": "sidecar-demo-service:local",
            "entrypoint": ["python3", "-c", SERVICE],
            "user": "0:0",
            "init": True,
            "restart": "unless-stopped",
            "stop_grace_period": "1s",
            "environment": {"A": "1", "EMPTY": ""},
            "labels": {**RUN_LABEL, "own.label": "a=b"},
            "networks": {
                "front": {"aliases": [SHOP, "till"]},
                "back": {"aliases": ["inner"], "ipv4_address": self.address},
            },
            "volumes": ["data:/data", f"{folder}:/settings:ro"],
            "tmpfs": ["/scratch"],
            "secrets": ["key"],
            "mem_limit": "64m",
            "cap_drop": ["NET_RAW"],
            "extra_hosts": ["elsewhere.example:10.9.9.9"],
            "healthcheck": {"test": ["CMD", "true"], "interval": "30s"},
            "ports": ["127.0.0.1::8080"],
        }
        document = {
            "services": {SHOP: shop},
            "networks": {
                "front": {"external": True, "name": stack.network.name},
                "back": {
                    "labels": RUN_LABEL,
                    "ipam": {"config": [{"subnet": self.subnet}]},
                },
            },
            "volumes": {"data": {"labels": RUN_LABEL}},
            "secrets": {"key": {"file": str(secret)}},
        }
        (folder / "compose.yaml").write_text(json.dumps(document))

    @property
    def subnet(self) -> str:
        """A network that no other test uses, from the project's random name."""
        number = int(self._stack.project.rpartition("-")[2], 16)
        return f"10.{200 + number % 50}.{number // 50 % 250}.0/24"

    @property
    def address(self) -> str:
        return self.subnet.replace(".0/24", ".77")

    def run(self, *command: str) -> str:
        """The output of a compose command in this project."""
        return run_compose(self._stack.project, self._folder, *command)

    @property
    def shop(self) -> Container:
        """The service's container as it is now."""
        return self._stack.client.containers.get(self.name)

    @property
    def name(self) -> str:
        return f"{self._stack.project}-{SHOP}-1"

    @property
    def names(self) -> list[str]:
        """All containers of the service, running or not."""
        label = "com.docker.compose.service=" + SHOP
        project = f"com.docker.compose.project={self._stack.project}"
        containers = self._stack.client.containers.list(
            all=True, filters={"label": [label, project]}
        )
        return sorted(str(container.name) for container in containers)

    def execute(self, command: str) -> None:
        """Run a command, which may be repeated: Sidecar restarts a faulty container."""

        def succeeds() -> bool:
            status, output = run_in(self.shop, ["sh", "-c", command])
            assert status == 0, output
            return True

        self._stack.wait_for(command, succeeds)


@pytest.fixture
def project(stack: Stack, tmp_path: Path) -> Iterator[ComposeProject]:
    project = ComposeProject(stack, tmp_path)
    project.run("up", "--detach")
    try:
        yield project
    finally:
        stack.watcher.docker.kill()
        project.run("down", "--volumes", "--timeout", "0")


def start_watcher(stack: Stack, recovery_timeout: str) -> SidecarBox:
    """Sidecar, which finds the service healthy."""
    restart = {**QUICK_RESTART, **RECREATE, "recovery_timeout": recovery_timeout}
    target = {
        "probe": {"type": "http", "url": f"http://{SHOP}:8080/"},
        "restart": restart,
        "recreate": True,
    }
    defaults = {
        "interval": "1s",
        "fast_interval": "300ms",
        "timeout": "10s",
        "start_period": "2s",
    }
    watcher = stack.sidecar(config({SHOP: target}, defaults=defaults))
    stack.wait_healthy(SHOP)
    return watcher


def recreates(watcher: SidecarBox) -> list[str]:
    """Outcomes of the recreates so far."""
    return [o for action, o in watcher.outcomes(SHOP) if action == "recreate"]


def wait_settled(stack: Stack, project: ComposeProject) -> None:
    stack.wait_for(
        "one container of the right name", lambda: project.names == [project.name]
    )
    stack.wait_for("it runs", lambda: project.shop.status == "running")


def test_recreate_is_unseen_by_compose_and_refused_without_permission(
    stack: Stack, project: ComposeProject
) -> None:
    # Long enough that the recreate is found to have helped on a slow machine, too.
    watcher = start_watcher(stack, "12s")
    project.execute("echo kept > /data/kept")
    before = project.shop
    project.execute(f"touch {FAULTY}")
    stack.wait_for(
        "it is recreated",
        lambda: recreates(watcher) == ["recovered"],
        2 * DEADLINE_S,
    )

    after = project.shop
    assert after.id != before.id
    assert project.names == [project.name]
    assert list(differences(before.attrs, after.attrs)) == []
    project.execute("grep kept /data/kept")
    back = f"{stack.project}_back"
    endpoint = after.attrs["NetworkSettings"]["Networks"][back]
    assert endpoint["IPAddress"] == project.address
    assert {"inner", SHOP, project.name} <= set(endpoint["DNSNames"])

    output = project.run("up", "--detach")
    assert "Recreate" not in output
    assert project.shop.id == after.id
    assert project.shop.attrs["State"]["StartedAt"] == after.attrs["State"]["StartedAt"]

    # The next incident, behind a filter that allows no create.
    stack.proxy.answer("POST", "/containers/create", 403, '{"message": "not allowed"}')
    project.execute(f"touch {FAULTY}")
    stack.wait_for(
        "it is refused",
        lambda: recreates(watcher)[1:] == ["failed"],
        2 * DEADLINE_S,
    )
    ended = [r for r in watcher.records(SHOP) if "not allowed" in r.message]
    assert ended[-1].fields["action"] == "recreate"
    assert project.names == [project.name]
    assert project.shop.id == after.id
    refused_at = unix_time(ended[-1].at)
    stack.wait_for(
        "restarts go on",
        lambda: any(
            request.verb == "restart" and request.at > refused_at
            for request in stack.proxy.posts
        ),
    )


def test_recreate_is_rolled_back_and_survives_kills(
    stack: Stack, project: ComposeProject
) -> None:
    # What fails here needs no time to be found to help.
    watcher = start_watcher(stack, "3s")
    # The new container ends at once; the old one, with its file, would not.
    project.execute("touch /data/refuse")
    before = project.shop
    project.execute(f"touch {FAULTY}")
    stack.wait_for(
        "it is rolled back", lambda: recreates(watcher) == ["failed"], 2 * DEADLINE_S
    )
    wait_settled(stack, project)
    assert project.shop.id == before.id
    record = next(r for r in watcher.records(SHOP) if "ended at once" in r.message)
    assert re.search(ENDED_WITH_3, record.message)
    assert "has its place back" in record.message
    project.execute(f"rm -f /data/refuse {FAULTY}")
    stack.wait_healthy(SHOP)

    kill_after(stack, project, "stop")
    assert project.shop.id == before.id
    project.execute(f"rm -f {FAULTY}")
    stack.wait_healthy(SHOP)

    kill_after(stack, project, "start")
    assert project.shop.id != before.id
    stack.wait_healthy(SHOP)
    assert "Recreate" not in project.run("up", "--detach")


def kill_after(stack: Stack, project: ComposeProject, verb: str) -> None:
    """Kill Sidecar after the engine has done this part of a recreate; start it anew."""
    asked = len(calls(stack, verb))
    # Sidecar would go on as soon as it saw what the engine has done.
    stack.proxy.keep_back(verb, reads_too=True)
    project.execute(f"touch {FAULTY}")
    stack.wait_for(
        f"the engine is told: {verb}",
        lambda: calls(stack, verb)[asked:],
        2 * DEADLINE_S,
    )
    aside = stack.client.containers.get(set_aside_name(project.name))
    wait_for_stop(aside)
    if verb == "start":
        stack.wait_for("the new one runs", lambda: project.shop.status == "running")
    stack.watcher.docker.kill(signal="SIGKILL")
    stack.watcher.docker.wait(timeout=30)
    stack.proxy.answer_reads()
    assert len(project.names) == 2
    stack.watcher.docker.start()
    wait_settled(stack, project)


def calls(stack: Stack, verb: str) -> list[str]:
    return [request.verb for request in stack.proxy.posts if request.verb == verb]


def wait_for_stop(container: Container) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while container.status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
        container.reload()


# --- what is refused, from real containers


REFUSED: dict[str, tuple[Json, list[R]]] = {
    "plain": ({}, [R.USED_BY_OTHER]),
    "user": ({"network_mode": "service:plain"}, []),
    "copied": (
        {"configs": [{"source": "text", "target": "/etc/own.conf"}]},
        [R.FILES_IN_CONTAINER],
    ),
    "unnamed": ({"volumes": ["/data"]}, [R.VOLUME_UNNAMED]),
    "linked": ({"links": ["plain"]}, [R.HAS_LINKS]),
    "named": ({"volumes": ["data:/data"]}, []),
    "written": (
        {"entrypoint": ["sh", "-c", "echo 1 > /srv/ledger; exec sleep 999"]},
        [R.FILES_IN_CONTAINER],
    ),
    "on_host": ({"network_mode": "host"}, []),
}


@pytest.fixture
def refused_project(tmp_path: Path) -> Iterator[str]:
    name = f"sctest-{tmp_path.name[:20].replace('_', '-')}-{time.time_ns() % 10**6}"
    plain = {
        "image": "sidecar-base:local",
        "entrypoint": ["sleep", "999"],
        "labels": RUN_LABEL,
        "stop_grace_period": "0s",
    }
    document = {
        "services": {key: {**plain, **more} for key, (more, _) in REFUSED.items()},
        "configs": {"text": {"content": "x=1"}},
        "volumes": {"data": {"labels": RUN_LABEL}},
    }
    (tmp_path / "compose.yaml").write_text(json.dumps(document))
    run_compose(name, tmp_path, "up", "--detach")
    wait = "until [ -s /srv/ledger ]; do sleep 0.1; done"
    run_compose(name, tmp_path, "exec", "-T", "written", "sh", "-c", wait)
    yield name
    run_compose(name, tmp_path, "down", "--volumes", "--timeout", "0")


def test_containers_that_cannot_be_made_again_are_found(refused_project: str) -> None:
    async def plan() -> dict[str, list[R]]:
        link = EngineConnection.from_environ(
            {}, on_request=lambda *_: None, features_in_use=lambda: ALL_FEATURES
        )
        engine = DockerEngine(link, refused_project)
        try:
            obstacle_codes = {}
            for container in await engine.containers():
                planned = await engine.plan_replacement(container.id, None)
                obstacle_codes[container.service] = [o.code for o in planned.obstacles]
            (named,) = [c for c in await engine.containers() if c.service == "named"]
            for path in ("/data/wallet", "/root/wallet"):
                planned = await engine.plan_replacement(named.id, (path,))
                obstacle_codes[path] = [o.code for o in planned.obstacles]
            await engine.check_removal()
        finally:
            await engine.close()
        return obstacle_codes

    expected = {key: codes for key, (_, codes) in REFUSED.items()}
    wallets: dict[str, list[R]] = {
        "/data/wallet": [],
        "/root/wallet": [R.WALLET_IN_CONTAINER],
    }
    assert asyncio.run(plan()) == expected | wallets
