"""Keys of the sentences about payments, and about services that need a wallet."""

from collections.abc import Mapping

from sidecar.core.incidents.payment_impact import Payments
from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.lane import LaneName
from sidecar.core.model.message import MessageKind

Values = Mapping[str, str]

_NOT_KNOWN: Mapping[MessageKind, str] = {
    MessageKind.SETTINGS_REFUSED: "payments.not_by_this",
    MessageKind.PLAN_SKIPPED: "payments.not_by_this",
    MessageKind.ROLLING_STOPPED: "payments.not_by_this",
    MessageKind.LIMIT_FORESEEN: "payments.not_by_this",
    MessageKind.STORE_LOST: "payments.not_by_this",
    MessageKind.TASK_PROBLEM: "payments.not_by_this",
    MessageKind.TASK_DONE: "payments.not_by_this",
    MessageKind.DRILL_PROBLEM: "payments.not_by_this",
    MessageKind.OWN_NETWORK_BACK: "payments.checking",
}
"""Texts of messages about Sidecar itself, where the state of payments is not known."""


def payments_key(values: Values) -> str:
    """Key of the sentence about payments."""
    payments = values.get("payments") or Payments.UNKNOWN
    if payments == Payments.UNSEEN and not values["payments_by"]:
        payments = Payments.UNKNOWN
    if payments == Payments.UNSEEN and values["cause"] == Cause.SUSPENDED:
        return "payments.unseen_after_sleep"
    if payments == Payments.BLIND and _is_perhaps_behind(values):
        return "payments.blind_if_behind"
    return f"payments.{payments}"


def payments_key_of_sidecar(kind: MessageKind, values: Values) -> str:
    """Key of the sentence about payments in a message about Sidecar itself."""
    key = payments_key(values)
    is_unknown = key == f"payments.{Payments.UNKNOWN}"
    return _NOT_KNOWN.get(kind, key) if is_unknown else key


def dependent_key(values: Values) -> str:
    """Key of the advice on the one service that is down; empty: there is none."""
    if not _is_one_dependent_down(values):
        return ""
    cause = Cause(values["cause"])
    is_ours = CAUSES[cause].is_ours
    return f"advice.dependent_first.{cause}" if is_ours else "advice.dependent"


def _is_perhaps_behind(values: Values) -> bool:
    """Does the advice begin with a look at the chain, which tells what is affected?"""
    is_stale = values["cause"] == Cause.UPSTREAM_STALE
    is_given_up = values["lane"] == LaneName.DEAD_LETTER
    return is_stale and not values["load_failure"] and not is_given_up


def _is_one_dependent_down(values: Values) -> bool:
    """Are payments stopped by the only one that needs it, and it is not repaired?"""
    down = values["payments_of"].split(", ") if values["payments_of"] else []
    is_stopped = values.get("payments") == Payments.STOPPED
    only_one = len(down) == 1 and len(values["dependents"].split()) == 1
    is_repaired = CAUSES[Cause(values["cause"])].remedy is not None
    return is_stopped and only_one and values["about"] not in down and not is_repaired
