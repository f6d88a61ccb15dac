"""Drills over HTTP: who may order and read them, and what is refused."""

from collections.abc import AsyncIterator

import pytest

from sidecar.core.model.drill import DrillFacts
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.reason.reason import text_reason
from tests.support.api_caller import Caller, run_server
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.drill_world import LEAF, ROOT, DrillWorld

PATH = f"/api/v1/targets/{ROOT}/drill"
SECRET_WORDS = text_reason("the engine said: no such exec of /app/private")


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async for caller in run_server(ApiServiceFakes(world=DrillWorld)):
        yield caller


def world_of(caller: Caller) -> DrillWorld:
    assert isinstance(caller.fakes.world, DrillWorld)
    return caller.fakes.world


async def test_drill_is_ordered_followed_and_cancelled(caller: Caller) -> None:
    status, begun = await caller.post(PATH, {"fault": "kill", "yes": True})
    assert (status, begun["drill"]["phase"]) == (202, "preparing")
    drill_id = begun["drill"]["id"]
    status, objection = await caller.post(PATH, {"fault": "hang", "yes": True})
    assert (status, objection["reason_code"]) == (409, "drill_other")
    world = world_of(caller)
    world.prepare()
    world.inject()
    status, drill = await caller.get(f"/api/v1/drills/{drill_id.lower()}")
    assert (status, drill["phase"], drill["outcome"]) == (200, "watching", None)
    assert (await caller.post("/api/v1/drills/ANOTHER/cancel"))[0] == 404
    cancel = f"/api/v1/drills/{drill_id}/cancel"
    assert (await caller.post(cancel))[0] == 202
    world.undo()
    world.works(ROOT, LEAF, times=3)
    _, ended = await caller.get(f"/api/v1/drills/{drill_id}")
    assert (ended["phase"], ended["outcome"]) == (None, "interrupted")
    assert (await caller.post(cancel))[0] == 409


async def test_order_and_cancel_need_the_token(caller: Caller) -> None:
    for path in (PATH, "/api/v1/drills/ANY/cancel"):
        assert (await caller.post(path, {"fault": "kill"}, token=None))[0] == 401
    assert not caller.fakes.events


async def test_objection_says_whether_consent_helps(caller: Caller) -> None:
    _, preview = await caller.post(PATH, {"fault": "kill", "dry_run": True})
    assert preview["objection"]["yes_helps"] is True
    caller.fakes.drills.facts = DrillFacts(loss=text_reason("no volume"))
    _, preview = await caller.post(PATH, {"fault": "kill", "dry_run": True})
    assert preview["objection"]["yes_helps"] is False
    assert not caller.fakes.events


async def test_words_of_the_engine_are_for_operators_only(caller: Caller) -> None:
    world = world_of(caller)
    world.ask(DrillFault.HANG)
    world.prepare(problem=SECRET_WORDS)
    _, private = await caller.get("/api/v1/drills", Authorization=f"Bearer {TOKEN}")
    _, public = await caller.get("/api/v1/drills")
    assert str(SECRET_WORDS) in private["drills"][0]["reason"]
    assert "private" not in str(public)
    assert public["drills"][0]["outcome"] == "refused"


async def test_drill_that_ends_while_the_list_is_read_is_shown_once(
    caller: Caller,
) -> None:
    world = world_of(caller)
    world.ask(DrillFault.HANG)
    before = world.state
    world.prepare(problem=SECRET_WORDS)
    world.state = before
    _, body = await caller.get("/api/v1/drills")
    assert body["under_way"] is None
    assert [drill["outcome"] for drill in body["drills"]] == ["refused"]


@pytest.mark.parametrize(
    ("body", "words"),
    [({}, "fault"), ({"fault": "sabotage"}, "kill"), ({"fault": "kill", "x": 1}, "x")],
)
async def test_order_that_cannot_be_understood_is_refused(
    body: dict[str, object], words: str, caller: Caller
) -> None:
    status, answer = await caller.post(PATH, body)
    assert status == 400
    assert words in answer["error"]


async def test_unknown_drill_target_and_count_are_refused(caller: Caller) -> None:
    assert (await caller.get("/api/v1/drills/NONE"))[0] == 404
    assert (await caller.post("/api/v1/targets/x/drill", {"fault": "kill"}))[0] == 404
    assert (await caller.get("/api/v1/drills?count=501"))[0] == 400
