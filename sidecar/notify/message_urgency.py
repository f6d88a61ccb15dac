"""Kinds of messages by what they ask of people: an answer, attention, or nothing."""

from sidecar.core.model.message import Message, MessageKind

_NOBODY_NEEDED = frozenset(
    {
        MessageKind.ACKNOWLEDGED,
        MessageKind.RESOLVED,
        MessageKind.BALANCE,
        MessageKind.ENGINE_LOST,
        MessageKind.ENGINE_BACK,
        MessageKind.OWN_NETWORK_LOST,
        MessageKind.OWN_NETWORK_BACK,
        MessageKind.SETTINGS_REFUSED,
        MessageKind.SETTINGS_TAKEN,
        MessageKind.PLAN_SKIPPED,
        MessageKind.ROLLING_STOPPED,
        MessageKind.LIMIT_FORESEEN,
        MessageKind.STORE_LOST,
        MessageKind.NOTICE,
        MessageKind.TASK_PROBLEM,
        MessageKind.TASK_DONE,
        MessageKind.DRILL_PROBLEM,
        MessageKind.DRILL_STUCK,
        MessageKind.TEST,
    }
)
_GOOD_NEWS = frozenset(
    {
        MessageKind.ACKNOWLEDGED,
        MessageKind.RESOLVED,
        MessageKind.ENGINE_BACK,
        MessageKind.OWN_NETWORK_BACK,
        MessageKind.SETTINGS_TAKEN,
    }
)
_QUIET = frozenset(
    {
        MessageKind.NOTICE,
        MessageKind.PLAN_SKIPPED,
        MessageKind.LIMIT_FORESEEN,
        MessageKind.TASK_DONE,
        MessageKind.TEST,
    }
)


def asks_for_person(message: Message) -> bool:
    """Does the message ask for an acknowledgement that nobody has given yet?"""
    return is_about_open_incident(message.kind) and not message.facts.get("acked_by")


def is_about_open_incident(kind: MessageKind) -> bool:
    """Is the message about an incident that is not over?"""
    return kind not in _NOBODY_NEEDED


def is_good_news(kind: MessageKind) -> bool:
    """Does the message report the end of a fault, or that somebody takes care?"""
    return kind in _GOOD_NEWS


def is_quiet(kind: MessageKind) -> bool:
    """Does the message report neither a fault nor the end of one?"""
    return kind in _QUIET
