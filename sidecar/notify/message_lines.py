"""Which sentences a message has, by their keys: trouble, repairs, advice."""

from collections.abc import Iterator, Mapping

from sidecar.core.incidents.payment_impact import Payments
from sidecar.core.model.cause import UPSTREAM_CAUSES, Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.guard import Guard
from sidecar.core.model.lane import LaneName
from sidecar.core.model.message import MessageKind
from sidecar.core.model.target import Mode

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
    MessageKind.STORE_LOST: ("line.measured", "advice.store_lost"),
    MessageKind.TEST: (),
}
_NOT_TO_RESTART = UPSTREAM_CAUSES | {Cause.THREAD_HELD, Cause.WALLET_SYNCING}
"""Their advice says so."""


def title(kind: MessageKind, values: Values) -> str:
    """Once quick tries are used up, the failure of one is a call for a person."""
    slow = _lane(values) is not LaneName.FAST
    if kind is MessageKind.ACTION_FAILED and slow and not _is_other_since(values):
        return "title.slow"
    return f"title.{form(kind, values)}"


def form(kind: MessageKind, values: Values) -> str:
    """What has happened once, or is watched no more, does not work again: closed.
    What failed for another cause afterwards is not said to be as it was.
    """
    if kind is MessageKind.ACTION_FAILED and _is_other_since(values):
        return "action_failed.other"
    if kind is not MessageKind.RESOLVED:
        return kind.value
    if values["cause"] == Cause.ADDRESSES_LOST:
        return "closed"
    if values["again"]:
        return "relapsed"
    return "resolved" if values.get("watched", "yes") else "unwatched"


def keys(kind: MessageKind, values: Values) -> Iterator[str]:
    """The texts between the first sentence and the addresses."""
    if kind in _OF_THEIR_OWN:
        if values.get("incident"):
            yield "line.incident"
        if values["deeds"]:
            yield "line.deeds"
        yield from _OF_THEIR_OWN[kind]
    elif kind is MessageKind.RESOLVED:
        yield from _at_the_end(form(kind, values), values)
    else:
        yield from _while_it_lasts(kind, values)


def _at_the_end(how: str, values: Values) -> Iterator[str]:
    if values["affected"]:
        yield "line.affected"
    if values["followers"]:
        yield "line.followers"
    if how == "closed":
        yield "line.measured"
        yield f"done.nothing.{Cause.ADDRESSES_LOST}"
        yield "advice.closed"
        return
    if how == "resolved":
        fine = values.get("payments") == Payments.FINE
        yield "payments.over" if fine else _payments(values)
    yield "line.deeds" if values["deeds"] else "done.alone"
    if values["deeds"] and not values["helped"]:
        changed = values["known_cause"] != values["first_cause"]
        yield "done.otherwise.other" if changed else "done.otherwise"
    yield "advice.resolved" if how == "resolved" else "advice.none"


def _while_it_lasts(kind: MessageKind, values: Values) -> Iterator[str]:
    says_both = kind is MessageKind.CHANGED or form(kind, values) != kind.value
    if not says_both and values["first_cause"] != values["cause"]:
        yield "line.began"
    yield _payments(values)
    if values["about"] != values["target"]:
        yield "line.root"
    if set(_names(values["affected"])) - set(_names(values["payments_of"])):
        yield "line.affected"
    if values["followers"]:
        yield "line.followers"
    if values["reason"]:
        yield "line.measured"
    yield from _last_words(values)
    yield from _work(values)
    if kind is MessageKind.CHANGED and _is_restarted_after_all(values):
        yield "line.after_all"
        yield "advice.after_all"
        return
    yield advice(kind, values)


def _last_words(values: Values) -> Iterator[str]:
    """A log that could not be read is not mentioned."""
    if values["log"]:
        yield "line.log"
    elif values["is_silent"]:
        yield "line.log_empty"


def _work(values: Values) -> Iterator[str]:
    """Who is at it, we and who has said so; and when that is told again."""
    if values["deeds"]:
        yield "line.deeds"
    yield done(values)
    if values["acked"] and values.get("acked_by"):
        yield "line.acked"
    if values["next"]:
        yield "line.next"


