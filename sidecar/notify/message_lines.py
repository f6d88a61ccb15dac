"""Sentences of a message, by their keys: problem, repairs, advice."""

from collections.abc import Iterator, Mapping
from functools import partial

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.guard import Guard
from sidecar.core.model.lane import LaneName
from sidecar.core.model.message import MessageKind
from sidecar.core.model.target import Mode
from sidecar.core.reason.code import ReasonCode
from sidecar.notify.payment_lines import (
    dependent_key,
    payments_key,
    payments_key_of_sidecar,
)
from sidecar.notify.resolved_lines import resolved_keys

Values = Mapping[str, str]

_OF_THEIR_OWN: Mapping[MessageKind, tuple[str, ...]] = {
    MessageKind.BALANCE: (
        "line.confirmed",
        "line.unconfirmed",
        "line.unmatured",
        "advice.balance",
    ),
    MessageKind.ENGINE_LOST: ("line.measured", "advice.engine_lost"),
    MessageKind.ENGINE_BACK: ("advice.none",),
    MessageKind.OWN_NETWORK_LOST: ("line.measured", "advice.own_network_lost"),
    MessageKind.OWN_NETWORK_BACK: ("advice.none",),
    MessageKind.SETTINGS_REFUSED: ("line.faults", "advice.settings_refused"),
    MessageKind.SETTINGS_TAKEN: ("advice.none",),
    MessageKind.PLAN_SKIPPED: ("line.why", "advice.plan_skipped"),
    MessageKind.ROLLING_STOPPED: ("line.why", "advice.rolling_stopped"),
    MessageKind.LIMIT_FORESEEN: ("line.measured", "advice.limit_foreseen"),
    MessageKind.STORE_LOST: ("line.measured", "advice.store_lost"),
    MessageKind.TASK_PROBLEM: ("line.result", "line.details", "advice.task_problem"),
    MessageKind.TASK_DONE: ("line.result", "line.details", "advice.none"),
    MessageKind.DRILL_PROBLEM: ("line.result", "advice.drill_problem"),
    MessageKind.DRILL_STUCK: ("line.result", "advice.drill_stuck"),
    MessageKind.TEST: (),
}
_WITHOUT_PAYMENTS = frozenset(
    {MessageKind.ENGINE_BACK, MessageKind.SETTINGS_TAKEN, MessageKind.TEST}
)
_WITH_NETWORK: Mapping[str, str] = {
    f"advice.cause.{Cause.DETACHED}": "advice.cause.detached_network",
    f"advice.cause.{Cause.OWN_NETWORK}": "advice.cause.own_network_connect",
    "advice.own_network_lost": "advice.own_network_lost_connect",
}
_MENDED_BY_OWN_RESTART = frozenset({MessageKind.ENGINE_LOST, MessageKind.STORE_LOST})
_OUT_OF_MEMORY = frozenset({ReasonCode.OUT_OF_MEMORY, ReasonCode.MEMORY_KILLED})
_UNKNOWN_METHOD = frozenset(
    {ReasonCode.UNKNOWN_METHOD, ReasonCode.UNKNOWN_METHOD_NAMED}
)


def title(kind: MessageKind, values: Values) -> str:
    """The title's key; after the quick tries a failed try calls for a person."""
    slow = _lane(values) is not LaneName.FAST
    if kind is MessageKind.ACTION_FAILED and slow and not _is_other_since(values):
        return "title.slow"
    return f"title.{form(kind, values)}"


def form(kind: MessageKind, values: Values) -> str:
    """The message's form, part of its keys.

    An end is ``closed`` or ``unwatched`` where no recovery was measured, and ``mended``
    where a file is sound again. A failed action has a form of its own where the cause
    changed afterwards.
    """
    if kind is MessageKind.ACTION_FAILED and _is_other_since(values):
        return "action_failed.other"
    if kind is not MessageKind.RESOLVED:
        return kind.value
    if values["cause"] == Cause.ADDRESSES_LOST:
        return "closed"
    if values["cause"] == Cause.WALLET_DAMAGED and values.get("watched", "yes"):
        return "mended"
    if values["again"]:
        return "relapsed"
    return "resolved" if values.get("watched", "yes") else "unwatched"


