"""A post-mortem in Markdown: the facts, and marked blanks for what people must add."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from sidecar.core.advice import LESSONS
from sidecar.core.aftermath import Aftermath, Compared, Done
from sidecar.core.decision import Action, Trigger
from sidecar.core.markdown import fenced, inline, table
from sidecar.core.outcome import CAUSES, Balance, Cause, Severity
from sidecar.core.record import Entry, EntryKind
from sidecar.core.timeline import Line, timeline
from sidecar.core.transition import Comparison, RemedyOutcome, TargetState
from sidecar.core.words import clock, lasted, median

LOG_LINES = 40
LOG_CHARACTERS = 6000
PROBES = 10
PROCESSES = 20
BUNDLES = 3

BLANK = "**To be filled in:**"

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
_URGENT = frozenset({Severity.P0, Severity.P1})
_ACK_EXPECTED_S = 900.0


def postmortem(found: Aftermath) -> str:
    """The whole document. ``evidence`` ends it, in an appendix of its own."""
    incident = found.incident
    parts = [
        f"# Post-mortem: {inline(incident.target)} {LESSONS[incident.cause].was}",
        _head(found),
        "## Summary",
        _summary(found),
        "## Impact",
        _impact(found),
        "## Timeline",
        _timeline(found),
        "## Root cause",
        "\n".join(_chain(found)),
        "## What was done, and whether it helped",
        _what_was_done(found),
        "## Action items",
        "\n".join(_action_items(found)),
        "## What we learnt",
        (
            f"- What went well: {BLANK} ...\n"
            f"- What went badly: {BLANK} ...\n"
            f"- Where we were lucky: {BLANK} ..."
        ),
        "## Appendix: evidence",
        "\n\n".join(_evidence(found)),
    ]
    return "\n\n".join(parts) + "\n"


# --- head and summary


def _head(found: Aftermath) -> str:
    incident = found.incident
    lines = [
        (
            f"Incident {incident.id}, severity {incident.severity}. "
            f"All times are UTC. Written {clock(found.now_wall)}."
        ),
    ]
    if incident.open:
        lines.append(
            "> **Draft:** the incident is still open; "
            f"all figures are those of {clock(found.now_wall)}."
        )
    return "\n\n".join(lines)


def _summary(found: Aftermath) -> str:
    incident = found.incident
    name = inline(incident.target)
    said = [
        f"From {clock(found.began_wall)} UTC **{name}** {LESSONS[incident.cause].was}."
    ]
    if incident.affected:
        others = _listed([f"**{inline(one)}**" for one in incident.affected])
        verb = "was" if len(incident.affected) == 1 else "were"
        said.append(f"{others} {verb} affected by it.")
    said.append(_what_helped(found))
    if incident.followers:
        others = _listed([f"**{inline(one)}**" for one in incident.followers])
        verb = "was" if len(incident.followers) == 1 else "were"
        said.append(f"{others} {verb} restarted after it.")
    if found.ended_wall is None:
        said.append(f"It has lasted for {lasted(found.seconds)} so far.")
    else:
        said.append(
            f"Everything worked again at {clock(found.ended_wall)} UTC, "
            f"{lasted(found.seconds)} after the first failure."
        )
    return " ".join(said) + f"\n\n{BLANK} what users noticed, in one sentence."


def _what_helped(found: Aftermath) -> str:
    """What was done to the root, in one or two sentences."""
    incident = found.incident
    tried = [one for one in _repairs(found) if one.trigger != Trigger.OPERATOR]
    if not tried:
        why_not = CAUSES[incident.cause].why_not
        because = f", because {why_not}" if why_not else ""
        said = f"It was not restarted automatically{because}."
        return f"{said} {_HANDS}" if _helped_by_hand(found) else said
    counted = Counter(_TRIED.get(Action(one.action), one.action) for one in tried)
    what = _listed([f"{how} {_times(n)}" for how, n in counted.items()])
    said = f"Automatically it was {what}"
    if any(one.outcome == RemedyOutcome.RECOVERED for one in tried):
        return f"{said}, after which it worked again."
    if found.ended_wall is None:
        return f"{said}, which has not helped so far."
    if _helped_by_hand(found):
        return f"{said}, which did not help. {_HANDS}"
    return f"{said}, which did not help; it was brought back otherwise."


def _repairs(found: Aftermath) -> list[Done]:
    """What was done to the root against what was wrong; a wallet is opened anyway."""
    incident = found.incident
    about_wallet = incident.cause is Cause.WALLET_NOT_LOADED
    return [
        one
        for one in found.done
        if one.target == incident.target
        and (about_wallet or one.action != Action.LOAD_WALLET)
    ]


def _helped_by_hand(found: Aftermath) -> bool:
    asked = any(
        one.trigger == Trigger.OPERATOR and one.outcome == RemedyOutcome.RECOVERED
        for one in _repairs(found)
    )
    stopped = any(one.target == found.incident.target for one in _stops(found))
    return found.ended_wall is not None and (asked or stopped)


def _stops(found: Aftermath) -> list[Entry]:
    """When somebody else than Sidecar stopped a target, in order to repair it."""
    opened = found.incident.opened_at.wall
    return [
        entry
        for entry in found.entries
        if entry.kind is EntryKind.STATE
        and entry.at_wall >= opened
        and entry.data.get("to") == TargetState.STOPPED
    ]


# --- impact and timeline


def _impact(found: Aftermath) -> str:
    rows = [
        (
            inline(one.target),
            clock(one.from_wall),
            clock(one.until_wall) if one.until_wall is not None else "still",
            f"{one.down_s / 60:.1f}",
            f"{one.unmeasured_s / 60:.1f}" if one.unmeasured_s >= 1 else "-",
        )
        for one in found.impacts
    ]
    columns = ("what", "from", "until", "minutes unavailable", "minutes not measured")
    told = table(columns, rows) if rows else "No outage was measured."
    blanks = (
        f"{BLANK} who was affected: users, payments, amounts.",
        f"{BLANK} whether anything was lost or done twice.",
    )
    return "\n\n".join((told, *_balances(found), *blanks))


def _balances(found: Aftermath) -> Iterator[str]:
    """That the amounts are equal or not is fit for readers outside, they are not.

    What was not known yet is worth a line only where nothing better followed.
    """
    last = {one.target: one for one in found.balances}
    told = (
        f"- {inline(one.target)}, {clock(one.at_wall)}: {one.reason}."
        for one in found.balances
        if one.comparison != Comparison.NOT_KNOWN or one is last[one.target]
    )
    if last:
        yield "\n".join(told)


def _timeline(found: Aftermath) -> str:
    course = timeline(found.entries)
    rows = [_row(line, found.began_wall) for line in course.lines]
    if course.left_out:
        middle = ("", "", "", f"({course.left_out} more in between)")
        rows.insert(course.first_half, middle)
    return table(("time", "after", "what", "happened"), rows)


def _row(line: Line, began_wall: float) -> tuple[str, str, str, str]:
    text = inline(line.text)
    if line.count > 1:
        text += f" ({line.count} times, until {clock(line.until_wall)})"
    return (
        clock(line.at_wall),
        lasted(line.at_wall - began_wall),
        inline(line.target),
        text,
    )


# --- root cause and remedies


def _chain(found: Aftermath) -> Iterator[str]:
    """As far as facts carry; the rest is a person's to find."""
    incident = found.incident
    name = inline(incident.target)
    yield f"1. {name} {LESSONS[incident.cause].was} (`{incident.cause}`){_said(found)}."
    for one in incident.affected:
        yield f"1. {inline(one)} depends on {name} and failed with it."
    why_not = CAUSES[incident.cause].why_not
    if why_not:
        yield f"1. A restart was no remedy: {why_not}."
    tried = _repairs(found)
    if tried and _futile(tried) == len(tried):
        again = _times(len(tried))
        yield f"1. A fresh start did not help ({again}): the reason outlasts it."
    yield f"1. {BLANK} why {name} came to that.{_hint(found)}"


