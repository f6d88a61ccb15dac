"""What a wallet held before and after a remedy: compared, never judged.

A difference may be a payment that has just come in. That it is one is for people
to find out; that there is one must not go unnoticed.
"""

from dataclasses import replace

from sidecar.core.model.decision import Action
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import Balance, ProbeResult, ProbeVerdict
from sidecar.core.model.target import Target
from sidecar.core.model.transition import BalanceCompared, RemedyEnded, RemedyOutcome
from sidecar.core.recovery import address_loss


def balance_before_remedy(instance: Instance) -> Balance | None:
    """What a remedy that begins now has to compare with.

    After remedies that showed none it is still what was known before the first.
    """
    return instance.unmatched or instance.balance


def note_balance(
    instance: Instance, target: Target, outcome: ProbeResult, at: Moment
) -> tuple[Instance, tuple[BalanceCompared, ...]]:
    """The instance with what a probe saw in its wallet.

    Compared where earlier remedies wait for it and none is under way: one that is
    compares at its own end.
    """
    seen = _balance_of(outcome)
    if target.wallet is None or seen is None:
        return instance, ()
    if instance.unmatched is None or instance.remedy is not None:
        return replace(instance, balance=seen), ()
    compared = BalanceCompared(
        at, instance.id, instance.name, instance.unmatched, seen, instance.incident
    )
    return replace(instance, balance=seen, unmatched=None), (compared,)


def compare_after_remedy(
    instance: Instance, target: Target, ended: RemedyEnded
) -> tuple[Instance, tuple[BalanceCompared, ...]]:
    """The instance whose remedy has just ended, and what the comparison showed.

    What answers before the remedy has recovered it may be the run of before. To
    load a wallet that was never seen is a start's last step: nothing to compare.
    """
    if target.wallet is None or instance.remedy is None:
        return instance, ()
    known, last = instance.remedy.balance, instance.health.last
    if known is None and ended.action is Action.LOAD_WALLET:
        return instance, ()
    recovered = ended.outcome is RemedyOutcome.RECOVERED
    seen = _balance_of(last) if recovered and last is not None else None
    counted = instance.remedy.addresses
    compared = BalanceCompared(
        ended.at,
        ended.instance,
        ended.name,
        known,
        seen,
        ended.incident,
        addresses_before=counted.total if counted is not None else None,
        addresses_after=address_loss.count_known_in_run(instance)
        if recovered
        else None,
    )
    return replace(instance, unmatched=known if seen is None else None), (compared,)


def _balance_of(outcome: ProbeResult) -> Balance | None:
    if outcome.verdict is not ProbeVerdict.SUCCESS or outcome.wallet is None:
        return None
    return outcome.wallet.balance
