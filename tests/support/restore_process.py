"""A restore, or a restore test, as a process to be killed.

Its arguments: ``test`` or ``restore``, the stack, the container's id, the path of the
wallet in it, and a file with the bytes of the wallet. A restore writes a line to its
standard output before it writes into the container.
"""

import asyncio
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from sidecar.backup.restore import restore_beside
from sidecar.backup.restore_test import RestoreTest
from sidecar.backup.store import digest_of
from sidecar.core.backup.edges import WalletCopy
from sidecar.core.backup.record import BackupRecord, FileOwner
from sidecar.core.model.backup_settings import BackupSettings, RestoreTestSettings
from sidecar.core.model.container import Container
from sidecar.core.model.probe_settings import Credentials, ElectronCashProbe
from sidecar.core.model.target import Target
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.features import ALL_FEATURES
from sidecar.engine.throwaway import ThrowawayContainers
from tests.support.backup_records import OWNER, RECORD

WALLET = "electron-cash"
USERNAME, PASSWORD = "bchrpc", "rpc-password-of-the-test"


def make_target(
    *,
    wallet_password: str | None = None,
    password: str = PASSWORD,
    limit_s: float = 60.0,
) -> Target:
    """The wallet daemon of an engine test, with restore tests of its backups."""
    probe = ElectronCashProbe(
        "http://electron-cash:7777/",
        credentials=Credentials(USERNAME, password),
        wallet_password=wallet_password,
    )
    backup = BackupSettings(
        ("/data/wallets/default_wallet",),
        "0 3 * * *",
        restore_test=RestoreTestSettings(limit_s),
    )
    return Target(WALLET, service=WALLET, probes=(probe,), backup=backup)


def make_record(path: str, data: bytes, owner: FileOwner = OWNER) -> BackupRecord:
    """The record of a backup that is not sealed."""
    return replace(
        RECORD,
        target=WALLET,
        path=path,
        size_bytes=len(data),
        sha256=digest_of(data),
        stored_sha256=digest_of(data),
        owner=owner,
    )


class AnnouncingEngine(DockerEngine):
    """Says when it begins to write into a container."""

    @override
    async def put_files(self, container_id: str, folder: str, files: bytes) -> None:
        sys.stdout.write("writes\n")
        sys.stdout.flush()
        await super().put_files(container_id, folder, files)


async def main(what: str, stack: str, container_id: str, path: str, file: str) -> None:
    link = EngineConnection.from_environ(
        os.environ, on_request=lambda *_: None, features_in_use=lambda: ALL_FEATURES
    )
    engine = AnnouncingEngine(link, stack)
    data = await asyncio.to_thread(Path(file).read_bytes)
    container = await engine.inspect(container_id)
    if what == "restore":
        record = make_record(path, data)
        await restore_beside(engine, container, record, data, time.time())
    else:
        await run_test(link, engine, container, WalletCopy(path, data, OWNER))


async def run_test(
    link: EngineConnection, engine: DockerEngine, container: Container, copy: WalletCopy
) -> None:
    throwaways = ThrowawayContainers(link, container.stack)
    test = RestoreTest(throwaways, engine, str)
    await test(make_target(), container, copy)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
