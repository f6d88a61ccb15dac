"""Reviews of incidents: figures, timeline, and the post-mortem document."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.container import Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import PauseRequested, RemedyCallResult, RestartRequested
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, MonitoredInterval
from sidecar.core.model.moment import Moment
from sidecar.core.reporting.incident_review import IncidentReview, build_incident_review
from sidecar.core.reporting.postmortem.document import write_postmortem
from sidecar.core.reporting.postmortem.evidence import BUNDLES, LOG_LINES
from sidecar.core.reporting.postmortem.wording import BLANK
from sidecar.core.reporting.timeline import MAX_LINES, build_timeline
from sidecar.core.text.formatting import format_clock, format_duration, median
from tests.support.memory_journal import MemoryJournal, world_with_journal
from tests.support.message_world import MessageWorld
from tests.support.rule_world import EPOCH

WALLET, SERVICE = "electron-cash", "bitcoincash-service"


def run_hang_with_recovery() -> tuple[MessageWorld, MemoryJournal]:
    """The root hangs, its dependent with it; the second restart helps."""
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.wait(60.0)
    world.relist()
    world.fails(WALLET, Cause.HUNG, 2, took_s=10)
    world.fails(SERVICE, Cause.HTTP_5XX)
    world.fails(WALLET, Cause.HUNG, 4, took_s=10)
    world.complete_remedy(WALLET, RemedyCallResult.FAILED)
    world.relist()
    world.fails(WALLET, Cause.HUNG, 4, took_s=10)
    world.wait(10.0)
    world.complete_remedy(WALLET)
    world.works(WALLET)
    world.works(SERVICE)
    return world, journal


def run_restart_without_effect() -> tuple[MessageWorld, MemoryJournal]:
    """One restart does not help."""
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    for _ in range(30):
        world.fails(WALLET, Cause.REFUSED, times=1)
        world.wait(3.0)
    return world, journal


def run_repair_by_operator() -> tuple[MessageWorld, MemoryJournal]:
    """One restart does not help; somebody stops it for 5 min and starts it."""
    world, journal = run_restart_without_effect()
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


def build_review(
    world: MessageWorld,
    journal: MemoryJournal,
    *evidence: Mapping[str, object],
    **changes: object,
) -> IncidentReview:
    (incident,) = journal.incidents_by_id.values()
    return build_incident_review(
        replace(incident, **changes),  # type: ignore[arg-type]  # any field of it
        journal.stored_entries,
        journal.intervals,
        world.now.wall,
        efficacy=tuple(world.state.ledger.items()),
        evidence=evidence,
    )


def find_section(document: str, title: str) -> str:
    return document.partition(f"## {title}\n")[2].partition("\n## ")[0]


# --- figures


def test_a_review_begins_with_the_first_failure() -> None:
    world, journal = run_hang_with_recovery()
    review = build_review(world, journal)
    first = next(e for e in journal.stored_entries if e.data.get("to") == "failing")
    assert review.began_wall == review.incident.since_wall
    # The state changed when the request had been silent for its 10 s.
    assert review.began_wall == pytest.approx(first.at_wall - 10.0)
    assert review.began_wall < review.incident.opened_at.wall
    root, dependent = review.impacts
    assert (root.target, dependent.target) == (WALLET, SERVICE)
    assert root.from_wall == review.began_wall
    assert root.until_wall is not None
    assert root.down_s == pytest.approx(root.until_wall - root.from_wall)
    assert dependent.from_wall > root.from_wall
    assert [d.outcome for d in review.remedies] == ["failed", "recovered"]


def test_the_review_of_an_open_incident_has_no_end() -> None:
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.AUTH)
    world.wait(30.0)
    review = build_review(world, journal)
    assert review.ended_wall is None
    assert review.impacts[0].until_wall is None
    assert review.impacts[0].down_s == pytest.approx(review.seconds)


def test_time_without_monitoring_is_no_outage() -> None:
    world, journal = run_hang_with_recovery()
    review = build_review(world, journal)
    begin, end = review.began_wall, review.ended_wall
    assert end is not None
    journal.intervals = [
        MonitoredInterval(EPOCH, begin + 10),
        MonitoredInterval(end - 10, end + 100),
    ]
    impact = build_review(world, journal).impacts[0]
    assert impact.down_s < 20.0
    assert impact.unmeasured_s == pytest.approx(end - begin - 20.0)
    assert "monitoring was away" in write_postmortem(build_review(world, journal))


def test_a_stop_for_the_repair_counts_as_downtime() -> None:
    world, journal = run_repair_by_operator()
    review = build_review(world, journal)
    assert review.ended_wall is not None
    (impact,) = review.impacts
    assert impact.until_wall is not None
    assert impact.down_s == pytest.approx(impact.until_wall - review.began_wall)
    assert impact.down_s > 400.0
    assert impact.unmeasured_s == pytest.approx(0.0)


def test_an_earlier_outage_is_not_in_the_review() -> None:
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED, times=2)
    world.works(WALLET)
    world.wait(60.0)
    world.fails(WALLET, Cause.AUTH)
    review = build_review(world, journal)
    assert review.began_wall > EPOCH + 1060.0
    assert "refused" not in write_postmortem(review)


# --- timeline


def test_the_timeline_has_every_step_and_repeats_none() -> None:
    world, journal = run_hang_with_recovery()
    (incident,) = journal.incidents_by_id.values()
    at = incident.opened_at.wall + 1.0
    for step, reason in (("raised", "now P0"), ("acked", "by mail")):
        data = {"step": step, "reason": reason}
        journal.stored_entries.append(
            JournalEntry(at, EntryKind.INCIDENT, WALLET, incident.id, data)
        )
    lines = build_timeline(build_review(world, journal).entries).lines
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
    holds = [line for line in lines if "certain after 45 s" in line.text]
    assert [line.count for line in holds] == [2]
    assert holds[0].until_wall > holds[0].at_wall
    assert len([t for t in texts if "held back" in t and "comes first" in t]) >= 1


def make_hold(at: float, guard: str, target: str = WALLET) -> JournalEntry:
    data = {"action": "hold", "guard": guard, "reason": f"{guard} at {at:.0f}"}
    return JournalEntry(at, EntryKind.DECISION, target, None, data)


def test_a_hold_is_listed_again_after_a_remedy() -> None:
    remedy_data = {
        "action": "restart",
        "outcome": "failed",
        "seconds": 5.0,
        "reason": "no",
    }
    entries = [
        make_hold(1, "backoff"),
        make_hold(2, "backoff"),
        make_hold(3, "backoff", SERVICE),
        make_hold(4, "rate_limit"),
        JournalEntry(5, EntryKind.REMEDY, WALLET, None, remedy_data),
        make_hold(6, "rate_limit"),
    ]
    lines = build_timeline(entries).lines
    assert [(line.at_wall, line.count) for line in lines] == [
        (1, 2),
        (3, 1),
        (4, 1),
        (5, 1),
        (6, 1),
    ]


def test_a_dependents_wait_for_its_root_is_one_line() -> None:
    guards = ("remedy_running", "dependency", "remedy_running", "rate_limit")
    lines = build_timeline(
        make_hold(n, guard, SERVICE) for n, guard in enumerate(guards)
    ).lines
    assert [(line.at_wall, line.count) for line in lines] == [(0, 3), (3, 1)]


def test_a_long_timeline_is_cut_in_the_middle() -> None:
    guards = ("rate_limit", "backoff")
    course = build_timeline(make_hold(n, guards[n % 2]) for n in range(MAX_LINES + 20))
    assert (len(course.lines), course.left_out) == (MAX_LINES, 20)
    assert course.lines[0].at_wall == 0
    assert course.lines[-1].at_wall == MAX_LINES + 19


# --- document


def test_the_summary_can_be_read_by_a_customer() -> None:
    world, journal = run_hang_with_recovery()
    review = build_review(world, journal)
    summary = find_section(write_postmortem(review), "Summary")
    assert review.ended_wall is not None
    was = "accepted requests but did not answer them"
    for part in (
        f"From {format_clock(review.began_wall)} UTC **electron-cash** {was}.",
        "**bitcoincash-service** was affected by it.",
        "Automatically it was restarted twice, after which it worked again.",
        f"Everything worked again at {format_clock(review.ended_wall)} UTC,",
        f" {format_duration(review.seconds)} after the first failure.",
        BLANK,
    ):
        assert part in summary
    for jargon in ("hung", "P1", "streak", "budget", "probe", "guard", "5xx"):
        assert jargon not in summary


def test_the_document_states_facts_and_marks_blanks() -> None:
    world, journal = run_hang_with_recovery()
    document = write_postmortem(build_review(world, journal))
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
    assert "bitcoincash-service depends on electron-cash" in find_section(
        document, "Root cause"
    )
    remedies_section = find_section(document, "What was done, and whether it helped")
    assert "it could not be carried out: as asked" in remedies_section
    assert "restart tried twice, helped once" in remedies_section
    assert "Nobody acknowledged" in remedies_section
    for title in ("Impact", "Root cause", "Action items", "What we learnt"):
        assert BLANK in find_section(document, title), title
    assert "Draft" not in document


BY_HAND = (
    "Automatically it was restarted once, which did not help. "
    "Then a person restarted it, after which it worked again."
)


def test_a_repair_by_a_person_is_not_called_automatic() -> None:
    world, journal = run_repair_by_operator()
    loading = {
        "action": "load_wallet",
        "trigger": "failure",
        "cause": "wallet_not_loaded",
        "outcome": "recovered",
        "reason": "it works",
        "seconds": 2.0,
    }
    (incident,) = journal.incidents_by_id.values()
    assert incident.resolved_at is not None
    at = incident.resolved_at.wall
    journal.stored_entries.append(
        JournalEntry(at, EntryKind.REMEDY, WALLET, incident.id, loading)
    )
    document = write_postmortem(build_review(world, journal))
    assert BY_HAND in find_section(document, "Summary")
    remedies_section = find_section(document, "What was done, and whether it helped")
    assert "because it did not accept connections" in remedies_section
    assert "because it was running, but its wallet was not open" in remedies_section
    assert "restart tried once, never helped." in remedies_section
    (stopped,) = (e for e in journal.stored_entries if e.data.get("to") == "stopped")
    assert (
        f"At {format_clock(stopped.at_wall)} a person stopped electron-cash."
        in remedies_section
    )
    assert "stopped: an operator stopped it" in find_section(document, "Timeline")


def test_an_operators_restart_is_attributed_to_a_person() -> None:
    world, journal = run_restart_without_effect()
    world.send(PauseRequested(world.now, (WALLET,)))
    world.relist()
    world.send(RestartRequested(world.now, WALLET, now=True))
    world.complete_remedy(WALLET)
    world.works(WALLET)
    document = write_postmortem(build_review(world, journal))
    assert BY_HAND in find_section(document, "Summary")
    assert "asked for by an operator" in document


def test_the_root_cause_states_remedies_and_the_last_log_line() -> None:
    world, journal = run_repair_by_operator()
    bundles = (
        make_bundle(
            decision="failure 3: refused: restart now", log="fine\nno space left\n"
        ),
        make_bundle(decision="no wallet: load_wallet now", log="started"),
    )
    chain = find_section(
        write_postmortem(build_review(world, journal, *bundles)), "Root cause"
    )
    assert "A fresh start did not help (once): the reason outlasts it." in chain
    assert 'Its log ended with: "no space left"' in chain


def test_a_run_without_log_quotes_no_other_run() -> None:
    world, journal = run_hang_with_recovery()
    earlier = make_bundle(decision="failure 3: restart now", log="PermissionError")
    document = write_postmortem(
        build_review(world, journal, earlier, make_bundle(log=""))
    )
    assert "came to that. It logged nothing." in find_section(document, "Root cause")
    appendix = find_section(document, "Appendix: evidence")
    assert appendix.count("It logged nothing since it was started.") == 1
    unread = make_bundle(log=None, missing=["log: no answer"])
    document = write_postmortem(build_review(world, journal, earlier, unread))
    assert "logged nothing" not in document
    assert "Its log ended" not in document
    world, journal = run_hang_with_recovery()
    chain = find_section(write_postmortem(build_review(world, journal)), "Root cause")
    assert "did not help" not in chain
    assert "log ended" not in chain


def test_the_document_of_an_open_incident_is_a_draft() -> None:
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.AUTH)
    world.wait(30.0)
    review = build_review(world, journal)
    document = write_postmortem(review)
    assert "> **Draft:** the incident is still open" in document
    assert f"It has lasted for {format_duration(review.seconds)} so far." in document
    assert "not restarted automatically, because a restart does not change" in document
    assert "Nothing was done automatically." in document


def test_the_document_of_a_fault_made_by_a_drill_says_so() -> None:
    world, journal = run_hang_with_recovery()
    review = build_review(world, journal)
    assert "on purpose" not in write_postmortem(review)
    incident = replace(review.incident, drill="01J0000000000000000000000A")
    document = write_postmortem(replace(review, incident=incident))
    assert "on purpose (drill 01J0000000000000000000000A)" in document


def test_an_unanswered_alert_and_futile_remedies_lead_to_action_items() -> None:
    world, journal = run_hang_with_recovery()
    items = find_section(write_postmortem(build_review(world, journal)), "Action items")
    assert "why what was tried did not help (once)" in items
    assert "what bitcoincash-service should do while electron-cash is away" in items
    assert "nobody acknowledged" not in items
    opened = journal.stored_entries[0].at_wall
    late = Moment(0.0, opened + 4000.0)
    unanswered = build_review(world, journal, resolved_at=late)
    assert "nobody acknowledged" in write_postmortem(unanswered)
    acked_review = build_review(
        world, journal, resolved_at=late, acked_at=late, acked_by="mail"
    )
    assert "nobody acknowledged" not in write_postmortem(acked_review)
    waited = format_duration(late.wall - acked_review.incident.opened_at.wall)
    assert (
        f"took charge at {format_clock(late.wall)} (mail), {waited} after the alert."
        in (write_postmortem(acked_review))
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


# --- text from logs and reasons


def make_bundle(**changes: object) -> dict[str, object]:
    return {"name": WALLET, "decision": "restart", "log": "fine", **changes}


def test_a_log_cannot_break_out_of_its_fence() -> None:
    world, journal = run_hang_with_recovery()
    log = "a\n```\n# Owned\n`````\n\x1b[31mred\x1b[0m\x07 <script>"
    document = write_postmortem(build_review(world, journal, make_bundle(log=log)))
    assert "``````text\na\n```\n# Owned\n`````\nred <script>\n``````" in document
    fence = re.search(r"^(`{3,})text\n(.*?)\n\1$", document, re.DOTALL | re.MULTILINE)
    assert fence is not None
    assert "# Owned" in fence[2]


def test_a_reason_cannot_break_out_of_its_cell() -> None:
    world, journal = run_hang_with_recovery()
    reason = "a|b\n| c | `d` <img src=x> [x](http://y)\n\n# Owned"
    data = {"from": "down", "to": "down", "cause": "hung", "reason": reason}
    (incident,) = journal.incidents_by_id.values()
    at = incident.opened_at.wall
    journal.stored_entries.append(
        JournalEntry(at, EntryKind.STATE, WALLET, incident.id, data)
    )
    lines = write_postmortem(build_review(world, journal)).splitlines()
    (row,) = (line for line in lines if "Owned" in line)
    assert row.startswith("| ")
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert r"\<img src=x\>" in row
    assert "\n# Owned" not in "\n".join(lines)


def test_evidence_is_bounded_and_missing_parts_are_named() -> None:
    world, journal = run_hang_with_recovery()
    log = "\n".join(f"line {n}" for n in range(1000))
    bundles = [make_bundle(decision=f"number {n}", log=log) for n in range(10)]
    bundles[-1]["probes"] = [f"probe {n}" for n in range(100)]
    bundles[-1]["processes"] = [[n, 1, "Ss", f"daemon {n}"] for n in range(100)]
    bundles[-1]["missing"] = ["stats: no answer"]
    appendix = find_section(
        write_postmortem(build_review(world, journal, *bundles)), "Appendix: evidence"
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
    assert "API token" in write_postmortem(build_review(world, journal))


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


def test_median_of_none_odd_and_even_counts() -> None:
    assert median(()) is None
    assert median((3.0,)) == 3.0
    assert median((9.0, 1.0, 3.0)) == 3.0
    assert median((1.0, 9.0, 3.0, 5.0)) == 4.0
