"""Ids of incidents."""

from sidecar.core.model.incident import new_id
from sidecar.core.model.moment import Moment


def test_incident_ids_sort_by_time_and_differ() -> None:
    ids = [new_id("a", Moment(t, 1_700_000_000.0 + t)) for t in range(50)]
    assert ids == sorted(ids)
    assert len({*ids, new_id("b", Moment(0.0, 1_700_000_000.0))}) == 51
    assert {len(i) for i in ids} == {26}
