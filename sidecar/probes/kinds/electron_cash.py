"""Probe ``electron_cash``: does a wallet daemon live, with a synchronised wallet?

The order of the calls protects the daemon: one thread serves all callers, and on
some builds a wallet call kills a daemon that has no wallet loaded.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, NamedTuple

import msgspec

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import (
    Balance,
    ProbeResult,
    ProbeWarning,
    WalletFacts,
    probe_failure,
    probe_success,
)
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext, deadline_in
from sidecar.probes.failure import ProbeFailed, probe_failed
from sidecar.probes.jsonrpc_client import locate_daemon
from sidecar.probes.rpc_result import RpcErrorAnswered
from sidecar.probes.wallet_conversation import WalletConversation

LAG_BLOCKS = 3
MOST_DIGITS = 40

# Started offline: Electron Cash answers the first text, Electrum the second.
_OFFLINE_TEXTS = ("daemon offline", "'get_parameters'")
_NOT_LOADED_TEXT = "wallet not loaded"


Height = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**53)]
"""A block height; exact as a float in metrics, and short in texts."""


class _Info(msgspec.Struct):
    connected: bool
    server_height: Height
    blockchain_height: Height
    wallets: dict[str, bool] | msgspec.UnsetType = msgspec.UNSET
    default_wallet: str = ""


class _Wallet(msgspec.Struct):
    path: str
    synchronized: bool


class _Balance(msgspec.Struct):
    """The answer to ``getbalance`` in whole coins; parts that are zero are missing."""

    confirmed: Decimal = Decimal(0)
    unconfirmed: Decimal = Decimal(0)
    unmatured: Decimal = Decimal(0)


class _Loaded(NamedTuple):
    """The loaded wallets by path: is each one synchronised with the chain?

    ``selector``: the parameters that select one of them in a wallet call.
    """

    wallets: Mapping[str, bool]
    selector: Mapping[str, str] | None


async def probe(
    settings: ElectronCashProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Ask ``ping``, ``getinfo`` and, only when a wallet is loaded, ``getbalance``."""
    daemon = locate_daemon(settings, container, tools.addresses)
    async with tools.rpc.turn(daemon.place, settings.timeout_s):
        conversation = WalletConversation(
            tools, daemon, deadline_in(settings.timeout_s)
        )
        outcome = await _outcome(conversation, settings)
    tools.fatal_calls.note(daemon.place, daemon.run, outcome)
    return replace(outcome, waited_s=max(outcome.waited_s, conversation.waited_s))


async def _outcome(
    conversation: WalletConversation, settings: ElectronCashProbe
) -> ProbeResult:
    try:
        return await _ask(conversation, settings)
    except RpcErrorAnswered as error:
        return _translate_error(error).outcome
    except ProbeFailed as trouble:
        return trouble.outcome


async def _ask(
    conversation: WalletConversation, settings: ElectronCashProbe
) -> ProbeResult:
    await conversation.begin()
    if not conversation.has_answered:
        await conversation.result("ping", bool)
    info = await conversation.result("getinfo", _Info)
    loaded = await _loaded_wallets(conversation, info)
    hides_upstream = conversation.tools.faults.hides_upstream
    facts = WalletFacts(
        connected=info.connected and not hides_upstream(conversation.daemon.run),
        loaded=bool(loaded.wallets),
        synchronised=all(loaded.wallets.values()) if loaded.wallets else None,
        height=info.blockchain_height,
        server_height=info.server_height,
        paths=tuple(loaded.wallets),
    )
    objection = _objection(facts) or _stale_failure(facts, conversation, settings)
    if objection is None:
        balance = await conversation.result("getbalance", _Balance, loaded.selector)
        facts = replace(facts, balance=_parse_balance(balance))
    if loaded.wallets:
        facts = replace(
            facts, addresses=await conversation.count_addresses(loaded.selector)
        )
    return _success(facts) if objection is None else replace(objection, wallet=facts)


