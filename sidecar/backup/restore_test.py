"""The restore test: a fresh daemon of the same image loads a copy of the wallet.

It runs in a throw-away container without network, which has the original's command and
environment, and the files that the original has from outside its image.
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from loguru import logger

from sidecar.backup.store import digest_of
from sidecar.backup.tar_archive import TarFile, TarFolder, build_archive
from sidecar.core.backup.edges import RestoreTestResult, WalletCopy
from sidecar.core.backup.record import Encryption, FileOwner
from sidecar.core.backup.wallet_content import WalletContent, read_wallet
from sidecar.core.model.container import Container
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import Target
from sidecar.core.ports.engine import (
    ContainerFiles,
    EngineError,
    EngineForbidden,
    EngineUnreachable,
    ExecResult,
    ThrowawayContainers,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.text.printable import on_one_line

_SCRIPT = Path(__file__).with_name("restore_test_script.py")
_VARIABLE = "SIDECAR_RESTORE_TEST"
_FILE_BYTES = 64 * 1024
_FOLDER_MODE, _PRIVATE_FOLDER_MODE = 0o755, 0o700
_MARGIN_S = 10.0
"""Time that is kept for the script's end and its answer."""
_LONGEST_WORDS = 200
_PLAIN_REASONS = {
    "not_loaded": Reason.of(R.RESTORE_TEST_NO_PASSWORD),
    "replaced": Reason.of(R.RESTORE_TEST_REPLACED),
}


class _Answer(msgspec.Struct):
    outcome: Literal["loaded", "failed", "not_loaded", "replaced", "refused", "silent"]
    error_text: str = ""
    addresses: int | None = None


class RestoreTest:
    """Implements core.backup.edges.RestoreTester; one test at a time.

    ``mask`` removes secrets from the daemon's words.
    """

    def __init__(
        self,
        throwaways: ThrowawayContainers,
        files: ContainerFiles,
        mask: Callable[[str], str],
    ) -> None:
        self._throwaways = throwaways
        self._files = files
        self._mask = mask
        self._turn = asyncio.Lock()

    async def remove_left(self) -> None:
        """Remove the containers of tests that a killed process left; never raises."""
        async with self._turn:
            try:
                await self._throwaways.remove_left()
            except EngineError as error:
                logger.warning("containers of earlier restore tests: {}", error)

    async def __call__(
        self, target: Target, container: Container, wallet: WalletCopy
    ) -> RestoreTestResult:
        """The result, within the time of the settings and that of the removal."""
        probe, backup = target.wallet, target.backup
        if probe is None or backup is None or backup.restore_test is None:
            return _make_open_result(Reason.of(R.RESTORE_TEST_OFF))
        limit_s = backup.restore_test.timeout_s
        async with self._turn:
            key = secrets.token_hex(8)
            try:
                async with asyncio.timeout(limit_s):
                    return await self._test(key, probe, container, wallet, limit_s)
            except TimeoutError:
                return _make_open_result(
                    Reason.of(R.RESTORE_TEST_SILENT, seconds=limit_s)
                )
            except EngineForbidden as error:
                return _make_open_result(
                    Reason.of(R.RESTORE_TEST_FORBIDDEN, said=str(error))
                )
            except EngineError as error:
                return _make_open_result(
                    Reason.of(R.RESTORE_TEST_ENGINE, said=str(error))
                )
            finally:
                await self._remove(key)

    async def _test(
        self,
        key: str,
        probe: ElectronCashProbe,
        container: Container,
        wallet: WalletCopy,
        limit_s: float,
    ) -> RestoreTestResult:
        until = asyncio.get_running_loop().time() + limit_s
        await self._throwaways.remove_left()
        throwaway = await self._throwaways.create(container.id, key)
        files = await self._other_files(container.id, wallet, throwaway.named_files)
        wanted = _folders_of([file.path for file in (wallet, *files)])
        missing = await self._throwaways.missing_folders(key, wanted)
        archive = await asyncio.to_thread(_build, wallet, files, missing)
        await self._throwaways.put_files(key, archive)
        await self._throwaways.start(key)
        remaining_s = until - asyncio.get_running_loop().time() - _MARGIN_S
        patience_s = max(_MARGIN_S, remaining_s)
        script = await asyncio.to_thread(_SCRIPT.read_text, encoding="utf-8")
        ended = await self._throwaways.execute(
            key,
            ("python3", "-c", script),
            {_VARIABLE: _request(probe, wallet, patience_s)},
            patience_s + _MARGIN_S,
        )
        return self._judge(ended, probe, wallet, patience_s)

    async def _other_files(
        self, container_id: str, wallet: WalletCopy, named: tuple[str, ...]
    ) -> tuple[WalletCopy, ...]:
        """The daemon's configuration and the named files, as far as they are files."""
        paths = dict.fromkeys((*_config_beside(wallet.path), *named))
        paths.pop(wallet.path, None)
        copies = []
        for path in paths:
            try:
                copy = await self._files.read_file(container_id, path, _FILE_BYTES)
            except EngineUnreachable:
                raise
            except EngineError:
                continue  # a folder, a socket, or nothing
            owner = FileOwner(copy.uid, copy.gid, copy.mode)
            copies.append(WalletCopy(path, copy.data, owner))
        return tuple(copies)

    async def _remove(self, key: str) -> None:
        try:
            await self._throwaways.remove(key)
        except EngineError as error:
            logger.warning(
                "the container of a restore test was not removed, and will be before "
                "the next test: {}",
                error,
            )

    def _judge(
        self,
        ended: ExecResult,
        probe: ElectronCashProbe,
        wallet: WalletCopy,
        patience_s: float,
    ) -> RestoreTestResult:
        answer = _read_answer(ended.output)
        if answer is None:
            return _make_open_result(
                Reason.of(R.RESTORE_TEST_NO_SCRIPT, exit_code=ended.exit_code)
            )
        error_text = self._mask_text(answer.error_text, probe)
        match answer.outcome:
            case "loaded":
                return _make_loaded_result(answer.addresses)
            case "failed":
                return _judge_failure(wallet.data, error_text)
            case "not_loaded" | "replaced":
                return _make_open_result(_PLAIN_REASONS[answer.outcome])
            case "refused":
                return _make_open_result(
                    Reason.of(R.RESTORE_TEST_REFUSED, said=error_text)
                )
            case "silent":
                return _make_open_result(
                    Reason.of(R.RESTORE_TEST_SILENT, seconds=patience_s)
                )

    def _mask_text(self, text: str, probe: ElectronCashProbe) -> str:
        if probe.wallet_password:
            text = text.replace(probe.wallet_password, "***")
        return on_one_line(self._mask(text))[:_LONGEST_WORDS]


