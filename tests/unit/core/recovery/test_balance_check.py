"""Balance before and after a restart: recorded, compared, reported, kept private."""

import json
from decimal import Decimal

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    PauseRequested,
    PlannedRestartDue,
    ReleaseRequested,
    RemedyCallResult,
    RestartRequested,
    Tick,
)
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.probe_result import (
    Balance,
    ProbeResult,
    WalletFacts,
    probe_success,
)
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.transition import BalanceCompared, Comparison
from sidecar.core.reporting.incident_review import (
    build_incident_review,
    without_amounts,
)
from sidecar.core.reporting.postmortem.document import write_postmortem
from sidecar.telemetry.event_feed import EventFeed
from sidecar.web.views import history
from tests.support.api_documents import read_document
from tests.support.memory_journal import MemoryJournal, entry_of, world_with_journal
from tests.support.notification_recipients import Notifier
from tests.support.process_takeover import start_successor
from tests.support.rule_world import RuleWorld

WALLET, SERVICE = "electron-cash", "bitcoincash-service"
INITIAL = Balance(Decimal("1.5"), Decimal("0.25"))
PAID = INITIAL._replace(confirmed=Decimal("2.5"))


def balance_result(balance: Balance | None) -> ProbeResult:
    return probe_success(wallet=WalletFacts(loaded=True, balance=balance))


def probe_balance(world: RuleWorld, balance: Balance | None, times: int = 2) -> None:
    for _ in range(times):
        world.probe(WALLET, balance_result(balance))
        world.now_s += 1.0


def find_comparisons(world: RuleWorld) -> list[BalanceCompared]:
    return [t for t in world.transitions if isinstance(t, BalanceCompared)]


def healthy_world(world: RuleWorld | None = None) -> RuleWorld:
    world = world or RuleWorld()
    world.works(SERVICE)
    probe_balance(world, INITIAL)
    return world


def balance_messages(messages: list[Message]) -> list[Message]:
    return [m for m in messages if m.kind is MessageKind.BALANCE]


# --- recorded


def test_restart_compares_balance_before_with_first_balance_after() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    probe_balance(world, PAID)
    (record,) = find_comparisons(world)
    assert (record.before, record.after) == (INITIAL, PAID)
    assert record.comparison is Comparison.DIFFERENT
    assert record.incident is not None
    probe_balance(world, INITIAL)
    assert len(find_comparisons(world)) == 1


def test_operator_restart_compares_balances() -> None:
    world = healthy_world()
    world.send(RestartRequested(world.now, WALLET))
    world.complete_remedy(WALLET)
    probe_balance(world, INITIAL)
    (record,) = find_comparisons(world)
    assert record.comparison is Comparison.SAME
    assert record.incident is None


def test_planned_restart_compares_balances() -> None:
    world = healthy_world()
    world.send(PlannedRestartDue(world.now, WALLET))
    world.complete_remedy(WALLET)
    probe_balance(world, PAID)
    (record,) = find_comparisons(world)
    assert (record.before, record.after) == (INITIAL, PAID)


def test_wallet_load_compares_balances() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.WALLET_NOT_LOADED, times=1)
    world.complete_remedy(WALLET, restart=False)
    probe_balance(world, PAID)
    (record,) = find_comparisons(world)
    assert (record.before, record.after) == (INITIAL, PAID)


def test_first_wallet_load_compares_nothing() -> None:
    world = RuleWorld()
    world.fails(WALLET, Cause.WALLET_NOT_LOADED, times=1)
    world.complete_remedy(WALLET, restart=False)
    probe_balance(world, INITIAL)
    assert find_comparisons(world) == []


def test_trailing_zeros_are_no_difference() -> None:
    world = healthy_world()
    world.send(RestartRequested(world.now, WALLET))
    world.complete_remedy(WALLET)
    probe_balance(world, INITIAL._replace(confirmed=Decimal("1.50")))
    assert find_comparisons(world)[0].comparison is Comparison.SAME


def test_balance_change_outside_a_restart_is_not_compared() -> None:
    world = healthy_world()
    probe_balance(world, PAID)
    assert find_comparisons(world) == []


