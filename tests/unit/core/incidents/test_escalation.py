"""Times at which an open incident is announced, raised, escalated and re-opened."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.incidents.escalation import (
    IncidentUrgency,
    acknowledge,
    channels_at_level,
    next_escalation,
)
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import EscalationSettings, Routes

DEFAULTS = EscalationSettings()
OPENED_WALL = 1_700_000_000.0
WORKS = IncidentUrgency(None, hopeless=False)
DOWN = IncidentUrgency(OPENED_WALL, hopeless=False)
GIVEN_UP = IncidentUrgency(OPENED_WALL, hopeless=True)
ROUTES = Routes(
    ("ops", "phone", "boss"),
    {
        Severity.P0: ("phone",),
        Severity.P1: ("ops",),
        Severity.P2: ("ops",),
    },
)
MINUTE = 60.0
HOUR = 3600.0

SentMessages = list[tuple[float, MessageKind]]


def at(seconds: float) -> Moment:
    return Moment(seconds, OPENED_WALL + seconds)


def make_incident(severity: Severity = Severity.P1) -> Incident:
    return Incident("01J", "electron-cash", Cause.HUNG, severity, at(0.0))


def run_escalation(
    incident: Incident,
    until_s: float,
    root: IncidentUrgency = WORKS,
    settings: EscalationSettings = DEFAULTS,
    from_s: float = 0.0,
    step_s: float = 30.0,
) -> tuple[Incident, SentMessages]:
    """Advance virtual time in steps; return the messages with their times."""
    messages: SentMessages = []
    now_s = from_s
    while now_s <= until_s:
        incident, kind = next_escalation(incident, root, settings, at(now_s))
        if kind is not None:
            messages.append((now_s, kind))
        now_s += step_s
    return incident, messages


@pytest.mark.parametrize(
    ("severity", "root", "until_s", "expected"),
    [
        (
            Severity.P0,
            DOWN,
            70 * MINUTE,
            [
                (0.0, MessageKind.OPENED),
                (5 * MINUTE, MessageKind.ESCALATED),
                (65 * MINUTE, MessageKind.REMINDER),
            ],
        ),
        (
            Severity.P1,
            WORKS,
            95 * MINUTE,
            [
                (0.0, MessageKind.OPENED),
                (15 * MINUTE, MessageKind.ESCALATED),
                (30 * MINUTE, MessageKind.ESCALATED),
                (90 * MINUTE, MessageKind.REMINDER),
            ],
        ),
        (
            Severity.P1,
            DOWN,
            21 * MINUTE,
            [
                (0.0, MessageKind.OPENED),
                (15 * MINUTE, MessageKind.RAISED),
                (20 * MINUTE, MessageKind.ESCALATED),
            ],
        ),
        (
            Severity.P2,
            DOWN,
            2 * HOUR,
            [
                (0.0, MessageKind.OPENED),
                (1 * HOUR, MessageKind.REMINDER),
                (2 * HOUR, MessageKind.ESCALATED),
            ],
        ),
        (
            Severity.P2,
            GIVEN_UP,
            4 * MINUTE,
            [(0.0, MessageKind.OPENED), (30.0, MessageKind.RAISED)],
        ),
        (
            Severity.P3,
            WORKS,
            1 * HOUR,
            [(0.0, MessageKind.OPENED), (1 * HOUR, MessageKind.REMINDER)],
        ),
    ],
)
def test_next_escalation_sends_the_expected_messages_over_time(
    severity: Severity, root: IncidentUrgency, until_s: float, expected: SentMessages
) -> None:
    assert run_escalation(make_incident(severity), until_s, root)[1] == expected


def test_a_rise_to_p0_begins_the_escalation_anew() -> None:
    incident, messages = run_escalation(make_incident(), 15 * MINUTE)
    assert [kind for _, kind in messages] == [MessageKind.OPENED, MessageKind.ESCALATED]
    _, messages = run_escalation(incident, 25 * MINUTE, GIVEN_UP, from_s=20 * MINUTE)
    assert messages == [
        (20 * MINUTE, MessageKind.RAISED),
        (25 * MINUTE, MessageKind.ESCALATED),
    ]


def test_an_acknowledgement_silences_until_it_expires() -> None:
    incident, _ = run_escalation(make_incident(), 60.0)
    incident = acknowledge(incident, at(90.0), "api")
    incident, messages = run_escalation(
        incident, 90.0 + 4 * HOUR + 15 * MINUTE, from_s=90.0
    )
    assert messages == [
        (90.0 + 4 * HOUR, MessageKind.REOPENED),
        (90.0 + 4 * HOUR + 15 * MINUTE, MessageKind.ESCALATED),
    ]
    assert (incident.acked_at, incident.acked_by) == (None, "")


def test_an_expired_acknowledgement_begins_the_escalation_anew() -> None:
    incident, _ = run_escalation(make_incident(), 30 * MINUTE)
    assert incident.level == 2
    incident = acknowledge(incident, at(31 * MINUTE), "api")
    again_s = 31 * MINUTE + 4 * HOUR
    _, messages = run_escalation(incident, again_s + 15 * MINUTE, from_s=again_s)
    assert messages == [
        (again_s, MessageKind.REOPENED),
        (again_s + 15 * MINUTE, MessageKind.ESCALATED),
    ]


def test_an_ack_does_not_silence_a_rise_to_p0() -> None:
    incident, _ = run_escalation(make_incident(), 0.0, DOWN)
    incident = acknowledge(incident, at(10.0), "api")
    incident, messages = run_escalation(incident, 1 * HOUR, DOWN, from_s=30.0)
    assert messages == [(15 * MINUTE, MessageKind.RAISED)]
    assert (incident.severity, incident.acked_by) == (Severity.P0, "api")


def test_a_resolved_incident_cannot_be_acknowledged() -> None:
    resolved_incident = replace(make_incident(), resolved_at=at(5.0))
    assert acknowledge(resolved_incident, at(6.0), "api") == resolved_incident


def test_only_one_message_follows_a_downtime() -> None:
    incident, _ = run_escalation(make_incident(Severity.P2), 0.0)
    _, messages = run_escalation(incident, 3 * 24 * HOUR + 60, from_s=3 * 24 * HOUR)
    assert [kind for _, kind in messages] == [MessageKind.ESCALATED]


@pytest.mark.parametrize(
    ("severity", "level", "told", "expected"),
    [
        (Severity.P1, 1, ("ops",), ("phone",)),
        (Severity.P1, 2, ("ops", "phone"), ("boss",)),
        (Severity.P2, 1, ("ops",), ("phone",)),
        (Severity.P0, 1, ("phone",), ("ops", "boss")),
        (Severity.P0, 1, ("phone", "ops", "boss"), ("phone", "ops", "boss")),
        (Severity.P0, 1, ("phone", "ops", "boss", "hook:0"), ("phone", "ops", "boss")),
    ],
)
def test_channels_at_level_are_those_of_the_next_level(
    severity: Severity, level: int, told: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    incident = replace(make_incident(severity), level=level, told=told)
    assert channels_at_level(incident, ROUTES) == expected


@given(
    severity=st.sampled_from(list(Severity)),
    steps=st.lists(
        st.tuples(
            st.floats(0.1, 7200.0),
            st.sampled_from([WORKS, DOWN, GIVEN_UP]),
            st.booleans(),
        ),
        max_size=60,
    ),
)
def test_escalation_invariants_hold_for_any_steps(
    severity: Severity, steps: list[tuple[float, IncidentUrgency, bool]]
) -> None:
    """One opening first; severity never falls; quiet while acknowledged; no flood."""
    incident, now_s = make_incident(severity), 0.0
    kinds: list[MessageKind] = []
    for wait_s, root, acks in steps:
        now_s += wait_s
        if acks:
            incident = acknowledge(incident, at(now_s), "api")
        before = incident
        incident, kind = next_escalation(incident, root, DEFAULTS, at(now_s))
        assert incident.severity <= before.severity
        assert incident.level <= 4
        if acks:
            assert kind in {None, MessageKind.OPENED, MessageKind.RAISED}
        if kind is not None:
            kinds.append(kind)
            assert incident.told_wall == at(now_s).wall
        elif before.acked_at is None:
            assert before.told_wall is not None
            assert at(now_s).wall - before.told_wall < DEFAULTS.repeat_s
    assert kinds[:1] == [MessageKind.OPENED] * bool(steps)
    assert kinds.count(MessageKind.OPENED) == bool(steps)
    assert kinds.count(MessageKind.RAISED) <= 1
    assert kinds.count(MessageKind.REMINDER) <= now_s / DEFAULTS.repeat_s
