"""When an open incident is told, raised, escalated, reminded and re-opened."""

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

Story = list[tuple[float, MessageKind]]


def at(seconds: float) -> Moment:
    return Moment(seconds, OPENED_WALL + seconds)


def incident(severity: Severity = Severity.P1) -> Incident:
    return Incident("01J", "electron-cash", Cause.HUNG, severity, at(0.0))


def lived(
    known: Incident,
    until_s: float,
    root: IncidentUrgency = WORKS,
    settings: EscalationSettings = DEFAULTS,
    from_s: float = 0.0,
    step_s: float = 30.0,
) -> tuple[Incident, Story]:
    """Virtual time in steps; what was told, and when."""
    story: Story = []
    now_s = from_s
    while now_s <= until_s:
        known, kind = next_escalation(known, root, settings, at(now_s))
        if kind is not None:
            story.append((now_s, kind))
        now_s += step_s
    return known, story


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
def test_what_time_brings(
    severity: Severity, root: IncidentUrgency, until_s: float, expected: Story
) -> None:
    assert lived(incident(severity), until_s, root)[1] == expected


def test_a_rise_to_p0_begins_the_escalation_anew() -> None:
    known, story = lived(incident(), 15 * MINUTE)
    assert [kind for _, kind in story] == [MessageKind.OPENED, MessageKind.ESCALATED]
    _, story = lived(known, 25 * MINUTE, GIVEN_UP, from_s=20 * MINUTE)
    assert story == [
        (20 * MINUTE, MessageKind.RAISED),
        (25 * MINUTE, MessageKind.ESCALATED),
    ]


def test_an_ack_silences_until_it_is_forgotten() -> None:
    known, _ = lived(incident(), 60.0)
    known = acknowledge(known, at(90.0), "api")
    known, story = lived(known, 90.0 + 4 * HOUR + 15 * MINUTE, from_s=90.0)
    assert story == [
        (90.0 + 4 * HOUR, MessageKind.REOPENED),
        (90.0 + 4 * HOUR + 15 * MINUTE, MessageKind.ESCALATED),
    ]
    assert (known.acked_at, known.acked_by) == (None, "")


def test_a_forgotten_ack_begins_the_escalation_anew() -> None:
    known, _ = lived(incident(), 30 * MINUTE)
    assert known.level == 2
    known = acknowledge(known, at(31 * MINUTE), "api")
    again_s = 31 * MINUTE + 4 * HOUR
    _, story = lived(known, again_s + 15 * MINUTE, from_s=again_s)
    assert story == [
        (again_s, MessageKind.REOPENED),
        (again_s + 15 * MINUTE, MessageKind.ESCALATED),
    ]


def test_an_ack_does_not_silence_a_rise_to_p0() -> None:
    known, _ = lived(incident(), 0.0, DOWN)
    known = acknowledge(known, at(10.0), "api")
    known, story = lived(known, 1 * HOUR, DOWN, from_s=30.0)
    assert story == [(15 * MINUTE, MessageKind.RAISED)]
    assert (known.severity, known.acked_by) == (Severity.P0, "api")


def test_a_resolved_incident_cannot_be_acknowledged() -> None:
    over = replace(incident(), resolved_at=at(5.0))
    assert acknowledge(over, at(6.0), "api") == over


def test_nothing_is_caught_up_after_a_downtime() -> None:
    known, _ = lived(incident(Severity.P2), 0.0)
    _, story = lived(known, 3 * 24 * HOUR + 60, from_s=3 * 24 * HOUR)
    assert [kind for _, kind in story] == [MessageKind.ESCALATED]


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
def test_who_hears_of_an_escalation(
    severity: Severity, level: int, told: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    known = replace(incident(severity), level=level, told=told)
    assert channels_at_level(known, ROUTES) == expected


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
def test_whatever_happens(
    severity: Severity, steps: list[tuple[float, IncidentUrgency, bool]]
) -> None:
    """Told first, and once; never less urgent; quiet while acknowledged; no flood."""
    known, now_s = incident(severity), 0.0
    kinds: list[MessageKind] = []
    for wait_s, root, acks in steps:
        now_s += wait_s
        if acks:
            known = acknowledge(known, at(now_s), "api")
        before = known
        known, kind = next_escalation(known, root, DEFAULTS, at(now_s))
        assert known.severity <= before.severity
        assert known.level <= 4
        if acks:
            assert kind in {None, MessageKind.OPENED, MessageKind.RAISED}
        if kind is not None:
            kinds.append(kind)
            assert known.told_wall == at(now_s).wall
        elif before.acked_at is None:
            assert before.told_wall is not None
            assert at(now_s).wall - before.told_wall < DEFAULTS.repeat_s
    assert kinds[:1] == [MessageKind.OPENED] * bool(steps)
    assert kinds.count(MessageKind.OPENED) == bool(steps)
    assert kinds.count(MessageKind.RAISED) <= 1
    assert kinds.count(MessageKind.REMINDER) <= now_s / DEFAULTS.repeat_s