async def _loaded_wallets(conversation: WalletConversation, info: _Info) -> _Loaded:
    """The loaded wallets: from Electron Cash's ``getinfo``, or Electrum's list.

    Electrum's wallet calls are about its default wallet, loaded or not, unless
    another one is named.
    """
    if info.wallets is not msgspec.UNSET:
        return _Loaded(info.wallets, None)
    listed = await conversation.result("list_wallets", list[_Wallet])
    wallets = {wallet.path: wallet.synchronized for wallet in listed}
    if not wallets or not info.default_wallet or info.default_wallet in wallets:
        return _Loaded(wallets, None)
    return _Loaded(wallets, {"wallet": next(iter(wallets))})


def _parse_balance(answer: _Balance) -> Balance:
    balance = Balance(answer.confirmed, answer.unconfirmed, answer.unmatured)
    if not all(map(_is_amount, balance)):
        raise probe_failed(
            Cause.BAD_BODY, Reason.of(R.BALANCE_NO_NUMBER), rpc_answers=True
        )
    return balance


def _is_amount(part: Decimal) -> bool:
    """Is it a number that can be written out? 1e999999 has a million digits."""
    if not part.is_finite() or abs(part.adjusted()) >= MOST_DIGITS:
        return False
    return len(part.as_tuple().digits) <= MOST_DIGITS


def _translate_error(error: RpcErrorAnswered) -> ProbeFailed:
    """The failure for a known error of the daemon; else the error itself."""
    message = error.error.message.casefold()
    if _NOT_LOADED_TEXT in message:
        return probe_failed(
            Cause.WALLET_NOT_LOADED, Reason.of(R.NO_WALLET_LOADED), rpc_answers=True
        )
    if any(text in message for text in _OFFLINE_TEXTS):
        return probe_failed(Cause.MISCONFIGURED, Reason.of(R.DAEMON_OFFLINE))
    return error


def _objection(facts: WalletFacts) -> ProbeResult | None:
    """The failure for the first fact that makes the daemon unusable; else None.

    Without a wallet nothing else can be judged. The synchronised flag is valid only
    with an upstream server: the daemon keeps the flag when it loses the server.
    """
    if not facts.loaded:
        return _wallet_failure(
            Cause.WALLET_NOT_LOADED, Reason.of(R.NO_WALLET_LOADED), facts
        )
    if not facts.connected:
        return _wallet_failure(Cause.UPSTREAM_LOST, Reason.of(R.NO_UPSTREAM), facts)
    if not facts.server_height or facts.server_height < 0:
        return _wallet_failure(
            Cause.UPSTREAM_LOST,
            Reason.of(R.UPSTREAM_SILENT),
            facts,
        )
    if not facts.synchronised:
        return _wallet_failure(
            Cause.WALLET_SYNCING,
            Reason.of(
                R.SYNCHRONISING, height=facts.height or 0, top=facts.server_height
            ),
            facts,
        )
    return None


def _stale_failure(
    facts: WalletFacts, conversation: WalletConversation, settings: ElectronCashProbe
) -> ProbeResult | None:
    assert facts.height is not None
    assert facts.server_height is not None
    still_s = conversation.tools.heights.unchanged_s(
        conversation.daemon.place,
        conversation.daemon.run,
        facts.height,
        facts.server_height,
        conversation.tools.clock.now().mono,
    )
    if still_s < settings.stale_after_s:
        return None
    return _wallet_failure(
        Cause.UPSTREAM_STALE,
        Reason.of(
            R.CHAIN_STALE,
            height=facts.height,
            seconds=still_s,
            limit_s=settings.stale_after_s,
        ),
        facts,
    )


def _success(facts: WalletFacts) -> ProbeResult:
    lag = (facts.server_height or 0) - (facts.height or 0)
    if lag <= LAG_BLOCKS:
        return probe_success(wallet=facts)
    return probe_success(
        warnings=(ProbeWarning.LAGGING,),
        reason=Reason.of(R.BLOCKS_BEHIND, blocks=lag),
        wallet=facts,
    )


def _wallet_failure(cause: Cause, reason: Reason, facts: WalletFacts) -> ProbeResult:
    return probe_failure(cause, reason, rpc_answers=True, wallet=facts)
