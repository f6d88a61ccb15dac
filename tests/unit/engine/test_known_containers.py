"""Containers that need no inspect, by their entries in the list and by events."""

import json

import msgspec
import pytest

from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.ports.engine import Connected, Disconnected, EngineEvent
from sidecar.engine.api_types import ListedState
from sidecar.engine.containers import read_listed_state
from sidecar.engine.known_containers import (
    SEEN_WITHIN_S,
    Comparison,
    HeardEvents,
    KnownContainer,
    KnownContainers,
    compare_list,
    mark_entry,
)
from tests.support.fakes import a_container

LISTED_MONO = 1000.0
NETWORKS = {"Networks": {"demo_default": {"EndpointID": "e1"}}}


def state(
    container_id: str, status: str = "Up 2 hours", **parts: object
) -> ListedState:
    raw = {"Id": container_id, "Names": ["/demo-wallet-1"], "Status": status}
    entry = raw | {"NetworkSettings": NETWORKS} | parts
    read = read_listed_state(msgspec.Raw(json.dumps(entry).encode()))
    assert read is not None
    return read


def known_of(*states: ListedState, listed_mono: float = LISTED_MONO) -> KnownContainers:
    """Containers that were inspected one after the other, in this order."""
    return KnownContainers(
        {
            state.id: KnownContainer(
                a_container(state.id), listed_mono + number / 1000, mark_entry(state)
            )
            for number, state in enumerate(states)
        },
        listed_mono,
    )


def is_unchanged(
    before: ListedState, now: ListedState, listed_mono: float = LISTED_MONO + 30.0
) -> bool:
    """Beside an older container, which is the one that is inspected anyway."""
    older = state("older")
    known = known_of(older, before)
    return now.id in compare_list((older, now), known, listed_mono).unchanged


@pytest.mark.parametrize(
    "status",
    [
        "Up About a minute",
        "Up 59 minutes",
        "Up About an hour",
        "Up 47 hours",
        "Up 13 days",
        "Up 2 weeks",
        "Up 23 months",
        "Up 2 years",
        "Up 2 hours (healthy)",
    ],
)
def test_container_that_runs_on_is_unchanged(status: str) -> None:
    assert is_unchanged(state("a", status), state("a", status))


@pytest.mark.parametrize(
    "status",
    [
        "Up Less than a second",
        "Up 1 second",
        "Up 59 seconds",
        "Up 2 hours (unhealthy)",
        "Up 2 hours (health: starting)",
        "Up 2 hours (Paused)",
        "Exited (0) 2 hours ago",
        "Restarting (1) 2 minutes ago",
        "Created",
        "Dead",
        "Removal In Progress",
        "seit 2 Stunden",
        "Up 2 hours, as far as is known",
        "",
    ],
)
def test_container_that_may_have_changed_is_inspected(status: str) -> None:
    assert not is_unchanged(state("a", status), state("a", status))


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        pytest.param({"Names": ["/renamed"]}, "Up 2 hours", id="name"),
        pytest.param(
            {"NetworkSettings": {"Networks": {"other": {"EndpointID": "e1"}}}},
            "Up 2 hours",
            id="network",
        ),
        pytest.param(
            {"NetworkSettings": {"Networks": {"demo_default": {"EndpointID": "e2"}}}},
            "Up 2 hours",
            id="endpoint",
        ),
        pytest.param({}, "Up 2 hours (healthy)", id="health"),
    ],
)
def test_entry_that_says_something_else_leads_to_an_inspect(
    parts: dict[str, object], status: str
) -> None:
    assert not is_unchanged(state("a"), state("a", status, **parts))


def test_longer_run_is_no_change() -> None:
    assert is_unchanged(state("a", "Up 59 minutes"), state("a", "Up About an hour"))


def test_new_container_is_inspected() -> None:
    assert not is_unchanged(state("a"), state("b"))


def test_container_not_seen_for_a_minute_is_inspected() -> None:
    late = LISTED_MONO + SEEN_WITHIN_S + 0.1
    assert is_unchanged(state("a"), state("a"), late - 0.2)
    assert not is_unchanged(state("a"), state("a"), late)


def test_inspect_counts_as_a_look_although_its_list_is_older() -> None:
    states = (state("a"), state("b"))
    known = known_of(*states, listed_mono=LISTED_MONO)
    by_id = {
        i: before._replace(inspected_mono=LISTED_MONO + 60.0)
        for i, before in known.by_id.items()
    }
    now = LISTED_MONO + 90.0
    assert compare_list(states, known, now) == Comparison()
    assert compare_list(states, known._replace(by_id=by_id), now).unchanged == {"b"}


@pytest.mark.parametrize(
    ("count", "most"),
    [(1, 1), (2, 1), (40, 1), (90, 3), (2000, 50), (2001, 50), (10_000, 50)],
)
def test_one_in_forty_is_inspected_whatever_the_list_says_and_at_most_50(
    count: int, most: int
) -> None:
    states = [state(f"c{number:04d}") for number in range(count)]
    compared = compare_list(states, known_of(*states), LISTED_MONO + 30.0)
    ids = [state.id for state in states]
    assert compared == Comparison(frozenset(ids[most:]), frozenset(ids[:most]))


@pytest.mark.parametrize(
    "raw", [b"7", b"{}", b'{"Id": ""}', b'{"Id": "a", "Status": 3}']
)
def test_entry_that_is_not_understood_says_nothing(raw: bytes) -> None:
    assert read_listed_state(msgspec.Raw(raw)) is None


def event_about(container_id: str) -> EngineEvent:
    return EngineEvent(EngineEventKind.OTHER, container_id, 1.0)


class TestHeardEvents:
    """Times: the containers were inspected at 1000.000 and 1000.001."""

    known = known_of(state("a"), state("b"))

    def test_all_are_doubted_before_events_are_heard(self) -> None:
        assert HeardEvents().find_doubted(self.known) is None

    def test_connection_before_the_inspects_leaves_no_doubt(self) -> None:
        heard = HeardEvents()
        heard.note(Connected(), LISTED_MONO - 1.0)
        assert heard.find_doubted(self.known) == frozenset()

    def test_connection_after_the_inspects_doubts_them(self) -> None:
        heard = HeardEvents()
        heard.note(Connected(), LISTED_MONO + 1.0)
        assert heard.find_doubted(self.known) == frozenset({"a", "b"})

    def test_container_that_an_event_named_since_its_inspect_is_doubted(self) -> None:
        heard = HeardEvents()
        heard.note(Connected(), LISTED_MONO - 1.0)
        heard.note(event_about("a"), LISTED_MONO - 0.5)
        heard.note(event_about("b"), LISTED_MONO + 0.5)
        assert heard.find_doubted(self.known) == frozenset({"b"})
        assert heard.find_doubted(self.known) == frozenset({"b"})

    def test_lost_connection_doubts_all(self) -> None:
        heard = HeardEvents()
        heard.note(Connected(), LISTED_MONO - 1.0)
        heard.note(Disconnected("gone"), LISTED_MONO + 1.0)
        assert heard.find_doubted(self.known) is None

    def test_event_during_the_first_list_is_not_forgotten_before_the_next(self) -> None:
        heard = HeardEvents()
        heard.note(Connected(), LISTED_MONO - 1.0)
        assert heard.find_doubted(KnownContainers()) == frozenset()
        heard.note(event_about("b"), LISTED_MONO + 0.5)
        assert heard.find_doubted(self.known) == frozenset({"b"})
