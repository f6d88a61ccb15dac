"""The examples in compose/examples, started as they are written."""

import shutil
from pathlib import Path

import pytest
import requests

from tests.engine.composed_stack import (
    ComposedStack,
    composed_stack,
    give_secret,
)
from tests.engine.harness import COMPOSE_FILE, RUN_LABEL, WALLET, WEBHOOK, Box
from tests.support.repository import REPOSITORY

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

EXAMPLES = REPOSITORY / "compose" / "examples"
OVERRIDE = "sidecar.override.yml"
TOKEN = "token-of-the-example"
CREATE = "http://engine-proxy:2375/v1.45/containers/create"
ALERTS = "json://webhook:8090/operators"
BACKEND = {"backend": {"internal": True}, "frontend": None}
RECEIVER = {
    "image": "sidecar:local",
    "labels": RUN_LABEL,
    "init": True,
    "entrypoint": ["python3", "-IS", "/webhook.py"],
    "volumes": [f"{WEBHOOK}:/webhook.py:ro"],
    "networks": ["frontend"],
}


def socket_group() -> str:
    return str(Path("/var/run/docker.sock").stat().st_gid)


def refusals(stack: ComposedStack) -> list[str]:
    lines = stack.compose("logs", "--no-log-prefix", "engine-proxy").splitlines()
    return [line for line in lines if " 403 " in line]


def is_listening(receiver: Box) -> bool:
    try:
        return receiver.ask("GET", 8090, "/messages").ok
    except requests.ConnectionError:
        return False


def restarts_of(stack: ComposedStack) -> int:
    return int(stack.targets()[WALLET]["restarts"]["total"])


def test_override_with_own_networks_token_file_and_alert_secret(
    tmp_path: Path,
) -> None:
    include = {"path": [str(COMPOSE_FILE), OVERRIDE], "project_directory": "."}
    shutil.copy(EXAMPLES / OVERRIDE, tmp_path)
    (tmp_path / "sidecar").mkdir(mode=0o755)
    shutil.copy(EXAMPLES / "sidecar.yaml", tmp_path / "sidecar")
    more = {
        "services": {
            WALLET: {"networks": ["backend"]},
            "bitcoincash-service": {"networks": ["backend", "frontend"]},
            "webhook": RECEIVER,
        },
        "networks": BACKEND,
    }
    environ = {
        "DOCKER_GID": socket_group(),
        "ELECTRON_CASH_PASSWORD_FILE": f"{tmp_path}/secrets/sidecar_rpcpassword",
    }
    with composed_stack(tmp_path, include, environ=environ, more=more) as stack:
        give_secret(tmp_path, "sidecar_rpcpassword", "the rpcpassword")
        give_secret(tmp_path, "sidecar_api_token", TOKEN)
        give_secret(tmp_path, "sidecar_alert_url", ALERTS)
        stack.compose("up", "--detach")
        stack.wait_healthy()
        receiver = stack.box("webhook")
        stack.wait_for("the receiver listens", lambda: is_listening(receiver))

        assert "operators" in stack.sidecar("notify", "test", "operators")
        stack.wait_for(
            "the message has come",
            lambda: "operators: " in stack.compose("logs", "webhook"),
        )
        orders = f"http://127.0.0.1:{stack.port}/api/v1/targets/{WALLET}/pause"
        signed_in = {"Authorization": f"Bearer {TOKEN}"}
        answers = [
            requests.post(orders, json={"for": "1m"}, headers=headers, timeout=60.0)
            for headers in ({}, signed_in)
        ]
        assert [answer.status_code for answer in answers] == [401, 200]


def test_dead_daemon_is_restarted_through_the_filtering_proxy(tmp_path: Path) -> None:
    include = {"path": [str(COMPOSE_FILE), str(EXAMPLES / "engine-proxy.yml")]}
    environ = {
        "DOCKER_GID": socket_group(),
        "ENGINE_PROXY_IMAGE": "sidecar-test-haproxy:local",
        "ENGINE_PROXY_CONFIG": str(EXAMPLES / "haproxy.cfg"),
        "ELECTRON_CASH_USER": "bchrpc",
        "ELECTRON_CASH_PASSWORD_FILE": f"{tmp_path}/secrets/sidecar_rpcpassword",
        "BCH_SERVICE_URL": "http://bitcoincash-service:8080/health",
    }
    with composed_stack(tmp_path, include, environ=environ) as stack:
        give_secret(tmp_path, "sidecar_rpcpassword", "the rpcpassword")
        stack.compose("up", "--detach")
        stack.wait_healthy()

        stack.compose("exec", "-T", WALLET, "python", "wallet.py", "fault", "die")

        stack.wait_for("a restart", lambda: restarts_of(stack) == 1)
        stack.wait_healthy()
        stack.wait_for(
            "the restart is found to have helped",
            lambda: "recovered" in stack.sidecar("history", "--target", WALLET),
        )
        assert refusals(stack) == []
        read = "print(open('/proc/mounts').read())"
        mounts = stack.compose("exec", "-T", "sidecar", "python3", "-c", read)
        assert "docker.sock" not in mounts
        post = f"import urllib.request as r; r.urlopen('{CREATE}', b'{{}}', 60)"
        stack.compose("exec", "-T", "sidecar", "python3", "-c", post, check=False)
        stack.wait_for("the refusal is logged", lambda: refusals(stack))
        (refusal,) = refusals(stack)
        assert "POST /v1.45/containers/create" in refusal
