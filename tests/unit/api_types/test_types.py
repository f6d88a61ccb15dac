"""Types of the answers: complete, and tolerant of other versions."""

import dataclasses
from collections.abc import Iterator
from typing import get_args, get_type_hints

import msgspec
import pytest
from msgspec import structs

from sidecar.api_types.forecast import TargetMemory
from sidecar.api_types.health import TargetHealth
from sidecar.api_types.records import RECORD_TYPES, Evidence, History, HistoryRecord
from sidecar.api_types.report import PeriodTotals
from sidecar.api_types.status import (
    StackStatus,
    TargetContainer,
    TargetList,
    TargetStatus,
)
from sidecar.api_types.statuspage import Component
from sidecar.api_types.traefik import TraefikService
from sidecar.core.model.cause import Cause
from sidecar.core.model.transition import BalanceCompared
from sidecar.core.reporting.journal_records import record_of_balance, record_of_decision
from sidecar.remedies import evidence
from tests.support.api_documents import read_document
from tests.support.api_services import ApiServiceFakes
from tests.support.incident_archive import record_healed_incident
from tests.support.memory_journal import MemoryJournal
from tests.support.rule_world import RuleWorld

MARKS = {"drill"}
"""Fields that a record has only in the history."""


def names_of(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in structs.fields(kind)}


def parts_of(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """The type, and those of its fields, however deep."""
    yield kind
    hints = list(get_type_hints(kind).values())
    while hints:
        hint = hints.pop()
        hints += get_args(hint)
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from parts_of(hint)


@pytest.mark.parametrize(
    "kind", [TargetStatus, TargetHealth, TargetMemory, TraefikService, Component]
)
def test_what_an_answer_has_of_each_target_is_unknown_to_the_garbage_collector(
    kind: type[msgspec.Struct],
) -> None:
    tracked = [part for part in parts_of(kind) if part.__struct_config__.gc]
    assert tracked == []


def test_unknown_field_of_a_newer_sidecar_is_ignored() -> None:
    document = {"name": "a", "state": "down", "cause": None, "reason": "", "new": [1]}
    assert msgspec.convert(document, TargetHealth).state == "down"


def test_value_of_a_newer_sidecar_is_accepted() -> None:
    document = {"name": "a", "state": "asleep", "cause": "dreams", "reason": ""}
    health = msgspec.convert(document, TargetHealth)
    assert (health.state, health.cause) == ("asleep", "dreams")


def test_missing_field_is_refused() -> None:
    with pytest.raises(ValueError, match="reason"):
        msgspec.convert({"name": "a", "state": "down", "cause": None}, TargetHealth)


def test_totals_of_an_earlier_sidecar_are_read() -> None:
    field_names = names_of(PeriodTotals) - {"data_from", "measured_seconds"}
    lists: dict[str, object] = {"causes": [], "remedies": []}
    totals = msgspec.convert({**dict.fromkeys(field_names, 1), **lists}, PeriodTotals)
    assert (totals.data_from, totals.measured_seconds) == (msgspec.UNSET, None)


def test_evidence_has_the_parts_of_a_bundle() -> None:
    parts = {field.name for field in dataclasses.fields(evidence.Evidence)}
    assert names_of(Evidence) == parts


def test_list_of_targets_has_fields_of_the_status() -> None:
    of_status = {f.name: f.type for f in structs.fields(TargetStatus)}
    for field in structs.fields(TargetContainer):
        assert of_status[field.name] == field.type
    assert names_of(TargetList) <= names_of(StackStatus)


def history_of(journal: MemoryJournal) -> list[dict[str, object]]:
    entries = journal.stored_entries
    return [{**entry.data, "incident": entry.incident} for entry in entries]


def test_every_record_of_the_journal_is_read_as_its_type() -> None:
    fakes = ApiServiceFakes()
    record_healed_incident(fakes)
    journal_records = history_of(fakes.journal)
    history = msgspec.convert({"complete": True, "entries": journal_records}, History)
    assert read_document(history)["entries"] == journal_records
    kinds = {type(record) for record in history.entries}
    assert len(kinds) >= 4


def test_every_type_of_record_has_its_name() -> None:
    assert set(RECORD_TYPES.values()) == set(get_args(HistoryRecord))
    assert set(RECORD_TYPES) == {
        "transition",
        "decision",
        "outcome",
        "balance",
        "incident",
        "drill",
    }


def test_record_has_the_fields_of_its_type() -> None:
    world = RuleWorld()
    world.works("electron-cash")
    at = world.now
    instance = world.instance("electron-cash")
    compared = BalanceCompared(at, instance.id, instance.name, None, None, None)
    assert set(record_of_balance(compared)) == {
        "type",
        *names_of(RECORD_TYPES["balance"]) - MARKS,
    }
    world.fails("electron-cash", Cause.REFUSED)
    decision = world.last("electron-cash")
    assert set(record_of_decision(decision)) == {
        "type",
        *names_of(RECORD_TYPES["decision"]) - MARKS,
    }