def _futile(done: Iterable[Done]) -> int:
    return sum(one.outcome != RemedyOutcome.RECOVERED for one in done)


def _hint(found: Aftermath) -> str:
    words = _last_words(found)
    if words is None:
        return ""
    return f' Its log ended with: "{inline(words)}"' if words else " It logged nothing."


def _last_words(found: Aftermath) -> str | None:
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


def _said(found: Aftermath) -> str:
    """What the check of the root said when it failed."""
    for entry in found.entries:
        told = entry.kind is EntryKind.STATE and entry.target == found.incident.target
        if told and entry.data.get("cause") == found.incident.cause:
            reason = entry.data.get("reason")
            return f": {inline(str(reason))}" if reason else ""
    return ""


def _what_was_done(found: Aftermath) -> str:
    rows = [_done_row(one) for one in found.done]
    columns = ("time", "what", "was", "why", "outcome", "took")
    told = table(columns, rows) if rows else "Nothing was done automatically."
    ledger = "\n".join(_ledger(found))
    by_hand = "\n".join(
        f"- At {clock(one.at_wall)} a person stopped {inline(one.target)}."
        for one in _stops(found)
    )
    blank = f"{BLANK} what people did, and when."
    parts = (told, ledger, _who_took_charge(found), by_hand, blank)
    return "\n\n".join(part for part in parts if part)


def _who_took_charge(found: Aftermath) -> str:
    acked, by = found.incident.acked_at, found.incident.acked_by
    if acked is None:
        return "Nobody acknowledged the incident."
    how = f" ({inline(by)})" if by else ""
    waited = lasted(acked.wall - found.incident.opened_at.wall)
    return (
        f"A person took charge at {clock(acked.wall)}{how}, {waited} after the alert."
    )


