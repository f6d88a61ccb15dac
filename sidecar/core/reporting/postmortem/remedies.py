"""Remedies of an incident, and whether they helped."""

from collections import Counter
from collections.abc import Iterable, Iterator

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.journal_entry import EntryKind, JournalEntry
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.reporting.incident_review import (
    IncidentReview,
    RemedyEntry,
)
from sidecar.core.reporting.postmortem.wording import (
    BLANK,
    count_times,
    describe_help,
    join_names,
    with_spaces,
)
from sidecar.core.text.formatting import format_clock, format_duration, median
from sidecar.core.text.markdown import escape, format_table

_ACTION_TEXTS = {
    Action.START: "started again",
    Action.DRAIN: "drained",
    Action.RESTART: "restarted",
    Action.RECREATE: "recreated with the same settings",
    Action.LOAD_WALLET: "told to open its wallet",
    Action.STOP: "stopped again",
}
_TRIGGER_TEXTS = {
    Trigger.FAILURE: "because it failed",
    Trigger.DEPENDENCY: "because what it depends on had failed",
    Trigger.OPERATOR: "asked for by an operator",
    Trigger.PLANNED: "planned",
}
_OUTCOME_TEXTS = {
    RemedyOutcome.RECOVERED: "it worked again",
    RemedyOutcome.NOT_RECOVERED: "it did not help",
    RemedyOutcome.FAILED: "it could not be carried out",
    RemedyOutcome.UNKNOWN: "it is not known whether it was carried out",
}
_HELPED_BY_PERSON_TEXT = "Then a person restarted it, after which it worked again."


def describe_what_helped(review: IncidentReview) -> str:
    """Describe the remedies of the root, in one or two sentences."""
    incident = review.incident
    repairs = [
        repair
        for repair in repairs_of_root(review)
        if repair.trigger != Trigger.OPERATOR
    ]
    if not repairs:
        why_not = CAUSES[incident.cause].why_not
        because = f", because {why_not}" if why_not else ""
        text = f"It was not restarted automatically{because}."
        return (
            f"{text} {_HELPED_BY_PERSON_TEXT}" if _has_person_helped(review) else text
        )
    counted = Counter(
        _ACTION_TEXTS.get(Action(repair.action), repair.action) for repair in repairs
    )
    what = join_names([f"{how} {count_times(n)}" for how, n in counted.items()])
    text = f"Automatically it was {what}"
    if any(repair.outcome == RemedyOutcome.RECOVERED for repair in repairs):
        return f"{text}, after which it worked again."
    if review.ended_wall is None:
        return f"{text}, which has not helped so far."
    if _has_person_helped(review):
        return f"{text}, which did not help. {_HELPED_BY_PERSON_TEXT}"
    return f"{text}, which did not help; it was brought back otherwise."


def repairs_of_root(review: IncidentReview) -> list[RemedyEntry]:
    """Remedies of the root against the cause; a load is one only for a wallet cause."""
    incident = review.incident
    about_wallet = incident.cause is Cause.WALLET_NOT_LOADED
    return [
        remedy
        for remedy in review.remedies
        if remedy.target == incident.target
        and (about_wallet or remedy.action != Action.LOAD_WALLET)
    ]


def _has_person_helped(review: IncidentReview) -> bool:
    asked = any(
        entry.trigger == Trigger.OPERATOR and entry.outcome == RemedyOutcome.RECOVERED
        for entry in repairs_of_root(review)
    )
    stopped = any(
        entry.target == review.incident.target for entry in _stops_by_people(review)
    )
    return review.ended_wall is not None and (asked or stopped)


def _stops_by_people(review: IncidentReview) -> list[JournalEntry]:
    """Entries of stops by people, who wanted to repair a target."""
    opened = review.incident.opened_at.wall
    return [
        entry
        for entry in review.entries
        if entry.kind is EntryKind.STATE
        and entry.at_wall >= opened
        and entry.data.get("to") == TargetState.STOPPED
    ]


def count_unhelpful_remedies(remedies: Iterable[RemedyEntry]) -> int:
    """Count the remedies that did not help."""
    return sum(remedy.outcome != RemedyOutcome.RECOVERED for remedy in remedies)


def write_remedies(review: IncidentReview) -> str:
    """The table of remedies, how often each has helped, and what people did."""
    rows = [_remedy_row(entry) for entry in review.remedies]
    columns = ("time", "what", "was", "why", "outcome", "took")
    table = format_table(columns, rows) if rows else "Nothing was done automatically."
    ledger = "\n".join(_write_efficacy(review))
    by_hand = "\n".join(
        f"- At {format_clock(entry.at_wall)} a person stopped {escape(entry.target)}."
        for entry in _stops_by_people(review)
    )
    blank = f"{BLANK} what people did, and when."
    parts = (table, ledger, _describe_acknowledgement(review), by_hand, blank)
    return "\n\n".join(part for part in parts if part)


def _describe_acknowledgement(review: IncidentReview) -> str:
    acked, by = review.incident.acked_at, review.incident.acked_by
    if acked is None:
        return "Nobody acknowledged the incident."
    how = f" ({escape(by)})" if by else ""
    waited = format_duration(acked.wall - review.incident.opened_at.wall)
    when = format_clock(acked.wall)
    return f"A person took charge at {when}{how}, {waited} after the alert."


def _remedy_row(remedy: RemedyEntry) -> tuple[str, ...]:
    outcome = _OUTCOME_TEXTS[RemedyOutcome(remedy.outcome)]
    helped = remedy.outcome == RemedyOutcome.RECOVERED
    return (
        format_clock(remedy.at_wall - remedy.seconds),
        escape(remedy.target),
        _ACTION_TEXTS.get(Action(remedy.action), remedy.action),
        _reason_text(remedy),
        outcome if helped else f"{outcome}: {escape(remedy.reason)}",
        format_duration(remedy.seconds),
    )


def _reason_text(remedy: RemedyEntry) -> str:
    if remedy.trigger == Trigger.FAILURE and remedy.cause is not None:
        return f"because it {CAUSES[Cause(remedy.cause)].was}"
    return _TRIGGER_TEXTS[Trigger(remedy.trigger)]


def _write_efficacy(review: IncidentReview) -> Iterator[str]:
    for key, record in review.efficacy:
        middle = median(record.seconds)
        took = f", in {format_duration(middle)} as a rule" if middle is not None else ""
        was = CAUSES[key.cause].was
        yield (
            f"- On record for {escape(key.target)} when it {was}: "
            f"{with_spaces(key.remedy)} tried {count_times(record.tries)}, "
            f"{describe_help(record.recovered)}{took}."
        )
