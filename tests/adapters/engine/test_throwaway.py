"""Throw-away containers: forbidden calls, and which containers may be removed."""

from collections.abc import Awaitable, Callable

import pytest

from sidecar.core.ports.engine import EngineForbidden, EngineRefused
from sidecar.engine.throwaway import ThrowawayContainers
from tests.support.engine_connection import FOREIGN, OWN, Requests, link_to
from tests.support.engine_server import EngineServer, raw_container

NO = b'{"message": "not on the list"}'
LABEL = "sidecar.restore-test"
KEY = "0123456789abcdef"

Call = Callable[[ThrowawayContainers], Awaitable[object]]


def leave(
    server: EngineServer, container_id: str, name: str, *, baked: bool = False
) -> str:
    """A container with the label of restore tests; ``baked``: its image has it too."""
    raw = raw_container(container_id, stack="")
    raw |= {"Name": f"/{name}", "Image": f"sha256:{container_id}"}
    raw["Config"]["Labels"] = {LABEL: "demo"}
    labels = {LABEL: "demo"} if baked else {}
    server.images[f"sha256:{container_id}"] = {"Config": {"Labels": labels}}
    return server.add(raw)


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/containers/create", lambda throwaways: throwaways.create(OWN, KEY)),
        ("/archive", lambda throwaways: throwaways.put_files(KEY, b"tar")),
        ("/archive", lambda throwaways: throwaways.missing_folders(KEY, ("/data",))),
        ("/start", lambda throwaways: throwaways.start(KEY)),
        (f"restore-test-{KEY}", lambda throwaways: throwaways.remove(KEY)),
    ],
    ids=["create", "put", "folders", "start", "remove"],
)
async def test_call_that_a_filter_forbids_is_told_as_forbidden(
    path: str, call: Call, server: EngineServer, requests: Requests
) -> None:
    server.containers[OWN]["Image"] = "sha256:f00"
    server.images["sha256:f00"] = {"Config": {"Labels": {}}}
    server.say[path] = (403, NO)
    link = link_to(server, requests)
    with pytest.raises(EngineForbidden, match="not on the list"):
        await call(ThrowawayContainers(link, "demo"))
    await link.close()


async def test_container_of_another_stack_is_never_the_original(
    server: EngineServer, requests: Requests
) -> None:
    server.add(raw_container(FOREIGN, stack="another"))
    link = link_to(server, requests)
    with pytest.raises(EngineRefused, match="belongs to the stack 'another'"):
        await ThrowawayContainers(link, "demo").create(FOREIGN, KEY)
    assert server.acts() == []
    await link.close()


async def test_only_containers_of_restore_tests_are_removed(
    server: EngineServer, requests: Requests
) -> None:
    ours = leave(server, "1" * 64, f"sidecar-restore-test-{KEY}")
    others = [
        leave(server, "2" * 64, "somebody-elses"),
        leave(server, "3" * 64, "sidecar-restore-test-x", baked=True),
    ]
    link = link_to(server, requests)
    assert await ThrowawayContainers(link, "demo").remove_left() == 1
    assert set(server.containers) == {OWN, *others}
    deletes = [r for r in server.requests if r.startswith("DELETE")]
    assert deletes == [f"DELETE /containers/{ours}?force=1&v=1"]
    await link.close()


async def test_removal_of_a_container_that_is_gone_is_no_error(
    server: EngineServer, requests: Requests
) -> None:
    name = f"sidecar-restore-test-{KEY}"
    body = f'{{"message": "No such container: {name}"}}'.encode()
    server.say[name] = (404, body)
    link = link_to(server, requests)
    await ThrowawayContainers(link, "demo").remove(KEY)
    await link.close()
