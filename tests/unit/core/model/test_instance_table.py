"""The table of instances: as a dictionary, with searches, and shared blocks."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import BLOCK, build_table, rebuild_table
from sidecar.core.model.memory import LimitForecast, MemoryHistory, MemorySample
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_failure, probe_success, probe_unknown
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason

COUNT = 2 * BLOCK + 3
IDS = [InstanceId(f"target-{number:03d}", 1) for number in range(COUNT)]
REASON = text_reason("so it is")
RESULTS = (
    None,
    probe_success(),
    probe_failure(Cause.REFUSED, REASON),
    probe_failure(Cause.REFUSED, REASON, path_fault=True),
    probe_failure(Cause.HUNG, REASON),
    probe_unknown(Cause.OWN_NETWORK, REASON),
)
HISTORY = MemoryHistory(RunId("run", 0.0), "image", 0.0, MemorySample(1.0), 0.0, 60.0)


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    result = draw(st.sampled_from(RESULTS))
    health = Health(
        failures=draw(st.integers(0, 1)),
        last=result,
        last_at=Moment(draw(st.integers(0, 20)), 0.0),
        blind=result if result is not None and result.cause else None,
    )
    forecast = draw(st.sampled_from((None, LimitForecast(1.0))))
    return Instance(
        draw(st.sampled_from(IDS)),
        "name",
        health=health,
        state=draw(st.sampled_from(TargetState)),
        incident=draw(st.sampled_from((None, "incident"))),
        asked=draw(st.booleans()),
        memory=None if forecast is None else replace(HISTORY, forecast=forecast),
    )


def healthy(instance_id: InstanceId) -> Instance:
    return Instance(instance_id, instance_id.target, state=TargetState.HEALTHY)


@given(st.lists(st.lists(instances(), max_size=4), max_size=8))
def test_table_after_replacements_equals_a_dictionary_and_its_searches(
    replacements: list[list[Instance]],
) -> None:
    plain = {i: healthy(i) for i in IDS}
    table = build_table(plain)
    for replaced in replacements:
        before, table = table, table.with_instances(replaced)
        changed = {i.id: i for i in replaced}
        assert list(table.changed_since(before)) == sorted(changed)
        plain |= changed
    every = list(plain.values())
    assert (list(table), list(table.values())) == (list(plain), every)
    assert dict(table.items()) == plain
    assert len(table) == COUNT
    assert list(table.unsettled()) == [
        i for i in every if i.health.blind or not i.is_unaffected_by_time
    ]
    assert list(table.unreached()) == [i for i in every if i.health.is_unreached]
    assert list(table.in_incident()) == [i for i in every if i.incident]
    assert list(table.foreseen()) == [i for i in every if i.memory]
    latest = [max(i.health.reached_mono for i in b.instances) for b in table.blocks]
    assert [b.reached_mono for b in table.blocks] == latest
    for mono in (0.0, 7.0, 20.0):
        expected = [i for i in every if i.health.reached_mono >= mono]
        assert list(table.reached_since(mono)) == expected


def test_replacement_of_one_instance_shares_all_other_blocks() -> None:
    before = build_table({i: healthy(i) for i in IDS})
    after = before.with_instances((replace(healthy(IDS[BLOCK]), asked=True),))
    shared = [a is b for a, b in zip(after.blocks, before.blocks, strict=True)]
    assert shared == [True, False, True]
    assert after.has_same_ids(before)


def test_rebuilt_table_shares_the_blocks_in_which_nothing_has_changed() -> None:
    before = build_table({i: healthy(i) for i in IDS})
    listed = dict(before.items()) | {IDS[0]: replace(healthy(IDS[0]), asked=True)}
    after = rebuild_table(before, listed)
    shared = [a is b for a, b in zip(after.blocks, before.blocks, strict=True)]
    assert shared == [False, True, True]
    assert after.has_same_ids(before)
    assert dict(after.items()) == listed
    anew = rebuild_table(before, {i: healthy(i) for i in reversed(IDS)})
    assert list(anew) == IDS[::-1]


def test_new_instance_comes_last_and_the_list_is_another() -> None:
    before = build_table({i: healthy(i) for i in IDS})
    newcomer = healthy(InstanceId("another", 1))
    after = before.with_instances((newcomer,))
    assert list(after) == [*IDS, newcomer.id]
    assert not after.has_same_ids(before)
    assert list(after.changed_since(before)) == [newcomer.id]
