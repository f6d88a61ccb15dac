"""The state and the journal of a visitor: nothing private is in them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.event import PauseRequested
from sidecar.core.model.journal_entry import EntryKind, JournalEntry
from sidecar.core.policy.decide import decision_in_force
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.public_reason import public_reason
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.reason.reason_text import encode_reason
from sidecar.web.views.public_state import public_entries, public_incident, public_state
from tests.support.planted_state import AMOUNT, planted_state, texts_in
from tests.support.rule_world import EPOCH, RuleWorld

MARK = "planted-"


def world_in_an_outage() -> RuleWorld:
    world = RuleWorld()
    world.works("electron-cash", "bitcoincash-service")
    world.fails("electron-cash", Cause.REFUSED)
    world.fails("bitcoincash-service", Cause.HTTP_5XX)
    return world


OUTAGE = world_in_an_outage()


@given(st.text(min_size=1).map(lambda text: MARK + text))
def test_planted_text_and_amounts_are_nowhere_in_a_public_state(secret: str) -> None:
    planted = planted_state(OUTAGE, secret)
    assert any(secret in text for text in texts_in(planted))
    public = public_state(planted, OUTAGE.now)
    texts = list(texts_in(public))
    assert [text for text in texts if secret in text or MARK in text] == []
    assert str(AMOUNT) not in texts
    assert secret not in repr(public)


def test_public_state_keeps_what_a_visitor_is_shown() -> None:
    now = OUTAGE.now
    public = public_state(OUTAGE.state, now)
    assert public.targets.keys() == OUTAGE.state.targets.keys()
    for instance_id, instance in OUTAGE.state.instances.items():
        visible = public.instances[instance_id]
        assert (visible.name, visible.state, visible.cause, visible.since) == (
            instance.name,
            instance.state,
            instance.cause,
            instance.since,
        )
        assert visible.incident == instance.incident
        in_force = decision_in_force(OUTAGE.state, instance_id, now)
        assert in_force is not None
        assert visible.last_decision is not None
        assert (visible.last_decision.action, visible.last_decision.guard) == (
            in_force.action,
            in_force.guard,
        )
    (incident,) = OUTAGE.state.incidents.values()
    (shown_incident,) = public.incidents.values()
    assert (shown_incident.id, shown_incident.cause) == (incident.id, incident.cause)


def test_public_state_says_that_an_engine_is_only_observed() -> None:
    engine = replace(OUTAGE.state.engine, other="Podman of host-7")
    public = public_state(replace(OUTAGE.state, engine=engine), OUTAGE.now)
    assert public.mode_in_force == "observe"


def test_pause_is_public() -> None:
    world = world_in_an_outage()
    world.send(PauseRequested(world.now, ("electron-cash",)))
    assert public_state(world.state, world.now).paused == world.state.paused


def test_public_incident_names_no_channel() -> None:
    (incident,) = OUTAGE.state.incidents.values()
    acked = replace(incident, acked_by="link sent to ops", told=("ops",))
    public = public_incident(acked)
    assert (public.acked_by, public.told) == ("", ())
    assert public.severity in set(Severity)


def entry(kind: EntryKind, **data: object) -> JournalEntry:
    return JournalEntry(EPOCH, kind, "electron-cash", None, data)


def test_public_entries_have_no_balances() -> None:
    balance = entry(EntryKind.BALANCE, before={"confirmed": "1.5"}, after=None)
    assert public_entries([balance]) == ()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (R.STATUS_SAYS, "HTTP 500: planted"),
        (R.NO_ANSWER, "no answer from planted:7777 for 4.0 s"),
        (R.ACT_NOW, "failure 3: HTTP 500: planted: restart now"),
        (R.TEXT, "planted"),
        ("code_of_another_version", "planted"),
        (None, "planted"),
    ],
)
def test_sentence_that_may_quote_others_is_not_in_a_public_entry(
    code: object, sentence: str
) -> None:
    (public,) = public_entries(
        [entry(EntryKind.STATE, reason=sentence, reason_code=code, planted="planted")]
    )
    assert "planted" not in repr(public)
    assert public.data["reason_code"] == R.NOT_SHOWN


def test_reason_of_a_public_entry_is_public_with_its_parameters() -> None:
    failed = Reason.of(R.CONNECTION_REFUSED, place="planted:7777")
    reason = Reason.of(R.FAILURES_OF, count=2, needed=3, reason=failed)
    data = {"reason": str(reason), "reason_code": reason.code}
    recorded = replace(
        entry(EntryKind.STATE, **data), reason_data=encode_reason(reason)
    )
    (public,) = public_entries([recorded])
    assert public.reason == public_reason(reason)
    assert public.data["reason"] == "failure 2 of 3: connection refused by the target"
    assert "planted" not in repr(public)


def test_sentence_without_words_of_others_stays_in_a_public_entry() -> None:
    data = {"reason": "it works", "reason_code": R.WORKS, "to": "healthy"}
    (public,) = public_entries([entry(EntryKind.STATE, **data)])
    assert public.data == data


def test_text_of_another_program_is_not_public() -> None:
    world = RuleWorld()
    world.fails("electron-cash", Cause.REFUSED, times=1)
    instance = next(iter(public_state(world.state, world.now).instances.values()))
    assert str(text_reason("refused")) not in str(instance.reason)
