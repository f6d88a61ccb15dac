"""The calls that change a wallet daemon. Each is sent once and never repeated.

A daemon carries out an abandoned request later: a repeated one would be executed
twice.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.ports.loop import NotLoaded, RpcFailed
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status.streaks import is_answer
from sidecar.probes.context import deadline_in
from sidecar.probes.failure import ProbeFailed
from sidecar.probes.jsonrpc_client import Params, RpcClient, RpcEndpoint, locate_daemon
from sidecar.probes.replica_address import ReplicaAddresses
from sidecar.probes.rpc_result import RpcErrorAnswered, decode
from sidecar.probes.text import one_line

LONGEST_PING_S = 10.0
"""Maximum time, at most a third of the wait, that is kept for a new ``ping``."""

_NO_FILE = Reason.of(R.NO_FILE_OR_PASSWORD)


class _Info(msgspec.Struct):
    """The answer to ``getinfo``; only Electron Cash has ``wallets``."""

    wallets: dict[str, bool] | msgspec.UnsetType = msgspec.UNSET
    default_wallet: str = ""


class _Listed(msgspec.Struct):
    path: str


class RpcWalletControl:
    """Implements core.ports.WalletControl over JSON-RPC."""

    def __init__(self, rpc: RpcClient, addresses: ReplicaAddresses) -> None:
        self._rpc = rpc
        self._addresses = addresses

    async def answers(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        """Does the daemon answer anything within ``timeout_s``? Never raises.

        Waits for the open request. If there is none, or it gets no answer, a ``ping``
        is sent on a connection of its own.
        """
        ping_s = min(LONGEST_PING_S, timeout_s / 3.0)
        try:
            async with self._open_calls(settings, container, timeout_s) as calls:
                return await calls.has_any_answer(ping_s)
        except RpcFailed:
            return False

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        """Ask the daemon to save everything and exit. Raises RpcFailed.

        An open request is left: only one connection at a time. A drill that refuses
        connections lets this one through: it saves addresses, which may be money.
        """
        opening = self._open_calls(settings, container, timeout_s, despite_drill=True)
        async with opening as calls:
            calls.leave()
            await calls.result("stop")

    async def load_wallets(
        self,
        settings: ElectronCashProbe,
        container: Container,
        paths: Sequence[str],
        timeout_s: float,
    ) -> tuple[NotLoaded, ...]:
        """Load these wallets in this order; the default one if none is named.

        Returns the wallets that are not loaded afterwards, with reasons; the daemon's
        answer to the load itself is not trusted. Raises RpcFailed if the daemon does
        not answer.
        """
        async with self._open_calls(settings, container, timeout_s) as calls:
            await calls.has_late_answer()
            return await _load_missing(calls, settings, paths)

    @asynccontextmanager
    async def _open_calls(
        self,
        settings: ElectronCashProbe,
        container: Container,
        timeout_s: float,
        *,
        despite_drill: bool = False,
    ) -> "AsyncIterator[_Calls]":
        deadline = deadline_in(timeout_s)
        try:
            daemon = locate_daemon(
                settings, container, self._addresses, despite_drill=despite_drill
            )
            async with self._rpc.turn(daemon.place, timeout_s):
                yield _Calls(self._rpc, daemon, settings, deadline)
        except ProbeFailed as trouble:
            raise RpcFailed(trouble.outcome.reason) from None


class _Calls:
    """The calls of one order, in sequence, until its deadline."""

    def __init__(
        self,
        rpc: RpcClient,
        daemon: RpcEndpoint,
        settings: ElectronCashProbe,
        deadline: float,
    ) -> None:
        self._rpc = rpc
        self._daemon = daemon
        self._settings = settings
        self._deadline = deadline

    def leave(self) -> None:
        """Leave the open request: do not wait for its answer."""
        self._rpc.leave(self._daemon)

    async def has_any_answer(self, ping_s: float) -> bool:
        """Does the daemon answer the open request, or else a ``ping``?

        The last ``ping_s`` are kept for the ping: the connection may be dead, and its
        silence then says nothing about the daemon.
        """
        try:
            if await self.has_late_answer(ping_s):
                return True
        except ProbeFailed:
            self.leave()
        return await self.has_answer("ping")

    async def has_late_answer(self, kept_s: float = 0.0) -> bool:
        """Was the open request answered? False: there is none.

        Waits until ``kept_s`` before the deadline; raises ProbeFailed if there is no
        answer. A broken connection counts as an answer only if ``is_answer`` says so.
        """
        until = self._deadline - kept_s
        try:
            return await self._rpc.late_answer(self._daemon, until) is not None
        except ProbeFailed as trouble:
            if trouble.outcome.cause is Cause.HUNG:
                raise
            return is_answer(trouble.outcome)

    async def has_answer(self, method: str) -> bool:
        """Does the daemon answer ``method``, even with an error?"""
        try:
            await self._rpc.call(self._daemon, method, self._deadline)
        except ProbeFailed as trouble:
            return is_answer(trouble.outcome)
        return True

    async def result(self, method: str, params: Params = None) -> msgspec.Raw:
        """The daemon's result for ``method``. Raises RpcFailed."""
        try:
            return await self._rpc.call(self._daemon, method, self._deadline, params)
        except RpcErrorAnswered as trouble:
            message = one_line(_mask_password(trouble.error.message, self._settings))
            reason = Reason.of(R.RPC_ERROR_WITHOUT_CODE, method=method, said=message)
            raise RpcFailed(reason, was_answered=True) from None
        except ProbeFailed as trouble:
            reason = Reason.of(
                R.METHOD_FAILED, method=method, reason=trouble.outcome.reason
            )
            raise RpcFailed(reason) from None