def _config_beside(wallet_path: str) -> tuple[str, ...]:
    """The daemon's configuration: ``DIR/config`` beside ``DIR/wallets/NAME``."""
    folder = PurePosixPath(wallet_path).parent
    return (str(folder.parent / "config"),) if folder.name == "wallets" else ()


def _folders_of(paths: list[str]) -> tuple[str, ...]:
    """All folders above these files, the upper ones first."""
    folders = {str(f) for path in paths for f in PurePosixPath(path).parents}
    return tuple(sorted(folders - {"/"}))


def _build(
    wallet: WalletCopy, files: tuple[WalletCopy, ...], missing: tuple[str, ...]
) -> bytes:
    owner = wallet.owner
    private = set(map(str, PurePosixPath(wallet.path).parents[:1]))
    folders = [
        TarFolder(
            folder,
            FileOwner(
                owner.uid,
                owner.gid,
                _PRIVATE_FOLDER_MODE if folder in private else _FOLDER_MODE,
            ),
        )
        for folder in missing
    ]
    contents = [TarFile(file.path, file.owner, file.data) for file in (wallet, *files)]
    return build_archive([*folders, *contents])


def _request(probe: ElectronCashProbe, wallet: WalletCopy, patience_s: float) -> str:
    url = urlsplit(probe.url)
    login = probe.credentials
    return json.dumps(
        {
            "port": url.port or (443 if url.scheme == "https" else 80),
            "path": url.path or "/",
            "username": login.username if login else "",
            "password": login.password if login else "",
            "wallet_path": wallet.path,
            "sha256": digest_of(wallet.data),
            "wallet_password": probe.wallet_password,
            "patience_s": patience_s,
        }
    )


def _read_answer(output: str) -> _Answer | None:
    """The script's answer: the last line; None: there is none."""
    line = output.strip().rpartition("\n")[2]
    try:
        return msgspec.json.decode(line, type=_Answer)
    except msgspec.MsgspecError:
        return None


def _make_open_result(reason: Reason) -> RestoreTestResult:
    return RestoreTestResult(is_loaded=None, reason=reason)


def _make_loaded_result(addresses: int | None) -> RestoreTestResult:
    if addresses is None:
        return RestoreTestResult(
            is_loaded=True, reason=Reason.of(R.RESTORE_TEST_LOADED)
        )
    reason = Reason.of(R.RESTORE_TEST_COUNTED, count=addresses)
    return RestoreTestResult(is_loaded=True, reason=reason, addresses=addresses)


def _judge_failure(wallet: bytes, error_text: str) -> RestoreTestResult:
    """A wallet that needs a password can be good, if the daemon does not have it."""
    content = read_wallet(wallet)
    is_open = isinstance(content, WalletContent) and (
        content.encryption is Encryption.NONE
    )
    if is_open and "password" not in error_text.lower():
        reason = Reason.of(R.RESTORE_TEST_FAILED, said=error_text)
        return RestoreTestResult(is_loaded=False, reason=reason)
    return _make_open_result(Reason.of(R.RESTORE_TEST_PASSWORD, said=error_text))