def _done_row(one: Done) -> tuple[str, ...]:
    outcome = _CAME_TO[RemedyOutcome(one.outcome)]
    helped = one.outcome == RemedyOutcome.RECOVERED
    return (
        clock(one.at_wall - one.seconds),
        inline(one.target),
        _TRIED.get(Action(one.action), one.action),
        _why(one),
        outcome if helped else f"{outcome}: {inline(one.reason)}",
        lasted(one.seconds),
    )


def _why(one: Done) -> str:
    if one.trigger == Trigger.FAILURE and one.cause is not None:
        return f"because it {LESSONS[Cause(one.cause)].was}"
    return _WHY[Trigger(one.trigger)]


def _ledger(found: Aftermath) -> Iterator[str]:
    for key, record in found.cures:
        middle = median(record.seconds)
        took = f", in {lasted(middle)} as a rule" if middle is not None else ""
        yield (
            f"- On record for {inline(key.target)} when it {LESSONS[key.cause].was}: "
            f"{_plain(key.cure)} tried {_times(record.tries)}, "
            f"{_helped(record.recovered)}{took}."
        )


# --- action items


def _action_items(found: Aftermath) -> Iterator[str]:
    """Proposed from the facts; people decide."""
    for step in (*LESSONS[found.incident.cause].next_steps, *_from_the_facts(found)):
        yield f"- [ ] {step} Owner, date: {BLANK} ..."
    yield f"- [ ] {BLANK} what else."


def _from_the_facts(found: Aftermath) -> Iterator[str]:
    incident = found.incident
    name = inline(incident.target)
    futile = _futile(found.done)
    if futile:
        yield f"Find out why what was tried did not help ({_times(futile)})."
    if any(record.tries > len(found.done) for _, record in found.cures):
        yield "It was not the first time: treat the cause, not the symptom."
    for one in incident.affected:
        yield (
            f"Decide what {inline(one)} should do while {name} is away: wait, "
            "refuse politely, or go on without it."
        )
    gap_s = sum(impact.unmeasured_s for impact in found.impacts)
    if gap_s >= 1:
        yield f"Find out why the monitoring was away for {lasted(gap_s)} of it."
    if (
        incident.severity in _URGENT
        and incident.acked_at is None
        and found.seconds > _ACK_EXPECTED_S
    ):
        yield "Find out why nobody acknowledged the alert, and who should have."


# --- evidence


def _evidence(found: Aftermath) -> Iterator[str]:
    yield "For those who look into it; to be left out of what is sent to others."
    yield from _amounts(found)
    if not found.evidence:
        yield "There is none, or it needs the API token to be shown."
        return
    shown = found.evidence[-BUNDLES:]
    if len(shown) < len(found.evidence):
        yield f"The last {len(shown)} of {len(found.evidence)} bundles."
    for bundle in shown:
        yield from _bundle(bundle)


def _amounts(found: Aftermath) -> Iterator[str]:
    known = [one for one in found.balances if one.before or one.after]
    if not known:
        return
    rows = [
        (clock(one.at_wall), inline(one.target), part, *_of(one, part))
        for one in known
        for part in Balance._fields
    ]
    yield "The wallet's balance around each remedy, in whole coins:"
    yield table(("seen", "what", "part", "before", "after"), rows)


def _of(one: Compared, part: str) -> tuple[str, str]:
    before, after = (
        inline(amounts[part]) if amounts else "not known"
        for amounts in (one.before, one.after)
    )
    return before, after


def _bundle(bundle: Mapping[str, object]) -> Iterator[str]:
    name, decision = bundle.get("name"), bundle.get("decision")
    yield f"### {inline(str(name or 'unnamed'))}: {inline(str(decision or ''))}"
    log = bundle.get("log")
    if log:
        yield "The end of what it logged since it was started:"
        tail = "\n".join(str(log)[-LOG_CHARACTERS:].split("\n")[-LOG_LINES:])
        yield fenced(tail)
    elif log is not None:
        yield "It logged nothing since it was started."
    processes = bundle.get("processes")
    if isinstance(processes, list | tuple) and processes:
        yield "Its processes (pid, parent, state, command):"
        yield fenced("\n".join(map(_process, processes[:PROCESSES])))
    probes = bundle.get("probes")
    if isinstance(probes, list | tuple) and probes:
        yield "The last checks:"
        yield fenced("\n".join(str(line) for line in probes[-PROBES:]))
    missing = bundle.get("missing")
    if isinstance(missing, list | tuple) and missing:
        yield f"Could not be had: {inline('; '.join(str(one) for one in missing))}."


def _process(one: object) -> str:
    parts = one if isinstance(one, list | tuple) else (one,)
    return " ".join(map(str, parts))


# --- words


def _listed(names: list[str]) -> str:
    if len(names) < 2:  # noqa: PLR2004 - a list with "and" needs two
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _helped(count: int) -> str:
    return f"helped {_times(count)}" if count else "never helped"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _plain(word: object) -> str:
    return str(word).replace("_", " ")
