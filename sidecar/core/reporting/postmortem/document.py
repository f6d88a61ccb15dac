"""A post-mortem in Markdown: the facts, and marked blanks for people to fill in."""

from collections.abc import Iterator

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action
from sidecar.core.model.journal_entry import EntryKind
from sidecar.core.model.transition import Comparison
from sidecar.core.reporting.incident_review import IncidentReview
from sidecar.core.reporting.postmortem.actions import write_action_items
from sidecar.core.reporting.postmortem.evidence import write_evidence
from sidecar.core.reporting.postmortem.remedies import (
    count_unhelpful_remedies,
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


def write_postmortem(review: IncidentReview) -> str:
    """Write the whole document; the evidence is in an appendix at its end."""
    incident = review.incident
    parts = [
        f"# Post-mortem: {escape(incident.target)} {CAUSES[incident.cause].was}",
        _write_head(review),
        "## Summary",
        _write_summary(review),
        "## Impact",
        _write_impact(review),
        "## Timeline",
        _write_timeline(review),
        "## Root cause",
        "\n".join(_write_chain(review)),
        "## What was done, and whether it helped",
        write_remedies(review),
        "## Action items",
        "\n".join(write_action_items(review)),
        "## What we learnt",
        (
            f"- What went well: {BLANK} ...\n"
            f"- What went badly: {BLANK} ...\n"
            f"- Where we were lucky: {BLANK} ..."
        ),
        "## Appendix: evidence",
        "\n\n".join(write_evidence(review)),
    ]
    return "\n\n".join(parts) + "\n"


def _write_head(review: IncidentReview) -> str:
    incident = review.incident
    lines = [
        (
            f"Incident {incident.id}, severity {incident.severity}. "
            f"All times are UTC. Written {format_clock(review.now_wall)}."
        ),
    ]
    if incident.drill:
        lines.append(
            f"> **Drill:** Sidecar made this fault on purpose (drill {incident.drill})."
        )
    if incident.open:
        lines.append(
            "> **Draft:** the incident is still open; "
            f"all figures are those of {format_clock(review.now_wall)}."
        )
    return "\n\n".join(lines)


def _write_summary(review: IncidentReview) -> str:
    incident = review.incident
    name = escape(incident.target)
    began, was = format_clock(review.began_wall), CAUSES[incident.cause].was
    sentences = [f"From {began} UTC **{name}** {was}."]
    if incident.affected:
        others = join_names([f"**{escape(target)}**" for target in incident.affected])
        verb = "was" if len(incident.affected) == 1 else "were"
        sentences.append(f"{others} {verb} affected by it.")
    sentences.append(describe_what_helped(review))
    if incident.followers:
        others = join_names([f"**{escape(target)}**" for target in incident.followers])
        verb = "was" if len(incident.followers) == 1 else "were"
        sentences.append(f"{others} {verb} restarted after it.")
    if review.ended_wall is None:
        sentences.append(f"It has lasted for {format_duration(review.seconds)} so far.")
    else:
        sentences.append(
            f"Everything worked again at {format_clock(review.ended_wall)} UTC, "
            f"{format_duration(review.seconds)} after the first failure."
        )
    return " ".join(sentences) + f"\n\n{BLANK} what users noticed, in one sentence."


def _write_impact(review: IncidentReview) -> str:
    rows = [
        (
            escape(impact.target),
            format_clock(impact.from_wall),
            format_clock(impact.until_wall)
            if impact.until_wall is not None
            else "still",
            f"{impact.down_s / 60:.1f}",
            f"{impact.unmeasured_s / 60:.1f}" if impact.unmeasured_s >= 1 else "-",
        )
        for impact in review.impacts
    ]
    columns = ("what", "from", "until", "minutes unavailable", "minutes not measured")
    table = format_table(columns, rows) if rows else "No outage was measured."
    blanks = (
        f"{BLANK} who was affected: users, payments, amounts.",
        f"{BLANK} whether anything was lost or done twice.",
    )
    return "\n\n".join((table, *_write_balances(review), *blanks))


def _write_balances(review: IncidentReview) -> Iterator[str]:
    """Lines about compared balances, without amounts: outside readers may see them.

    A comparison that is not known has a line only where it is the target's last one.
    """
    last_entries = {entry.target: entry for entry in review.balances}
    lines = (
        f"- {escape(entry.target)}, {format_clock(entry.at_wall)}: {entry.reason}."
        for entry in review.balances
        if entry.comparison != Comparison.NOT_KNOWN
        or entry is last_entries[entry.target]
    )
    if last_entries:
        yield "\n".join(lines)


def _write_timeline(review: IncidentReview) -> str:
    timeline = build_timeline(review.entries)
    rows = [_timeline_row(line, review.began_wall) for line in timeline.lines]
    if timeline.left_out:
        middle = ("", "", "", f"({timeline.left_out} more in between)")
        rows.insert(timeline.first_half, middle)
    return format_table(("time", "after", "what", "happened"), rows)


def _timeline_row(line: TimelineEntry, began_wall: float) -> tuple[str, str, str, str]:
    text = escape(line.text)
    if line.count > 1:
        text += f" ({line.count} times, until {format_clock(line.until_wall)})"
    return (
        format_clock(line.at_wall),
        format_duration(line.at_wall - began_wall),
        escape(line.target),
        text,
    )


def _write_chain(review: IncidentReview) -> Iterator[str]:
    """Chain of causes as far as facts show it; people find the rest."""
    incident = review.incident
    name = escape(incident.target)
    was, reason = CAUSES[incident.cause].was, _failure_reason(review)
    yield f"1. {name} {was} (`{incident.cause}`){reason}."
    for target in incident.affected:
        yield f"1. {escape(target)} depends on {name} and failed with it."
    why_not = CAUSES[incident.cause].why_not
    if why_not:
        yield f"1. A restart was no remedy: {why_not}."
    repairs = repairs_of_root(review)
    if repairs and count_unhelpful_remedies(repairs) == len(repairs):
        times = count_times(len(repairs))
        yield f"1. A fresh start did not help ({times}): the reason outlasts it."
    yield f"1. {BLANK} why {name} came to that.{_log_hint(review)}"


def _log_hint(review: IncidentReview) -> str:
    words = _last_words(review)
    if words is None:
        return ""
    return f' Its log ended with: "{escape(words)}"' if words else " It logged nothing."


def _last_words(review: IncidentReview) -> str | None:
    """Last log line of the run before the last try; None: not known."""
    about_wallet = review.incident.cause is Cause.WALLET_NOT_LOADED
    for bundle in reversed(review.evidence):
        loading = Action.LOAD_WALLET in str(bundle.get("decision"))
        if bundle.get("name") == review.incident.target and loading is about_wallet:
            log = bundle.get("log")
            lines = reversed(str(log or "").split("\n"))
            words = next((line for line in lines if line.strip()), "")
            return None if log is None else words
    return None


def _failure_reason(review: IncidentReview) -> str:
    """Reason of the root's failed probe, as the end of a sentence."""
    for entry in review.entries:
        is_of_root = (
            entry.kind is EntryKind.STATE and entry.target == review.incident.target
        )
        if is_of_root and entry.data.get("cause") == review.incident.cause:
            reason = entry.data.get("reason")
            return f": {escape(str(reason))}" if reason else ""
    return ""
