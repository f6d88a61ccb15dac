"""Reload of a changed and of a faulty file in the container."""

import json

import pytest

from tests.engine.harness import (
    SERVICE,
    WALLET,
    Stack,
    config,
    pair_config,
    wallet_target,
)
from tests.support.container_commands import run_in

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]


def test_changed_file_is_reloaded_by_command_and_by_signal(
    stack: Stack,
) -> None:
    stack.wallet()
    stack.service()
    watcher = stack.sidecar(config({WALLET: wallet_target()}))
    stack.wait_healthy(WALLET)

    stack.rewrite_config(json.dumps(pair_config()))
    assert "the configuration is good" in watcher.run("sidecar", "config", "check")
    assert "is in force" in watcher.run("sidecar", "reload")
    stack.wait_healthy(WALLET, SERVICE)

    stack.rewrite_config(json.dumps(config({WALLET: wallet_target()})))
    watcher.run_python("import os, signal; os.kill(1, signal.SIGHUP)")
    stack.wait_for("the service is left", lambda: set(watcher.states()) == {WALLET})
    assert watcher.status == "running"


def test_sidecar_restarted_with_faulty_file_uses_last_settings(stack: Stack) -> None:
    wallet = stack.wallet()
    watcher = stack.sidecar(config({WALLET: wallet_target()}))
    stack.wait_healthy(WALLET)
    stack.rewrite_config('{"targets": {"electron-cash": {"prob": 1}}}')
    assert run_in(watcher.docker, ["sidecar", "reload"]).exit_code == 3

    watcher.docker.restart()
    stack.wait_for("it answers", watcher.status_view)
    stack.wait_healthy(WALLET)
    wallet.end_daemon()
    stack.wait_outcome(WALLET, "restart")
    assert watcher.ask("GET", 9787, "/readyz").status_code == 503