def keys(kind: MessageKind, values: Values) -> Iterator[str]:
    """Keys of the texts between the first sentence and the addresses."""
    if kind in _OF_THEIR_OWN:
        if kind not in _WITHOUT_PAYMENTS:
            yield payments_key_of_sidecar(kind, values)
        if values.get("incident"):
            yield "line.incident"
        if values["deeds"]:
            yield "line.deeds"
        own_keys = (key for key in _OF_THEIR_OWN[kind] if not _is_empty(key, values))
        yield from map(partial(_for_network, values), own_keys)
        if kind in _MENDED_BY_OWN_RESTART and values["own"]:
            yield "advice.restart_own"
    elif kind is MessageKind.RESOLVED:
        if values["drill"]:
            yield "line.drill"
        yield from resolved_keys(form(kind, values), values)
    else:
        yield from _open_keys(kind, values)


def _is_empty(key: str, values: Values) -> bool:
    return key == "line.details" and not values["details"]


def _open_keys(kind: MessageKind, values: Values) -> Iterator[str]:
    if values["drill"]:
        yield "line.drill"
    says_both = kind is MessageKind.CHANGED or form(kind, values) != kind.value
    if not says_both and values["first_cause"] != values["cause"]:
        yield "line.began"
    yield payments_key(values)
    if values["about"] != values["target"]:
        yield "line.root"
    if set(_names(values["affected"])) - set(_names(values["payments_of"])):
        yield "line.affected"
    if values["followers"]:
        yield "line.followers"
    if values["reason"]:
        yield "line.measured"
    yield from _log_keys(values)
    yield from _progress_keys(values)
    if kind is MessageKind.CHANGED and _is_restarted_after_all(values):
        yield "line.after_all"
        yield "advice.after_all"
        return
    yield from advice_keys(kind, values)


def advice_keys(kind: MessageKind, values: Values) -> Iterator[str]:
    """Keys of the advice; what payments need is first where nothing else helps it."""
    key, dependent = advice(kind, values), dependent_key(values)
    is_last = dependent == "advice.dependent"
    if dependent and not is_last:
        yield dependent
    yield key
    if key == f"advice.cause.{Cause.PROBER_FAILED}" and values["own"]:
        yield "advice.restart_own"
    if is_last:
        yield dependent


def _log_keys(values: Values) -> Iterator[str]:
    """Keys about the last log lines; an unreadable log is not mentioned."""
    if values["log"]:
        yield "line.log"
    elif values["is_silent"]:
        yield "line.log_empty"


def _progress_keys(values: Values) -> Iterator[str]:
    """Keys about repairs, progress, acknowledgement and the next message."""
    if values["deeds"]:
        yield "line.deeds"
    yield progress_key(values)
    if values["acked"] and values.get("acked_by"):
        yield "line.acked"
    if values["next"]:
        yield "line.next"


def _is_restarted_after_all(values: Values) -> bool:
    """Is it restarted although people were told that it should not be?"""
    known_cause = values["known_cause"]
    if not known_cause or "restart" not in values["doing"]:
        return False
    return CAUSES[Cause(known_cause)].worse_by_restart


def _is_other_since(values: Values) -> bool:
    """Has the target another cause than the one that was repaired?"""
    same_target = values["about"] == values["target"]
    return same_target and values["first_cause"] != values["cause"]


def acknowledgement(facts: Values) -> str:
    """Key of the acknowledgement link; it closes an incident of lost addresses."""
    is_closed_by_it = facts.get("cause") == Cause.ADDRESSES_LOST
    return "line.ack.addresses_lost" if is_closed_by_it else "line.ack"


def _names(listed: str) -> list[str]:
    return listed.split(", ") if listed else []


def _for_network(values: Values, key: str) -> str:
    """The key, or that with a command that connects a network, where it is known."""
    is_known = values["network"] and values["own"]
    return _WITH_NETWORK.get(key, key) if is_known else key


def progress_key(values: Values) -> str:
    """Key of the sentence about current repairs."""
    if values["mode"] == Mode.OBSERVE:
        return "done.observe"
    doing, cause = values["doing"], Cause(values["cause"])
    if doing:
        return f"done.{doing}" if values["attempt"] != "0" else f"done.{doing}.asked"
    if _is_given_up(values) and CAUSES[cause].remedy is not None:
        return "done.given_up"
    return _waiting_key(values, cause)


