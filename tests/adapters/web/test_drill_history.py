"""Drills in the history: begin, verdict, and a mark of what happened in them."""

from collections.abc import AsyncIterator

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.reason.reason import text_reason
from tests.support.drill_world import LEAF, ROOT, DrillWorld
from tests.support.incident_archive import WITH_TOKEN, Archive, Caller, serve_archive

SECRET_WORDS = text_reason("the engine said: no such exec of /app/private")


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async for caller in serve_archive(Archive(world=DrillWorld)):
        yield caller


def world_of(archive: Archive) -> DrillWorld:
    assert isinstance(archive.world, DrillWorld)
    return archive.world


def carry_out_kill(world: DrillWorld) -> None:
    """A drill from its begin to its verdict, between two real failures."""
    world.fails(LEAF, Cause.HTTP_5XX, times=1)
    world.works(LEAF, times=3)
    world.wait(60.0)
    world.begin(DrillFault.KILL)
    world.kill()
    world.fails(LEAF, Cause.HTTP_5XX, times=1)
    world.cure()
    world.undo()
    world.works(LEAF, times=3)
    assert world.record.outcome == "passed"
    world.wait(60.0)
    world.fails(ROOT, Cause.REFUSED, times=1)


async def test_history_has_begin_and_verdict_and_marks_what_is_between(
    caller: Caller,
) -> None:
    carry_out_kill(world_of(caller.archive))
    _, body = await caller.get("/history")
    entries = body["entries"]
    times = [entry["at"] for entry in entries]
    assert times == sorted(times)
    steps = [entry for entry in entries if entry["type"] == "drill"]
    assert [(s["step"], s["fault"], s["target"]) for s in steps] == [
        ("began", "kill", ROOT),
        ("ended", "kill", ROOT),
    ]
    assert steps[1]["outcome"] == "passed"
    assert steps[1]["reason_code"] == "drill_cured"
    begin, end = map(entries.index, steps)
    assert {e.get("drill") for e in entries[begin : end + 1]} == {steps[0]["drill"]}
    assert {e["target"] for e in entries[begin:end]} == {ROOT, LEAF}
    real = [*entries[:begin], *entries[end + 1 :]]
    assert {e["target"] for e in real if e["type"] == "transition"} == {ROOT, LEAF}
    assert all("drill" not in entry for entry in real)
    _, of_leaf = await caller.get(f"/history?target={LEAF}")
    assert any("drill" in entry for entry in of_leaf["entries"])
    assert not [e for e in of_leaf["entries"] if e["type"] == "drill"]


async def test_history_marks_the_drill_under_way(caller: Caller) -> None:
    world = world_of(caller.archive)
    world.begin(DrillFault.KILL)
    world.kill()
    _, body = await caller.get("/history")
    steps = [entry for entry in body["entries"] if entry["type"] == "drill"]
    assert [step["step"] for step in steps] == ["began"]
    assert body["entries"][-1]["drill"] == world.drill.id


async def test_drill_that_ends_while_the_history_is_read_began_once(
    caller: Caller,
) -> None:
    world = world_of(caller.archive)
    world.begin(DrillFault.KILL)
    world.kill()
    before = world.state
    world.cure()
    world.undo()
    world.works(LEAF, times=3)
    assert world.record.outcome == "passed"
    world.state = before
    _, body = await caller.get("/history")
    steps = [entry for entry in body["entries"] if entry["type"] == "drill"]
    assert [step["step"] for step in steps] == ["began", "ended"]


async def test_history_of_a_refused_drill_has_its_words_for_operators_only(
    caller: Caller,
) -> None:
    world = world_of(caller.archive)
    world.ask(DrillFault.HANG)
    world.prepare(problem=SECRET_WORDS)
    _, private = await caller.get("/history", **WITH_TOKEN)
    _, public = await caller.get("/history")
    (refused,) = (e for e in private["entries"] if e["type"] == "drill")
    assert (refused["step"], refused["outcome"]) == ("ended", "refused")
    assert str(SECRET_WORDS) in refused["reason"]
    assert "private" not in str(public)


async def test_history_that_begins_within_a_drill_has_its_verdict_alone(
    caller: Caller,
) -> None:
    world = world_of(caller.archive)
    carry_out_kill(world)
    since_s = int(world.now.wall - world.record.ended_wall) + 1
    assert world.record.began_wall < world.now.wall - since_s
    _, body = await caller.get(f"/history?since={since_s}s")
    steps = [entry["step"] for entry in body["entries"] if entry["type"] == "drill"]
    assert steps == ["ended"]


async def test_history_of_a_time_after_the_drill_has_no_trace_of_it(
    caller: Caller,
) -> None:
    world = world_of(caller.archive)
    carry_out_kill(world)
    world.wait(7200.0, step=600.0)
    world.fails(ROOT, Cause.REFUSED)
    _, body = await caller.get("/history?since=1h")
    assert body["entries"]
    assert "drill" not in str(body)
