"""Availability, outages and gaps: real transitions, and a slow second opinion."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import EngineEventKind, RemedyCallResult, RestartRequested
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
from tests.support.memory_journal import MemoryJournal, remembered, steps_of
from tests.support.message_world import MessageWorld

WALLET, SERVICE = "electron-cash", "bitcoincash-service"
ALWAYS = (MonitoredInterval(-1e6, 1e6),)


def change(at: float, old: str, new: str, cause: str | None = None) -> JournalEntry:
    data = {"from": old, "to": new, "cause": cause, "reason": ""}
    return JournalEntry(at, EntryKind.STATE, WALLET, None, data)


def reckon(
    entries: Sequence[JournalEntry],
    period: Period,
    watched: Sequence[MonitoredInterval] = ALWAYS,
    standing: dict[str, CurrentStatus] | None = None,
) -> Report:
    books = ReportBuilder(period, watched)
    books.add(steps_of(entries))
    if standing is None:
        last = entries[-1]
        standing = {WALLET: CurrentStatus(str(last.data["to"]), None, last.at_wall)}
    return books.close(standing)


def one(
    entries: Sequence[JournalEntry], until: float = 1000.0, **more: object
) -> Totals:
    made = reckon(entries, Period(0.0, until), **more)  # type: ignore[arg-type]  # as reckon
    return made.targets[WALLET].now


def of_world(world: MessageWorld, journal: MemoryJournal, name: str = WALLET) -> Totals:
    """From when it was first seen healthy to now."""
    began = next(
        e.at_wall
        for e in journal.kept
        if e.target == name and e.data.get("to") == "healthy"
    )
    standing = {
        i.name: CurrentStatus(i.state, i.cause, i.since.wall)
        for i in world.state.instances.values()
    }
    made = reckon(
        journal.kept, Period(began, world.now.wall), journal.stretches, standing
    )
    return made.targets[name].now


# --- by the real rules


def test_an_outage_lasts_from_the_first_failure_to_health() -> None:
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.wait(100.0)
    world.relist()
    down_at = world.now.wall
    world.fails(WALLET, Cause.REFUSED)
    world.wait(5.0)
    world.acted(WALLET)
    world.works(WALLET)
    up_at = next(e.at_wall for e in reversed(journal.kept) if e.target == WALLET)
    world.wait(50.0)
    tally = of_world(world, journal)
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
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.RESET, times=1)
    world.works(WALLET)
    tally = of_world(world, journal)
    assert (tally.outages, tally.blips) == (0, 1)
    assert tally.down_s > 1.0
    assert tally.mttr_s is None
    assert tally.mtbf_s is None


def test_an_operators_stop_is_no_outage() -> None:
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.notice(WALLET, EngineEventKind.KILL)
    world.exits(WALLET, 143)
    world.wait(300.0)
    tally = of_world(world, journal)
    assert tally.stopped_s == pytest.approx(300.0, abs=1.0)
    assert (tally.down_s, tally.outages) == (0.0, 0)
    assert tally.availability == 1.0


def test_an_operators_restart_is_planned_and_no_outage() -> None:
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.send(RestartRequested(world.now, WALLET))
    world.wait(20.0)
    world.acted(WALLET)
    world.works(WALLET)
    tally = of_world(world, journal)
    assert tally.planned_s == pytest.approx(21.0, abs=1.0)
    assert (tally.down_s, tally.outages, tally.availability) == (0.0, 0, 1.0)
    assert tally.remedies == {RemedySummary("restart", "operator", "recovered"): 1}


def test_to_load_the_wallet_at_a_start_is_no_outage() -> None:
    tally = one(
        [
            change(100.0, "unknown", "starting"),
            change(103.0, "starting", "recovering", "wallet_not_loaded"),
            change(110.0, "recovering", "healthy"),
        ]
    )
    assert (tally.planned_s, tally.down_s, tally.outages) == (10.0, 0.0, 0)


def test_a_wallet_that_is_lost_later_is_an_outage() -> None:
    tally = one(
        [
            change(100.0, "starting", "healthy"),
            change(203.0, "healthy", "recovering", "wallet_not_loaded"),
            change(210.0, "recovering", "healthy"),
        ]
    )
    assert (tally.down_s, tally.outages) == (7.0, 1)


def test_a_restart_that_fails_leaves_one_outage() -> None:
    world, journal = remembered()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET, RemedyCallResult.FAILED)
    world.fails(WALLET, Cause.REFUSED)
    world.wait(60.0)
    world.acted(WALLET)
    world.works(WALLET)
    tally = of_world(world, journal)
    assert (tally.outages, tally.repaired) == (1, 1)
    assert sum(tally.remedies.values()) == 2


def test_an_operators_restart_within_an_outage_stays_an_outage() -> None:
    tally = one(
        [
            change(0, "unknown", "healthy"),
            change(100, "healthy", "down", "auth"),
            change(200, "down", "recovering"),
            change(300, "recovering", "healthy"),
        ]
    )
    assert (tally.down_s, tally.planned_s, tally.up_s) == (200.0, 0.0, 800.0)
    assert tally.causes["auth"].down_s == 200.0


def test_an_outage_that_an_operator_ends_by_a_stop_was_not_repaired() -> None:
    tally = one(
        [
            change(0, "unknown", "healthy"),
            change(100, "healthy", "down", "reset"),
            change(200, "down", "stopped", "stopped"),
        ]
    )
    assert (tally.outages, tally.repaired, tally.stopped_s) == (1, 0, 800.0)
    assert tally.mttr_s is None


def test_the_cause_is_the_one_known_when_it_was_certain() -> None:
    def cause_of(*steps: tuple[str, str | None]) -> set[str]:
        states = ["healthy", *(state for state, _ in steps), "healthy"]
        causes = [*(cause for _, cause in steps), None]
        walk = enumerate(zip(pairwise(states), causes, strict=True), 1)
        return set(one([change(n, a, b, c) for n, ((a, b), c) in walk]).causes)

    assert cause_of(("failing", "hung"), ("down", "refused")) == {"refused"}
    assert cause_of(("failing", "hung"), ("down", None)) == {"hung"}
    assert cause_of(("down", "refused"), ("down", "reset")) == {"refused"}
    assert cause_of(("down", None)) == {"unknown"}


# --- what is not measured


def test_time_that_nobody_watched_is_a_gap() -> None:
    entries = [
        change(0, "unknown", "healthy"),
        change(100, "healthy", "down", "hung"),
        change(500, "down", "healthy"),
    ]
    watched = (
        MonitoredInterval(0, 150),
        MonitoredInterval(450, 800),
        MonitoredInterval(700, 900),
    )
    made = reckon(entries, Period(0, 1000), watched)
    tally = made.targets[WALLET].now
    assert made.gaps == (MonitoredInterval(150, 450), MonitoredInterval(900, 1000))
    assert (tally.down_s, tally.up_s, tally.gap_s) == (100.0, 500.0, 400.0)
    assert tally.mttr_s == 100.0


def test_an_unknown_state_is_a_gap() -> None:
    tally = one([change(400, "unknown", "healthy")])
    assert (tally.up_s, tally.gap_s) == (600.0, 400.0)


def test_the_state_before_the_first_change_is_told_by_that_change() -> None:
    tally = one([change(400, "healthy", "down", "reset")])
    assert (tally.up_s, tally.down_s, tally.gap_s) == (400.0, 600.0, 0.0)


def test_a_target_without_any_change_is_what_it_is() -> None:
    standing = {WALLET: CurrentStatus("healthy", None, -5000.0)}
    made = reckon([], Period(0, 1000), ALWAYS, standing)
    assert made.targets[WALLET].now.up_s == 1000.0
    assert made.targets[WALLET].before.up_s == 1000.0
    later = {WALLET: CurrentStatus("healthy", None, 900.0)}
    made = reckon([], Period(0, 1000), ALWAYS, later)
    assert made.targets[WALLET].now.gap_s == 900.0


def test_a_target_that_left_is_not_claimed_to_be_well() -> None:
    entries = [change(0, "unknown", "healthy"), change(100, "healthy", "degraded")]
    tally = one(entries, standing={})
    assert (tally.up_s, tally.gap_s) == (100.0, 900.0)


def test_a_watch_that_began_anew_knows_nothing_of_the_time_between() -> None:
    entries = [change(0, "unknown", "healthy"), change(600, "unknown", "healthy")]
    tally = one(
        entries, watched=(MonitoredInterval(0, 200), MonitoredInterval(500, 1000))
    )
    assert (tally.up_s, tally.gap_s) == (600.0, 400.0)
    tally = one(entries)
    assert (tally.up_s, tally.gap_s) == (400.0, 600.0)


def test_no_data_before_is_no_data() -> None:
    made = reckon(
        [change(10, "unknown", "healthy")],
        Period(0, 1000),
        (MonitoredInterval(0, 1000),),
    )
    assert made.targets[WALLET].before.availability is None
    assert made.total.before.availability is None


def test_a_quick_redeploy_is_planned_and_a_vanished_container_is_an_outage() -> None:
    def vanished(seconds: float) -> Totals:
        back = 100 + seconds
        return one(
            [
                change(0, "unknown", "healthy"),
                change(100, "healthy", "missing", "missing"),
                change(back, "missing", "starting"),
                change(back + 10, "starting", "healthy"),
            ]
        )

    assert (vanished(20).planned_s, vanished(20).outages) == (30.0, 0)
    assert (vanished(90).planned_s, vanished(90).outages) == (0.0, 1)
    assert vanished(90).causes["missing"].down_s == 100.0


def test_a_clock_that_steps_back_counts_no_time_twice() -> None:
    tally = one(
        [
            change(0, "unknown", "healthy"),
            change(500, "healthy", "down", "reset"),
            change(400, "down", "healthy"),
        ]
    )
    assert tally.up_s + tally.down_s == 1000.0


@pytest.mark.parametrize("cut", range(10))
@pytest.mark.parametrize(("back_at", "repair_s"), [(650.0, 100.0), (750.0, 150.0)])
def test_troubles_after_a_clock_that_steps_back_count_no_time_twice(
    cut: int, back_at: float, repair_s: float
) -> None:
    """``cut``: in two pieces."""
    ats = [0.0, 500.0, 510.0, 400.0, 410.0, 420.0, 430.0, 600.0, 700.0, back_at]
    states = ["unknown", *(["healthy", "failing"] * 4), "down", "healthy"]
    entries = [change(at, *way) for at, way in zip(ats, pairwise(states), strict=True)]
    books = ReportBuilder(Period(0.0, 1000.0), ALWAYS)
    for part in (entries[:cut], entries[cut:]):
        books.add(steps_of(part))
    made = books.close({WALLET: CurrentStatus("healthy", None, back_at)})
    tally = made.targets[WALLET].now
    assert (tally.blips, tally.repaired, tally.repair_s) == (3, 1, repair_s)
    assert (tally.up_s, tally.down_s) == (990.0 - repair_s, 10.0 + repair_s)


def test_the_period_before_is_counted_apart() -> None:
    entries = [
        change(-1000, "unknown", "healthy"),
        change(-300, "healthy", "down", "reset"),
        change(200, "down", "healthy"),
    ]
    account = reckon(entries, Period(0, 1000)).targets[WALLET]
    assert (account.before.outages, account.before.down_s) == (1, 300.0)
    assert (account.now.outages, account.now.down_s) == (0, 200.0)
    assert (account.now.repaired, account.now.mttr_s) == (1, 500.0)


def test_what_happens_between_two_periods_is_counted_once() -> None:
    entries = [
        change(-500, "unknown", "healthy"),
        change(-100, "healthy", "down", "reset"),
        change(0, "down", "healthy"),
        change(500, "healthy", "failing", "reset"),
        change(1000, "failing", "down", "reset"),
    ]
    account = reckon(entries, Period(0, 1000)).targets[WALLET]
    assert (account.before.outages, account.before.repaired) == (1, 0)
    assert (account.now.outages, account.now.repaired) == (0, 1)


# --- whatever happens

STATES = (
    "unknown",
    "starting",
    "healthy",
    "degraded",
    "failing",
    "down",
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
    return [change(at, old, new, cause) for at, (old, new), cause in steps]


@st.composite
def watches(draw: st.DrawFn) -> tuple[MonitoredInterval, ...]:
    pairs = draw(st.lists(st.tuples(times, times), max_size=5))
    return tuple(MonitoredInterval(min(p), max(p)) for p in pairs)


def kinds_by_second(
    entries: list[JournalEntry], watched: Sequence[MonitoredInterval]
) -> list[str]:
    """Second opinion: what each second of [-1000, 1000) was, watched or not."""
    seen = []
    for second in range(-1000, 1000):
        state = str(entries[0].data["from"])
        for entry in entries:
            if entry.at_wall <= second:
                state = str(entry.data["to"])
        covered = any(w.from_wall <= second < w.until_wall for w in watched)
        seen.append(state if covered else "unknown")
    return seen


@given(courses(), watches())
def test_every_second_is_counted_once(
    entries: list[JournalEntry], watched: tuple[MonitoredInterval, ...]
) -> None:
    account = reckon(entries, Period(0, 1000), watched).targets[WALLET]
    for tally in account:
        parts = tally.up_s + tally.down_s + tally.planned_s + tally.stopped_s
        assert parts + tally.gap_s == pytest.approx(1000.0)
        assert tally.availability is None or 0.0 <= tally.availability <= 1.0
        assert sum(c.down_s for c in tally.causes.values()) == pytest.approx(
            tally.down_s
        )
        assert sum(c.outages for c in tally.causes.values()) == tally.outages
    seconds = kinds_by_second(entries, watched)
    for tally, part in zip(account, (seconds[1000:], seconds[:1000]), strict=True):
        assert tally.up_s == part.count("healthy") + part.count("degraded")
        assert tally.stopped_s == part.count("stopped")
        assert tally.gap_s == pytest.approx(part.count("unknown"))


def test_blips_on_either_side_of_a_gap() -> None:
    watched = (MonitoredInterval(0.0, 100.0), MonitoredInterval(200.0, 1000.0))
    entries = [change(0.0, "unknown", "healthy")]
    for at in (40.0, 60.0, 300.0, 320.0, 990.0):
        entries.append(change(at, "healthy", "failing", "refused"))
        entries.append(change(at + 5.0, "failing", "healthy"))
    rarely = [replace(e, target=SERVICE) for e in (entries[0], *entries[-2:])]
    healthy = CurrentStatus("healthy", None, 995.0)
    standing = dict.fromkeys((WALLET, SERVICE), healthy)
    made = reckon([*entries, *rarely], Period(0.0, 1000.0), watched, standing)
    for name, blips in ((WALLET, 5), (SERVICE, 1)):
        tally = made.targets[name].now
        assert (tally.blips, tally.down_s, tally.gap_s) == (blips, 5.0 * blips, 100.0)
        assert tally.up_s == 1000.0 - 100.0 - 5.0 * blips


def test_a_blip_in_a_state_that_was_never_told_of_is_not_of_the_last_one() -> None:
    entries = [
        change(100.0, "unknown", "healthy"),
        change(200.0, "degraded", "failing", "refused"),
        change(300.0, "failing", "healthy"),
        change(400.0, "degraded", "failing", "refused"),
        change(500.0, "failing", "healthy"),
    ]
    tally = one(entries)
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
def restless(draw: st.DrawFn) -> TargetSteps:
    """Mostly the ways that troubles go, some of them not, some after a lost change."""
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
    restless(),
    st.just(ALWAYS) | watches(),
    st.integers(0, 20),
    st.sampled_from((0, 0, 100)),
)
def test_the_short_way_through_a_trouble_leads_to_the_same_sums(
    steps: TargetSteps, watched: tuple[MonitoredInterval, ...], cut: int, set_back: int
) -> None:
    """Step by step there is no short way: it takes those that come together."""
    ats = [at - set_back * (n % 3 == 0) for n, at in enumerate(steps.at_walls)]
    quick, slow = (ReportBuilder(Period(0.0, 1000.0), watched) for _ in range(2))
    for part in (slice(cut), slice(cut, None)):
        quick.add([(WALLET, TargetSteps(ats[part], steps.steps[part]))])
    for at, what in zip(ats, steps.steps, strict=True):
        slow.add([(WALLET, TargetSteps([at], [what]))])
    last = {WALLET: CurrentStatus("healthy", None, 0.0)}
    assert quick.close(last) == slow.close(last)


def test_the_short_way_is_taken() -> None:
    """Else the test above compares a way with itself."""
    known = set()
    for way in WAYS:
        states = ["healthy", *(w for w in way if not isinstance(w, RemedySummary))]
        changes = (StateChange(old, new, "hung") for old, new in pairwise(states))
        steps = [w if isinstance(w, RemedySummary) else next(changes) for w in way]
        if end_of_pattern(steps, 0):
            known.add((len(way), find_pattern(*steps)))
    short = {length for length, trouble in known if trouble is not None}
    assert short == {2, 3, 5, 7}


def sums(tally: Totals) -> dict[str, float]:
    """Everything that a tally counts, by name."""
    plain = ("up_s", "down_s", "planned_s", "stopped_s", "repair_s")
    counts = ("outages", "blips", "repaired")
    causes = {f"down by {n}": c.down_s for n, c in tally.causes.items()}
    return causes | {name: getattr(tally, name) for name in (*plain, *counts)}


@given(courses(), watches(), st.integers(-999, 999))
def test_a_period_cut_in_two_has_the_same_sums(
    entries: list[JournalEntry], watched: tuple[MonitoredInterval, ...], cut: int
) -> None:
    (whole,) = cut_at(entries, watched)
    parts = Totals()
    for part in cut_at(entries, watched, cut):
        parts.add(part)
    for name in ("window_s", "up_s", "down_s", "planned_s", "stopped_s", "gap_s"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name)), name
    for name in ("outages", "blips", "repaired", "repair_s"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name)), name
    assert parts.causes.keys() == whole.causes.keys()


def cut_at(
    entries: list[JournalEntry],
    watched: Sequence[MonitoredInterval],
    cut: float | None = None,
) -> list[Totals]:
    """The parts of [-1000, 1000)."""
    books = ReportBuilder(Period(-1000.0, 1000.0), watched)
    if cut is not None:
        books.before, books.period = Period(-1000.0, cut), Period(cut, 1000.0)
    books.add(steps_of(entries))
    last = CurrentStatus(str(entries[-1].data["to"]), None, 0.0)
    account = books.close({WALLET: last}).targets[WALLET]
    return [account.now] if cut is None else [*account]


@given(watches(), times, times)
def test_watched_and_not_watched_make_the_whole(
    watched: tuple[MonitoredInterval, ...], a: float, b: float
) -> None:
    since, until = min(a, b), max(a, b)
    coverage = MonitoredTime(watched)
    gaps = sum(g.until_wall - g.from_wall for g in coverage.gaps(since, until))
    assert coverage.seconds(since, until) + gaps == pytest.approx(until - since)


def test_the_present_stretch_lasts_until_now_though_it_is_noted_rarely() -> None:
    noted = (MonitoredInterval(0.0, 10.0), MonitoredInterval(20.0, 93.0))
    assert MonitoredTime(extend_to_now(noted, 100.0)).gaps(0.0, 100.0) == (
        MonitoredInterval(10.0, 20.0),
    )
    for watched, now in (((), 100.0), (noted, 93.0), (noted, 93.0 + GAP_S + 1.0)):
        assert extend_to_now(watched, now) == watched


def test_all_targets_together() -> None:
    tally = Totals(window_s=10, up_s=6, down_s=2)
    other = Totals(window_s=10, up_s=10)
    made = Report(
        Period(0, 10),
        Period(-10, 0),
        (),
        {
            "a": PeriodComparison(tally, Totals()),
            "b": PeriodComparison(other, Totals()),
        },
    )
    assert made.total.now.availability == pytest.approx(16 / 18)
    assert made.total.now.gap_s == pytest.approx(2.0)
