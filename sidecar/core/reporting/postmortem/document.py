"""A post-mortem in Markdown: the facts, and marked blanks for what people must add."""

from collections.abc import Iterator

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action
from sidecar.core.model.journal_entry import EntryKind
from sidecar.core.model.transition import Comparison
from sidecar.core.reporting.incident_review import (
    IncidentReview,
)
from sidecar.core.reporting.postmortem.actions import (
    write_action_items,
)
from sidecar.core.reporting.postmortem.evidence import (
    write_evidence,
)
from sidecar.core.reporting.postmortem.remedies import (
    count_in_vain,
    describe_what_helped,
    repairs_of_root,
    write_remedies,
)
from sidecar.core.reporting.postmortem.wording import (
    BLANK,
    count_times,
    join_names,
)
from sidecar.core.reporting.timeline import TimelineEntry, build_timeline
from sidecar.core.text.formatting import format_clock, format_duration
from sidecar.core.text.markdown import escape, format_table


def write_postmortem(found: IncidentReview) -> str:
    """The whole document. ``evidence`` ends it, in an appendix of its own."""
    incident = found.incident
    parts = [
        f"# Post-mortem: {escape(incident.target)} {CAUSES[incident.cause].was}",
        _head(found),
        "## Summary",
        _summary(found),
        "## Impact",
        _impact(found),
        "## Timeline",
        _timeline(found),
        "## Root cause",
        "\n".join(_write_chain(found)),
        "## What was done, and whether it helped",
        write_remedies(found),
        "## Action items",
        "\n".join(write_action_items(found)),
        "## What we learnt",
        (
            f"- What went well: {BLANK} ...\n"
            f"- What went badly: {BLANK} ...\n"
            f"- Where we were lucky: {BLANK} ..."
        ),
        "## Appendix: evidence",
        "\n\n".join(write_evidence(found)),
    ]
    return "\n\n".join(parts) + "\n"


def _head(found: IncidentReview) -> str:
    incident = found.incident
    lines = [
        (
            f"Incident {incident.id}, severity {incident.severity}. "
            f"All times are UTC. Written {format_clock(found.now_wall)}."
        ),
    ]
    if incident.open:
        lines.append(
            "> **Draft:** the incident is still open; "
            f"all figures are those of {format_clock(found.now_wall)}."
        )
    return "\n\n".join(lines)


def _summary(found: IncidentReview) -> str:
    incident = found.incident
    name = escape(incident.target)
    began, was = format_clock(found.began_wall), CAUSES[incident.cause].was
    said = [f"From {began} UTC **{name}** {was}."]
    if incident.affected:
        others = join_names([f"**{escape(one)}**" for one in incident.affected])
        verb = "was" if len(incident.affected) == 1 else "were"
        said.append(f"{others} {verb} affected by it.")
    said.append(describe_what_helped(found))
    if incident.followers:
        others = join_names([f"**{escape(one)}**" for one in incident.followers])
        verb = "was" if len(incident.followers) == 1 else "were"
        said.append(f"{others} {verb} restarted after it.")
    if found.ended_wall is None:
        said.append(f"It has lasted for {format_duration(found.seconds)} so far.")
    else:
        said.append(
            f"Everything worked again at {format_clock(found.ended_wall)} UTC, "
            f"{format_duration(found.seconds)} after the first failure."
        )
    return " ".join(said) + f"\n\n{BLANK} what users noticed, in one sentence."


def _impact(found: IncidentReview) -> str:
    rows = [
        (
            escape(one.target),
            format_clock(one.from_wall),
            format_clock(one.until_wall) if one.until_wall is not None else "still",
            f"{one.down_s / 60:.1f}",
            f"{one.unmeasured_s / 60:.1f}" if one.unmeasured_s >= 1 else "-",
        )
        for one in found.impacts
    ]
    columns = ("what", "from", "until", "minutes unavailable", "minutes not measured")
    told = format_table(columns, rows) if rows else "No outage was measured."
    blanks = (
        f"{BLANK} who was affected: users, payments, amounts.",
        f"{BLANK} whether anything was lost or done twice.",
    )
    return "\n\n".join((told, *_balances(found), *blanks))


def _balances(found: IncidentReview) -> Iterator[str]:
    """That the amounts are equal or not is fit for readers outside, they are not.

    What was not known yet is worth a line only where nothing better followed.
    """
    last = {one.target: one for one in found.balances}
    told = (
        f"- {escape(one.target)}, {format_clock(one.at_wall)}: {one.reason}."
        for one in found.balances
        if one.comparison != Comparison.NOT_KNOWN or one is last[one.target]
    )
    if last:
        yield "\n".join(told)


def _timeline(found: IncidentReview) -> str:
    course = build_timeline(found.entries)
    rows = [_row(line, found.began_wall) for line in course.lines]
    if course.left_out:
        middle = ("", "", "", f"({course.left_out} more in between)")
        rows.insert(course.first_half, middle)
    return format_table(("time", "after", "what", "happened"), rows)


def _row(line: TimelineEntry, began_wall: float) -> tuple[str, str, str, str]:
    text = escape(line.text)
    if line.count > 1:
        text += f" ({line.count} times, until {format_clock(line.until_wall)})"
    return (
        format_clock(line.at_wall),
        format_duration(line.at_wall - began_wall),
        escape(line.target),
        text,
    )


def _write_chain(found: IncidentReview) -> Iterator[str]:
    """As far as facts carry; the rest is a person's to find."""
    incident = found.incident
    name = escape(incident.target)
    was, reason = CAUSES[incident.cause].was, _failure_reason(found)
    yield f"1. {name} {was} (`{incident.cause}`){reason}."
    for one in incident.affected:
        yield f"1. {escape(one)} depends on {name} and failed with it."
    why_not = CAUSES[incident.cause].why_not
    if why_not:
        yield f"1. A restart was no remedy: {why_not}."
    tried = repairs_of_root(found)
    if tried and count_in_vain(tried) == len(tried):
        again = count_times(len(tried))
        yield f"1. A fresh start did not help ({again}): the reason outlasts it."
    yield f"1. {BLANK} why {name} came to that.{_hint(found)}"


def _hint(found: IncidentReview) -> str:
    words = _last_words(found)
    if words is None:
        return ""
    return f' Its log ended with: "{escape(words)}"' if words else " It logged nothing."


def _last_words(found: IncidentReview) -> str | None:
    """The last line of the run that the last try was to repair; None: not known."""
    about_wallet = found.incident.cause is Cause.WALLET_NOT_LOADED
    for bundle in reversed(found.evidence):
        loading = Action.LOAD_WALLET in str(bundle.get("decision"))
        if bundle.get("name") == found.incident.target and loading is about_wallet:
            log = bundle.get("log")
            lines = reversed(str(log or "").split("\n"))
            words = next((line for line in lines if line.strip()), "")
            return None if log is None else words
    return None


def _failure_reason(found: IncidentReview) -> str:
    """What the check of the root said when it failed."""
    for entry in found.entries:
        told = entry.kind is EntryKind.STATE and entry.target == found.incident.target
        if told and entry.data.get("cause") == found.incident.cause:
            reason = entry.data.get("reason")
            return f": {escape(str(reason))}" if reason else ""
    return ""
