"""Is a wallet daemon alive, its wallet loaded and in step with the chain?

The order is what keeps it alive: one thread serves all callers, and on some
builds a wallet call kills a daemon that has no wallet loaded.
"""

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec

from sidecar.core.container import Container
from sidecar.core.outcome import (
    Balance,
    Cause,
    Outcome,
    WalletFacts,
    Warn,
    failure,
    success,
)
from sidecar.core.target import ElectronCashProbe
from sidecar.probes.jsonrpc_client import Daemon, RpcTrouble, decode
from sidecar.probes.tools import Tools, deadline_in
from sidecar.probes.trouble import Trouble, trouble

LAG_BLOCKS = 3
MOST_DIGITS = 40

T = TypeVar("T")

# Started with no network: Electron Cash says the one, Electrum the other.
_OFFLINE_TEXTS = ("daemon offline", "'get_parameters'")
_NOT_LOADED_TEXT = "wallet not loaded"


class _Info(msgspec.Struct):
    connected: bool
    server_height: int
    blockchain_height: int
    wallets: dict[str, bool] | msgspec.UnsetType = msgspec.UNSET


class _Wallet(msgspec.Struct):
    synchronized: bool


class _Balance(msgspec.Struct):
    """Whole coins; parts that are zero are left out."""

    confirmed: Decimal = Decimal(0)
    unconfirmed: Decimal = Decimal(0)
    unmatured: Decimal = Decimal(0)


class _Call(NamedTuple):
    tools: Tools
    daemon: Daemon
    deadline: float


async def probe(
    settings: ElectronCashProbe, container: Container, tools: Tools
) -> Outcome:
    """Ask ``ping``, ``getinfo`` and, only when a wallet is loaded, ``getbalance``."""
    url = tools.addresses.url(settings.url, container)
    async with tools.rpc.turn(url, settings.timeout_s):
        deadline = deadline_in(settings.timeout_s)
        daemon = Daemon(url, settings.credentials)
        call = _Call(tools, await tools.rpc.found(daemon, deadline), deadline)
        try:
            return await _ask(call, settings, container)
        except RpcTrouble as error:
            raise _explained(error) from error


async def _ask(
    call: _Call, settings: ElectronCashProbe, container: Container
) -> Outcome:
    await _result(call, "ping", bool)
    info = await _result(call, "getinfo", _Info)
    wallets = await _wallets(call, info)
    facts = WalletFacts(
        connected=info.connected,
        loaded=bool(wallets),
        synchronised=all(wallets) if wallets else None,
        height=info.blockchain_height,
        server_height=info.server_height,
    )
    objection = _objection(facts) or _stale(facts, call, settings, container)
    if objection is not None:
        return objection
    balance = await _result(call, "getbalance", _Balance)
    return _well(replace(facts, balance=_parts(balance)))


async def _wallets(call: _Call, info: _Info) -> tuple[bool, ...]:
    """Of each loaded wallet, whether it is in step with the chain."""
    if info.wallets is not msgspec.UNSET:
        return tuple(info.wallets.values())
    listed = await _result(call, "list_wallets", list[_Wallet])
    return tuple(wallet.synchronized for wallet in listed)


async def _result(call: _Call, method: str, shape: type[T]) -> T:
    raw = await call.tools.rpc.call(call.daemon, method, call.deadline)
    return decode(raw, shape, method)


def _parts(said: _Balance) -> Balance:
    balance = Balance(said.confirmed, said.unconfirmed, said.unmatured)
    if not all(map(_is_amount, balance)):
        raise trouble(Cause.BAD_BODY, "getbalance answered no number", rpc_answers=True)
    return balance


def _is_amount(part: Decimal) -> bool:
    """A number that can be written out: 1e999999 is a million digits."""
    return part.is_finite() and abs(part.adjusted()) < MOST_DIGITS


def _explained(error: RpcTrouble) -> Trouble:
    """The daemon's own error in the watchdog's words, where it is a known one."""
    said = error.error.message.casefold()
    if _NOT_LOADED_TEXT in said:
        return trouble(Cause.WALLET_NOT_LOADED, "no wallet is loaded", rpc_answers=True)
    if any(text in said for text in _OFFLINE_TEXTS):
        return trouble(Cause.MISCONFIGURED, "the daemon was started offline")
    return error


def _objection(facts: WalletFacts) -> Outcome | None:
    """The first of the daemon's own words that says that it is not of use.

    Without a wallet nothing else can be judged. The synchronised flag is only
    of worth with an upstream server: it is kept when the server is lost.
    """
    if not facts.loaded:
        return _answers(Cause.WALLET_NOT_LOADED, "no wallet is loaded", facts)
    if not facts.connected:
        return _answers(Cause.UPSTREAM_LOST, "no upstream server is connected", facts)
    if not facts.server_height or facts.server_height < 0:
        return _answers(
            Cause.UPSTREAM_LOST,
            "the upstream server is connected and does not answer",
            facts,
        )
    if not facts.synchronised:
        return _answers(
            Cause.WALLET_SYNCING,
            f"the wallet is synchronising at height {facts.height}"
            f" of {facts.server_height}",
            facts,
        )
    return None


def _stale(
    facts: WalletFacts, call: _Call, settings: ElectronCashProbe, container: Container
) -> Outcome | None:
    assert facts.height is not None
    assert facts.server_height is not None
    still_s = call.tools.heights.unchanged_s(
        call.daemon.url,
        container.run,
        facts.height,
        facts.server_height,
        call.tools.clock.now().mono,
    )
    if still_s < settings.stale_after_s:
        return None
    return _answers(
        Cause.UPSTREAM_STALE,
        f"no block after {facts.height} for {still_s:.0f} s",
        facts,
    )


def _well(facts: WalletFacts) -> Outcome:
    lag = (facts.server_height or 0) - (facts.height or 0)
    if lag <= LAG_BLOCKS:
        return success(wallet=facts)
    return success(
        warnings=(Warn.LAGGING,),
        reason=f"{lag} blocks behind the upstream server",
        wallet=facts,
    )


def _answers(cause: Cause, reason: str, facts: WalletFacts) -> Outcome:
    return failure(cause, reason, rpc_answers=True, wallet=facts)
