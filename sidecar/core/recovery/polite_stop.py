"""Time limits of a polite stop, and of loads, for a wallet daemon.

The daemon's own stop saves the addresses that it has handed out; a signal loses them.
"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Decision
from sidecar.core.model.instance import Instance
from sidecar.core.model.target import Target
from sidecar.core.status.streaks import is_certain

LOADING_S = 30.0
"""Time that one wallet's load may take in a daemon that is free."""

_NO_ANSWER = frozenset({Cause.HUNG, Cause.REFUSED, Cause.RESET})

BUSY_LASTS_S = 120.0
"""Time for which a daemon that was busy with other calls is still taken for busy."""


def polite_stop_s(instance: Instance, target: Target) -> float:
    """Seconds that it may take to answer, or to obey its stop; 0: it can do neither.

    A daemon that is free obeys at once. A recent answer does not prove that it is free:
    calls that take minutes may have come since.
    """
    settings = target.restart
    if target.wallet is None or not settings.graceful_rpc_stop:
        return 0.0
    if instance.health.cause is Cause.REFUSED:
        return 0.0
    return settings.polite_stop_s


def loading_s(
    instance: Instance, target: Target, wallets: int, now_mono: float
) -> float:
    """Seconds that a load may take: in an outage each of its calls waits in a queue."""
    free_s = LOADING_S * max(1, wallets)
    if target.wallet is None or is_free(instance, now_mono):
        return free_s
    return max(free_s, target.wallet.hang_after_outage_s)


def is_kept_waiting(instance: Instance, target: Target, now_mono: float) -> bool:
    """Is it busy with calls of others, so that it answers every call late?"""
    health = instance.health
    if target.wallet is None or not health.has_answered:
        return False
    if instance.loading is not None:
        return not is_free(instance, instance.loading.at.mono)
    if health.cause is Cause.HUNG and is_certain(health, target, now_mono):
        return False
    return health.held_mono is not None and now_mono - health.held_mono < BUSY_LASTS_S


def is_called_off_by_answer(decision: Decision) -> bool:
    """Would any answer of the daemon show that this restart is not needed?

    A stopped process is treated otherwise: it is continued, and then asked to stop.
    """
    return decision.trigger.is_automatic and decision.cause in _NO_ANSWER


def is_free(instance: Instance, now_mono: float) -> bool:
    """Did its last probe answer, with its upstream connected, and was it not busy?"""
    held_mono, last = instance.health.held_mono, instance.health.last
    if last is None or not last.rpc_answers:
        return False
    if last.wallet is not None and not last.wallet.connected:
        return False
    return held_mono is None or now_mono - held_mono >= BUSY_LASTS_S
