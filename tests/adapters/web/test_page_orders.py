"""Orders from the page: what each does is what the API does."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import AckRequested, PauseRequested, RestartRequested
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import text_reason
from sidecar.core.text.formatting import rfc3339
from tests.support.api_services import TOKEN
from tests.support.page_server import Browser, PageServer, open_page_server
from tests.support.rule_world import container

ORDERS = ("ack", "restart", "pause", "resume", "recover", "skip")
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def bench() -> AsyncIterator[PageServer]:
    async with open_page_server() as server:
        yield server


@pytest.fixture
async def operator(bench: PageServer) -> AsyncIterator[Browser]:
    async with bench.operator() as browser:
        yield browser


async def ask_api(bench: PageServer, path: str, body: object) -> tuple[int, Any]:
    async with (
        bench.browser() as client,
        client.http.post(f"/api/v1/{path}", json=body, headers=WITH_TOKEN) as response,
    ):
        return response.status, await response.json()


def open_incident(bench: PageServer) -> Incident:
    bench.fakes.world.fails("electron-cash", Cause.REFUSED)
    (incident,) = bench.fakes.state().incidents.values()
    return incident


# --- the same as the API


@pytest.mark.parametrize(
    ("order", "fields", "path", "body"),
    [
        ("restart", {"confirm": "1"}, "restart", {}),
        ("pause", {"for": "2h"}, "pause", {"for": "2h"}),
        ("pause", {}, "pause", {}),
        ("pause", {"for": ""}, "pause", {}),
        ("resume", {}, "resume", {}),
        ("recover", {}, "recover", {}),
        ("skip", {}, "schedule/skip", {}),
    ],
)
async def test_order_does_what_the_api_does(
    order: str, fields: dict[str, str], path: str, body: dict[str, str]
) -> None:
    async with open_page_server() as one, open_page_server() as other:
        async with one.operator() as browser:
            from_page = await browser.order(order, target="electron-cash", **fields)
        from_api = await ask_api(other, f"targets/electron-cash/{path}", body)
        assert from_page == from_api
        assert one.fakes.events == other.fakes.events
        assert one.fakes.state() == other.fakes.state()


async def test_acknowledgement_does_what_the_api_does() -> None:
    """The test server of the API has no route for it: the event is compared."""
    async with open_page_server() as bench, bench.operator() as browser:
        incident = open_incident(bench)
        status, body = await browser.order("ack", incident=incident.id.lower())
        (event,) = bench.fakes.events
        assert event == AckRequested(bench.fakes.now(), incident.id, "page")
        acked = bench.fakes.state().incidents[incident.id]
        assert acked.acked_at is not None
        assert (status, body) == (
            200,
            {"incident": incident.id, "acked_at": rfc3339(acked.acked_at.wall)},
        )


@pytest.mark.parametrize(
    ("order", "fields", "status"),
    [
        ("restart", {"target": "nobody", "confirm": "1"}, 404),
        ("restart", {"target": "nobody"}, 404),
        ("pause", {"target": "nobody"}, 404),
        ("pause", {"target": "electron-cash", "for": "soon"}, 400),
        ("pause", {}, 400),
        ("skip", {"target": "bitcoincash-service"}, 409),
        ("ack", {"incident": "01HF7YAT00ABCDEFGHJKMNPQRS"}, 404),
        ("ack", {}, 400),
    ],
)
async def test_order_that_cannot_be_given_is_refused_with_its_reason(
    bench: PageServer,
    operator: Browser,
    order: str,
    fields: dict[str, str],
    status: int,
) -> None:
    answer_status, body = await operator.order(order, **fields)
    assert answer_status == status
    assert body["error"]
    assert bench.fakes.events == []


async def test_unknown_order_is_404(operator: Browser) -> None:
    assert (await operator.order("reload"))[0] == 404


# --- restart


async def test_restart_is_asked_for_only_after_its_confirmation(
    bench: PageServer, operator: Browser
) -> None:
    status, body = await operator.order("restart", target="electron-cash")
    assert status == 200
    assert (body["confirm"], body["objections"]) == (True, [])
    assert "No guard objects" in body["html"]
    assert bench.fakes.events == []
    status, body = await operator.order("restart", target="electron-cash", confirm="1")
    assert (status, body["decision"]["action"]) == (202, "restart")
    (event,) = bench.fakes.events
    assert event == RestartRequested(bench.fakes.now(), "electron-cash", now=False)


async def test_confirmation_names_each_guard_that_objects(
    bench: PageServer, operator: Browser
) -> None:
    world = bench.fakes.world
    world.fails("electron-cash", Cause.REFUSED)
    world.send(PauseRequested(world.now, ("bitcoincash-service",)))
    _, body = await operator.order("restart", target="bitcoincash-service")
    guards = [objection["guard"] for objection in body["objections"]]
    assert guards[0] == "paused"
    assert {"remedy_running", "dependency"} & set(guards)
    for objection in body["objections"]:
        assert objection["reason"]
        assert objection["reason_code"]
        assert objection["guard"] in body["html"]
    status, decided = await operator.order(
        "restart", target="bitcoincash-service", confirm="1"
    )
    assert (status, decided["guard"]) == (409, "paused")


async def test_target_of_several_replicas_wants_one_named(
    bench: PageServer, operator: Browser
) -> None:
    world = bench.fakes.world
    second = InstanceId("bitcoincash-service", 2)
    world.containers[second] = container("bitcoincash-service", 2)
    world.relist()
    status, body = await operator.order("restart", target="bitcoincash-service")
    assert status == 400
    assert "bitcoincash-service-2" in body["error"]


async def test_target_without_a_container_is_named_before_the_restart(
    bench: PageServer, operator: Browser
) -> None:
    world = bench.fakes.world
    del world.containers[InstanceId("electron-cash", 1)]
    world.relist()
    _, body = await operator.order("restart", target="electron-cash")
    (objection,) = body["objections"]
    assert objection["reason_code"] == "operator_asked_in_vain"


# --- without scripts


async def test_form_without_scripts_goes_on_with_a_page(
    bench: PageServer, operator: Browser
) -> None:
    incident = open_incident(bench)
    address = f"/incidents/{incident.id}"
    data = {"incident": incident.id, "csrf": operator.csrf, "next": address}
    async with operator.http.post(
        "/page/act/ack", data=data, allow_redirects=False
    ) as response:
        assert (response.status, response.headers["Location"]) == (303, address)
    assert bench.fakes.state().incidents[incident.id].acked_at is not None


async def test_confirmation_without_scripts_is_a_form(
    bench: PageServer, operator: Browser
) -> None:
    data = {"target": "electron-cash", "csrf": operator.csrf}
    async with operator.http.post("/page/act/restart?lang=ko", data=data) as response:
        text = await response.text()
        assert response.content_type == "text/html"
        assert "Content-Security-Policy" in response.headers
    assert "재시작할까요? (electron-cash)" in text
    for hidden in (f'value="{operator.csrf}"', 'name="confirm" value="1"'):
        assert hidden in text
    async with operator.http.post(
        "/page/act/restart", data={**data, "confirm": "1"}, allow_redirects=False
    ) as response:
        assert response.status == 303
    assert len(bench.fakes.events) == 1


async def test_refusal_without_scripts_is_a_page_with_its_reason(
    bench: PageServer, operator: Browser
) -> None:
    world = bench.fakes.world
    world.send(PauseRequested(world.now, ("electron-cash",)))
    data = {"target": "electron-cash", "csrf": operator.csrf, "confirm": "1"}
    async with operator.http.post("/page/act/restart?lang=ko", data=data) as response:
        assert (response.status, response.content_type) == (409, "text/html")
        text = await response.text()
    assert "요청한 작업을 하지 않았습니다" in text
    assert "상태 페이지로 돌아가기" in text


# --- forged orders


FIELDS = {"target": "electron-cash", "incident": "01HF7YAT00ABCDEFGHJKMNPQRS"}


@pytest.mark.parametrize("order", ORDERS)
async def test_order_without_session_is_401(bench: PageServer, order: str) -> None:
    async with bench.browser() as visitor:
        status, body = await visitor.send(order, FIELDS, csrf="x")
    assert (status, bench.fakes.events) == (401, [])
    assert "sign in" in body["error"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("csrf", ["", "wrong", "\u00fc"])
async def test_missing_or_wrong_csrf_token_is_403(
    bench: PageServer, operator: Browser, order: str, csrf: str
) -> None:
    status, body = await operator.send(order, FIELDS, csrf=csrf)
    assert (status, bench.fakes.events) == (403, [])
    assert "csrf" in body["error"]


async def test_csrf_token_of_another_session_is_403(bench: PageServer) -> None:
    async with bench.operator() as one, bench.operator() as other:
        status, _ = await one.send("pause", FIELDS, csrf=other.csrf)
        assert (status, bench.fakes.events) == (403, [])


async def test_csrf_token_may_be_a_header(bench: PageServer, operator: Browser) -> None:
    status, _ = await operator.send(
        "resume", {"target": "electron-cash"}, {"csrf": operator.csrf}, ""
    )
    assert (status, len(bench.fakes.events)) == (200, 1)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_order_of_another_site_is_403_with_the_right_token_too(
    bench: PageServer, operator: Browser, order: str, headers: dict[str, str]
) -> None:
    status, body = await operator.send(order, FIELDS, headers)
    assert (status, bench.fakes.events) == (403, [])
    assert "another site" in body["error"]


async def test_token_of_the_api_gives_no_order_of_the_page(bench: PageServer) -> None:
    async with bench.browser() as client:
        status, _ = await client.send("pause", FIELDS, WITH_TOKEN)
    assert (status, bench.fakes.events) == (401, [])


async def test_cookie_gives_no_order_of_the_api(
    bench: PageServer, operator: Browser
) -> None:
    async with operator.http.post("/api/v1/pause", json={}) as response:
        assert response.status == 401
    assert bench.fakes.events == []


# --- text of others


MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


async def test_text_of_others_never_becomes_markup(bench: PageServer) -> None:
    """Names, reasons of daemons and of the engine, and what the browser sent."""
    world = bench.fakes.world
    world.probe(
        "electron-cash", probe_failure(Cause.HTTP_5XX, text_reason(MARKUP)), 0.1
    )
    world.send(PauseRequested(world.now, ("electron-cash",)))
    state = bench.fakes.state()
    (instance_id,) = [i for i in state.instances if i.target == "electron-cash"]
    named = replace(
        state.instances[instance_id],
        name=MARKUP,
        container=None,
    )
    world.state = replace(
        state,
        instances=build_table({**state.instances, instance_id: named}),
        engine=replace(state.engine, reachable=False, reason=MARKUP),
    )
    async with bench.operator() as operator:
        for accept in ("text/html", "application/json"):
            for fields in (
                {"target": MARKUP},
                {"target": MARKUP, "confirm": "1"},
                {"target": f"none {MARKUP}"},
                {"target": "bitcoincash-service", "for": MARKUP},
            ):
                for order in ("restart", "pause"):
                    data = {**fields, "csrf": operator.csrf}
                    async with operator.http.post(
                        f"/page/act/{order}",
                        data=data,
                        headers={"Accept": accept},
                        allow_redirects=False,
                    ) as response:
                        await assert_no_markup(response)
        async with operator.http.get("/login", params={"lang": MARKUP}) as response:
            await assert_no_markup(response)


async def assert_no_markup(response: Any) -> None:  # noqa: ANN401
    text = await response.text()
    if response.content_type == "text/html":
        assert "<script" not in text
        assert "<img" not in text
        assert 'value="<' not in text
    else:
        assert response.content_type in {"application/json", "application/octet-stream"}
        if "html" in text:
            html = (await response.json()).get("html", "")
            assert "<script" not in html
            assert "<img" not in html