def test_restart_of_target_without_wallet_compares_nothing() -> None:
    world = healthy_world()
    world.fails(SERVICE, Cause.HTTP_5XX)
    probe_balance(world, INITIAL)
    world.fails(SERVICE, Cause.HTTP_5XX)
    assert world.acts() == [(SERVICE, Action.RESTART)]
    world.complete_remedy(SERVICE)
    world.works(SERVICE)
    assert find_comparisons(world) == []


def test_restart_that_was_not_sent_compares_nothing() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET, RemedyCallResult.NOT_SENT)
    probe_balance(world, PAID)
    assert find_comparisons(world) == []


# --- not known


def test_unknown_balance_before_restart_compares_as_not_known() -> None:
    world = RuleWorld()
    world.works(SERVICE)
    world.works(WALLET)
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    probe_balance(world, INITIAL)
    (record,) = find_comparisons(world)
    assert (record.before, record.after) == (None, INITIAL)
    assert record.comparison is Comparison.NOT_KNOWN
    assert str(record.reason) == "the wallet's balance before is not known"


def test_failed_restart_compares_with_the_first_later_balance() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    world.wait(121.0)
    (first_record,) = find_comparisons(world)
    assert (first_record.before, first_record.after) == (INITIAL, None)
    assert (
        str(first_record.reason) == "the wallet's balance afterwards is not known yet"
    )
    probe_balance(world, PAID, times=1)
    last_record = find_comparisons(world)[-1]
    assert (last_record.before, last_record.after) == (INITIAL, PAID)


def test_second_restart_compares_with_balance_before_the_first() -> None:
    world = healthy_world()
    for _ in range(2):
        world.fails(WALLET, Cause.REFUSED)
        world.complete_remedy(WALLET)
        # One answer and a new failure: a balance of a run that did not recover.
        probe_balance(world, PAID, times=1)
        world.fails(WALLET, Cause.REFUSED)
        world.wait(13.0)
    assert world.acts() == [(WALLET, Action.RESTART)] * 2
    assert [(c.before, c.after) for c in find_comparisons(world)] == [
        (INITIAL, None)
    ] * 2
    probe_balance(world, PAID, times=1)
    assert find_comparisons(world)[-1].before == INITIAL


def test_released_remedy_compares_with_the_first_later_balance() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    world.send(ReleaseRequested(world.now, WALLET))
    assert find_comparisons(world)[-1].after is None
    probe_balance(world, PAID, times=1)
    assert find_comparisons(world)[-1].comparison is Comparison.DIFFERENT


# --- recorded over a death of Sidecar


@pytest.mark.parametrize("acted", [False, True])
def test_balance_before_survives_our_death_during_a_restart(
    acted: bool,
) -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    if acted:
        world.complete_remedy(WALLET)
    successor = start_successor(world)
    if not acted:
        # The engine did as the dead process had asked.
        successor.complete_remedy(WALLET)
        successor.relist()
    probe_balance(successor, PAID)
    (record,) = find_comparisons(successor)
    assert (record.before, record.after) == (INITIAL, PAID)


def test_balance_before_survives_our_death_after_a_failed_restart() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET, RemedyCallResult.FAILED)
    successor = start_successor(world, away_s=600.0)
    probe_balance(successor, PAID, times=1)
    assert find_comparisons(successor)[-1].before == INITIAL


def test_balance_before_survives_our_death_before_the_restart() -> None:
    world = healthy_world()
    world.fails(WALLET, Cause.REFUSED, times=1)
    successor = start_successor(world)
    successor.fails(WALLET, Cause.REFUSED)
    successor.complete_remedy(WALLET)
    probe_balance(successor, PAID)
    assert find_comparisons(successor)[-1].before == INITIAL


# --- messages


def restart_wallet(notifier: Notifier, after: Balance) -> list[Message]:
    world = notifier.world
    probe_balance(world, INITIAL)
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    probe_balance(world, after)
    return balance_messages(notifier.messages)


def test_balance_difference_sends_one_p2_message_and_calls_no_hook() -> None:
    (message,) = restart_wallet(Notifier(routes_p2=("phone",)), PAID)
    assert (message.channel, message.severity) == ("phone", Severity.P2)
    facts = message.facts
    assert facts["target"] == WALLET
    assert facts["confirmed_before"] == "1.5"
    assert facts["confirmed_after"] == "2.5"
    assert facts["unconfirmed_before"] == facts["unconfirmed_after"] == "0.25"
    assert facts["unmatured_after"] == "0"
    assert facts["incident"] != message.incident


