"""Restore tests and restores on the real engine, with real wallet daemons."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sidecar.backup.restore import restore_beside
from sidecar.backup.restore_test import RestoreTest
from sidecar.core.backup.edges import RestoreTestResult, WalletCopy
from sidecar.core.backup.record import FileOwner
from sidecar.core.model.target import Target
from sidecar.core.ports.engine import FileAbsent
from sidecar.core.reason.code import ReasonCode as R
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.features import ALL_FEATURES
from sidecar.engine.throwaway import ThrowawayContainers
from tests.engine.harness import (
    DEFAULT_WALLET,
    RPC_PASSWORD,
    RPC_USER,
    WALLET,
    Box,
    Stack,
    WalletBox,
)
from tests.support.repository import REPOSITORY
from tests.support.restore_process import make_record, make_target

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

FEWEST_KILLS = 4
KILLED_AFTER_S = (0.0, 0.015, 0.03, 0.045, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
"""After these times a restore is killed; a slow engine writes late."""

MOST_BYTES = 64 * 1024 * 1024
ELECTRUM_WALLET = "/data/regtest/wallets/default_wallet"


class Bench(NamedTuple):
    """A stack, and what restores in it."""

    stack: Stack
    engine: DockerEngine
    test: RestoreTest

    async def copy(self, box: Box, path: str) -> WalletCopy:
        """A copy of a file, as a backup takes it."""
        copy = await self.engine.read_file(box.id, path, MOST_BYTES)
        return WalletCopy(path, copy.data, FileOwner(copy.uid, copy.gid, copy.mode))

    async def prove(
        self, box: Box, copy: WalletCopy, target: Target | None = None
    ) -> RestoreTestResult:
        """A restore test, after which no container is left."""
        container = await self.engine.inspect(box.id)
        result = await self.test(target or make_target(), container, copy)
        assert self.throwaways() == []
        return result

    def throwaways(self) -> list[str]:
        """The throw-away containers of this stack."""
        label = f"sidecar.restore-test={self.stack.project}"
        containers = self.stack.client.containers.list(
            all=True, filters={"label": label}
        )
        return [str(container.name) for container in containers]


@pytest.fixture
async def bench(stack: Stack) -> AsyncIterator[Bench]:
    link = EngineConnection.from_environ(
        os.environ, on_request=lambda *_: None, features_in_use=lambda: ALL_FEATURES
    )
    engine = DockerEngine(link, stack.project)
    throwaways = ThrowawayContainers(link, stack.project)
    test = RestoreTest(throwaways, engine, str)
    yield Bench(stack, engine, test)
    await test.remove_left()
    await engine.close()


async def test_fresh_daemon_loads_a_good_copy_and_refuses_a_damaged_one(
    bench: Bench, tmp_path: Path
) -> None:
    # The password comes from a file that only a mount provides, as compose does it.
    secret = tmp_path / "rpc_password"
    secret.write_text(RPC_PASSWORD)
    secret.chmod(0o444)
    box = start_wallet(
        bench.stack,
        env={"RPC_PASSWORD_FILE": "/run/secrets/rpc_password"},
        volumes={str(secret): "/run/secrets/rpc_password"},
    )
    addresses = box.addresses()
    copy = await bench.copy(box, DEFAULT_WALLET)

    good = await bench.prove(box, copy)
    assert (good.is_loaded, good.addresses) == (True, len(addresses))
    assert "with 20 addresses" in str(good.reason)

    damaged = copy._replace(data=b'{"seed_version": 18, "addresses": {}}')
    bad = await bench.prove(box, damaged)
    assert bad.is_loaded is False
    assert "Cannot read wallet file" in str(bad.reason)

    refused = await bench.prove(box, copy, make_target(password="another one"))
    assert refused.is_loaded is None
    assert refused.reason.code is R.RESTORE_TEST_REFUSED

    # Without its configuration the daemon makes a new wallet in place of the copy.
    box.run("mv", "/data/config", "/data/config.away")
    replaced = await bench.prove(box, copy)
    assert replaced.is_loaded is None
    assert replaced.reason.code is R.RESTORE_TEST_REPLACED
    box.run("mv", "/data/config.away", "/data/config")

    path = "/data/wallets/locked"
    await asyncio.to_thread(box.make_wallet, path, "the wallet's password")
    locked = await bench.copy(box, path)
    unknown = await bench.prove(box, locked)
    assert unknown.is_loaded is None
    assert "needs a password" in str(unknown.reason)
    target = make_target(wallet_password="the wallet's password")
    assert (await bench.prove(box, locked, target)).is_loaded is True


async def test_backup_is_restored_beside_the_wallet_with_its_owner_and_addresses(
    bench: Bench,
) -> None:
    box = start_wallet(bench.stack, shape="pid1")
    first = box.create_address()
    await asyncio.to_thread(wait_until_saved, box)
    copy = await bench.copy(box, DEFAULT_WALLET)
    addresses = box.addresses()
    assert first in addresses

    # Into a fresh daemon, which has another wallet.
    fresh = start_wallet(bench.stack, service="fresh", shape="pid1")
    old = await bench.copy(fresh, DEFAULT_WALLET)
    record = make_record(DEFAULT_WALLET, copy.data, copy.owner)
    now = time.time()
    into = await bench.engine.inspect(fresh.id)
    restored = await restore_beside(bench.engine, into, record, copy.data, now)

    assert restored.path.startswith(f"{DEFAULT_WALLET}.restored-")
    assert await bench.copy(fresh, DEFAULT_WALLET) == old
    owner = fresh.run("stat", "-c", "%u %g %a", restored.path)
    assert owner.split() == ["1000", "1000", "600"]
    assert "no wallet" in fresh.run("cat", f"{DEFAULT_WALLET}.restoring")
    fresh.load(restored.path)
    assert fresh.addresses() == addresses


def start_wallet(stack: Stack, **options: Any) -> WalletBox:  # noqa: ANN401
    """The stand-in with its default wallet loaded."""
    box = stack.wallet(**options)
    stack.wait_for("the wallet is loaded", lambda: box.rpc("load_wallet"))
    return box


def wait_until_saved(box: WalletBox) -> None:
    deadline = time.monotonic() + 30.0
    while box.wallet_state()["unsaved"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)


async def test_killed_restores_and_tests_leave_nothing_half(
    bench: Bench, tmp_path: Path
) -> None:
    box = start_wallet(bench.stack, env={"BOOT_SECONDS": "6"})
    copy = await bench.copy(box, DEFAULT_WALLET)

    file = tmp_path / "wallet"
    file.write_bytes(copy.data)
    process = start_process("test", bench, box, file)
    await wait_for_throwaway(bench)
    kill(process)
    (name,) = bench.throwaways()
    assert name.startswith("sidecar-restore-test-")
    await bench.test.remove_left()
    assert bench.throwaways() == []
    assert box.status == "running"

    big = random.Random(3).randbytes(24_000_000)
    file.write_bytes(big)
    half = 0
    for number, delay_s in enumerate(KILLED_AFTER_S):
        if half and number >= FEWEST_KILLS:
            break
        process = start_process("restore", bench, box, file)
        assert process.stdout is not None
        assert process.stdout.readline() == "writes\n"
        await asyncio.sleep(delay_s)
        kill(process)
        half += await count_half_files(bench, box, big)
        box.run(
            "sh", "-c", "rm -f /data/wallets/*.restored-* /data/wallets/*.restoring"
        )
    assert half > 0, "each kill came too early or too late to prove anything"


async def count_half_files(bench: Bench, box: Box, whole: bytes) -> int:
    """Number of unfinished files that are cut off; a restored file must be whole."""
    restored = box.run("sh", "-c", "ls /data/wallets/*.restored-* 2>/dev/null || true")
    for path in restored.split():
        copy = await bench.engine.read_file(box.id, path, MOST_BYTES)
        assert copy.data == whole
    try:
        unfinished = await bench.engine.read_file(
            box.id, f"{DEFAULT_WALLET}.restoring", MOST_BYTES
        )
    except FileAbsent:
        return 0
    return int(len(unfinished.data) < len(whole) and not restored.split())


def start_process(
    what: str, bench: Bench, box: Box, file: Path
) -> subprocess.Popen[str]:
    """A restore or a restore test, in a process that can be killed."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.support.restore_process",
            what,
            bench.stack.project,
            box.id,
            DEFAULT_WALLET,
            str(file),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


