"""The HTTP server, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import (
    Event,
    PauseRequested,
    PlannedRestartCancelled,
    RecoverRequested,
    ReleaseRequested,
    RestartRequested,
    ResumeRequested,
)
from sidecar.core.model.target import InstanceId, RollingSettings, Target
from sidecar.core.text.printable import printable
from sidecar.telemetry.exposition import PIECE_CHARACTERS
from sidecar.web.auth import is_authorised
from sidecar.web.connection_limits import Limits
from sidecar.web.server import WebServer
from tests.support.api_caller import (
    DEADLINE,
    WITH_TOKEN,
    Caller,
    run_server,
)
from tests.support.api_services import (
    TOKEN,
    ApiServiceFakes,
    make_component,
    trigger_planned_restart,
)
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

MAX_LISTENERS = Limits().event_listeners


ODD = "%1b%5b31m%e2%80%ae%ed%a0%80"
"""An escape sequence, a right-to-left override and a lone surrogate in an address."""


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async for one in run_server(ApiServiceFakes()):
        yield one


@pytest.fixture
async def without_token() -> AsyncIterator[Caller]:
    async for one in run_server(ApiServiceFakes(token=None)):
        yield one


def add_second_replica(world: RuleWorld, service: Target) -> None:
    """Give the service a second replica; both work."""
    world.targets = (WALLET, service)
    world.containers[InstanceId(SERVICE.name, 2)] = container(SERVICE.name, 2)
    world.relist()
    world.works(f"{SERVICE.name}-1", f"{SERVICE.name}-2")


# --- health


async def test_livez_is_about_the_loop_alone(caller: Caller) -> None:
    caller.fakes.engine_part = make_component("engine", "gone")
    assert (await caller.get("/livez"))[0] == 200
    caller.fakes.loop_part = make_component("loop", "no turn for 31 s")
    status, body = await caller.get("/livez")
    assert status == 503
    assert body["components"][0]["reason"] == "no turn for 31 s"


async def test_readyz_is_about_every_component(caller: Caller) -> None:
    status, body = await caller.get("/readyz")
    assert (status, body["ok"]) == (200, True)
    assert [c["name"] for c in body["components"]] == ["loop", "engine"]
    caller.fakes.engine_part = make_component("engine", "connection refused")
    assert (await caller.get("/readyz"))[0] == 503


async def test_livez_and_readyz_ignore_the_health_of_targets(caller: Caller) -> None:
    caller.fakes.world.fails("electron-cash", Cause.REFUSED)
    assert (await caller.get("/livez"))[0] == 200
    assert (await caller.get("/readyz"))[0] == 200


async def test_healthz_covers_all_targets_or_one(caller: Caller) -> None:
    assert (await caller.get("/healthz"))[0] == 200
    caller.fakes.world.fails("electron-cash", Cause.REFUSED)
    status, body = await caller.get("/healthz")
    assert status == 503
    assert [t["name"] for t in body["targets"]] == [
        "electron-cash",
        "bitcoincash-service",
    ]
    status, body = await caller.get("/healthz/electron-cash")
    assert (status, body["cause"]) == (503, "refused")
    assert (await caller.get("/healthz/bitcoincash-service"))[0] == 200
    assert (await caller.get("/healthz/bitcoincash-service/1"))[0] == 200
    assert (await caller.get("/healthz/bitcoincash-service/9"))[0] == 404
    assert (await caller.get("/healthz/nobody"))[0] == 404


async def test_a_drained_replica_is_503_or_404_and_its_target_works(
    caller: Caller,
) -> None:
    world = caller.fakes.world
    add_second_replica(world, replace(SERVICE, rolling=RollingSettings(30.0)))
    world.send(RestartRequested(world.now, f"{SERVICE.name}-2"))
    path = f"/healthz/{SERVICE.name}/2"
    status, body = await caller.get(path)
    assert (status, body["state"], body["cause"]) == (503, "draining", None)
    assert (await caller.get(f"{path}?drain=503"))[0] == 503
    assert (await caller.get(f"{path}?drain=404")) == (404, body)
    assert (await caller.get(f"/healthz/{SERVICE.name}/1?drain=404"))[0] == 200
    assert (await caller.get(f"/healthz/{SERVICE.name}"))[0] == 200
    status, body = await caller.get(f"{path}?drain=200")
    assert (status, body["error"]) == (400, "drain is not 404 or 503")
    world.wait(30.5)
    assert (await caller.get(f"{path}?drain=404"))[0] == 503, "it is restarted now"


async def test_metrics_are_sent_in_pieces_and_whole(caller: Caller) -> None:
    world = caller.fakes.world
    crowd = tuple(replace(SERVICE, name=f"s{n}", depends_on=()) for n in range(50))
    world.targets = (*world.targets, *crowd)
    world.relist()
    async with caller.http.get("/metrics") as response:
        text = await response.text()
    assert text.count("sidecar_target_up{") == len(world.targets)
    assert len(text) > 2 * PIECE_CHARACTERS
    async with caller.http.head("/metrics") as response:
        assert (response.status, await response.text()) == (200, "")
    assert (await caller.get("/livez"))[0] == 200


async def test_metrics_are_served_in_both_formats(caller: Caller) -> None:
    async with caller.http.get("/metrics") as response:
        assert response.content_type == "text/plain"
        assert 'sidecar_target_up{target="electron-cash"} 1.0' in await response.text()
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with caller.http.get("/metrics", headers=accept) as response:
        assert response.content_type == "application/openmetrics-text"
        assert (await response.text()).endswith("# EOF\n")


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=abc",
        "application/openmetrics-text;version=1..0",
        "application/openmetrics-text; version=99999999999.0.0",
        "text/plain;version=9",
        "text/plain;version=;escaping=",
        "image/png",
        ";;;=,,q=x",
        "é" * 2000,
    ],
)
async def test_an_accept_that_makes_no_sense_gets_the_default(
    caller: Caller, accept: str
) -> None:
    async with caller.http.get("/metrics", headers={"Accept": accept}) as response:
        assert response.status == 200
        assert response.content_type in {"text/plain", "application/openmetrics-text"}
        assert response.headers["Content-Type"].split("version=")[1][:5] in {
            "0.0.4",
            "1.0.0",
        }
        assert "sidecar_target_up{" in await response.text()


@pytest.mark.parametrize("good", [0, 1, 3])
async def test_a_scrape_is_whole_or_an_error(good: int) -> None:
    fakes = ApiServiceFakes()

    async def metrics(_: str) -> tuple[Iterator[bytes], str]:
        return yield_then_raise(good), "text/plain"

    async for caller in run_server(fakes, fakes.without(metrics=metrics)):
        try:
            async with caller.http.get("/metrics") as response:
                await response.read()
                assert response.status == 500
        except aiohttp.ClientError:
            assert good > 0
        else:
            assert good == 0


def yield_then_raise(good: int) -> Iterator[bytes]:
    """Yield ``good`` pieces, then raise OverflowError."""
    for _ in range(good):
        yield b"sidecar_up 1\n" * 1000
    raise OverflowError("int too large to convert to float")


async def test_index_lists_the_paths(caller: Caller) -> None:
    async with caller.http.get("/") as response:
        assert response.status == 200
        assert "/api/v1/status" in await response.text()


# --- reading


async def test_status_has_stack_readiness_and_targets(caller: Caller) -> None:
    status, body = await caller.get("/api/v1/status")
    assert status == 200
    assert (body["stack"], body["ready"]) == ("oratio", True)
    assert [t["name"] for t in body["targets"]] == [
        "bitcoincash-service",
        "electron-cash",
    ]
    caller.fakes.engine_part = make_component("engine", "gone")
    assert (await caller.get("/api/v1/status"))[1]["ready"] is False


async def test_the_schedule_and_its_count(caller: Caller) -> None:
    status, body = await caller.get("/api/v1/schedule?count=3")
    assert status == 200
    assert len(body["planned"]) == 3
    assert body["planned"][0]["timezone"] == "Asia/Seoul"
    for bad in ("0", "-1", "x", "101"):
        status, body = await caller.get(f"/api/v1/schedule?count={bad}")
        assert status == 400
        assert bad in body["error"]


# --- control


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", "t\u00f6ken"])
async def test_a_wrong_token_is_401_and_changes_nothing(
    caller: Caller, token: str | None
) -> None:
    path = "/api/v1/targets/electron-cash/restart"
    status, body = await caller.post(path, token=token)
    assert status == 401
    assert TOKEN not in str(body)
    assert caller.fakes.events == []


async def test_another_scheme_is_401(caller: Caller) -> None:
    path = "/api/v1/targets/electron-cash/resume"
    headers = {"Authorization": f"Basic {TOKEN}"}
    async with caller.http.post(path, headers=headers) as response:
        assert response.status == 401


async def test_without_a_token_control_is_disabled(without_token: Caller) -> None:
    for token in (None, "", "anything"):
        status, body = await without_token.post("/api/v1/pause", token=token)
        assert status == 403
        assert "SIDECAR_API_TOKEN" in body["error"]
    path = "/api/v1/targets/electron-cash/evidence"
    assert (await without_token.get(path))[0] == 403
    assert without_token.fakes.events == []


async def test_unknown_target_is_404_and_lists_the_known_ones(caller: Caller) -> None:
    status, body = await caller.post("/api/v1/targets/nobody/restart")
    assert status == 404
    assert "electron-cash" in body["error"]
    for action in ("pause", "resume", "recover", "schedule/skip", "schedule/cancel"):
        assert await caller.order("nobody", action) == 404


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("restart", b"{"),
        ("restart", b"[]"),
        ("restart", b"\xff"),
        ("restart", {"now": "yes"}),
        ("restart", {"later": True}),
        ("pause", {"for": "soon"}),
        ("pause", {"for": "0h"}),
        ("pause", {"for": "8785h"}),
        ("pause", {"for": "9999999999999999h"}),
        ("pause", {"for": 7}),
        ("resume", {"for": "2h"}),
    ],
)
async def test_a_bad_body_is_400_and_changes_nothing(
    caller: Caller, action: str, body: object
) -> None:
    assert await caller.order("electron-cash", action, body) == 400
    assert caller.fakes.events == []


async def test_a_body_too_large_is_refused(caller: Caller) -> None:
    body = b'{"now": ' + b" " * 20_000 + b"true}"
    status, answer = await caller.post("/api/v1/targets/electron-cash/restart", body)
    assert status == 413
    assert "at most 16384 bytes" in answer["error"]


async def test_restart_sends_the_event_and_returns_the_decision(caller: Caller) -> None:
    path = "/api/v1/targets/electron-cash/restart"
    status, body = await caller.post(path, {"now": True})
    assert status == 202
    assert body["decision"]["action"] == "restart"
    (event,) = caller.fakes.events
    assert isinstance(event, RestartRequested)
    assert (event.target, event.now) == ("electron-cash", True)


async def test_a_refused_restart_is_409_with_the_guards_reason(
    caller: Caller,
) -> None:
    world = caller.fakes.world
    world.send(PauseRequested(world.now, ("electron-cash",)))
    status, body = await caller.post("/api/v1/targets/electron-cash/restart")
    assert status == 409
    assert body["guard"] == "paused"
    assert body["error"] == body["decision"]["reason"] != ""


async def test_a_restart_of_a_target_of_several_replicas_is_one_of_all(
    caller: Caller,
) -> None:
    add_second_replica(caller.fakes.world, SERVICE)
    path = "/api/v1/targets/bitcoincash-service/restart"
    status, body = await caller.post(path)
    assert (status, body["decision"]["action"]) == (202, "restart")
    assert body["replicas"] == ["bitcoincash-service-1", "bitcoincash-service-2"]
    status, body = await caller.post(path)
    assert status == 409
    assert "schedule cancel bitcoincash-service ends it" in body["error"]
    assert await caller.order("bitcoincash-service", "schedule/cancel") == 200
    assert await caller.order("bitcoincash-service-2", "restart") == 409
    status, body = await caller.post("/api/v1/targets/bitcoincash-service/release")
    assert (status, "name one of them" in body["error"]) == (400, True)
    assert await caller.order("bitcoincash-service-2", "pause") == 200
    assert isinstance(caller.fakes.events[-1], PauseRequested)
    assert caller.fakes.events[-1].targets == ("bitcoincash-service",)


async def test_pause_and_resume_apply_to_one_or_all_targets(caller: Caller) -> None:
    assert await caller.order("electron-cash", "pause", {"for": "2h"}) == 200
    assert await caller.order("electron-cash", "pause") == 200
    assert (await caller.post("/api/v1/pause"))[0] == 200
    assert (await caller.post("/api/v1/resume"))[0] == 200
    bounded, endless, everyone, resumed = caller.fakes.events
    assert isinstance(bounded, PauseRequested)
    assert bounded.until_wall == bounded.at.wall + 7200
    assert isinstance(endless, PauseRequested)
    assert endless.until_wall is None
    assert isinstance(everyone, PauseRequested)
    assert set(everyone.targets) == {"electron-cash", "bitcoincash-service"}
    assert isinstance(resumed, ResumeRequested)
    assert set(resumed.targets) == set(everyone.targets)


async def test_recover_cancel_and_skip_are_sent(caller: Caller) -> None:
    assert await caller.order("electron-cash", "recover") == 200
    assert await caller.order("electron-cash", "schedule/cancel") == 409
    trigger_planned_restart(caller.fakes)
    assert await caller.order("bitcoincash-service", "schedule/cancel") == 409
    assert await caller.order("electron-cash", "schedule/cancel") == 200
    assert [type(e) for e in caller.fakes.events] == [
        RecoverRequested,
        PlannedRestartCancelled,
    ]
    path = "/api/v1/targets/electron-cash/schedule/skip"
    status, body = await caller.post(path)
    assert (status, body["skipped"]["skipped"]) == (200, True)
    assert await caller.order("bitcoincash-service", "schedule/skip") == 409


async def test_only_a_remedy_that_is_under_way_is_released(caller: Caller) -> None:
    path = "/api/v1/targets/electron-cash/release"
    status, body = await caller.post(path)
    assert (status, body["error"]) == (409, "no remedy of electron-cash is under way")
    assert caller.fakes.events == []
    caller.fakes.world.fails("electron-cash", Cause.REFUSED)
    assert (await caller.post(path))[0] == 200
    assert (await caller.post(path))[0] == 409


async def test_evidence_needs_the_token_and_something_gathered(
    caller: Caller,
) -> None:
    path = "/api/v1/targets/electron-cash/evidence"
    assert (await caller.get(path))[0] == 401
    assert (await caller.get(path, **WITH_TOKEN))[0] == 404
    caller.fakes.bundles["electron-cash"] = {"log": "last words"}
    assert await caller.get(path, **WITH_TOKEN) == (200, {"log": "last words"})


# --- events


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[list[str]]:
    lines: list[str] = []
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line:
            lines.append(line)
        else:
            yield lines
            lines = []


async def test_events_come_as_they_happen(caller: Caller) -> None:
    async with caller.http.get("/api/v1/events") as response:
        assert response.content_type == "text/event-stream"
        stream = events(response)
        assert await anext(stream) == ["retry: 3000", ": connected"]
        caller.fakes.world.fails("electron-cash", Cause.REFUSED, times=1)
        number, kind, data = await anext(stream)
        assert (number.partition(" ")[0], kind) == ("id:", "event: transition")
        record = json.loads(data.removeprefix("data: "))
        assert (record["from"], record["to"]) == ("healthy", "failing")


async def test_quiet_stream_sends_heartbeats(caller: Caller) -> None:
    async with caller.http.get("/api/v1/events") as response:
        stream = events(response)
        await anext(stream)
        assert await anext(stream) == [": still here"]
        assert await anext(stream) == [": still here"]


async def test_a_stream_outlives_the_deadline_of_an_answer(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.web.server.ANSWER_DEADLINE_S", 0.1)
    async with caller.http.get("/api/v1/events") as response:
        stream = events(response)
        messages = [await anext(stream) for _ in range(4)]
    beats = [[": still here"]] * 3
    assert messages == [["retry: 3000", ": connected"], *beats]


async def test_head_request_of_the_stream_opens_no_stream(quiet: Caller) -> None:
    for _ in range(2 * MAX_LISTENERS):
        async with quiet.http.head("/api/v1/events") as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
    reader, writer = await asyncio.open_connection("127.0.0.1", quiet.server.port)
    ask = b"HEAD /api/v1/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    writer.write(ask)
    async with asyncio.timeout(60):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert (head.split()[1], body) == (b"200", b"")


@pytest.fixture
async def quiet() -> AsyncIterator[Caller]:
    """A server whose streams give no sign of life by themselves."""
    async for one in run_server(ApiServiceFakes(), heartbeat_s=600.0):
        yield one


async def test_listeners_are_bounded_and_a_place_becomes_free(quiet: Caller) -> None:
    caller = quiet
    streams = []
    for _ in range(MAX_LISTENERS):
        response = await caller.http.get("/api/v1/events")
        await response.content.readline()
        streams.append(response)
    async with caller.http.get("/api/v1/events") as refused:
        assert (refused.status, refused.headers["Retry-After"]) == (503, "15")
    streams.pop().close()
    async with asyncio.timeout(60):
        while True:
            async with caller.http.get("/api/v1/events") as response:
                if response.status == 200:
                    break
    for response in streams:
        response.close()


async def test_stopping_ends_open_streams_soon() -> None:
    fakes = ApiServiceFakes()
    server = WebServer(fakes.desk, "127.0.0.1", 0)
    await server.start()
    async with aiohttp.ClientSession(timeout=DEADLINE) as http:
        url = f"http://127.0.0.1:{server.port}/api/v1/events"
        async with http.get(url) as response:
            await response.content.readline()
            async with asyncio.timeout(20):
                await server.stop()


# --- trouble


async def test_unknown_path_or_method_is_answered_in_json(caller: Caller) -> None:
    status, body = await caller.get("/nothing")
    assert (status, set(body)) == (404, {"error"})
    assert "nothing at /nothing; GET / says" in body["error"]
    status, body = await caller.get("/api/v1/targets/electron-cash/restart")
    assert (status, set(body)) == (405, {"error"})
    assert body["error"] == "GET is not possible here; possible is POST"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_encoded_as_it_says_is_400(
    caller: Caller, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    path = "/api/v1/targets/electron-cash/resume"
    headers = {**WITH_TOKEN, "Content-Encoding": encoding}
    async with caller.http.post(path, data=b"plain", headers=headers) as response:
        assert response.status == 400
    assert caller.fakes.events == []
    assert (await caller.get("/livez"))[0] == 200
    assert caplog.records == []


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1",
        b"GET /livez HTTP/1.1\r\nX: " + b"a" * 9000,
        b"POST /api/v1/pause HTTP/1.1\r\nContent-Length: -5",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
async def test_malformed_http_is_400_and_logs_no_error(
    caller: Caller, caplog: pytest.LogCaptureFixture, request_line: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.server.port)
    writer.write(request_line + b"\r\n\r\n")
    async with asyncio.timeout(60):
        status, *_ = (await reader.read()).split(b"\r\n")
    writer.close()
    assert b" 400 " in status
    assert caplog.records == []


async def test_internal_error_is_500_without_details() -> None:
    async def fails(event: Event) -> Decision | None:
        raise RuntimeError(f"opensesame {event}")

    fakes = ApiServiceFakes()
    async for one in run_server(fakes, fakes.without(ask=fails)):
        status, body = await one.post("/api/v1/pause")
        assert status == 500
        assert "opensesame" not in str(body)
        assert (await one.get("/livez"))[0] == 200


async def test_a_loop_that_does_not_decide_is_503_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(event: Event) -> Decision | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr("sidecar.web.server.ANSWER_DEADLINE_S", 0.2)
    fakes = ApiServiceFakes()
    async for one in run_server(fakes, fakes.without(ask=silent)):
        async with asyncio.timeout(10):  # below the deadline outside of tests
            assert (await one.post("/api/v1/pause"))[0] == 503


async def test_a_restart_on_which_nothing_is_decided_is_503() -> None:
    async def decide_nothing(event: Event) -> Decision | None:
        return None

    fakes = ApiServiceFakes()
    async for one in run_server(fakes, fakes.without(ask=decide_nothing)):
        status, body = await one.post("/api/v1/targets/electron-cash/restart")
        assert status == 503
        assert body["error"].startswith("nothing was decided")


async def test_release_sends_the_event(caller: Caller) -> None:
    caller.fakes.world.fails("electron-cash", Cause.REFUSED)
    assert await caller.order("electron-cash", "release") == 200
    assert [type(event) for event in caller.fakes.events] == [ReleaseRequested]


def test_no_request_has_an_unset_token() -> None:
    empty = make_mocked_request("GET", "/", {"Authorization": "Bearer "})
    assert not is_authorised(empty, "")
    assert not is_authorised(empty, None)


async def test_a_taken_address_is_an_error(caller: Caller) -> None:
    second = WebServer(caller.fakes.desk, "127.0.0.1", caller.server.port)
    with pytest.raises(OSError, match="in use"):
        await second.start()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/{ODD}", 404),
        (f"/healthz/{ODD}", 404),
        (f"/api/v1/schedule?count={ODD}", 400),
        (f"/api/v1/schedule?{ODD}=1", 400),
        (f"/api/v1/history?since={ODD}", 400),
        (f"/api/v1/incidents/{ODD}", 400),
    ],
)
async def test_error_quotes_the_address_in_printable_form(
    caller: Caller, path: str, status: int
) -> None:
    url = URL(f"http://127.0.0.1:{caller.server.port}{path}", encoded=True)
    async with caller.http.get(url) as response:
        body = await response.json()
        assert response.status == status
    assert printable(body["error"]) == body["error"]