async def _load_missing(
    calls: _Calls, settings: ElectronCashProbe, paths: Sequence[str]
) -> tuple[NotLoaded, ...]:
    info = decode(await calls.result("getinfo"), _Info, "getinfo")
    loaded_paths = await _list_loaded(calls, info)
    wanted_paths = tuple(paths) or (info.default_wallet,)
    reasons: dict[str, Reason] = {}
    for path in wanted_paths:
        if path not in loaded_paths:
            reasons[path] = await _load_wallet(calls, settings, info, path)
    info = decode(await calls.result("getinfo"), _Info, "getinfo")
    loaded_paths = await _list_loaded(calls, info)
    if not paths and not info.default_wallet and loaded_paths:
        return ()
    missing = tuple(
        NotLoaded(path, reasons.get(path, NO_REASON))
        for path in wanted_paths
        if path not in loaded_paths
    )
    if missing and info.wallets is not msgspec.UNSET and loaded_paths:
        await _make_current(calls, loaded_paths[-1])
    return missing


async def _list_loaded(calls: _Calls, info: _Info) -> tuple[str, ...]:
    if info.wallets is not msgspec.UNSET:
        return tuple(info.wallets)
    raw = await calls.result("list_wallets")
    return tuple(wallet.path for wallet in decode(raw, list[_Listed], "list_wallets"))


async def _load_wallet(
    calls: _Calls, settings: ElectronCashProbe, info: _Info, path: str
) -> Reason:
    """Load one wallet; returns the daemon's reason if it refuses, else NO_REASON.

    Only the ``daemon`` method takes another path or a password on every build of
    Electron Cash, and it answers true even after a failure.
    """
    password = settings.wallet_password
    try:
        if info.wallets is msgspec.UNSET:
            raw = await calls.result("load_wallet", _wallet_parameters(path, password))
        elif password is None and path in {"", info.default_wallet}:
            raw = await calls.result("load_wallet")
        else:
            raw = await calls.result("daemon", [_load_parameters(path, password)])
    except RpcFailed as failed:
        if not failed.was_answered:
            raise
        if password is None:
            return failed.reason
        return Reason.of(R.PASSWORD_DOUBTFUL, reason=failed.reason)
    return _NO_FILE if bytes(raw) in {b"false", b"true"} else NO_REASON


def _load_parameters(path: str, password: str | None = None) -> Mapping[str, str]:
    return {"subcommand": "load_wallet", **_wallet_parameters(path, password)}


def _wallet_parameters(path: str, password: str | None) -> Mapping[str, str]:
    """The parameters that name a wallet; those not given are left out."""
    named = {"wallet_path": path} if path else {}
    return named if password is None else {**named, "password": password}


async def _make_current(calls: _Calls, path: str) -> None:
    """Load a wallet again to make it current.

    A failed load leaves Electron Cash without a current wallet. Some builds then die
    of the next wallet call, even if other wallets are loaded.
    """
    await calls.result("daemon", [_load_parameters(path)])


def _mask_password(text: str, settings: ElectronCashProbe) -> str:
    """The text without the wallet password: some daemons echo requests in errors."""
    password = settings.wallet_password
    return text.replace(password, "***") if password else text
