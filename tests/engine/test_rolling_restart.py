"""Three replicas behind HAProxy, as in compose/examples/haproxy-replicas.yml."""

import os
import re
import signal
from pathlib import Path

import pytest
import yaml

from tests.engine.composed_stack import (
    ComposedStack,
    Json,
    composed_stack,
    give_secret,
    wait_servers,
)
from tests.engine.harness import COMPOSE_FILE, SERVICE, WALLET
from tests.support.haproxy_page import server_states
from tests.support.repository import REPOSITORY
from tests.support.request_load import Request, RequestLoad
from tests.support.soon_due import plan_soon

pytestmark = [pytest.mark.engine, pytest.mark.timeout(480)]

EXAMPLES = REPOSITORY / "compose" / "examples"
REPLICAS = 3
REQUESTS = 10_000
PER_SECOND = 250.0
DRAIN = "DRAIN (agent)"
QUICK_DRAIN = "8s"
"""HAProxy asks each second, on a busy machine later."""

LONG_DRAIN = "60s"
"""Time to stop Sidecar in the middle of it."""

ALL_UP = {f"replica-{number}": "UP" for number in range(1, REPLICAS + 1)}
BUSY = Request("GET", "/busy", frozenset({200, 423}))
PAYMENT = Request("POST", "/payments", frozenset({201}))
MORE: Json = {
    "services": {
        SERVICE: {"scale": REPLICAS, "environment": {"WALLET_TIMEOUT": "30"}},
    }
}


def quick_settings(preventive: Json | None = None, drain: str = QUICK_DRAIN) -> str:
    """The example's settings with shorter times; without a plan, without an agent."""
    file = EXAMPLES / "haproxy-replicas" / "sidecar.yaml"
    settings: Json = yaml.safe_load(file.read_text())
    settings["targets"][SERVICE] |= {
        "rolling": {"drain": drain, "pause": "2s"},
        "interval": "1s",
        "fast_interval": "500ms",
    }
    if preventive is None:
        del settings["balancer"]
    else:
        settings["targets"][SERVICE]["preventive"] = preventive
    return yaml.safe_dump(settings)


def replica_runs(stack: ComposedStack) -> list[str]:
    return [stack.box(SERVICE, n).started_at for n in range(1, REPLICAS + 1)]


def kill_sidecar(stack: ComposedStack) -> None:
    """Kill its init process, as the kernel does: the engine starts it again."""
    box = stack.box("sidecar")
    box.docker.reload()
    os.kill(int(box.docker.attrs["State"]["Pid"]), signal.SIGKILL)


def drained_servers(stack: ComposedStack) -> set[str]:
    """The servers that HAProxy has drained, by its own log."""
    log = stack.compose("logs", "--no-color", "haproxy")
    return set(re.findall(r"Server replicas/(\S+) enters drain state", log))


class Roll:
    """A planned restart of all replicas, and what HAProxy says meanwhile."""

    def __init__(
        self, stack: ComposedStack, settings: Path, drain: str = QUICK_DRAIN
    ) -> None:
        self._stack = stack
        self._host = stack.box("haproxy").ip
        self._before = replica_runs(stack)
        self._settings = settings
        self._drain = drain
        plan_soon(self._read_plan, self.has_begun)

    def _read_plan(self, cron: str) -> None:
        plan = {
            "cron": cron,
            "timezone": "UTC",
            "jitter": "0s",
            "skip_if_restarted_within": "0s",
        }
        self._settings.write_text(quick_settings(plan, self._drain))
        self._stack.sidecar("reload")

    def has_begun(self) -> bool:
        """Is a replica drained, or was one restarted?"""
        return len(self._unrestarted()) < REPLICAS or self.drains_after(0)

    def drains_after(self, count: int) -> bool:
        """Is a replica drained for its restart, after that of ``count`` others?"""
        unrestarted = self._unrestarted()
        states = server_states(self._host, "replicas")
        drained = {name for name in unrestarted if states[name] == DRAIN}
        return REPLICAS - len(unrestarted) >= count and bool(drained)

    def is_over(self) -> bool:
        """Did each replica begin another run, and does each get requests again?"""
        states = server_states(self._host, "replicas")
        return states == ALL_UP and not self._unrestarted()

    def _unrestarted(self) -> set[str]:
        """The servers whose replicas were not restarted yet."""
        runs = replica_runs(self._stack)
        pairs = zip(ALL_UP, self._before, runs, strict=True)
        return {name for name, before, run in pairs if run == before}


def test_rolling_restart_under_load_fails_no_request_even_if_sidecar_is_killed(
    tmp_path: Path,
) -> None:
    include = {"path": [str(COMPOSE_FILE), str(EXAMPLES / "haproxy-replicas.yml")]}
    settings = tmp_path / "settings" / "sidecar.yaml"
    settings.parent.mkdir()
    settings.write_text(quick_settings())
    environ = {
        "DOCKER_GID": str(Path("/var/run/docker.sock").stat().st_gid),
        "HAPROXY_IMAGE": "sidecar-test-haproxy:local",
        "ELECTRON_CASH_PASSWORD_FILE": f"{tmp_path}/secrets/sidecar_rpcpassword",
        "SIDECAR_CONFIG_FOLDER": str(settings.parent),
        "SERVICE_PORT": "0",
    }
    with composed_stack(tmp_path, include, environ=environ, more=MORE) as stack:
        give_secret(tmp_path, "sidecar_rpcpassword", "the rpcpassword")
        stack.compose("up", "--detach")
        names = {WALLET, *(f"{SERVICE}-{n}" for n in range(1, REPLICAS + 1))}
        stack.wait_for(
            "all healthy", lambda: stack.states() == dict.fromkeys(names, "healthy")
        )
        # Nobody answers HAProxy's agent checks yet, and no server is down for that.
        wait_servers(stack, "haproxy", "replicas", **ALL_UP)
        host = stack.box("haproxy").ip
        with (
            RequestLoad(host, 8080, BUSY, PER_SECOND) as load,
            RequestLoad(host, 8080, PAYMENT, 5.0, workers=2) as payments,
        ):
            roll = Roll(stack, settings)
            stack.wait_for("another drain", lambda: roll.drains_after(1))
            kill_sidecar(stack)
            stack.wait_for("the rolling restart", roll.is_over, deadline_s=240.0)
            assert drained_servers(stack) == set(ALL_UP)

            # Ended in the middle of a drain: it takes the drain back first.
            roll = Roll(stack, settings, LONG_DRAIN)
            stack.wait_for("a drain", lambda: roll.drains_after(0))
            stack.box("sidecar").docker.stop()
            # HAProxy may take in the last answer later. Nobody else takes a drain back.
            wait_servers(stack, "haproxy", "replicas", **ALL_UP)
            stack.wait_for("enough requests", lambda: load.count >= REQUESTS)
        assert load.failures == [], f"of {load.count}: {load.failures[:20]}"
        assert payments.failures == [], f"of {payments.count}: {payments.failures}"
