"""The shipped sidecar proves, seals, sends and restores backups of wallets."""

import json
from pathlib import Path

import pytest

from tests.engine.harness import (
    DEFAULT_WALLET,
    WALLET,
    Json,
    SidecarBox,
    Stack,
    WalletBox,
    config,
    wallet_target,
)
from tests.support.backup_keys import KeyPair, make_age_key, open_sealed
from tests.support.container_commands import run_in, start_in
from tests.support.offsite_receiver import run_offsite_receiver

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SECOND = "second-wallet"
YEARLY = "0 0 1 1 *"


def backup_target(name: str, **backup: object) -> Json:
    """A wallet daemon whose new backups are loaded by a fresh daemon."""
    settings = {"path": DEFAULT_WALLET, "cron": YEARLY, "restore_test": {}, **backup}
    probe = {"url": f"http://{name}:7777/"}
    return {**wallet_target(probe), "backup": settings}


def newest(watcher: SidecarBox, target: str) -> Json:
    """The newest backup of a target; AssertionError: there is none."""
    targets = watcher.get_api("/backups")["targets"]
    entries = [t for t in targets if t["target"] == target]
    assert entries, "Sidecar does not know the target yet"
    assert entries[0]["backups"], entries
    return dict(entries[0]["backups"][0])


def is_loaded(watcher: SidecarBox, target: str) -> bool:
    """Has a fresh daemon loaded the newest backup?"""
    ways = [proof["way"] for proof in newest(watcher, target)["proofs"]]
    return "loaded" in ways


def read_wallet(box: WalletBox) -> str:
    return box.run("cat", DEFAULT_WALLET)


def throwaways(stack: Stack) -> list[str]:
    label = f"sidecar.restore-test={stack.project}"
    containers = stack.client.containers.list(all=True, filters={"label": label})
    return [str(container.name) for container in containers]


def test_backup_is_proven_sealed_sent_and_restored_and_a_kill_leaves_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    key = make_age_key(tmp_path)
    first, second = stack.wallet(), stack.wallet(SECOND, env={"BOOT_SECONDS": "2"})
    for daemon in (first, second):
        daemon.calls()  # it has made its wallet file: the first look finds it
    with run_offsite_receiver(stack) as place:
        sealed = backup_target(
            WALLET, recipients=[key.recipient], offsite={"url": place.url}
        )
        plain = backup_target(SECOND)
        watcher = stack.sidecar(config({WALLET: sealed, SECOND: plain}))
        stack.wait_for("the first is proven", lambda: is_loaded(watcher, WALLET))
        stack.wait_for("the second is proven", lambda: is_loaded(watcher, SECOND))
        stack.wait_for("it was sent", lambda: newest(watcher, WALLET)["offsite_at"])
    assert throwaways(stack) == []

    ((_, sent_backup),) = place.kept.items()
    wallet = read_wallet(first)
    assert open_with_key(sent_backup, key, tmp_path) == wallet
    check_restores(watcher, second)
    check_kill_during_restore_test(stack, watcher)
    check_log(watcher, wallet)
    assert place.url not in watcher.log()
    touched = [c for c in stack.lifecycle_calls() if WALLET in c or SECOND in c]
    assert touched == [], "no daemon was started or stopped for it"


def open_with_key(sealed: bytes, key: KeyPair, folder: Path) -> str:
    file = folder / "sent.age"
    file.write_bytes(sealed)
    return open_sealed(file, key.identity).decode()


def check_restores(watcher: SidecarBox, second: WalletBox) -> None:
    status, output = run_in(watcher.docker, ["sidecar", "backup", "restore", WALLET])
    assert status == 1
    assert b"age -d -i YOUR_KEY" in output
    restored = watcher.run("sidecar", "backup", "restore", SECOND, "--yes")
    path = restored.split()[2]
    assert path.startswith(f"{DEFAULT_WALLET}.restored-")
    assert second.run("cat", path) == read_wallet(second)


def check_kill_during_restore_test(stack: Stack, watcher: SidecarBox) -> None:
    """The container that a kill leaves is removed at the next start."""
    # Sidecar waits for this answer, and the container stays until then.
    stack.proxy.keep_back("start")
    start_in(watcher.docker, ["sidecar", "backup", "verify", SECOND])
    stack.wait_for("a throw-away container is there", lambda: throwaways(stack))
    watcher.docker.kill()
    assert throwaways(stack) != []
    watcher.docker.start()
    stack.wait_for("it is removed", lambda: not throwaways(stack))


def check_log(watcher: SidecarBox, wallet: str) -> None:
    """Nothing of a wallet is in the log."""
    log, contents = watcher.log(), json.loads(wallet)
    assert contents["seed"] not in log
    assert not [address for address in contents["addresses"] if address in log]