def _waiting_key(values: Values, cause: Cause) -> str:
    if _is_wallet_lost(values):
        return "done.load_failed_next" if values["next_try"] else "done.load_failed"
    if _is_started_later(values, cause):
        return "done.loop_until"
    if CAUSES[cause].remedy is None:
        is_named = cause is Cause.KILLED_BY_PROBE and values["method"]
        return f"done.nothing.{cause}.named" if is_named else f"done.nothing.{cause}"
    if values["next_try"]:
        return "done.load_next" if values["load_lane"] else "done.next"
    if values["guard"] == Guard.NONE:
        # The last decision was to act: it gives no reason to wait.
        tried = cause is Cause.WALLET_NOT_LOADED and values["attempt"] != "0"
        return "done.load_again" if tried else "done.none"
    return "done.held" if values["held"] else "done.none"


def advice(kind: MessageKind, values: Values) -> str:
    """Key of the advice for the receiver."""
    cause = Cause(values["cause"])
    if kind is MessageKind.DEAD_LETTER:
        return "advice.dead_letter"
    if _is_load_in_vain(values):
        return "advice.load_failed" if values["wallet"] else "advice.load_failed_path"
    if _is_started_later(values, cause):
        return "advice.loop_recover"
    return _advice_on_cause(cause, values)


def _advice_on_cause(cause: Cause, values: Values) -> str:
    if CAUSES[cause].remedy is None:
        if cause is Cause.ADDRESSES_LOST:
            stop = "_stop" if values["dependents"] else ""
            counted = ".counted" if values["lost"] else ""
            return f"advice.cause.{cause}{stop}{counted}"
        if cause is Cause.MISCONFIGURED and _is_method_unknown(values):
            return "advice.cause.misconfigured_method"
        return _for_network(values, f"advice.cause.{cause}")
    return _advice_on_repairs(cause, values)


def _is_method_unknown(values: Values) -> bool:
    """Is its check's method unknown to it? A wallet daemon's check has no setting."""
    return values["is_wallet"] == "no" and values["code"] in _UNKNOWN_METHOD


def _advice_on_repairs(cause: Cause, values: Values) -> str:
    """Key of the advice, by the repairs that are still to come."""
    if values["mode"] == Mode.OBSERVE:
        return "advice.observe"
    if cause is Cause.WALLET_NOT_LOADED:
        return "advice.loading" if values["attempt"] != "0" else f"advice.cause.{cause}"
    if _lane(values) is not LaneName.FAST:
        return f"advice.{_lane(values)}"
    if values["code"] in _OUT_OF_MEMORY:
        return "advice.cause.out_of_memory"
    needs_person = values["guard"] in {g for g in Guard if g.rule.needs_person}
    by_hand = needs_person and not values["doing"]
    return "advice.by_hand" if by_hand else f"advice.cause.{cause}"


def _is_wallet_lost(values: Values) -> bool:
    """Does the daemon answer, but without its wallet?"""
    if values["cause"] in {Cause.ADDRESSES_LOST, Cause.WALLET_DAMAGED}:
        return False
    return bool(values["load_failure"]) and _lane(values) is not LaneName.DEAD_LETTER


def _is_load_in_vain(values: Values) -> bool:
    """Was a load tried in vain, for a known or an unknown reason?"""
    tried = int(values["attempt"]) - bool(values["doing"])
    in_vain = values["cause"] == Cause.WALLET_NOT_LOADED and tried > 0
    return in_vain or _is_wallet_lost(values)


def _is_started_later(values: Values, cause: Cause) -> bool:
    """Is it in a crash loop, to be started rarely, and by Sidecar alone?"""
    return cause is Cause.CRASH_LOOP and bool(values["next_try"])


def _is_given_up(values: Values) -> bool:
    return LaneName.DEAD_LETTER in {values["lane"], values["load_lane"]}


def _lane(values: Values) -> LaneName:
    return LaneName(values["lane"] or LaneName.FAST)
