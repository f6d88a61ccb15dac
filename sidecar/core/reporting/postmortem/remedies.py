"""What was done in an incident, and whether it helped."""

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

_TRIED = {
    Action.START: "started again",
    Action.RESTART: "restarted",
    Action.LOAD_WALLET: "told to open its wallet",
    Action.STOP: "stopped again",
}
_WHY = {
    Trigger.FAILURE: "because it failed",
    Trigger.DEPENDENCY: "because what it depends on had failed",
    Trigger.OPERATOR: "asked for by an operator",
    Trigger.PLANNED: "planned",
}
_CAME_TO = {
    RemedyOutcome.RECOVERED: "it worked again",
    RemedyOutcome.NOT_RECOVERED: "it did not help",
    RemedyOutcome.FAILED: "it could not be carried out",
    RemedyOutcome.UNKNOWN: "it is not known whether it was carried out",
}
_HANDS = "Then a person restarted it, after which it worked again."


def describe_what_helped(found: IncidentReview) -> str:
    """What was done to the root, in one or two sentences."""
    incident = found.incident
    tried = [one for one in repairs_of_root(found) if one.trigger != Trigger.OPERATOR]
    if not tried:
        why_not = CAUSES[incident.cause].why_not
        because = f", because {why_not}" if why_not else ""
        said = f"It was not restarted automatically{because}."
        return f"{said} {_HANDS}" if _helped_by_hand(found) else said
    counted = Counter(_TRIED.get(Action(one.action), one.action) for one in tried)
    what = join_names([f"{how} {count_times(n)}" for how, n in counted.items()])
    said = f"Automatically it was {what}"
    if any(one.outcome == RemedyOutcome.RECOVERED for one in tried):
        return f"{said}, after which it worked again."
    if found.ended_wall is None:
        return f"{said}, which has not helped so far."
    if _helped_by_hand(found):
        return f"{said}, which did not help. {_HANDS}"
    return f"{said}, which did not help; it was brought back otherwise."


def repairs_of_root(found: IncidentReview) -> list[RemedyEntry]:
    """What was done to the root against what was wrong; a wallet is opened anyway."""
    incident = found.incident
    about_wallet = incident.cause is Cause.WALLET_NOT_LOADED
    return [
        one
        for one in found.done
        if one.target == incident.target
        and (about_wallet or one.action != Action.LOAD_WALLET)
    ]


def _helped_by_hand(found: IncidentReview) -> bool:
    asked = any(
        one.trigger == Trigger.OPERATOR and one.outcome == RemedyOutcome.RECOVERED
        for one in repairs_of_root(found)
    )
    stopped = any(
        one.target == found.incident.target for one in _stops_by_people(found)
    )
    return found.ended_wall is not None and (asked or stopped)


def _stops_by_people(found: IncidentReview) -> list[JournalEntry]:
    """When somebody else than Sidecar stopped a target, in order to repair it."""
    opened = found.incident.opened_at.wall
    return [
        entry
        for entry in found.entries
        if entry.kind is EntryKind.STATE
        and entry.at_wall >= opened
        and entry.data.get("to") == TargetState.STOPPED
    ]


def count_in_vain(done: Iterable[RemedyEntry]) -> int:
    """How many of them did not help."""
    return sum(one.outcome != RemedyOutcome.RECOVERED for one in done)


def write_remedies(found: IncidentReview) -> str:
    """The table of remedies, how often each has helped, and what people did."""
    rows = [_remedy_row(one) for one in found.done]
    columns = ("time", "what", "was", "why", "outcome", "took")
    told = format_table(columns, rows) if rows else "Nothing was done automatically."
    ledger = "\n".join(_write_efficacy(found))
    by_hand = "\n".join(
        f"- At {format_clock(one.at_wall)} a person stopped {escape(one.target)}."
        for one in _stops_by_people(found)
    )
    blank = f"{BLANK} what people did, and when."
    parts = (told, ledger, _who_took_charge(found), by_hand, blank)
    return "\n\n".join(part for part in parts if part)


def _who_took_charge(found: IncidentReview) -> str:
    acked, by = found.incident.acked_at, found.incident.acked_by
    if acked is None:
        return "Nobody acknowledged the incident."
    how = f" ({escape(by)})" if by else ""
    waited = format_duration(acked.wall - found.incident.opened_at.wall)
    when = format_clock(acked.wall)
    return f"A person took charge at {when}{how}, {waited} after the alert."


def _remedy_row(one: RemedyEntry) -> tuple[str, ...]:
    outcome = _CAME_TO[RemedyOutcome(one.outcome)]
    helped = one.outcome == RemedyOutcome.RECOVERED
    return (
        format_clock(one.at_wall - one.seconds),
        escape(one.target),
        _TRIED.get(Action(one.action), one.action),
        _why(one),
        outcome if helped else f"{outcome}: {escape(one.reason)}",
        format_duration(one.seconds),
    )


def _why(one: RemedyEntry) -> str:
    if one.trigger == Trigger.FAILURE and one.cause is not None:
        return f"because it {CAUSES[Cause(one.cause)].was}"
    return _WHY[Trigger(one.trigger)]


def _write_efficacy(found: IncidentReview) -> Iterator[str]:
    for key, record in found.efficacy:
        middle = median(record.seconds)
        took = f", in {format_duration(middle)} as a rule" if middle is not None else ""
        was = CAUSES[key.cause].was
        yield (
            f"- On record for {escape(key.target)} when it {was}: "
            f"{with_spaces(key.remedy)} tried {count_times(record.tries)}, "
            f"{describe_help(record.recovered)}{took}."
        )
