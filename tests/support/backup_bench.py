"""Backups of a wallet daemon in a fake engine, stored in a real folder."""

import asyncio
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from sidecar.backup.file_backup import BackupTools
from sidecar.backup.service import BackupService
from sidecar.backup.source import WalletSource
from sidecar.backup.store import BackupStore
from sidecar.core.backup.edges import BackupEdgeError, RestoreTestResult, WalletCopy
from sidecar.core.backup.record import BackupRecord
from sidecar.core.backup.result import BackupResult
from sidecar.core.model.backup_settings import (
    BackupSettings,
    OffsiteSettings,
    RestoreTestSettings,
)
from sidecar.core.model.container import Container
from sidecar.core.model.event import Event
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.wallet_file import WalletFilesChecked
from sidecar.core.ports.engine import FileCopy
from sidecar.core.reason.reason import NO_REASON, Reason
from tests.support.backup_records import PATH
from tests.support.fakes import FakeClock, FakeEngine, a_container

NAME = "electron-cash"
INSTANCE = InstanceId(NAME, 1)
SETTINGS = BackupSettings(
    (PATH,), "0 3 * * *", keep=3, restore_test=RestoreTestSettings()
)
TARGET = Target(
    NAME, probes=(ElectronCashProbe("http://electron-cash:7777/"),), backup=SETTINGS
)


def file_copy(
    data: bytes, version: str = "1", uid: int = 1000, mode: int = 0o600
) -> FileCopy:
    """A copy as the engine gives it."""
    return FileCopy(data, version, uid, 1000, mode)


class ClockOfLoop(FakeClock):
    """A clock that, as the real one, is read on the loop's thread only."""

    @override
    def now(self) -> Moment:
        asyncio.get_running_loop()
        return super().now()


class BackupBench:
    """The service of backups with its fakes; ``folder`` is the state directory."""

    def __init__(self, folder: Path, **times: float) -> None:
        self.folder = folder / "backups"
        self.clock = ClockOfLoop()
        self.container = a_container(image_id="sha256:wallet")
        self.engine = FakeEngine(self.clock, self.container)
        self.events: list[Event] = []
        self.target = TARGET
        self.is_damaged = False
        self.sealed: list[bytes] = []
        self.sent: list[tuple[str, bytes]] = []
        self.offsite_failure: Reason | None = None
        self.offsite_remark = NO_REASON
        self.test = RestoreTestResult(None, NO_REASON)
        self.tested: list[bytes] = []
        self.store = BackupStore(self.folder)
        self.service = BackupService(
            self._tools(), self._sources, self.events.append, **times
        )

    def _tools(self) -> BackupTools:
        return BackupTools(
            self.engine,
            self.store,
            self.clock,
            self._seal,
            self._send,
            self._test_restore,
        )

    def _sources(self) -> Iterator[WalletSource]:
        yield WalletSource(self.target, INSTANCE, self.container, self.is_damaged)

    def _seal(self, plain: bytes, recipients: tuple[str, ...]) -> bytes:
        self.sealed.append(plain)
        return b"sealed to " + " ".join(recipients).encode() + plain[::-1]

    async def _send(self, place: OffsiteSettings, name: str, stored: bytes) -> Reason:
        if self.offsite_failure is not None:
            raise BackupEdgeError(self.offsite_failure)
        self.sent.append((name, stored))
        return self.offsite_remark

    async def _test_restore(
        self, target: Target, container: Container, wallet: WalletCopy
    ) -> RestoreTestResult:
        self.tested.append(wallet.data)
        return self.test

    def configure(self, **changes: object) -> None:
        """Change the settings of backups."""
        settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]  # any field
        self.target = replace(TARGET, backup=settings)

    def put(self, *copies: FileCopy | bytes) -> None:
        """Let the engine hand out these copies, the last one for ever."""
        self.engine.files[PATH] = [
            copy if isinstance(copy, FileCopy) else file_copy(copy) for copy in copies
        ]

    async def run(self, **order: bool) -> BackupResult:
        """One backup by order."""
        (result,) = await self.service.run(NAME, **order)
        self.clock.advance(60.0)
        return result

    async def restart(self) -> Reason | None:
        """The answer to the executor before a restart."""
        damage = await self.service.before_restart(
            self.target, INSTANCE, self.container
        )
        self.clock.advance(60.0)
        return damage

    async def records(self) -> tuple[BackupRecord, ...]:
        """The stored backups, newest first."""
        return await asyncio.to_thread(self.store.records, NAME)

    async def read(self, record: BackupRecord) -> bytes:
        """The stored bytes of a backup."""
        return await asyncio.to_thread(self.store.read, record)

    def is_busy(self) -> bool:
        """Is an order under way?"""
        return self.service.is_busy(NAME)

    def all_bytes(self) -> bytes:
        """All that is stored, manifests too."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return b"".join(path.read_bytes() for path in paths)

    async def wait_until(self, look: Callable[[], bool]) -> None:
        """Wait until it is true, 60 s at most."""
        async with asyncio.timeout(60.0):
            while not look():  # noqa: ASYNC110 - what is looked at sets no event
                await asyncio.sleep(0.01)

    def checks(self) -> list[bool]:
        """Was the wallet found damaged, check by check?"""
        checked = (e for e in self.events if isinstance(e, WalletFilesChecked))
        return [bool(event.damage) for event in checked]

    def files(self) -> set[str]:
        """The names of all stored files; each may be read by its owner only."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        for path in paths:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700, path.parent
        return {path.name for path in paths}
