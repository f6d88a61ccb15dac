"""Backups of real wallet files: before a restart, on schedule; damages hold restarts.

Timings are harness.QUICK.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.engine.electrum_daemon import SETTINGS, start_electrum, start_upstream
from tests.engine.harness import (
    API_TOKEN,
    DEADLINE_S,
    DEFAULT_WALLET,
    RPC_PASSWORD,
    WALLET,
    Box,
    Json,
    SidecarBox,
    Stack,
    WalletBox,
    config,
    wallet_target,
)
from tests.support.container_commands import run_in

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

FOLDER = f"/var/lib/sidecar/backups/{WALLET}"
DAMAGED = [("wallet_damaged", "P1")]
LIST_MODES = """
import pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*"):
    if path.is_file():
        print(oct(path.stat().st_mode & 0o777))
"""
ONCE_A_YEAR = "0 0 1 1 *"
EVERY_FEW_SECONDS = "*/3 * * * * *"
ELECTRUM_WALLET = "/data/regtest/wallets/default_wallet"


def backed_up(
    path: str, cron: str, defaults: Mapping[str, object] | None = None
) -> Json:
    """The settings of a wallet daemon with backups."""
    target = wallet_target({}) | {"backup": {"path": path, "cron": cron, "keep": 5}}
    whole = config({WALLET: target})
    return {**whole, "defaults": dict(defaults)} if defaults else whole


def backups(watcher: SidecarBox) -> Json:
    """The backups of the target."""
    targets = watcher.get_api("/backups")["targets"]
    assert len(targets) == 1, targets
    return dict(targets[0])


def run_backup(stack: Stack, *, accept: bool = False) -> Json:
    """One backup by order; the backups of the target after it."""
    watcher = stack.watcher
    path, headers = (
        f"/api/v1/backups/{WALLET}/run",
        {"Authorization": f"Bearer {API_TOKEN}"},
    )

    def begin() -> bool:
        answer = watcher.ask("POST", 9787, path, {"accept": accept}, headers=headers)
        return answer.status_code == 202

    stack.wait_for("the order begins", begin)
    stack.wait_for("the order ends", lambda: not backups(watcher)["busy"])
    return backups(watcher)


def stored_backups(watcher: SidecarBox) -> list[Json]:
    """The stored backups, newest first."""
    return list(backups(watcher)["backups"])


def findings(target: Json) -> list[str]:
    return [one["finding"] for result in target["last"] for one in result["findings"]]


def run_as_root(box: Box, *words: str) -> bytes:
    """The output of a command in the container, whose status must be 0."""
    status, out = run_in(box.docker, words, user="root")
    assert status == 0, out
    return out


def read(box: Box, path: str) -> bytes:
    return run_as_root(box, "cat", path)


def change(box: Box, path: str, code: str) -> None:
    """Change a file by Python code about ``data``; its owner stays."""
    script = f"p={path!r}; data=open(p,'rb').read(); {code}; open(p,'wb').write(data)"
    run_as_root(box, "python3", "-c", script)


def write(box: Box, path: str, data: bytes) -> None:
    change(box, path, f"data={data!r}")


def incidents(watcher: SidecarBox) -> list[tuple[str, str]]:
    """Cause and severity of each open incident."""
    open_incidents = watcher.get_api("/incidents?open=1")["incidents"]
    return [(incident["cause"], incident["severity"]) for incident in open_incidents]


def without_address(data: bytes) -> bytes:
    document: dict[str, Any] = json.loads(data)
    document["addresses"] = document["addresses"][:5]
    return json.dumps(document).encode()


def test_backup_before_restart_and_damages_that_hold_restarts(stack: Stack) -> None:
    daemon = stack.wallet()
    daemon.calls()  # it has made its wallet file: the first look finds it
    watcher = stack.sidecar(backed_up(DEFAULT_WALLET, ONCE_A_YEAR))
    stack.wait_healthy(WALLET)
    restart_with_backup(stack, daemon)
    whole = read(daemon, DEFAULT_WALLET)
    find_each_damage(stack, daemon, whole)
    find_damage_before_restart(stack, daemon, whole)
    newest = stored_backups(watcher)[0]["id"]
    backup_data = watcher.read_file(f"{FOLDER}/{newest}.wallet").encode()
    assert json.loads(backup_data)["addresses"] == json.loads(whole)["addresses"]
    calls = stack.lifecycle_calls()
    write(daemon, DEFAULT_WALLET, backup_data)
    run_backup(stack)
    stack.wait_healthy(WALLET)
    assert stack.lifecycle_calls() == [*calls, f"restart {WALLET}"]
    stack.wait_for("all is well", lambda: incidents(watcher) == [])
    assert json.loads(whole)["seed"] not in watcher.log()
    assert json.loads(whole)["addresses"][0] not in watcher.log()


def restart_with_backup(stack: Stack, daemon: WalletBox) -> None:
    """The first backup, and one right before a restart, with the newest address."""
    watcher = stack.watcher
    stack.wait_for("the first backup", lambda: stored_backups(watcher))
    (first,) = stored_backups(watcher)
    assert (first["trigger"], first["proofs"][0]["way"]) == ("schedule", "parsed")
    assert watcher.run_python(LIST_MODES, FOLDER).split() == ["0o600", "0o600"]
    assert "parsed" in watcher.run("sidecar", "backup", "list")
    daemon.create_address()
    stack.wait_for(
        "the address is saved",
        lambda: len(json.loads(read(daemon, DEFAULT_WALLET))["addresses"]) == 21,
    )
    assert watcher.order("restart", WALLET).status_code == 202
    stack.wait_outcome(WALLET, "restart")
    newest, oldest = stored_backups(watcher)
    assert (newest["trigger"], newest["addresses"]) == ("restart", 21)
    assert oldest["addresses"] == 20


def find_each_damage(stack: Stack, daemon: WalletBox, whole: bytes) -> None:
    """Each damage has its finding and its incident; the sound file ends both."""
    watcher = stack.watcher
    damages: dict[str, Callable[[], object]] = {
        "truncated": lambda: write(daemon, DEFAULT_WALLET, whole[:500]),
        "shrunken": lambda: write(daemon, DEFAULT_WALLET, without_address(whole)),
        "unreadable": lambda: write(daemon, DEFAULT_WALLET, b"\0" * len(whole)),
        "wrong_owner": lambda: run_as_root(daemon, "chown", "root", DEFAULT_WALLET),
        "absent": lambda: run_as_root(daemon, "rm", DEFAULT_WALLET),
    }
    for finding, damage in damages.items():
        damage()
        assert findings(run_backup(stack)) == [finding]
        stack.wait_for(finding, lambda: incidents(watcher) == DAMAGED)
        run_as_root(daemon, "touch", DEFAULT_WALLET)
        run_as_root(daemon, "chown", "wallet", DEFAULT_WALLET)
        write(daemon, DEFAULT_WALLET, whole)
        assert findings(run_backup(stack)) == []
        stack.wait_for("it is resolved", lambda: incidents(watcher) == [])
    write(daemon, DEFAULT_WALLET, whole.replace(b"{", b'{"use_encryption": true,', 1))
    assert findings(run_backup(stack)) == []
    write(daemon, DEFAULT_WALLET, whole)
    assert findings(run_backup(stack)) == ["not_encrypted"]
    # The loop works in the result of the backup before that of a later probe.
    stack.wait_probes(WALLET, 2)
    assert incidents(watcher) == []


def find_damage_before_restart(stack: Stack, daemon: WalletBox, whole: bytes) -> None:
    """A damage that nobody knows yet is found before the restart, and holds it."""
    watcher, calls = stack.watcher, stack.lifecycle_calls()
    write(daemon, DEFAULT_WALLET, whole[:500])
    daemon.end_daemon()
    stack.wait_for(
        "the restart is held",
        lambda: (
            (watcher.target(WALLET)["last_decision"] or {}).get("guard")
            == "wallet_file"
        ),
    )
    assert stack.lifecycle_calls() == calls
    assert ("wallet_damaged", "P1") in incidents(watcher)
    answer = watcher.order("restart", WALLET)
    assert (answer.status_code, answer.json()["guard"]) == (409, "wallet_file")


def test_electrum_is_backed_up_on_schedule(stack: Stack) -> None:
    start_upstream(stack)
    daemon = start_electrum(stack)
    settings = backed_up(ELECTRUM_WALLET, EVERY_FEW_SECONDS, SETTINGS)
    watcher = stack.sidecar(settings)
    # Right after its load the daemon writes the file anew, over any damage.
    stack.wait_healthy(WALLET, deadline_s=2 * DEADLINE_S)
    stack.wait_for("a backup", lambda: stored_backups(watcher), 60.0)
    first = stored_backups(watcher)[0]
    assert (first["trigger"], first["addresses"]) == ("schedule", 30)
    stack.wait_for(
        "the schedule proves it again",
        lambda: (
            stored_backups(watcher)[0]["proofs"][0]["at"] > first["proofs"][0]["at"]
        ),
    )
    assert "sidecar_backup_last_proven_timestamp_seconds{" in watcher.metrics()
    whole = read(daemon, ELECTRUM_WALLET)
    write(daemon, ELECTRUM_WALLET, whole[: len(whole) // 2])
    stack.wait_for(
        "the schedule finds the damage",
        lambda: ("wallet_damaged", "P1") in incidents(watcher),
    )
    write(daemon, ELECTRUM_WALLET, whole)
    stack.wait_for(
        "the schedule finds it sound",
        lambda: "wallet_damaged" not in dict(incidents(watcher)),
    )
    runs = watcher.get_api("/maintenance")
    assert f"backup:{WALLET}" in json.dumps(runs)
    assert RPC_PASSWORD not in watcher.log()