async def wait_for_throwaway(bench: Bench) -> None:
    label = f"sidecar.restore-test={bench.stack.project}"
    async with asyncio.timeout(30.0):
        while not bench.stack.client.containers.list(  # noqa: ASYNC110 - polls
            filters={"label": label}
        ):
            await asyncio.sleep(0.05)


def start_electrum(stack: Stack, service: str) -> Box:
    settings = {"SHAPE": "pid1", "RPC_PASSWORD": RPC_PASSWORD}
    image = "sidecar-test-electrum:local"
    daemon = Box(stack.container(image, service, env=settings))
    stack.wait_for("the daemon answers", lambda: ask(daemon, "version"), 90.0)
    return daemon


def ask(daemon: Box, method: str, **params: object) -> object:
    body = {"id": 1, "method": method, "params": params or []}
    with contextlib.suppress(StopIteration):
        answer = daemon.ask("POST", 7777, "/", body, auth=(RPC_USER, RPC_PASSWORD))
        return answer.json()["result"]
    return None


async def test_electrum_loads_a_restored_wallet_with_all_its_addresses(
    bench: Bench,
) -> None:
    both = await asyncio.gather(
        asyncio.to_thread(start_electrum, bench.stack, WALLET),
        asyncio.to_thread(start_electrum, bench.stack, "fresh"),
    )
    daemon, fresh = both
    ask(daemon, "load_wallet")
    addresses = ask(daemon, "listaddresses")
    assert isinstance(addresses, list)
    copy = await bench.copy(daemon, ELECTRUM_WALLET)
    result = await bench.prove(daemon, copy)
    assert (result.is_loaded, result.addresses) == (True, len(addresses))

    record = make_record(ELECTRUM_WALLET, copy.data, copy.owner)
    into, now = await bench.engine.inspect(fresh.id), time.time()
    restored = await restore_beside(bench.engine, into, record, copy.data, now)
    assert ask(fresh, "load_wallet", wallet_path=restored.path) is not None
    assert ask(fresh, "listaddresses", wallet=restored.path) == addresses
