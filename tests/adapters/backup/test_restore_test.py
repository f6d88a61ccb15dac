"""The judgement of the restore test, with containers in memory."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from sidecar.backup.restore_test import RestoreTest
from sidecar.clock import SystemClock
from sidecar.core.backup.edges import RestoreTestResult, WalletCopy
from sidecar.core.backup.record import FileOwner
from sidecar.core.model.target import Target
from sidecar.core.ports.engine import (
    EngineError,
    EngineForbidden,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    ExecResult,
    FileCopy,
    Throwaway,
)
from sidecar.core.reason.code import ReasonCode as R
from tests.support.fakes import FakeEngine, a_container
from tests.support.restore_process import make_target

PATH = "/data/wallets/default_wallet"
COPY = WalletCopy(PATH, b'{"seed_version": 18}', FileOwner(1000, 1000, 0o600))
SEALED_BY_DAEMON = b"QklFMQ==" + b"A" * 200


@dataclass
class Throwaways:
    """Throw-away containers in memory; ``fail`` has the error of a call."""

    ends: ExecResult = ExecResult(0, "")
    fail: dict[str, EngineError] = field(default_factory=dict)
    named_files: tuple[str, ...] = ()
    hangs: bool = False
    calls: list[str] = field(default_factory=list)
    request: dict[str, object] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fail:
            raise self.fail[name]

    async def create(self, original_id: str, key: str) -> Throwaway:
        self.keys.add(key)
        self._call("create")
        return Throwaway(self.named_files)

    async def missing_folders(
        self, key: str, folders: tuple[str, ...]
    ) -> tuple[str, ...]:
        self._call("missing_folders")
        return folders

    async def put_files(self, key: str, files: bytes) -> None:
        self._call("put_files")

    async def start(self, key: str) -> None:
        self._call("start")

    async def execute(
        self,
        key: str,
        command: tuple[str, ...],
        variables: dict[str, str],
        timeout_s: float,
    ) -> ExecResult:
        self._call("execute")
        self.request = json.loads(variables["SIDECAR_RESTORE_TEST"])
        if self.hangs:
            await asyncio.Event().wait()
        return self.ends

    async def remove(self, key: str) -> None:
        self.keys.discard(key)
        self._call("remove")

    async def remove_left(self) -> int:
        self._call("remove_left")
        return 0


def answer(outcome: str, **more: object) -> ExecResult:
    return ExecResult(0, "noise\n" + json.dumps({"outcome": outcome, **more}) + "\n")


async def run_test(
    throwaways: Throwaways,
    target: Target | None = None,
    copy: WalletCopy = COPY,
) -> RestoreTestResult:
    engine = FakeEngine(SystemClock(), a_container())
    engine.files["/data/config"] = [FileCopy(b"{}", "1", 1000, 1000, 0o600)]
    test = RestoreTest(throwaways, engine, lambda text: text.replace("seed", "***"))
    result = await test(target or make_target(), a_container(), copy)
    assert throwaways.calls[-1] == "remove"
    assert not throwaways.keys
    return result


@pytest.mark.parametrize(
    ("ends", "is_loaded", "code"),
    [
        (answer("loaded", addresses=3), True, R.RESTORE_TEST_COUNTED),
        (answer("loaded"), True, R.RESTORE_TEST_LOADED),
        (answer("failed", error_text="Cannot read"), False, R.RESTORE_TEST_FAILED),
        (
            answer("failed", error_text="Incorrect password"),
            None,
            R.RESTORE_TEST_PASSWORD,
        ),
        (answer("replaced"), None, R.RESTORE_TEST_REPLACED),
        (answer("not_loaded"), None, R.RESTORE_TEST_NO_PASSWORD),
        (answer("refused", error_text="HTTP 401"), None, R.RESTORE_TEST_REFUSED),
        (answer("silent"), None, R.RESTORE_TEST_SILENT),
        (answer("surprise"), None, R.RESTORE_TEST_NO_SCRIPT),
        (ExecResult(127, "python3: not found"), None, R.RESTORE_TEST_NO_SCRIPT),
        (ExecResult(137, ""), None, R.RESTORE_TEST_NO_SCRIPT),
    ],
)
async def test_answer_of_the_script_is_judged(
    ends: ExecResult, is_loaded: bool | None, code: R
) -> None:
    result = await run_test(Throwaways(ends))
    assert (result.is_loaded, result.reason.code) == (is_loaded, code)


async def test_encrypted_wallet_that_does_not_load_is_no_damage() -> None:
    ends = answer("failed", error_text="Cannot read wallet file")
    copy = COPY._replace(data=SEALED_BY_DAEMON)
    assert (await run_test(Throwaways(ends), copy=copy)).is_loaded is None


@pytest.mark.parametrize(
    "call", ["remove_left", "create", "put_files", "start", "execute"]
)
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineForbidden("403: not on the list"), R.RESTORE_TEST_FORBIDDEN),
        (EngineRefused("no space left"), R.RESTORE_TEST_ENGINE),
        (EngineTimeout("no answer"), R.RESTORE_TEST_ENGINE),
        (EngineUnreachable("no connection"), R.RESTORE_TEST_ENGINE),
    ],
)
async def test_engine_that_fails_proves_nothing_and_leaves_nothing(
    call: str, error: EngineError, code: R
) -> None:
    result = await run_test(Throwaways(fail={call: error}))
    assert (result.is_loaded, result.reason.code) == (None, code)
    assert str(error) in str(result.reason)


async def test_removal_that_fails_does_not_change_the_result() -> None:
    ends = answer("loaded", addresses=3)
    throwaways = Throwaways(ends, fail={"remove": EngineTimeout("no answer")})
    assert (await run_test(throwaways)).is_loaded is True


async def test_daemon_that_hangs_ends_at_the_limit() -> None:
    result = await run_test(Throwaways(hangs=True), make_target(limit_s=0.2))
    assert (result.is_loaded, result.reason.code) == (None, R.RESTORE_TEST_SILENT)


async def test_daemons_words_are_masked_and_on_one_line() -> None:
    daemon_text = "Cannot read \x1b[31mseed\nwith my secret words"
    target = make_target(wallet_password="my secret words")
    result = await run_test(
        Throwaways(answer("failed", error_text=daemon_text)), target
    )
    assert str(result.reason).endswith("Cannot read *** with ***")


async def test_script_gets_the_daemons_port_and_login_by_a_variable() -> None:
    throwaways = Throwaways(answer("loaded"))
    await run_test(throwaways)
    assert throwaways.request["port"] == 7777
    assert throwaways.request["wallet_path"] == PATH


async def test_target_without_settings_of_it_is_not_tested() -> None:
    throwaways, engine = Throwaways(), FakeEngine(SystemClock(), a_container())
    test = RestoreTest(throwaways, engine, str)
    result = await test(Target("web"), a_container(), COPY)
    assert result.is_loaded is None
    assert throwaways.calls == []
