"""Result of one probe."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.log_mark import LogFacts
from sidecar.core.model.memory import MemorySample
from sidecar.core.model.probe_settings import OnMatch
from sidecar.core.reason.reason import NO_REASON, Reason


class ProbeVerdict(StrEnum):
    """Verdict of a probe; UNKNOWN: the probe itself failed, which changes no streak."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class ProbeWarning(StrEnum):
    """Warning of a success: the target is degraded, and not restarted for it."""

    SLOW = "slow"
    LAGGING = "lagging"
    MATCHED = "matched"
    """A probe with ``on_match`` found what it watches for."""
    NOT_JUDGED = "not_judged"
    """Something that it watches could not be judged, for some time."""


class Balance(NamedTuple):
    """Balance of a wallet, in whole coins."""

    confirmed: Decimal = Decimal(0)
    unconfirmed: Decimal = Decimal(0)
    unmatured: Decimal = Decimal(0)

    def texts(self) -> dict[str, str]:
        """Each part by its name, with all digits and without an exponent."""
        return {part: f"{amount:f}" for part, amount in self._asdict().items()}


@dataclass(frozen=True, slots=True)
class WalletFacts:
    """Facts from a wallet daemon's answers. None: not asked or not in the answer."""

    connected: bool | None = None
    loaded: bool | None = None
    synchronised: bool | None = None
    height: int | None = None
    server_height: int | None = None
    balance: Balance | None = None
    paths: tuple[str, ...] | None = None
    """Paths of the loaded wallets, in the daemon's order."""
    addresses: int | None = None
    """Number of addresses of the current wallet; not asked at every probe."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Result of one probe.

    ``reason`` is a short phrase. What a Prober returns is without secrets, printable
    and of at most REASON_LIMIT characters: masked first, cut afterwards.
    ``path_fault``: the name did not resolve or the connect timed out, so the
    fault may lie between us and the target. ``shares_network``: the engine says that
    Sidecar is on a network of the target. ``rpc_answers``: the last
    observation was an answer of the daemon, so a polite RPC ``stop`` is possible.
    ``waited_s``: age of the oldest request that was waited for; with HUNG it is still
    not answered. ``broke_on``: the call during which the connection broke; empty: none
    broke. ``asks_restart``: a success that asks for a planned restart.
    ``memory``: a new sample; None: none was taken.
    """

    verdict: ProbeVerdict
    cause: Cause | None = None
    reason: Reason = NO_REASON
    path_fault: bool = False
    rpc_answers: bool = False
    warnings: tuple[ProbeWarning, ...] = ()
    wallet: WalletFacts | None = None
    waited_s: float = 0.0
    broke_on: str = ""
    shares_network: bool = False
    asks_restart: bool = False
    memory: MemorySample | None = None
    log: LogFacts | None = None


REASON_LIMIT = 300


def probe_success(
    *,
    warnings: tuple[ProbeWarning, ...] = (),
    reason: Reason = NO_REASON,
    wallet: WalletFacts | None = None,
    asks_restart: bool = False,
) -> ProbeResult:
    """The target works; warnings name its degradations."""
    return ProbeResult(
        ProbeVerdict.SUCCESS,
        reason=reason,
        rpc_answers=True,
        warnings=warnings,
        wallet=wallet,
        asks_restart=asks_restart,
    )


def probe_match(on_match: OnMatch, cause: Cause, reason: Reason) -> ProbeResult:
    """The probe found what it watches for; ``cause`` counts if that is a failure."""
    if on_match is OnMatch.FAIL:
        return probe_failure(cause, reason)
    return probe_success(
        warnings=(ProbeWarning.MATCHED,),
        reason=reason,
        asks_restart=on_match is OnMatch.PLANNED_RESTART,
    )


def probe_failure(
    cause: Cause,
    reason: Reason,
    *,
    path_fault: bool = False,
    rpc_answers: bool = False,
    wallet: WalletFacts | None = None,
) -> ProbeResult:
    """The target was asked and does not work."""
    return ProbeResult(
        ProbeVerdict.FAILURE,
        cause,
        reason,
        path_fault=path_fault,
        rpc_answers=rpc_answers,
        wallet=wallet,
    )


def probe_unknown(cause: Cause, reason: Reason) -> ProbeResult:
    """Nothing was learnt about the target."""
    return ProbeResult(ProbeVerdict.UNKNOWN, cause, reason)
