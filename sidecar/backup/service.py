"""The backups of all wallet daemons: before restarts, on schedule, and by order."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from loguru import logger

from sidecar.backup.file_backup import (
    BackupOrder,
    BackupTools,
    StoredCopy,
    fail_files,
    find_damaged_file,
    prove_and_send,
    remove_surplus,
    store_copy,
)
from sidecar.backup.orders import TargetOrders, carry_out, make_orders
from sidecar.backup.result_log import is_same, log_result
from sidecar.backup.source import Sources, WalletSource
from sidecar.backup.verification import verify_record
from sidecar.core.backup.record import BackupRecord, BackupTrigger
from sidecar.core.backup.result import BackupResult, TargetBackups, VerifyResult
from sidecar.core.backup.rotation import last_proven
from sidecar.core.model.container import Container
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.wallet_file import WalletFilesChecked
from sidecar.core.ports.loop import Post
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

BEFORE_RESTART_S = 20.0
"""The time that a backup may delay a restart."""
RECHECK_S = 60.0
"""The time between two looks at a damaged wallet file, which a person may restore."""


class BackupService:
    """Implements ``core.backup.ports``: WalletGuard and WalletBackups."""

    def __init__(
        self,
        tools: BackupTools,
        sources: Sources,
        post: Post,
        *,
        before_restart_s: float = BEFORE_RESTART_S,
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._before_restart_s = before_restart_s
        self._recheck_s = recheck_s
        self._tools = tools
        self._sources = sources
        self._post = post
        self._locks: dict[str, asyncio.Lock] = {}
        self._last: dict[str, tuple[BackupResult, ...]] = {}
        self._proven_walls: dict[str, float] = {}
        self._verified: dict[str, tuple[VerifyResult, ...]] = {}
        self._orders_under_way = TargetOrders()
        self._followers: set[asyncio.Task[object]] = set()

    # --- before a restart

    async def before_restart(
        self, target: Target, instance_id: InstanceId, container: Container
    ) -> Reason | None:
        """The damage of a wallet file, which holds the restart; None: restart."""
        if target.backup is None:
            return None
        source = WalletSource(target, instance_id, container, is_damaged=False)
        copied: list[StoredCopy] = []
        try:
            async with asyncio.timeout(self._before_restart_s):
                orders = make_orders(source, BackupTrigger.RESTART)
                await self._copy_files(copied, orders)
        except TimeoutError:
            reason = Reason.of(R.BACKUP_TOO_SLOW, seconds=self._before_restart_s)
            failures = fail_files(target, self._now(), reason)
            copied += [StoredCopy(failure) for failure in failures[len(copied) :]]
        except Exception as error:  # noqa: BLE001 - a fault of ours must not keep it down
            logger.exception("the backup of {} failed: {}", target.name, error)
            return find_damaged_file(copied)
        copies = tuple(copied)
        self._tell_results(source, copies)
        if target.backup.offsite is not None:
            task = asyncio.create_task(self._send_later(source, copies))
            self._followers.add(task)
            task.add_done_callback(self._followers.discard)
        return find_damaged_file(copies)

    async def _send_later(
        self, source: WalletSource, copies: tuple[StoredCopy, ...]
    ) -> None:
        """Send copies off-site, without the restore test: the daemon is not quiet."""
        without_plain = tuple(replace(copy, plain=None) for copy in copies)
        await self._prove_and_send(source, BackupTrigger.RESTART, without_plain)

    # --- by schedule and by order

    async def run(
        self, target: str, *, accept: bool = False, is_planned: bool = False
    ) -> tuple[BackupResult, ...]:
        """Take, prove and send a backup of each wallet file now; it never raises.

        ``accept``: the files are right as they are, and later copies are compared with
        them. ``is_planned``: the schedule asks for it.
        """
        source = self._find_source(target)
        if source is None or source.target.backup is None:
            return ()
        if source.container is None:
            reason = Reason.of(R.BACKUP_NO_CONTAINER)
            results = fail_files(source.target, self._now(), reason)
            self._note_results(target, results)
            return results
        trigger = BackupTrigger.SCHEDULE if is_planned else BackupTrigger.OPERATOR
        copies = await self._store(source, trigger, accept=accept)
        return await self._prove_and_send(source, trigger, copies)

    async def _prove_and_send(
        self,
        source: WalletSource,
        trigger: BackupTrigger,
        copies: tuple[StoredCopy, ...],
    ) -> tuple[BackupResult, ...]:
        pairs = zip(make_orders(source, trigger), copies, strict=True)
        results = tuple([await prove_and_send(self._tools, o, c) for o, c in pairs])
        self._note_results(source.target.name, results)
        return results

    async def verify(self, target: str) -> tuple[VerifyResult, ...]:
        """Read the stored backups again, and prove them as far as possible.

        Only the newest of each wallet file is loaded by a restore test.
        """
        source = self._find_source(target)
        if source is None:
            return ()
        records = await asyncio.to_thread(self._tools.store.records, target)
        tested: set[str] = set()
        results = []
        for record in records:
            container = None if record.path in tested else source.container
            tested.add(record.path)
            results.append(
                await verify_record(self._tools, record, source.target, container)
            )
        self._note_proven(target, tuple(result.record for result in results))
        self._verified[target] = tuple(results)
        for result in results:
            if not result.is_whole:
                logger.bind(target=target).error(
                    "backup {} is broken: {}", result.record.id, result.reason
                )
        return tuple(results)

    def begin_run(self, target: str, *, accept: bool) -> bool:
        """Begin to take a backup; False: an order is being carried out already."""
        return self._orders_under_way.begin(
            target, partial(self.run, target, accept=accept)
        )

    def begin_verification(self, target: str) -> bool:
        """Begin a verification; False: an order is being carried out already."""
        return self._orders_under_way.begin(target, partial(self.verify, target))

    def is_busy(self, target: str) -> bool:
        """Is an order for the target being carried out?"""
        return self._orders_under_way.is_busy(target)

    async def overview(self) -> tuple[TargetBackups, ...]:
        """The stored backups of each target that has settings of backups."""
        overviews = []
        for source in tuple(self._sources()):
            name = source.target.name
            records = await asyncio.to_thread(self._tools.store.records, name)
            self._note_proven(name, records)
            overviews.append(
                TargetBackups(
                    name,
                    records,
                    self._last.get(name, ()),
                    self._verified.get(name, ()),
                    self.is_busy(name),
                )
            )
        return tuple(overviews)

    async def remove_surplus(self) -> int:
        """Remove the backups beyond ``keep`` of every target; the number removed."""
        removed, store = 0, self._tools.store
        for source in tuple(self._sources()):
            name, backup = source.target.name, source.target.backup
            if backup is not None:
                async with self._lock(name):
                    remove = partial(remove_surplus, store, name, backup.keep)
                    removed += await asyncio.to_thread(remove)
        return removed

    def last_proven(self) -> Mapping[str, float]:
        """When the last proof of each target's backups was (wall); 0.0: never."""
        names = (source.target.name for source in self._sources())
        return {name: self._proven_walls.get(name, 0.0) for name in names}

    # --- life

    async def watch(self) -> None:
        """Tidy up, take first backups, and look again at damaged files; for ever."""
        started_names: set[str] = set()
        while True:
            for source in tuple(self._sources()):
                name = source.target.name
                is_new = name not in started_names
                started_names.add(name)
                look = partial(self._look_at, source, is_new=is_new)
                await carry_out(name, look)
            await asyncio.sleep(self._recheck_s)

    async def _look_at(self, source: WalletSource, *, is_new: bool) -> None:
        if is_new:
            await self._start(source)
        elif source.is_damaged and source.container is not None:
            await self._store(source, BackupTrigger.SCHEDULE)

    async def close(self) -> None:
        """End what is still being sent."""
        await self._orders_under_way.close()
        for task in tuple(self._followers):
            task.cancel()
        await asyncio.gather(*self._followers, return_exceptions=True)

    async def _start(self, source: WalletSource) -> None:
        name = source.target.name
        async with self._lock(name):
            try:
                await asyncio.to_thread(self._tools.store.remove_remains, name)
            except OSError as error:
                logger.warning("the folder of backups cannot be tidied up: {}", error)
            records = await asyncio.to_thread(self._tools.store.records, name)
        self._note_proven(name, records)
        if not records and source.container is not None:
            await self.run(name, is_planned=True)

    # --- one target

    async def _store(
        self, source: WalletSource, trigger: BackupTrigger, *, accept: bool = False
    ) -> tuple[StoredCopy, ...]:
        """Copy, judge and store each file, and tell the loop what was judged."""
        copied: list[StoredCopy] = []
        await self._copy_files(copied, make_orders(source, trigger, accept=accept))
        self._tell_results(source, tuple(copied))
        return tuple(copied)

    async def _copy_files(
        self, copied: list[StoredCopy], orders: tuple[BackupOrder, ...]
    ) -> None:
        """Append the copy of each file: those before a cancellation are kept."""
        for order in orders:
            async with self._lock(order.target.name):
                copied.append(await store_copy(self._tools, order))

    def _tell_results(
        self, source: WalletSource, copies: tuple[StoredCopy, ...]
    ) -> None:
        results = tuple(copy.result for copy in copies)
        self._note_results(source.target.name, results)
        damage = find_damaged_file(copies)
        if damage or all(result.is_judged for result in results):
            at = self._tools.clock.now()
            checked = WalletFilesChecked(at, source.instance_id, damage or NO_REASON)
            self._post(checked)

    def _note_results(self, name: str, results: tuple[BackupResult, ...]) -> None:
        earlier = {result.path: result for result in self._last.get(name, ())}
        for result in results:
            if not is_same(result, earlier.get(result.path)):
                log_result(name, result)
        self._last[name] = results
        records = [result.record for result in results if result.record is not None]
        self._note_proven(name, tuple(records))

    def _note_proven(self, name: str, records: tuple[BackupRecord, ...]) -> None:
        newest = last_proven(records)
        proof = newest.last_proof if newest is not None else None
        if proof is not None:
            known_wall = self._proven_walls.get(name, 0.0)
            self._proven_walls[name] = max(known_wall, proof.at_wall)

    def _find_source(self, name: str) -> WalletSource | None:
        return next((s for s in self._sources() if s.target.name == name), None)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    def _now(self) -> float:
        return self._tools.clock.now().wall
