"""Incidents told afterwards: figures, course, and a document for people."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.container import Status
from sidecar.core.model.event import (
    EngineEventKind,
    PauseRequested,
    RemedyCallResult,
    RestartRequested,
)
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, MonitoredInterval
from sidecar.core.model.moment import Moment
from sidecar.core.reporting.incident_review import IncidentReview, build_incident_review
from sidecar.core.reporting.postmortem.document import write_postmortem
from sidecar.core.reporting.postmortem.evidence import BUNDLES, LOG_LINES
from sidecar.core.reporting.postmortem.wording import BLANK
from sidecar.core.reporting.timeline import MAX_LINES, build_timeline
from sidecar.core.text.formatting import format_clock, format_duration, median
from tests.support.memory_journal import MemoryJournal, remembered
from tests.support.message_world import MessageWorld
from tests.support.rule_world import EPOCH

WALLET, SERVICE = "electron-cash", "bitcoincash-service"


def hung_and_healed() -> tuple[MessageWorld, MemoryJournal]:
    """The root hangs, its dependent with it; the second restart helps."""
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.wait(60.0)
    world.relist()
    world.fails(WALLET, Cause.HUNG, 2, took_s=10)
    world.fails(SERVICE, Cause.HTTP_5XX)
    world.fails(WALLET, Cause.HUNG, 4, took_s=10)
    world.acted(WALLET, RemedyCallResult.FAILED)
    world.relist()
    world.fails(WALLET, Cause.HUNG, 4, took_s=10)
    world.wait(10.0)
    world.acted(WALLET)
    world.works(WALLET)
    world.works(SERVICE)
    return world, journal


def not_helped() -> tuple[MessageWorld, MemoryJournal]:
    """One restart does not help."""
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET)
    for _ in range(30):
        world.fails(WALLET, Cause.REFUSED, times=1)
        world.wait(3.0)
    return world, journal


def repaired_by_hand() -> tuple[MessageWorld, MemoryJournal]:
    """One restart does not help; somebody stops it for 5 min and starts it."""
    world, journal = not_helped()
    world.notice(WALLET, EngineEventKind.KILL)
    world.exits(WALLET, exit_code=143)
    world.notice(WALLET, EngineEventKind.STOP, status=Status.EXITED)
    world.wait(300.0)
    again = world.now.wall
    world.notice(
        WALLET, EngineEventKind.START, status=Status.RUNNING, pid=77, started_at=again
    )
    world.wait(10.0)
    world.works(WALLET)
    return world, journal


def found(
    world: MessageWorld,
    journal: MemoryJournal,
    *evidence: Mapping[str, object],
    **changes: object,
) -> IncidentReview:
    (incident,) = journal.known.values()
    return build_incident_review(
        replace(incident, **changes),  # type: ignore[arg-type]  # any field of it
        journal.kept,
        journal.stretches,
        world.now.wall,
        efficacy=tuple(world.state.ledger.items()),
        evidence=evidence,
    )


def section(document: str, title: str) -> str:
    return document.partition(f"## {title}\n")[2].partition("\n## ")[0]


# --- figures


def test_it_begins_with_the_first_failure_and_not_with_the_incident() -> None:
    world, journal = hung_and_healed()
    told = found(world, journal)
    first = next(e for e in journal.kept if e.data.get("to") == "failing")
    assert told.began_wall == told.incident.since_wall
    # The state changed when the request had been silent for its 10 s.
    assert told.began_wall == pytest.approx(first.at_wall - 10.0)
    assert told.began_wall < told.incident.opened_at.wall
    root, dependent = told.impacts
    assert (root.target, dependent.target) == (WALLET, SERVICE)
    assert root.from_wall == told.began_wall
    assert root.until_wall is not None
    assert root.down_s == pytest.approx(root.until_wall - root.from_wall)
    assert dependent.from_wall > root.from_wall
    assert [d.outcome for d in told.done] == ["failed", "recovered"]


def test_what_still_lasts_has_no_end() -> None:
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.AUTH)
    world.wait(30.0)
    told = found(world, journal)
    assert told.ended_wall is None
    assert told.impacts[0].until_wall is None
    assert told.impacts[0].down_s == pytest.approx(told.seconds)


def test_time_without_us_is_not_claimed_as_an_outage() -> None:
    world, journal = hung_and_healed()
    told = found(world, journal)
    begin, end = told.began_wall, told.ended_wall
    assert end is not None
    journal.stretches = [
        MonitoredInterval(EPOCH, begin + 10),
        MonitoredInterval(end - 10, end + 100),
    ]
    impact = found(world, journal).impacts[0]
    assert impact.down_s < 20.0
    assert impact.unmeasured_s == pytest.approx(end - begin - 20.0)
    assert "monitoring was away" in write_postmortem(found(world, journal))


def test_a_stop_for_the_repair_belongs_to_what_others_had_to_bear() -> None:
    world, journal = repaired_by_hand()
    told = found(world, journal)
    assert told.ended_wall is not None
    (impact,) = told.impacts
    assert impact.until_wall is not None
    assert impact.down_s == pytest.approx(impact.until_wall - told.began_wall)
    assert impact.down_s > 400.0
    assert impact.unmeasured_s == pytest.approx(0.0)


def test_an_earlier_outage_is_another_story() -> None:
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED, times=2)
    world.works(WALLET)
    world.wait(60.0)
    world.fails(WALLET, Cause.AUTH)
    told = found(world, journal)
    assert told.began_wall > EPOCH + 1060.0
    assert "refused" not in write_postmortem(told)


# --- course


def test_the_course_has_everything_and_repeats_nothing() -> None:
    world, journal = hung_and_healed()
    (incident,) = journal.known.values()
    at = incident.opened_at.wall + 1.0
    for step, reason in (("raised", "now P0"), ("acked", "by mail")):
        data = {"step": step, "reason": reason}
        journal.kept.append(
            JournalEntry(at, EntryKind.INCIDENT, WALLET, incident.id, data)
        )
    lines = build_timeline(found(world, journal).entries).lines
    texts = [f"{line.target}: {line.text}" for line in lines]
    for expected in (
        "electron-cash: failing (hung): it is hung",
        "electron-cash: incident opened: electron-cash is down: it is hung",
        "bitcoincash-service: incident affected: ",
        "electron-cash: decided: restart: failure ",
        "electron-cash: restart: failed, ",
        "electron-cash: restart: recovered, ",
        "electron-cash: incident raised: now P0",
        "electron-cash: incident acked: by mail",
        "electron-cash: incident resolved: ",
        "electron-cash: healthy",
    ):
        assert any(text.startswith(expected) for text in texts), expected
    held = [line for line in lines if "certain after 45 s" in line.text]
    assert [line.count for line in held] == [2]
    assert held[0].until_wall > held[0].at_wall
    assert len([t for t in texts if "held back" in t and "comes first" in t]) >= 1


def hold(at: float, guard: str, target: str = WALLET) -> JournalEntry:
    data = {"action": "hold", "guard": guard, "reason": f"{guard} at {at:.0f}"}
    return JournalEntry(at, EntryKind.DECISION, target, None, data)


def test_a_refusal_is_told_anew_after_something_was_done() -> None:
    done = {"action": "restart", "outcome": "failed", "seconds": 5.0, "reason": "no"}
    entries = [
        hold(1, "backoff"),
        hold(2, "backoff"),
        hold(3, "backoff", SERVICE),
        hold(4, "rate_limit"),
        JournalEntry(5, EntryKind.REMEDY, WALLET, None, done),
        hold(6, "rate_limit"),
    ]
    lines = build_timeline(entries).lines
    assert [(line.at_wall, line.count) for line in lines] == [
        (1, 2),
        (3, 1),
        (4, 1),
        (5, 1),
        (6, 1),
    ]


def test_a_dependents_wait_for_its_root_is_told_once() -> None:
    guards = ("remedy_running", "dependency", "remedy_running", "rate_limit")
    lines = build_timeline(
        hold(n, guard, SERVICE) for n, guard in enumerate(guards)
    ).lines
    assert [(line.at_wall, line.count) for line in lines] == [(0, 3), (3, 1)]


def test_a_course_without_end_is_cut_in_the_middle() -> None:
    guards = ("rate_limit", "backoff")
    course = build_timeline(hold(n, guards[n % 2]) for n in range(MAX_LINES + 20))
    assert (len(course.lines), course.left_out) == (MAX_LINES, 20)
    assert course.lines[0].at_wall == 0
    assert course.lines[-1].at_wall == MAX_LINES + 19


# --- document


def test_the_summary_can_be_read_by_a_customer() -> None:
    world, journal = hung_and_healed()
    told = found(world, journal)
    said = section(write_postmortem(told), "Summary")
    assert told.ended_wall is not None
    was = "accepted requests but did not answer them"
    for part in (
        f"From {format_clock(told.began_wall)} UTC **electron-cash** {was}.",
        "**bitcoincash-service** was affected by it.",
        "Automatically it was restarted twice, after which it worked again.",
        f"Everything worked again at {format_clock(told.ended_wall)} UTC,",
        f" {format_duration(told.seconds)} after the first failure.",
        BLANK,
    ):
        assert part in said
    for jargon in ("hung", "P1", "streak", "budget", "probe", "guard", "5xx"):
        assert jargon not in said


def test_the_document_says_what_is_known_and_marks_what_is_not() -> None:
    world, journal = hung_and_healed()
    document = write_postmortem(found(world, journal))
    assert re.findall(r"^## (.*)$", document, re.MULTILINE) == [
        "Summary",
        "Impact",
        "Timeline",
        "Root cause",
        "What was done, and whether it helped",
        "Action items",
        "What we learnt",
        "Appendix: evidence",
    ]
    assert "bitcoincash-service depends on electron-cash" in section(
        document, "Root cause"
    )
    done = section(document, "What was done, and whether it helped")
    assert "it could not be carried out: as asked" in done
    assert "restart tried twice, helped once" in done
    assert "Nobody acknowledged" in done
    for title in ("Impact", "Root cause", "Action items", "What we learnt"):
        assert BLANK in section(document, title), title
    assert "Draft" not in document


BY_HAND = (
    "Automatically it was restarted once, which did not help. "
    "Then a person restarted it, after which it worked again."
)


def test_what_a_person_did_is_not_claimed_to_have_been_automatic() -> None:
    world, journal = repaired_by_hand()
    loading = {
        "action": "load_wallet",
        "trigger": "failure",
        "cause": "wallet_not_loaded",
        "outcome": "recovered",
        "reason": "it works",
        "seconds": 2.0,
    }
    (incident,) = journal.known.values()
    assert incident.resolved_at is not None
    at = incident.resolved_at.wall
    journal.kept.append(
        JournalEntry(at, EntryKind.REMEDY, WALLET, incident.id, loading)
    )
    document = write_postmortem(found(world, journal))
    assert BY_HAND in section(document, "Summary")
    done = section(document, "What was done, and whether it helped")
    assert "because it did not accept connections" in done
    assert "because it was running, but its wallet was not open" in done
    assert "restart tried once, never helped." in done
    (stopped,) = (e for e in journal.kept if e.data.get("to") == "stopped")
    assert f"At {format_clock(stopped.at_wall)} a person stopped electron-cash." in done
    assert "stopped: an operator stopped it" in section(document, "Timeline")


def test_a_restart_that_an_operator_asked_for_is_a_persons() -> None:
    world, journal = not_helped()
    world.send(PauseRequested(world.now, (WALLET,)))
    world.relist()
    world.send(RestartRequested(world.now, WALLET, now=True))
    world.acted(WALLET)
    world.works(WALLET)
    document = write_postmortem(found(world, journal))
    assert BY_HAND in section(document, "Summary")
    assert "asked for by an operator" in document


def test_the_root_cause_goes_as_far_as_facts_carry() -> None:
    world, journal = repaired_by_hand()
    bundles = (
        bundle(decision="failure 3: refused: restart now", log="fine\nno space left\n"),
        bundle(decision="no wallet: load_wallet now", log="started"),
    )
    chain = section(write_postmortem(found(world, journal, *bundles)), "Root cause")
    assert "A fresh start did not help (once): the reason outlasts it." in chain
    assert 'Its log ended with: "no space left"' in chain


def test_a_run_that_logged_nothing_has_no_words_of_another() -> None:
    world, journal = hung_and_healed()
    earlier = bundle(decision="failure 3: restart now", log="PermissionError")
    document = write_postmortem(found(world, journal, earlier, bundle(log="")))
    assert "came to that. It logged nothing." in section(document, "Root cause")
    appendix = section(document, "Appendix: evidence")
    assert appendix.count("It logged nothing since it was started.") == 1
    unread = bundle(log=None, missing=["log: no answer"])
    document = write_postmortem(found(world, journal, earlier, unread))
    assert "logged nothing" not in document
    assert "Its log ended" not in document
    world, journal = hung_and_healed()
    chain = section(write_postmortem(found(world, journal)), "Root cause")
    assert "did not help" not in chain
    assert "log ended" not in chain


def test_an_open_one_is_a_draft() -> None:
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.AUTH)
    world.wait(30.0)
    told = found(world, journal)
    document = write_postmortem(told)
    assert "> **Draft:** the incident is still open" in document
    assert f"It has lasted for {format_duration(told.seconds)} so far." in document
    assert "not restarted automatically, because a restart does not change" in document
    assert "Nothing was done automatically." in document


def test_an_unanswered_alert_and_futile_remedies_lead_to_action_items() -> None:
    world, journal = hung_and_healed()
    items = section(write_postmortem(found(world, journal)), "Action items")
    assert "why what was tried did not help (once)" in items
    assert "what bitcoincash-service should do while electron-cash is away" in items
    assert "nobody acknowledged" not in items
    opened = journal.kept[0].at_wall
    late = Moment(0.0, opened + 4000.0)
    unanswered = found(world, journal, resolved_at=late)
    assert "nobody acknowledged" in write_postmortem(unanswered)
    acked = found(world, journal, resolved_at=late, acked_at=late, acked_by="mail")
    assert "nobody acknowledged" not in write_postmortem(acked)
    waited = format_duration(late.wall - acked.incident.opened_at.wall)
    assert (
        f"took charge at {format_clock(late.wall)} (mail), {waited} after the alert."
        in (write_postmortem(acked))
    )


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_words_and_action_items(cause: Cause) -> None:
    assert CAUSES[cause].was
    assert CAUSES[cause].next_steps
    at = Moment(0.0, EPOCH)
    incident = Incident("0" * 26, WALLET, cause, Severity.P1, at)
    document = write_postmortem(build_incident_review(incident, (), (), EPOCH + 5.0))
    assert CAUSES[cause].was in document
    assert "No outage was measured." in document


# --- what others wrote


def bundle(**changes: object) -> dict[str, object]:
    return {"name": WALLET, "decision": "restart", "log": "fine", **changes}


def test_a_log_cannot_break_out_of_its_fence() -> None:
    world, journal = hung_and_healed()
    log = "a\n```\n# Owned\n`````\n\x1b[31mred\x1b[0m\x07 <script>"
    document = write_postmortem(found(world, journal, bundle(log=log)))
    assert "``````text\na\n```\n# Owned\n`````\nred <script>\n``````" in document
    fence = re.search(r"^(`{3,})text\n(.*?)\n\1$", document, re.DOTALL | re.MULTILINE)
    assert fence is not None
    assert "# Owned" in fence[2]


def test_a_reason_cannot_break_out_of_its_cell() -> None:
    world, journal = hung_and_healed()
    reason = "a|b\n| c | `d` <img src=x> [x](http://y)\n\n# Owned"
    data = {"from": "down", "to": "down", "cause": "hung", "reason": reason}
    (incident,) = journal.known.values()
    at = incident.opened_at.wall
    journal.kept.append(JournalEntry(at, EntryKind.STATE, WALLET, incident.id, data))
    lines = write_postmortem(found(world, journal)).splitlines()
    (row,) = (line for line in lines if "Owned" in line)
    assert row.startswith("| ")
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert r"\<img src=x\>" in row
    assert "\n# Owned" not in "\n".join(lines)


def test_evidence_is_bounded_and_what_lacks_is_said() -> None:
    world, journal = hung_and_healed()
    log = "\n".join(f"line {n}" for n in range(1000))
    bundles = [bundle(decision=f"number {n}", log=log) for n in range(10)]
    bundles[-1]["probes"] = [f"probe {n}" for n in range(100)]
    bundles[-1]["processes"] = [[n, 1, "Ss", f"daemon {n}"] for n in range(100)]
    bundles[-1]["missing"] = ["stats: no answer"]
    appendix = section(
        write_postmortem(found(world, journal, *bundles)), "Appendix: evidence"
    )
    assert appendix.count("### ") == BUNDLES
    assert f"The last {BUNDLES} of 10 bundles." in appendix
    assert "number 9" in appendix
    assert appendix.count("\nline ") == BUNDLES * LOG_LINES
    assert "line 999" in appendix
    assert "probe 99" in appendix
    assert "probe 89" not in appendix
    assert "\n19 1 Ss daemon 19\n" in appendix
    assert "daemon 20" not in appendix
    assert "Could not be had: stats: no answer." in appendix
    assert "API token" in write_postmortem(found(world, journal))


# --- words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (90061, "1 d 1 h"),
    ],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_the_median() -> None:
    assert median(()) is None
    assert median((3.0,)) == 3.0
    assert median((9.0, 1.0, 3.0)) == 3.0
    assert median((1.0, 9.0, 3.0, 5.0)) == 4.0
