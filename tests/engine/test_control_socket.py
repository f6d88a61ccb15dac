"""Commands inside the sidecar's container: they need no token."""

import pytest

from tests.engine.harness import WALLET, Stack, config, wallet_config
from tests.support.container_commands import run_in

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

NO_TOKEN = {"SIDECAR_API_TOKEN": ""}
STATE_DIR = "/var/lib/sidecar"
OTHER_USER = "12345"


def test_command_in_the_container_restarts_without_a_token(stack: Stack) -> None:
    wallet = stack.wallet()
    watcher = stack.sidecar(wallet_config(), env=NO_TOKEN)
    stack.wait_healthy(WALLET)
    before = wallet.started_at

    assert watcher.order("restart", WALLET).status_code == 403
    output = watcher.run("sidecar", "restart", WALLET, "--wait")

    assert f"{WALLET}: restart: recovered after " in output
    assert stack.lifecycle_calls() == [f"restart {WALLET}"]
    assert wallet.started_at != before
    mode = f"import os; print(oct(os.stat({STATE_DIR!r} + '/sidecar.sock').st_mode))"
    assert watcher.run_python(mode).strip() == "0o140600"


def test_other_user_in_the_container_is_refused(stack: Stack) -> None:
    stack.wallet()
    watcher = stack.sidecar(wallet_config(), env=NO_TOKEN)
    stack.wait_healthy(WALLET)

    status, output = run_in(
        watcher.docker, ["sidecar", "restart", WALLET], user=OTHER_USER
    )

    assert status == 3
    assert b"control over HTTP is disabled" in output
    assert stack.lifecycle_calls() == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("ro,mode=0700,uid=10001", "Read-only"),
        ("nr_inodes=1,mode=0700,uid=10001", "No space"),
    ],
    ids=["read-only", "full"],
)
def test_state_directory_without_room_for_the_socket_leaves_the_watch_working(
    stack: Stack, options: str, reason: str
) -> None:
    stack.wallet()
    watcher = stack.sidecar(wallet_config(), env=NO_TOKEN, tmpfs={STATE_DIR: options})
    stack.wait_healthy(WALLET)

    assert "there is no control socket" in watcher.log()
    assert reason in watcher.log()
    status, output = run_in(watcher.docker, ["sidecar", "restart", WALLET])
    assert (status, b"SIDECAR_API_TOKEN" in output) == (3, True)
    assert run_in(watcher.docker, ["sidecar", "status"]).exit_code == 0


TALKER = "talker"
FOLLOW = """
import subprocess, sys
command = ["sidecar", "logs", sys.argv[1], "-f", "--lines", "2000"]
subprocess.Popen(command, stdout=open("/tmp/followed", "w"))
"""
TALK = "n=0; while sleep 0.2; do n=$((n+1)); echo line $n, password=hunter2; done"


def test_log_of_a_target_is_masked_and_followed_over_its_restart(stack: Stack) -> None:
    stack.container("sidecar-base:local", TALKER, command=["sh", "-c", TALK], init=True)
    watcher = stack.sidecar(
        config({TALKER: {"probe": {"type": "running"}}}), env=NO_TOKEN
    )
    stack.wait_healthy(TALKER)
    watcher.run_python(FOLLOW, TALKER)
    stack.wait_for("lines", lambda: watcher.read_file("/tmp/followed"))

    watcher.run("sidecar", "restart", TALKER, "--wait")

    stack.wait_for(
        "the first line of both runs",
        lambda: watcher.read_file("/tmp/followed").count(" line 1, ") == 2,
    )
    lines = [
        line.split(" ", 1)[1]
        for line in watcher.read_file("/tmp/followed").splitlines()
    ]
    second_run = lines.index("line 1, password=***", 1)
    for run in (lines[:second_run], lines[second_run:]):
        assert run == [f"line {n}, password=***" for n in range(1, len(run) + 1)]
    last_lines = watcher.run("sidecar", "logs", TALKER, "--lines", "2").splitlines()
    assert len(last_lines) == 2
