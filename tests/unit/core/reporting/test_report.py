"""Availability, outages and gaps, checked with a slow second computation."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RemedyCallResult, RestartRequested
from sidecar.core.model.journal_entry import (
    EntryKind,
    JournalEntry,
    JournalStep,
    MonitoredInterval,
    RemedySummary,
    StateChange,
    TargetSteps,
)
from sidecar.core.reporting.availability import (
    CurrentStatus,
    Period,
    Report,
    ReportBuilder,
)
from sidecar.core.reporting.monitored_time import GAP_S, MonitoredTime, extend_to_now
from sidecar.core.reporting.outage_patterns import end_of_pattern, find_pattern
from sidecar.core.reporting.totals import PeriodComparison, Totals
from tests.support.memory_journal import MemoryJournal, steps_of, world_with_journal
from tests.support.message_world import MessageWorld

WALLET, SERVICE = "electron-cash", "bitcoincash-service"
ALWAYS = (MonitoredInterval(-1e6, 1e6),)


def make_change(
    at: float, old: str, new: str, cause: str | None = None
) -> JournalEntry:
    data = {"from": old, "to": new, "cause": cause, "reason": ""}
    return JournalEntry(at, EntryKind.STATE, WALLET, None, data)


def build_report(
    entries: Sequence[JournalEntry],
    period: Period,
    intervals: Sequence[MonitoredInterval] = ALWAYS,
    standing: dict[str, CurrentStatus] | None = None,
) -> Report:
    books = ReportBuilder(period, intervals)
    books.add(steps_of(entries))
    if standing is None:
        last = entries[-1]
        standing = {WALLET: CurrentStatus(str(last.data["to"]), None, last.at_wall)}
    return books.close(standing)


def total_of(
    entries: Sequence[JournalEntry], until: float = 1000.0, **more: object
) -> Totals:
    report = build_report(entries, Period(0.0, until), **more)  # type: ignore[arg-type]  # as reckon
    return report.targets[WALLET].now


def total_of_world(
    world: MessageWorld, journal: MemoryJournal, name: str = WALLET
) -> Totals:
    """From when it was first seen healthy to now."""
    began = next(
        e.at_wall
        for e in journal.stored_entries
        if e.target == name and e.data.get("to") == "healthy"
    )
    standing = {
        i.name: CurrentStatus(i.state, i.cause, i.since.wall)
        for i in world.state.instances.values()
    }
    report = build_report(
        journal.stored_entries,
        Period(began, world.now.wall),
        journal.intervals,
        standing,
    )
    return report.targets[name].now


# --- with the real rules


def test_an_outage_lasts_from_the_first_failure_to_health() -> None:
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.wait(100.0)
    world.relist()
    down_at = world.now.wall
    world.fails(WALLET, Cause.REFUSED)
    world.wait(5.0)
    world.complete_remedy(WALLET)
    world.works(WALLET)
    up_at = next(
        e.at_wall for e in reversed(journal.stored_entries) if e.target == WALLET
    )
    world.wait(50.0)
    tally = total_of_world(world, journal)
    assert tally.down_s == pytest.approx(up_at - down_at, abs=0.1)
    assert (tally.outages, tally.blips, tally.repaired) == (1, 0, 1)
    assert tally.mttr_s == tally.down_s
    assert tally.mtbf_s == tally.up_s
    assert tally.planned_s == 0.0
    assert tally.causes["refused"].outages == 1
    assert tally.causes["refused"].down_s == tally.down_s
    assert tally.remedies == {RemedySummary("restart", "failure", "recovered"): 1}
    assert tally.gap_s == pytest.approx(0.0, abs=1e-6)


def test_a_failure_below_the_threshold_is_a_blip_and_still_unavailable() -> None:
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.RESET, times=1)
    world.works(WALLET)
    tally = total_of_world(world, journal)
    assert (tally.outages, tally.blips) == (0, 1)
    assert tally.down_s > 1.0
    assert tally.mttr_s is None
    assert tally.mtbf_s is None


def test_an_operators_stop_is_no_outage() -> None:
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.notice(WALLET, EngineEventKind.KILL)
    world.exits(WALLET, 143)
    world.wait(300.0)
    tally = total_of_world(world, journal)
    assert tally.stopped_s == pytest.approx(300.0, abs=1.0)
    assert (tally.down_s, tally.outages) == (0.0, 0)
    assert tally.availability == 1.0


def test_an_operators_restart_is_planned_and_no_outage() -> None:
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.send(RestartRequested(world.now, WALLET))
    world.wait(20.0)
    world.complete_remedy(WALLET)
    world.works(WALLET)
    tally = total_of_world(world, journal)
    assert tally.planned_s == pytest.approx(21.0, abs=1.0)
    assert (tally.down_s, tally.outages, tally.availability) == (0.0, 0, 1.0)
    assert tally.remedies == {RemedySummary("restart", "operator", "recovered"): 1}


def test_a_wallet_load_at_a_start_is_no_outage() -> None:
    tally = total_of(
        [
            make_change(100.0, "unknown", "starting"),
            make_change(103.0, "starting", "recovering", "wallet_not_loaded"),
            make_change(110.0, "recovering", "healthy"),
        ]
    )
    assert (tally.planned_s, tally.down_s, tally.outages) == (10.0, 0.0, 0)


def test_a_wallet_that_is_lost_later_is_an_outage() -> None:
    tally = total_of(
        [
            make_change(100.0, "starting", "healthy"),
            make_change(203.0, "healthy", "recovering", "wallet_not_loaded"),
            make_change(210.0, "recovering", "healthy"),
        ]
    )
    assert (tally.down_s, tally.outages) == (7.0, 1)


def test_a_restart_that_fails_leaves_one_outage() -> None:
    world, journal = world_with_journal()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET, RemedyCallResult.FAILED)
    world.fails(WALLET, Cause.REFUSED)
    world.wait(60.0)
    world.complete_remedy(WALLET)
    world.works(WALLET)
    tally = total_of_world(world, journal)
    assert (tally.outages, tally.repaired) == (1, 1)
    assert sum(tally.remedies.values()) == 2


def test_an_operators_restart_within_an_outage_stays_an_outage() -> None:
    tally = total_of(
        [
            make_change(0, "unknown", "healthy"),
            make_change(100, "healthy", "down", "auth"),
            make_change(200, "down", "recovering"),
            make_change(300, "recovering", "healthy"),
        ]
    )
    assert (tally.down_s, tally.planned_s, tally.up_s) == (200.0, 0.0, 800.0)
    assert tally.causes["auth"].down_s == 200.0


def test_an_outage_that_an_operator_ends_by_a_stop_was_not_repaired() -> None:
    tally = total_of(
        [
            make_change(0, "unknown", "healthy"),
            make_change(100, "healthy", "down", "reset"),
            make_change(200, "down", "stopped", "stopped"),
        ]
    )
    assert (tally.outages, tally.repaired, tally.stopped_s) == (1, 0, 800.0)
    assert tally.mttr_s is None


def test_the_cause_of_an_outage_is_that_of_its_first_down_state() -> None:
    def cause_of(*steps: tuple[str, str | None]) -> set[str]:
        states = ["healthy", *(state for state, _ in steps), "healthy"]
        causes = [*(cause for _, cause in steps), None]
        walk = enumerate(zip(pairwise(states), causes, strict=True), 1)
        return set(
            total_of([make_change(n, a, b, c) for n, ((a, b), c) in walk]).causes
        )

    assert cause_of(("failing", "hung"), ("down", "refused")) == {"refused"}
    assert cause_of(("failing", "hung"), ("down", None)) == {"hung"}
    assert cause_of(("down", "refused"), ("down", "reset")) == {"refused"}
    assert cause_of(("down", None)) == {"unknown"}


# --- time without measurement


def test_time_without_monitoring_is_a_gap() -> None:
    entries = [
        make_change(0, "unknown", "healthy"),
        make_change(100, "healthy", "down", "hung"),
        make_change(500, "down", "healthy"),
    ]
    intervals = (
        MonitoredInterval(0, 150),
        MonitoredInterval(450, 800),
        MonitoredInterval(700, 900),
    )
    report = build_report(entries, Period(0, 1000), intervals)
    tally = report.targets[WALLET].now
    assert report.gaps == (MonitoredInterval(150, 450), MonitoredInterval(900, 1000))
    assert (tally.down_s, tally.up_s, tally.gap_s) == (100.0, 500.0, 400.0)
    assert tally.mttr_s == 100.0


def test_an_unknown_state_is_a_gap() -> None:
    tally = total_of([make_change(400, "unknown", "healthy")])
    assert (tally.up_s, tally.gap_s) == (600.0, 400.0)


def test_the_first_change_names_the_state_before_it() -> None:
    tally = total_of([make_change(400, "healthy", "down", "reset")])
    assert (tally.up_s, tally.down_s, tally.gap_s) == (400.0, 600.0, 0.0)


def test_a_target_without_changes_keeps_its_current_state() -> None:
    standing = {WALLET: CurrentStatus("healthy", None, -5000.0)}
    report = build_report([], Period(0, 1000), ALWAYS, standing)
    assert report.targets[WALLET].now.up_s == 1000.0
    assert report.targets[WALLET].before.up_s == 1000.0
    later = {WALLET: CurrentStatus("healthy", None, 900.0)}
    report = build_report([], Period(0, 1000), ALWAYS, later)
    assert report.targets[WALLET].now.gap_s == 900.0


def test_a_removed_target_is_a_gap_after_its_last_change() -> None:
    entries = [
        make_change(0, "unknown", "healthy"),
        make_change(100, "healthy", "degraded"),
    ]
    tally = total_of(entries, standing={})
    assert (tally.up_s, tally.gap_s) == (100.0, 900.0)


def test_time_before_a_second_start_of_monitoring_is_a_gap() -> None:
    entries = [
        make_change(0, "unknown", "healthy"),
        make_change(600, "unknown", "healthy"),
    ]
    tally = total_of(
        entries, intervals=(MonitoredInterval(0, 200), MonitoredInterval(500, 1000))
    )
    assert (tally.up_s, tally.gap_s) == (600.0, 400.0)
    tally = total_of(entries)
    assert (tally.up_s, tally.gap_s) == (400.0, 600.0)


def test_short_history_counts_only_its_time_and_says_since_when() -> None:
    """Two minutes of history in a month: one down, one up."""
    month_s = 30 * 86_400.0
    began = month_s - 120.0
    entries = [
        make_change(began, "unknown", "failing", "refused"),
        make_change(began + 60.0, "failing", "healthy"),
    ]
    intervals = (MonitoredInterval(began - 5.0, month_s),)
    tally = total_of(entries, month_s, intervals=intervals)
    assert tally.availability == pytest.approx(0.5)
    assert tally.measured_s == pytest.approx(120.0)
    assert tally.data_from_wall == began


def test_data_begins_when_monitoring_begins() -> None:
    entries = [make_change(100.0, "failing", "healthy")]
    intervals = (MonitoredInterval(300.0, 400.0), MonitoredInterval(600.0, 900.0))
    assert total_of(entries, intervals=intervals).data_from_wall == 300.0
    never = (MonitoredInterval(2000.0, 3000.0),)
    assert total_of(entries, intervals=never).data_from_wall is None


def test_a_period_without_data_has_no_availability() -> None:
    report = build_report(
        [make_change(10, "unknown", "healthy")],
        Period(0, 1000),
        (MonitoredInterval(0, 1000),),
    )
    assert report.targets[WALLET].before.availability is None
    assert report.total.before.availability is None


def test_a_quick_redeploy_is_planned_and_a_vanished_container_is_an_outage() -> None:
    def total_of_absence(seconds: float) -> Totals:
        back = 100 + seconds
        return total_of(
            [
                make_change(0, "unknown", "healthy"),
                make_change(100, "healthy", "missing", "missing"),
                make_change(back, "missing", "starting"),
                make_change(back + 10, "starting", "healthy"),
            ]
        )

    assert (total_of_absence(20).planned_s, total_of_absence(20).outages) == (30.0, 0)
    assert (total_of_absence(90).planned_s, total_of_absence(90).outages) == (0.0, 1)
    assert total_of_absence(90).causes["missing"].down_s == 100.0


def test_a_clock_that_steps_back_counts_no_time_twice() -> None:
    tally = total_of(
        [
            make_change(0, "unknown", "healthy"),
            make_change(500, "healthy", "down", "reset"),
            make_change(400, "down", "healthy"),
        ]
    )
    assert tally.up_s + tally.down_s == 1000.0


@pytest.mark.parametrize("cut", range(10))
@pytest.mark.parametrize(("back_at", "repair_s"), [(650.0, 100.0), (750.0, 150.0)])
def test_outages_after_a_clock_that_steps_back_count_no_time_twice(
    cut: int, back_at: float, repair_s: float
) -> None:
    """``cut``: the entries are added in two pieces."""
    ats = [0.0, 500.0, 510.0, 400.0, 410.0, 420.0, 430.0, 600.0, 700.0, back_at]
    states = ["unknown", *(["healthy", "failing"] * 4), "down", "healthy"]
    entries = [
        make_change(at, *way) for at, way in zip(ats, pairwise(states), strict=True)
    ]
    books = ReportBuilder(Period(0.0, 1000.0), ALWAYS)
    for part in (entries[:cut], entries[cut:]):
        books.add(steps_of(part))
    report = books.close({WALLET: CurrentStatus("healthy", None, back_at)})
    tally = report.targets[WALLET].now
    assert (tally.blips, tally.repaired, tally.repair_s) == (3, 1, repair_s)
    assert (tally.up_s, tally.down_s) == (990.0 - repair_s, 10.0 + repair_s)


def test_the_previous_period_is_counted_apart() -> None:
    entries = [
        make_change(-1000, "unknown", "healthy"),
        make_change(-300, "healthy", "down", "reset"),
        make_change(200, "down", "healthy"),
    ]
    account = build_report(entries, Period(0, 1000)).targets[WALLET]
    assert (account.before.outages, account.before.down_s) == (1, 300.0)
    assert (account.now.outages, account.now.down_s) == (0, 200.0)
    assert (account.now.repaired, account.now.mttr_s) == (1, 500.0)


def test_a_change_at_the_border_of_two_periods_is_counted_once() -> None:
    entries = [
        make_change(-500, "unknown", "healthy"),
        make_change(-100, "healthy", "down", "reset"),
        make_change(0, "down", "healthy"),
        make_change(500, "healthy", "failing", "reset"),
        make_change(1000, "failing", "down", "reset"),
    ]
    account = build_report(entries, Period(0, 1000)).targets[WALLET]
    assert (account.before.outages, account.before.repaired) == (1, 0)
    assert (account.now.outages, account.now.repaired) == (0, 1)


# --- any course of states

STATES = (
    "unknown",
    "starting",
    "healthy",
    "degraded",
    "failing",
    "down",
    "draining",
    "recovering",
    "crash_loop",
    "dead_letter",
    "stopped",
    "missing",
)
CAUSES = (None, "refused", "hung")
RESTARTED = RemedySummary("restart", "failure", "recovered")
times = st.integers(-1000, 1000).map(float)


@st.composite
def courses(draw: st.DrawFn) -> list[JournalEntry]:
    ats = sorted(draw(st.lists(times, min_size=1, max_size=12)))
    states = draw(
        st.lists(st.sampled_from(STATES), min_size=len(ats) + 1, max_size=len(ats) + 1)
    )
    causes = [draw(st.sampled_from(CAUSES)) for _ in ats]
    steps = zip(ats, pairwise(states), causes, strict=True)
    return [make_change(at, old, new, cause) for at, (old, new), cause in steps]


@st.composite
def watches(draw: st.DrawFn) -> tuple[MonitoredInterval, ...]:
    pairs = draw(st.lists(st.tuples(times, times), max_size=5))
    return tuple(MonitoredInterval(min(p), max(p)) for p in pairs)


def kinds_by_second(
    entries: list[JournalEntry], intervals: Sequence[MonitoredInterval]
) -> list[str]:
    """Compute the state of each second of [-1000, 1000) a second way."""
    states = []
    for second in range(-1000, 1000):
        state = str(entries[0].data["from"])
        for entry in entries:
            if entry.at_wall <= second:
                state = str(entry.data["to"])
        covered = any(w.from_wall <= second < w.until_wall for w in intervals)
        states.append(state if covered else "unknown")
    return states


@given(courses(), watches())
def test_every_second_is_counted_once(
    entries: list[JournalEntry], intervals: tuple[MonitoredInterval, ...]
) -> None:
    account = build_report(entries, Period(0, 1000), intervals).targets[WALLET]
    for tally in account:
        parts = tally.up_s + tally.down_s + tally.planned_s + tally.stopped_s
        assert parts + tally.gap_s == pytest.approx(1000.0)
        assert tally.availability is None or 0.0 <= tally.availability <= 1.0
        assert sum(c.down_s for c in tally.causes.values()) == pytest.approx(
            tally.down_s
        )
        assert sum(c.outages for c in tally.causes.values()) == tally.outages
    seconds = kinds_by_second(entries, intervals)
    for tally, part in zip(account, (seconds[1000:], seconds[:1000]), strict=True):
        up = ("healthy", "degraded", "draining")
        assert tally.up_s == sum(map(part.count, up))
        assert tally.stopped_s == part.count("stopped")
        assert tally.gap_s == pytest.approx(part.count("unknown"))


def test_blips_on_both_sides_of_a_gap_are_counted() -> None:
    intervals = (MonitoredInterval(0.0, 100.0), MonitoredInterval(200.0, 1000.0))
    entries = [make_change(0.0, "unknown", "healthy")]
    for at in (40.0, 60.0, 300.0, 320.0, 990.0):
        entries.append(make_change(at, "healthy", "failing", "refused"))
        entries.append(make_change(at + 5.0, "failing", "healthy"))
    rarely = [replace(e, target=SERVICE) for e in (entries[0], *entries[-2:])]
    healthy = CurrentStatus("healthy", None, 995.0)
    standing = dict.fromkeys((WALLET, SERVICE), healthy)
    report = build_report([*entries, *rarely], Period(0.0, 1000.0), intervals, standing)
    for name, blips in ((WALLET, 5), (SERVICE, 1)):
        tally = report.targets[name].now
        assert (tally.blips, tally.down_s, tally.gap_s) == (blips, 5.0 * blips, 100.0)
        assert tally.up_s == 1000.0 - 100.0 - 5.0 * blips


def test_a_blip_from_an_unrecorded_state_is_not_added_to_the_last_state() -> None:
    entries = [
        make_change(100.0, "unknown", "healthy"),
        make_change(200.0, "degraded", "failing", "refused"),
        make_change(300.0, "failing", "healthy"),
        make_change(400.0, "degraded", "failing", "refused"),
        make_change(500.0, "failing", "healthy"),
    ]
    tally = total_of(entries)
    assert (tally.blips, tally.down_s) == (2, 200.0)
    assert tally.up_s == 500.0


WAYS: tuple[tuple[str | RemedySummary, ...], ...] = (
    ("failing", "healthy"),
    ("failing", "degraded"),
    ("failing", "down", "recovering", RESTARTED, "healthy"),
    ("failing", "down", "recovering", "down", RESTARTED, "recovering", "healthy"),
    ("failing", RESTARTED, "healthy"),
    ("down", "dead_letter", "healthy"),
    ("failing", "unknown", "failing", "healthy"),
    ("missing", "starting", "healthy"),
    ("starting", "recovering", RESTARTED, "healthy"),
    ("failing", "stopped", "starting", "healthy"),
    ("recovering", "healthy"),
    (RESTARTED,),
    ("degraded",),
)


@st.composite
def troubled_steps(draw: st.DrawFn) -> TargetSteps:
    """Draw usual courses of a failure, some odd ones, some after a lost change."""
    steps: list[JournalStep] = []
    state = "healthy"
    for _ in range(draw(st.integers(1, 8))):
        odd = (draw(st.sampled_from(STATES)),)
        for what in draw(st.sampled_from((*WAYS, odd))):
            if isinstance(what, RemedySummary):
                steps.append(what)
                continue
            steps.append(StateChange(state, what, draw(st.sampled_from(CAUSES))))
            state = what
        state = draw(st.sampled_from((state,) * 4 + ("healthy", "degraded", "down")))
    count = len(steps)
    instants = st.integers(-7000, 7000)
    ats = sorted(draw(st.lists(instants, min_size=count, max_size=count)))
    return TargetSteps([at / 7.0 for at in ats], steps)


@given(
    troubled_steps(),
    st.just(ALWAYS) | watches(),
    st.integers(0, 20),
    st.sampled_from((0, 0, 100)),
)
def test_patterns_lead_to_the_same_sums_as_single_steps(
    steps: TargetSteps,
    intervals: tuple[MonitoredInterval, ...],
    cut: int,
    set_back: int,
) -> None:
    """The slow builder gets single steps, which never match a pattern."""
    ats = [at - set_back * (n % 3 == 0) for n, at in enumerate(steps.at_walls)]
    quick, slow = (ReportBuilder(Period(0.0, 1000.0), intervals) for _ in range(2))
    for part in (slice(cut), slice(cut, None)):
        quick.add([(WALLET, TargetSteps(ats[part], steps.steps[part]))])
    for at, what in zip(ats, steps.steps, strict=True):
        slow.add([(WALLET, TargetSteps([at], [what]))])
    last = {WALLET: CurrentStatus("healthy", None, 0.0)}
    assert quick.close(last) == slow.close(last)


def test_the_usual_courses_match_patterns() -> None:
    """Patterns are matched; else the test above compares a way with itself."""
    patterns = set()
    for way in WAYS:
        states = ["healthy", *(w for w in way if not isinstance(w, RemedySummary))]
        changes = (StateChange(old, new, "hung") for old, new in pairwise(states))
        steps = [w if isinstance(w, RemedySummary) else next(changes) for w in way]
        if end_of_pattern(steps, 0):
            patterns.add((len(way), find_pattern(*steps)))
    short = {length for length, trouble in patterns if trouble is not None}
    assert short == {2, 3, 5, 7}


def list_sums(tally: Totals) -> dict[str, float]:
    """All sums of a tally, by name."""
    plain = ("up_s", "down_s", "planned_s", "stopped_s", "repair_s")
    counts = ("outages", "blips", "repaired")
    causes = {f"down by {n}": c.down_s for n, c in tally.causes.items()}
    return causes | {name: getattr(tally, name) for name in (*plain, *counts)}


@given(courses(), watches(), st.integers(-999, 999))
def test_a_period_cut_in_two_has_the_same_sums(
    entries: list[JournalEntry], intervals: tuple[MonitoredInterval, ...], cut: int
) -> None:
    (whole,) = split_totals(entries, intervals)
    parts = Totals()
    for part in split_totals(entries, intervals, cut):
        parts.add(part)
    for name in ("window_s", "up_s", "down_s", "planned_s", "stopped_s", "gap_s"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name)), name
    for name in ("outages", "blips", "repaired", "repair_s"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name)), name
    assert parts.causes.keys() == whole.causes.keys()


def split_totals(
    entries: list[JournalEntry],
    intervals: Sequence[MonitoredInterval],
    cut: float | None = None,
) -> list[Totals]:
    """The totals of the parts of [-1000, 1000)."""
    books = ReportBuilder(Period(-1000.0, 1000.0), intervals)
    if cut is not None:
        books.before, books.period = Period(-1000.0, cut), Period(cut, 1000.0)
    books.add(steps_of(entries))
    last = CurrentStatus(str(entries[-1].data["to"]), None, 0.0)
    account = books.close({WALLET: last}).targets[WALLET]
    return [account.now] if cut is None else [*account]


@given(watches(), times, times)
def test_monitored_time_and_gaps_make_the_whole_period(
    intervals: tuple[MonitoredInterval, ...], a: float, b: float
) -> None:
    since, until = min(a, b), max(a, b)
    coverage = MonitoredTime(intervals)
    gaps = sum(g.until_wall - g.from_wall for g in coverage.gaps(since, until))
    assert coverage.seconds(since, until) + gaps == pytest.approx(until - since)


def test_the_current_interval_lasts_until_now() -> None:
    noted = (MonitoredInterval(0.0, 10.0), MonitoredInterval(20.0, 93.0))
    assert MonitoredTime(extend_to_now(noted, 100.0)).gaps(0.0, 100.0) == (
        MonitoredInterval(10.0, 20.0),
    )
    for intervals, now in (((), 100.0), (noted, 93.0), (noted, 93.0 + GAP_S + 1.0)):
        assert extend_to_now(intervals, now) == intervals


def test_the_total_of_a_report_sums_all_targets() -> None:
    tally = Totals(window_s=10, up_s=6, down_s=2)
    other = Totals(window_s=10, up_s=10)
    report = Report(
        Period(0, 10),
        Period(-10, 0),
        (),
        {
            "a": PeriodComparison(tally, Totals()),
            "b": PeriodComparison(other, Totals()),
        },
    )
    assert report.total.now.availability == pytest.approx(16 / 18)
    assert report.total.now.gap_s == pytest.approx(2.0)
