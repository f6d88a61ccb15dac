"""The balance before and after a restart: noted, compared, told, kept private."""

import json
from decimal import Decimal
from typing import Any

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
from tests.support.memory_journal import MemoryJournal, entry_of, remembered
from tests.support.rule_world import RuleWorld
from tests.unit.core.incidents.test_recipients import Told
from tests.unit.core.recovery.test_takeover import killed_and_succeeded

WALLET, SERVICE = "electron-cash", "bitcoincash-service"
HELD = Balance(Decimal("1.5"), Decimal("0.25"))
PAID = HELD._replace(confirmed=Decimal("2.5"))


def holds(balance: Balance | None) -> ProbeResult:
    return probe_success(wallet=WalletFacts(loaded=True, balance=balance))


def sees(world: RuleWorld, balance: Balance | None, times: int = 2) -> None:
    for _ in range(times):
        world.probe(WALLET, holds(balance))
        world.now_s += 1.0


def compared(world: RuleWorld) -> list[BalanceCompared]:
    return [t for t in world.transitions if isinstance(t, BalanceCompared)]


def calm(world: RuleWorld | None = None) -> RuleWorld:
    world = world or RuleWorld()
    world.works(SERVICE)
    sees(world, HELD)
    return world


def told(messages: list[Message]) -> list[Message]:
    return [m for m in messages if m.kind is MessageKind.BALANCE]


# --- noted


def test_a_restart_notes_what_was_there_before_and_first_seen_after_it() -> None:
    world = calm()
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET)
    sees(world, PAID)
    (noted,) = compared(world)
    assert (noted.before, noted.after) == (HELD, PAID)
    assert noted.comparison is Comparison.DIFFERENT
    assert noted.incident is not None
    sees(world, HELD)
    assert len(compared(world)) == 1


def test_an_operators_restart_is_compared_too() -> None:
    world = calm()
    world.send(RestartRequested(world.now, WALLET))
    world.acted(WALLET)
    sees(world, HELD)
    (noted,) = compared(world)
    assert noted.comparison is Comparison.SAME
    assert noted.incident is None


def test_a_planned_restart_is_compared_too() -> None:
    world = calm()
    world.send(PlannedRestartDue(world.now, WALLET))
    world.acted(WALLET)
    sees(world, PAID)
    (noted,) = compared(world)
    assert (noted.before, noted.after) == (HELD, PAID)


def test_loading_the_wallet_is_compared_too() -> None:
    world = calm()
    world.fails(WALLET, Cause.WALLET_NOT_LOADED, times=1)
    world.acted(WALLET, restart=False)
    sees(world, PAID)
    (noted,) = compared(world)
    assert (noted.before, noted.after) == (HELD, PAID)


def test_a_wallet_loaded_for_the_first_time_has_nothing_to_be_compared_with() -> None:
    world = RuleWorld()
    world.fails(WALLET, Cause.WALLET_NOT_LOADED, times=1)
    world.acted(WALLET, restart=False)
    sees(world, HELD)
    assert compared(world) == []


def test_zeros_at_the_end_are_no_difference() -> None:
    world = calm()
    world.send(RestartRequested(world.now, WALLET))
    world.acted(WALLET)
    sees(world, HELD._replace(confirmed=Decimal("1.50")))
    assert compared(world)[0].comparison is Comparison.SAME


def test_a_payment_outside_a_restart_is_nobodys_business() -> None:
    world = calm()
    sees(world, PAID)
    assert compared(world) == []


def test_what_never_had_a_wallet_has_no_balance() -> None:
    world = calm()
    world.fails(SERVICE, Cause.HTTP_5XX)
    sees(world, HELD)
    world.fails(SERVICE, Cause.HTTP_5XX)
    assert world.acts() == [(SERVICE, Action.RESTART)]
    world.acted(SERVICE)
    world.works(SERVICE)
    assert compared(world) == []


def test_what_was_not_sent_is_compared_with_nothing() -> None:
    world = calm()
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET, RemedyCallResult.NOT_SENT)
    sees(world, PAID)
    assert compared(world) == []


# --- not known


def test_without_a_balance_before_it_is_said_to_be_unknown() -> None:
    world = RuleWorld()
    world.works(SERVICE)
    world.works(WALLET)
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET)
    sees(world, HELD)
    (noted,) = compared(world)
    assert (noted.before, noted.after) == (None, HELD)
    assert noted.comparison is Comparison.NOT_KNOWN
    assert str(noted.reason) == "the wallet's balance before is not known"


def test_a_restart_that_did_not_help_leaves_it_to_the_first_balance_after_it() -> None:
    world = calm()
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET)
    world.wait(121.0)
    (vain,) = compared(world)
    assert (vain.before, vain.after) == (HELD, None)
    assert str(vain.reason) == "the wallet's balance afterwards is not known yet"
    sees(world, PAID, times=1)
    late = compared(world)[-1]
    assert (late.before, late.after) == (HELD, PAID)


def test_a_second_restart_compares_with_what_was_there_before_the_first() -> None:
    world = calm()
    for _ in range(2):
        world.fails(WALLET, Cause.REFUSED)
        world.acted(WALLET)
        # Seen once, and lost again: a balance of a run that did not recover.
        sees(world, PAID, times=1)
        world.fails(WALLET, Cause.REFUSED)
        world.wait(13.0)
    assert world.acts() == [(WALLET, Action.RESTART)] * 2
    assert [(c.before, c.after) for c in compared(world)] == [(HELD, None)] * 2
    sees(world, PAID, times=1)
    assert compared(world)[-1].before == HELD


def test_a_released_remedy_leaves_it_open_as_well() -> None:
    world = calm()
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET)
    world.send(ReleaseRequested(world.now, WALLET))
    assert compared(world)[-1].after is None
    sees(world, PAID, times=1)
    assert compared(world)[-1].comparison is Comparison.DIFFERENT