def test_same_balance_sends_no_message() -> None:
    assert restart_wallet(Notifier(routes_p2=("phone",)), INITIAL) == []


def test_paused_target_records_difference_without_message() -> None:
    notifier = Notifier(routes_p2=("phone",))
    world = notifier.world
    probe_balance(world, INITIAL)
    world.fails(WALLET, Cause.REFUSED)
    world.send(PauseRequested(world.now, (WALLET,)))
    world.complete_remedy(WALLET)
    probe_balance(world, PAID)
    assert balance_messages(notifier.messages) == []
    assert find_comparisons(world)[-1].comparison is Comparison.DIFFERENT


# --- views and privacy


def play_restart_with_payment() -> tuple[RuleWorld, MemoryJournal]:
    world, journal = world_with_journal()
    healthy_world(world)
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    probe_balance(world, PAID)
    return world, journal


def test_incident_shows_both_balances_and_timeline_only_a_difference() -> None:
    world, journal = play_restart_with_payment()
    (incident,) = journal.incidents_by_id.values()
    review = build_incident_review(
        incident, journal.stored_entries, journal.intervals, world.now.wall
    )
    view = read_document(history.incident_review(review))
    (balance_view,) = view["balances"]
    assert balance_view["comparison"] == "different"
    assert balance_view["before"] == {
        "confirmed": "1.5",
        "unconfirmed": "0.25",
        "unmatured": "0",
    }
    assert balance_view["after"]["confirmed"] == "2.5"
    lines = [line for line in view["timeline"] if line["kind"] == "balance"]
    assert [line["text"] for line in lines] == [
        "the wallet's balance is not the same as before"
    ]
    document = write_postmortem(review)
    customers, appendix = document.split("## Appendix")
    assert "the wallet's balance is not the same as before" in customers
    assert "2.5" not in customers
    assert "| confirmed | 1.5 | 2.5 |" in appendix


def test_postmortem_mentions_balance_once_after_failed_restarts() -> None:
    world, journal = world_with_journal()
    probe_balance(world, INITIAL)
    for _ in range(2):
        world.fails(WALLET, Cause.REFUSED)
        world.wait(30.0)
        world.complete_remedy(WALLET)
        world.wait(121.0)
    (incident,) = journal.incidents_by_id.values()
    unknown = "the wallet's balance afterwards is not known yet"
    for sentence in (unknown, "the wallet's balance is the same as before"):
        review = build_incident_review(
            incident, journal.stored_entries, journal.intervals, world.now.wall
        )
        impact = write_postmortem(review).partition("## Timeline")[0]
        assert impact.count("the wallet's balance") == 1
        assert sentence in impact
        probe_balance(world, INITIAL)


def test_review_without_amounts_still_reports_the_difference() -> None:
    world, journal = play_restart_with_payment()
    (incident,) = journal.incidents_by_id.values()
    entries = without_amounts(journal.stored_entries)
    review = build_incident_review(incident, entries, journal.intervals, world.now.wall)
    view = read_document(history.incident_review(review))
    assert view["balances"][0]["before"] is None
    assert "2.5" not in json.dumps(view)
    assert "2.5" not in write_postmortem(review)
    assert "not the same as before" in write_postmortem(review)
    assert [e for e in entries if e.kind != "balance"] == [
        e for e in journal.stored_entries if e.kind != "balance"
    ]


def test_event_feed_has_no_amounts_and_journal_keeps_them() -> None:
    world = healthy_world()
    world.send(RestartRequested(world.now, WALLET))
    world.complete_remedy(WALLET)
    probe_balance(world, PAID)
    (record,) = find_comparisons(world)
    feed = EventFeed()
    feed.on_step(StepResult(Tick(world.now), (record,), (), (), world.state))
    assert "2.5" not in json.dumps(feed.recent(1))
    assert feed.recent(1)[0]["comparison"] == "different"
    assert entry_of(record).data["after"] == PAID.texts()
