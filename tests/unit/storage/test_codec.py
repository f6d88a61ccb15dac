"""Stored data is read back unchanged."""

from dataclasses import fields, replace
from decimal import Decimal
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import RunId
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase, Settling
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import Balance, WalletFacts, probe_success
from sidecar.core.model.state import PlannedRestart
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import text_reason
from sidecar.storage.codec import (
    EVIDENCE_BYTES,
    DecodeFailed,
    decode,
    decode_paused,
    encode,
    encode_evidence,
    encode_paused,
    persistent_part,
    replace_surrogates,
)
from sidecar.storage.write.change_tracker import stored_fields
from tests.support.rule_steps import STEPS, TARGETS, play
from tests.support.rule_world import RuleWorld, container

INSTANCE_ID = InstanceId("electron-cash", 2)
AT = Moment(12.5, 1_700_000_012.5)
DECISION = Decision(
    AT,
    INSTANCE_ID,
    "electron-cash-2",
    Action.RESTART,
    Guard.NONE,
    text_reason("refused 3 times"),
    Cause.REFUSED,
    run=RunId("abc", 1_700_000_000.25),
    polite_stop_s=90.0,
    incident="01J",
)


def round_trip(instance: Instance) -> Instance:
    return decode(encode(persistent_part(instance)), Instance)


def test_instance_with_every_field_round_trips() -> None:
    instance = Instance(
        INSTANCE_ID,
        "electron-cash-2",
        container=container("electron-cash", 2),
        remedy=Remedy(
            DECISION,
            RemedyPhase.VERIFYING,
            AT,
            99.0,
            3.0,
            text_reason("note"),
            uncertain=True,
        ),
        loading=DECISION,
        settling=Settling("root", 44.0),
        missing_since=AT,
        exits=(1.0, 2.5),
        treated=RunId("abc", 1.0),
        last_decision=DECISION,
    )
    assert round_trip(instance) == instance


@given(steps=st.lists(STEPS, max_size=15))
def test_every_instance_of_any_story_round_trips(
    steps: list[tuple[object, ...]],
) -> None:
    world = play(steps)
    for instance in world.state.instances.values():
        assert round_trip(instance) == persistent_part(instance)
    for incident in world.state.incidents.values():
        assert decode(encode(incident), Incident) == incident


def test_data_of_the_first_listing_is_not_stored() -> None:
    labels = {"secret.label": "hunter2"}
    result = probe_success(wallet=WalletFacts(balance=Balance(Decimal("12.5"))))
    world = RuleWorld(TARGETS)
    world.containers[world.instance("rates").id] = container("rates", labels=labels)
    world.relist()
    world.probe("rates", result)
    instance = world.instance("rates")
    text = encode(persistent_part(instance))
    assert "hunter2" in encode(instance)
    assert "hunter2" not in text
    assert "12.5" not in text
    assert round_trip(replace(instance, asked=True)).asked is False


def test_pause_without_end_round_trips() -> None:
    paused = MappingProxyType({"a": float("inf"), "b": 1_700_000_000.5})
    assert decode_paused(encode_paused(paused)) == paused


def test_planned_restart_round_trips() -> None:
    plan = PlannedRestart("electron-cash", (INSTANCE_ID,), 5.0)
    rolling = plan._replace(
        trigger=Trigger.OPERATOR, forced=True, current_id=INSTANCE_ID, failed_name="x"
    )
    for each in (plan, rolling):
        assert decode(encode((each,)), tuple[PlannedRestart, ...]) == (each,)


def test_planned_restart_of_an_earlier_version_is_read() -> None:
    text = '[["electron-cash",[["electron-cash",1]],5.0]]'
    plan = PlannedRestart("electron-cash", (InstanceId("electron-cash", 1),), 5.0)
    assert decode(text, tuple[PlannedRestart, ...]) == (plan,)


def test_unknown_field_is_ignored_and_missing_field_has_its_default() -> None:
    plain = msgspec.json.decode(encode(Instance(INSTANCE_ID, "electron-cash-2")))
    del plain["restarts_total"]
    plain["of_old"] = 1
    assert decode(encode(plain), Instance) == Instance(INSTANCE_ID, "electron-cash-2")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"id": ["a", "b"], "name": "a"}', '{"id": ["a", 1]}']
)
def test_decode_refuses_malformed_text(text: str) -> None:
    with pytest.raises(DecodeFailed):
        decode(text, Instance)


def test_half_a_surrogate_is_stored_as_a_question_mark() -> None:
    incident = Incident("1", "a\ud800b", Cause.HUNG, Severity.P1, AT)
    assert decode(encode(incident), Incident).target == "a?b"
    assert replace_surrogates("a\ud800b") == "a?b"
    assert replace_surrogates(None) is None


def test_encode_refuses_a_plain_object() -> None:
    with pytest.raises(TypeError):
        encode(object())


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(
            st.none(),
            st.integers(),
            st.text(max_size=20).map(lambda text: text * 5_000),
            st.lists(st.text(max_size=20), max_size=5).map(lambda some: some * 1_000),
        ),
        max_size=5,
    )
)
def test_evidence_is_bounded_and_stays_json(bundle: dict[str, object]) -> None:
    text = encode_evidence(bundle)
    assert len(text.encode()) <= EVIDENCE_BYTES
    decoded = decode(text, dict[str, object])
    assert decoded.keys() <= bundle.keys()


def test_end_of_a_long_log_is_kept() -> None:
    log = "".join(f"line {number}\n" for number in range(20_000))
    decoded = decode(encode_evidence({"log": log, "decision": "why"}), dict[str, str])
    assert decoded["decision"] == "why"
    assert decoded["log"].endswith("line 19999\n")
    assert len(decoded["log"]) > EVIDENCE_BYTES / 4


def test_evidence_of_many_parts_is_bounded_too() -> None:
    bundle = {f"part {number}": {"text": "x" * 1_000} for number in range(300)}
    assert len(encode_evidence(bundle).encode()) <= EVIDENCE_BYTES


def test_healthy_probe_changes_no_stored_field() -> None:
    world = RuleWorld()
    world.works("electron-cash", times=3)
    before = stored_fields(world.instance("electron-cash"))
    world.works("electron-cash", times=3)
    assert stored_fields(world.instance("electron-cash")) == before


def test_failing_probe_changes_stored_fields_until_the_target_is_down() -> None:
    world = RuleWorld()
    world.works("electron-cash", times=3)
    versions = []
    for _ in range(2):
        world.fails("electron-cash", Cause.AUTH, times=1)
        versions.append(stored_fields(world.instance("electron-cash")))
    assert len(set(map(str, versions))) == 2
    world.fails("electron-cash", Cause.AUTH, times=2)
    down = stored_fields(world.instance("electron-cash"))
    world.fails("electron-cash", Cause.AUTH, times=2)
    assert stored_fields(world.instance("electron-cash")) == down


def test_every_field_of_an_instance_is_stored_unless_listed_here() -> None:
    instance = Instance(INSTANCE_ID, "a")
    passing = {"reason", "asked", "asked_now", "looked", "seen_mono"}
    passing |= {"balance", "wish"}
    apart = {"container", "health", *passing}
    for name in {f.name for f in fields(Instance)}:
        if name in {"container", "health", "memory"}:
            continue
        other = replace(instance, **{name: object()})  # type: ignore[arg-type]  # any field
        assert (stored_fields(other) == stored_fields(instance)) is (name in apart), (
            name
        )