# --- across our own death


@pytest.mark.parametrize("acted", [False, True])
def test_what_was_there_before_survives_us_in_the_middle_of_a_restart(
    acted: bool,
) -> None:
    world = calm()
    world.fails(WALLET, Cause.REFUSED)
    if acted:
        world.acted(WALLET)
    successor = killed_and_succeeded(world)
    if not acted:
        # The engine did as the dead process had asked.
        successor.acted(WALLET)
        successor.relist()
    sees(successor, PAID)
    (noted,) = compared(successor)
    assert (noted.before, noted.after) == (HELD, PAID)


def test_it_survives_us_while_it_is_awaited_after_a_vain_restart() -> None:
    world = calm()
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET, RemedyCallResult.FAILED)
    successor = killed_and_succeeded(world, away_s=600.0)
    sees(successor, PAID, times=1)
    assert compared(successor)[-1].before == HELD


def test_it_survives_us_before_anything_was_done() -> None:
    world = calm()
    world.fails(WALLET, Cause.REFUSED, times=1)
    successor = killed_and_succeeded(world)
    successor.fails(WALLET, Cause.REFUSED)
    successor.acted(WALLET)
    sees(successor, PAID)
    assert compared(successor)[-1].before == HELD


# --- told


def restarted(told_world: Told, after: Balance) -> list[Message]:
    world = told_world.world
    sees(world, HELD)
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET)
    sees(world, after)
    return told(told_world.messages)


def test_a_difference_is_a_p2_notice_by_its_own_route_and_to_no_hook() -> None:
    (message,) = restarted(Told(routes_p2=("phone",)), PAID)
    assert (message.channel, message.severity) == ("phone", Severity.P2)
    facts = message.facts
    assert facts["target"] == WALLET
    assert facts["confirmed_before"] == "1.5"
    assert facts["confirmed_after"] == "2.5"
    assert facts["unconfirmed_before"] == facts["unconfirmed_after"] == "0.25"
    assert facts["unmatured_after"] == "0"
    assert facts["incident"] != message.incident


def test_no_difference_is_no_news() -> None:
    assert restarted(Told(routes_p2=("phone",)), HELD) == []


def test_of_a_paused_target_nothing_is_told_but_it_is_noted() -> None:
    people = Told(routes_p2=("phone",))
    world = people.world
    sees(world, HELD)
    world.fails(WALLET, Cause.REFUSED)
    world.send(PauseRequested(world.now, (WALLET,)))
    world.acted(WALLET)
    sees(world, PAID)
    assert told(people.messages) == []
    assert compared(world)[-1].comparison is Comparison.DIFFERENT


# --- shown, and kept private


def story() -> tuple[RuleWorld, MemoryJournal]:
    world, journal = remembered()
    calm(world)
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET)
    sees(world, PAID)
    return world, journal


def test_the_incident_shows_both_and_says_in_its_course_only_that_they_differ() -> None:
    world, journal = story()
    (incident,) = journal.known.values()
    found = build_incident_review(
        incident, journal.kept, journal.stretches, world.now.wall
    )
    view: Any = history.incident_review(found)
    (shown,) = view["balances"]
    assert shown["comparison"] == "different"
    assert shown["before"] == {
        "confirmed": "1.5",
        "unconfirmed": "0.25",
        "unmatured": "0",
    }
    assert shown["after"]["confirmed"] == "2.5"
    lines = [line for line in view["timeline"] if line["kind"] == "balance"]
    assert [line["text"] for line in lines] == [
        "the wallet's balance is not the same as before"
    ]
    document = write_postmortem(found)
    customers, appendix = document.split("## Appendix")
    assert "the wallet's balance is not the same as before" in customers
    assert "2.5" not in customers
    assert "| confirmed | 1.5 | 2.5 |" in appendix


def test_customers_read_of_a_balance_once_though_restarts_were_in_vain() -> None:
    world, journal = remembered()
    sees(world, HELD)
    for _ in range(2):
        world.fails(WALLET, Cause.REFUSED)
        world.wait(30.0)
        world.acted(WALLET)
        world.wait(121.0)
    (incident,) = journal.known.values()
    unknown = "the wallet's balance afterwards is not known yet"
    for told in (unknown, "the wallet's balance is the same as before"):
        found = build_incident_review(
            incident, journal.kept, journal.stretches, world.now.wall
        )
        impact = write_postmortem(found).partition("## Timeline")[0]
        assert impact.count("the wallet's balance") == 1
        assert told in impact
        sees(world, HELD)


def test_without_amounts_it_still_says_that_they_differ() -> None:
    world, journal = story()
    (incident,) = journal.known.values()
    kept = without_amounts(journal.kept)
    found = build_incident_review(incident, kept, journal.stretches, world.now.wall)
    view: Any = history.incident_review(found)
    assert view["balances"][0]["before"] is None
    assert "2.5" not in json.dumps(view)
    assert "2.5" not in write_postmortem(found)
    assert "not the same as before" in write_postmortem(found)
    assert [e for e in kept if e.kind != "balance"] == [
        e for e in journal.kept if e.kind != "balance"
    ]


def test_listeners_hear_no_amounts_and_the_journal_keeps_them() -> None:
    world = calm()
    world.send(RestartRequested(world.now, WALLET))
    world.acted(WALLET)
    sees(world, PAID)
    (noted,) = compared(world)
    feed = EventFeed()
    feed.on_step(StepResult(Tick(world.now), (noted,), (), (), world.state))
    assert "2.5" not in json.dumps(feed.recent(1))
    assert feed.recent(1)[0]["comparison"] == "different"
    assert entry_of(noted).data["after"] == PAID.texts()
