"""Comparison of a wallet's balance before and after a remedy; it is never judged.

A difference may be a payment that has just come in. People find out whether it is
one; Sidecar must report that there is a difference.
"""

from sidecar.core.model.decision import Action
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import Balance, ProbeResult, ProbeVerdict
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import Target
from sidecar.core.model.transition import BalanceCompared, RemedyEnded, RemedyOutcome
from sidecar.core.recovery import address_loss


def balance_before_remedy(instance: Instance) -> Balance | None:
    """Balance with which the end of a remedy that begins now is compared.

    After remedies that showed no balance, it is the one from before the first of them.
    """
    return instance.unmatched or instance.balance


def note_balance(
    instance: Instance, target: Target, outcome: ProbeResult, at: Moment
) -> tuple[Instance, tuple[BalanceCompared, ...]]:
    """Note the balance that a probe found in the wallet.

    It is compared where earlier remedies wait for that and no remedy is under way: such
    a remedy compares the balance at its own end.
    """
    balance = _balance_of(outcome)
    if target.wallet is None or balance is None:
        return instance, ()
    if instance.unmatched is None or instance.remedy is not None:
        return replace(instance, balance=balance), ()
    compared = BalanceCompared(
        at, instance.id, instance.name, instance.unmatched, balance, instance.incident
    )
    return replace(instance, balance=balance, unmatched=None), (compared,)


def compare_after_remedy(
    instance: Instance, target: Target, ended: RemedyEnded
) -> tuple[Instance, tuple[BalanceCompared, ...]]:
    """Compare the balance after a remedy that has just ended with that before it.

    Before the remedy has recovered it, the old run may still answer. A load of a wallet
    without a known balance is a start's last step: there is nothing to compare.
    """
    if target.wallet is None or instance.remedy is None:
        return instance, ()
    balance_before, last = instance.remedy.balance, instance.health.last
    if balance_before is None and ended.action is Action.LOAD_WALLET:
        return instance, ()
    recovered = ended.outcome is RemedyOutcome.RECOVERED
    balance_after = _balance_of(last) if recovered and last is not None else None
    count_before = instance.remedy.addresses
    compared = BalanceCompared(
        ended.at,
        ended.instance,
        ended.name,
        balance_before,
        balance_after,
        ended.incident,
        addresses_before=count_before.total if count_before is not None else None,
        addresses_after=address_loss.address_count_in_run(instance)
        if recovered
        else None,
    )
    return replace(
        instance, unmatched=balance_before if balance_after is None else None
    ), (compared,)


def _balance_of(outcome: ProbeResult) -> Balance | None:
    if outcome.verdict is not ProbeVerdict.SUCCESS or outcome.wallet is None:
        return None
    return outcome.wallet.balance
