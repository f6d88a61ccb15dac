"""Membership of a container in a stack: labels of its image prove nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.ports.engine import Connected, EngineEvent, EngineRefused
from tests.support.engine_connection import (
    OWN,
    Requests,
    link_to,
    open_engine,
    run_engine_server,
)
from tests.support.engine_server import EngineServer, raw_container, raw_event

IMAGE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
EVIL = "e" * 64
DIGEST = "com.docker.compose.image"
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
HASH = "com.docker.compose.config-hash"
IDENTITY = {PROJECT: "demo", SERVICE: "wallet", NUMBER: "1"}


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        yield server


def make_raw(container_id: str, labels: dict[str, str], image_id: str = IMAGE) -> Any:  # noqa: ANN401
    raw = raw_container(container_id)
    raw["Image"] = image_id
    raw["Config"]["Labels"] = labels
    return raw


def image(labels: dict[str, str] | None) -> dict[str, Any]:
    return {"Id": IMAGE, "Config": {"Labels": labels}}


def make_compose_raw(container_id: str) -> Any:  # noqa: ANN401
    return make_raw(container_id, {**IDENTITY, DIGEST: IMAGE})


# Labels of the container, of its image (None: none), and: is it a member?
CASES: dict[str, tuple[dict[str, str], dict[str, str] | None, bool]] = {
    "compose": ({**IDENTITY, DIGEST: IMAGE}, None, True),
    "compose, of an image that compose built": (
        {**IDENTITY, DIGEST: IMAGE},
        IDENTITY,
        True,
    ),
    "no digest, nothing baked": (IDENTITY, None, True),
    "no digest, other things baked": (IDENTITY, {"maintainer": "x"}, True),
    "no digest, another identity baked": (
        IDENTITY,
        {PROJECT: "x", SERVICE: "y", NUMBER: "2"},
        True,
    ),
    "an engine that calls the image by another digest": (
        {**IDENTITY, DIGEST: OTHER},
        IDENTITY,
        True,
    ),
    "of an image that compose built, without a digest": (
        {**IDENTITY, HASH: "1"},
        IDENTITY,
        True,
    ),
    "a configuration's hash baked, too": (
        {**IDENTITY, HASH: "1"},
        {**IDENTITY, HASH: "1"},
        False,
    ),
    "an empty digest": ({**IDENTITY, DIGEST: ""}, {**IDENTITY, DIGEST: ""}, False),
    "all baked": (IDENTITY, IDENTITY, False),
    "all baked, with a digest": (
        {**IDENTITY, DIGEST: OTHER},
        {**IDENTITY, DIGEST: OTHER},
        False,
    ),
    "the project baked": (IDENTITY, {PROJECT: "demo"}, False),
    "the service baked": (IDENTITY, {SERVICE: "wallet"}, False),
    "the number baked": (IDENTITY, {NUMBER: "1"}, False),
    "no number, the rest baked": (
        {PROJECT: "demo", SERVICE: "wallet"},
        {PROJECT: "demo", SERVICE: "wallet"},
        False,
    ),
}


@pytest.mark.parametrize(("labels", "baked", "is_member"), CASES.values(), ids=CASES)
async def test_a_container_is_a_member_by_what_no_image_can_contain(
    labels: dict[str, str],
    baked: dict[str, str] | None,
    is_member: bool,
    server: EngineServer,
    requests: Requests,
) -> None:
    server.add(make_raw(EVIL, labels))
    server.images[IMAGE] = image(baked)
    async with open_engine(link_to(server, requests)) as engine:
        ids = [container.id for container in await engine.containers()]
        assert ids == ([EVIL] if is_member else [])
        if is_member:
            assert (await engine.inspect(EVIL)).id == EVIL
            await engine.restart(EVIL, 1.0)


CALLS: dict[str, Callable[..., Any]] = {
    "inspect": lambda engine: engine.inspect(EVIL),
    "start": lambda engine: engine.start(EVIL),
    "restart": lambda engine: engine.restart(EVIL, 2.0),
    "logs": lambda engine: engine.logs(EVIL, 10),
    "processes": lambda engine: engine.processes(EVIL),
    "stats": lambda engine: engine.stats(EVIL),
    "execute": lambda engine: engine.execute(EVIL, ("true",), 5.0),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_nothing_is_sent_about_a_container_whose_labels_are_its_images(
    call: Callable[..., Any], server: EngineServer, requests: Requests
) -> None:
    server.add(make_raw(EVIL, IDENTITY))
    server.images[IMAGE] = image(IDENTITY)
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused, match="that of its image"):
            await call(engine)
    assert server.acts() == []
    assert not any("logs" in r or "top" in r or "stats" in r for r in server.requests)


async def test_container_that_is_no_member_is_logged_once(
    server: EngineServer, requests: Requests, log_lines: list[str]
) -> None:
    server.add(make_compose_raw(OWN))
    evil = make_raw(EVIL, IDENTITY)
    evil["Name"] = "/evil\x1b[2J"
    server.add(evil)
    server.images[IMAGE] = image(IDENTITY)
    async with open_engine(link_to(server, requests)) as engine:
        for _ in range(3):
            assert [container.id for container in await engine.containers()] == [OWN]
    (line,) = log_lines
    assert "evil" in line
    assert line.strip().isprintable()


async def test_the_engine_is_asked_about_each_image_once_and_of_compose_never(
    server: EngineServer, requests: Requests
) -> None:
    server.add(make_compose_raw(OWN))
    for n in range(5):
        server.add(make_raw(f"{n}" * 64, IDENTITY))
    server.images[IMAGE] = image(None)
    async with open_engine(link_to(server, requests)) as engine:
        for _ in range(3):
            assert len(await engine.containers()) == 6
            await engine.inspect("0" * 64)
    assert server.count_requests(f"/images/{IMAGE}/json") == 1
    bare = make_raw(EVIL, {**IDENTITY, DIGEST: IMAGE.removeprefix("sha256:")})
    server.containers = {OWN: make_compose_raw(OWN), EVIL: bare}
    server.requests.clear()
    async with open_engine(link_to(server, requests)) as engine:
        await engine.containers()
    assert not any("/images/" in request for request in server.requests)


@pytest.mark.parametrize("status", [403, 404, 405, 500])
async def test_an_image_that_the_engine_does_not_show_proves_nothing(
    status: int, server: EngineServer, requests: Requests, log_lines: list[str]
) -> None:
    server.add(make_compose_raw(OWN))
    server.add(make_raw(EVIL, IDENTITY))
    server.say[f"/images/{IMAGE}/json"] = (status, b'{"message": "not for you"}')
    async with open_engine(link_to(server, requests)) as engine:
        for _ in range(2):
            assert [container.id for container in await engine.containers()] == [OWN]
        (line,) = log_lines
        assert "allow GET /images/{image}/json" in line
        # The filter is put right: no restart of ours is needed.
        server.say.clear()
        server.images[IMAGE] = image(None)
        assert len(await engine.containers()) == 2


async def test_proven_membership_lasts_when_the_image_is_gone(
    server: EngineServer, requests: Requests
) -> None:
    server.add(make_raw(EVIL, IDENTITY))
    server.images[IMAGE] = image(None)
    async with open_engine(link_to(server, requests)) as engine:
        assert len(await engine.containers()) == 1
        server.say[f"/images/{IMAGE}/json"] = (500, b"{}")
        engine._members._baked.clear()
        assert len(await engine.containers()) == 1


async def test_events_of_a_container_that_is_no_member_are_ignored(
    server: EngineServer, requests: Requests
) -> None:
    server.add(make_compose_raw(OWN))
    server.add(make_raw(EVIL, IDENTITY))
    server.images[IMAGE] = image(IDENTITY)
    async with open_engine(link_to(server, requests), replay_s=0.0) as engine:
        await engine.containers()
        events = engine.events()
        assert await anext(events) == Connected()
        now = 2_000_000_000 * 10**9
        server.publish(
            *(raw_event("die", EVIL, now + n) for n in range(5)),
            raw_event("die", OWN, now + 9),
        )
        event = await anext(events)
        assert isinstance(event, EngineEvent)
        assert (event.kind, event.container_id) == (EngineEventKind.DIE, OWN)
        await events.aclose()


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1e3", "\u0661", ""])
async def test_malformed_replica_number_does_not_fail_the_listing(
    number: str, server: EngineServer, requests: Requests
) -> None:
    server.add(make_raw(OWN, {**IDENTITY, NUMBER: number, DIGEST: IMAGE}))
    async with open_engine(link_to(server, requests)) as engine:
        assert [container.number for container in await engine.containers()] == [1]