def _is_restarted_after_all(values: Values) -> bool:
    """Is it restarted, and were people told that it should not be?"""
    return values["known_cause"] in _NOT_TO_RESTART and "restart" in values["doing"]


def _is_other_since(values: Values) -> bool:
    """Has it another cause than the one that its repairs were for?"""
    same_target = values["about"] == values["target"]
    return same_target and values["first_cause"] != values["cause"]


def acknowledgement(facts: Values) -> str:
    """Of the link by which somebody says so; forgotten addresses are closed by it."""
    is_closed_by_it = facts.get("cause") == Cause.ADDRESSES_LOST
    return "line.ack.addresses_lost" if is_closed_by_it else "line.ack"


def _names(listed: str) -> list[str]:
    return listed.split(", ") if listed else []


def _payments(values: Values) -> str:
    return f"payments.{values.get('payments') or Payments.UNKNOWN}"


def done(values: Values) -> str:
    """What is being done about it now."""
    if values["mode"] == Mode.OBSERVE:
        return "done.observe"
    doing, cause = values["doing"], Cause(values["cause"])
    if doing:
        return f"done.{doing}" if values["attempt"] != "0" else f"done.{doing}.asked"
    if _is_given_up(values) and CAUSES[cause].remedy is not None:
        return "done.given_up"
    return _waiting(values, cause)


def _waiting(values: Values, cause: Cause) -> str:
    if _is_wallet_lost(values):
        return "done.load_failed_next" if values["next_try"] else "done.load_failed"
    if _is_started_later(values, cause):
        return "done.loop_until"
    if CAUSES[cause].remedy is None:
        return f"done.nothing.{cause}"
    if values["next_try"]:
        return "done.load_next" if values["load_lane"] else "done.next"
    if values["guard"] == Guard.NONE:
        # The last decision was to act: it is no reason to wait.
        tried = cause is Cause.WALLET_NOT_LOADED and values["attempt"] != "0"
        return "done.load_again" if tried else "done.none"
    return "done.held" if values["held"] else "done.none"


def advice(kind: MessageKind, values: Values) -> str:
    """What the receiver should do."""
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
        connects = cause is Cause.DETACHED and values["network"] and values["own"]
        return "advice.detached_network" if connects else f"advice.{cause}"
    return _advice_on_repairs(cause, values)


def _advice_on_repairs(cause: Cause, values: Values) -> str:
    """Are they still to come, and by whom?"""
    if values["mode"] == Mode.OBSERVE:
        return "advice.observe"
    if cause is Cause.WALLET_NOT_LOADED:
        return "advice.loading" if values["attempt"] != "0" else f"advice.{cause}"
    if _lane(values) is not LaneName.FAST:
        return f"advice.{_lane(values)}"
    needs_person = values["guard"] in {g for g in Guard if g.rule.needs_person}
    by_hand = needs_person and not values["doing"]
    return "advice.by_hand" if by_hand else f"advice.{cause}"


def _is_wallet_lost(values: Values) -> bool:
    """The daemon answers, and it is its wallet that cannot be had."""
    if values["cause"] == Cause.ADDRESSES_LOST:
        return False
    return bool(values["load_failure"]) and _lane(values) is not LaneName.DEAD_LETTER


def _is_load_in_vain(values: Values) -> bool:
    """Was a load tried that did not help, be it not known why?"""
    tried = int(values["attempt"]) - bool(values["doing"])
    in_vain = values["cause"] == Cause.WALLET_NOT_LOADED and tried > 0
    return in_vain or _is_wallet_lost(values)


def _is_started_later(values: Values, cause: Cause) -> bool:
    """Is it in a crash loop of which nobody but Sidecar starts it again, and rarely?"""
    return cause is Cause.CRASH_LOOP and bool(values["next_try"])


def _is_given_up(values: Values) -> bool:
    return LaneName.DEAD_LETTER in {values["lane"], values["load_lane"]}


def _lane(values: Values) -> LaneName:
    return LaneName(values["lane"] or LaneName.FAST)
