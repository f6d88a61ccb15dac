"""The code sends the calls of the list, and nothing else leaves it."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.ports.engine import EngineError, EngineRefused, Replacement
from sidecar.engine.api_version import ApiAgreement
from sidecar.engine.calls import CALLS, EngineCall, find_call
from sidecar.engine.client import Client
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.docker_host import address_from
from sidecar.engine.drill_calls import DrillCalls
from sidecar.engine.errors import CallNotListed
from sidecar.engine.features import ALL_FEATURES, Feature
from sidecar.engine.images import image_built_wall
from sidecar.engine.requests import changes
from sidecar.engine.survey import survey_stack
from sidecar.engine.swarm import SwarmEngine
from sidecar.engine.throwaway import ThrowawayContainers
from tests.support.engine_calls import VERSION, example_target
from tests.support.engine_connection import OWN, Requests, link_to, open_engine
from tests.support.engine_server import EngineServer, raw_container
from tests.support.podman_answers import be_podman
from tests.support.swarm_objects import STACK, raw_service, raw_task, serve_swarm

KEY = "0123456789abcdef"
IMAGE = "sha256:" + "f" * 64
Call = Callable[[Client], object]


def client_of(server: EngineServer, *, uses: frozenset[Feature]) -> Client:
    address = address_from({"DOCKER_HOST": f"unix://{server._where}"})
    client = Client(address, ApiAgreement(VERSION, ""), str, lambda: uses)
    client.set_deadline(time.monotonic() + 10.0)
    return client


@pytest.fixture
def client(server: EngineServer) -> Iterator[Client]:
    client = client_of(server, uses=ALL_FEATURES)
    yield client
    client.close()


SDK_CALLS: dict[str, Call] = {
    "attach": lambda c: c.attach(OWN),
    "attach_socket": lambda c: c.attach_socket(OWN),
    "build": lambda c: c.build(path="https://example.org/x.git"),
    "commit": lambda c: c.commit(OWN),
    "create_network": lambda c: c.create_network("n"),
    "create_secret": lambda c: c.create_secret("s", b"x"),
    "create_volume": lambda c: c.create_volume("v"),
    "df": lambda c: c.df(),
    "exec_resize": lambda c: c.exec_resize("e1", 1, 1),
    "exec_start_socket": lambda c: c.exec_start("../x", socket=True),
    "export": lambda c: next(iter(c.export(OWN))),
    "images": lambda c: c.images(),
    "inspect_volume": lambda c: c.inspect_volume("v"),
    "init_swarm": lambda c: c.init_swarm(),
    "kill": lambda c: c.kill(OWN),
    "kill_9": lambda c: c.kill(OWN, 9),
    "leave_swarm": lambda c: c.leave_swarm(force=True),
    "load_image": lambda c: list(c.load_image(b"x")),  # type: ignore[no-untyped-call]
    "login": lambda c: c.login("user", "secret"),
    "networks": lambda c: c.networks(),
    "nodes": lambda c: c.nodes(),
    "ping": lambda c: c.ping(),
    "plugins": lambda c: c.plugins(),  # type: ignore[no-untyped-call]
    "prune_containers": lambda c: c.prune_containers(),  # type: ignore[no-untyped-call]
    "prune_images": lambda c: c.prune_images(),  # type: ignore[no-untyped-call]
    "prune_volumes": lambda c: c.prune_volumes(),
    "pull": lambda c: c.pull("debian"),
    "push": lambda c: c.push("debian"),
    "remove_image": lambda c: c.remove_image("debian"),
    "remove_network": lambda c: c.remove_network("n"),
    "remove_volume": lambda c: c.remove_volume("v"),
    "resize": lambda c: c.resize(OWN, 1, 1),
    "secrets": lambda c: c.secrets(),
    "tag": lambda c: c.tag("debian", "x"),
    "update": lambda c: c.update_container(OWN, mem_limit="1g"),
    "versioned_version": lambda c: c.version(),
    "volumes": lambda c: c.volumes(),
    "wait": lambda c: c.wait(OWN),
}
"""Calls of the SDK that Sidecar does not use."""

TRICKS: dict[str, Call] = {
    "dots": lambda c: c.get(c.url_of("/containers/../images/json")),
    "escaped dots": lambda c: c.get(c.url_of("/containers/%2e%2e/images/json")),
    "escaped slash": lambda c: c.get(c.url_of(f"/containers/{OWN}%2Fjson")),
    "two slashes": lambda c: c.get(c.url_of("//containers/json")),
    "no version": lambda c: c.get(f"{c.base_url}/containers/json"),
    "older version": lambda c: c.get(f"{c.base_url}/v1.24/containers/json"),
    "last slash": lambda c: c.get(c.url_of("/containers/json/")),
    "fragment": lambda c: c.get(c.url_of(f"/containers/{OWN}/json#/top")),
    "semicolon": lambda c: c.get(c.url_of(f"/containers/{OWN}/json;x=/top")),
    "backslash": lambda c: c.get(c.url_of(f"/containers/{OWN}\\..\\json")),
    "line": lambda c: c.get(c.url_of(f"/containers/{OWN}/json\r\nHost: x")),
    "space": lambda c: c.get(c.url_of(f"/containers/{OWN} /json")),
    "query": lambda c: c.get(c.url_of(f"/containers/{OWN}/json"), params={"size": 1}),
    "a second signal": lambda c: c.post(
        c.url_of(f"/containers/{OWN}/kill"),
        params=[("signal", "SIGCONT"), ("signal", "KILL")],
    ),
    "method": lambda c: c.delete(c.url_of(f"/containers/{OWN}/json")),
    "odd method": lambda c: c.request("GET /v1.45/info", c.url_of("/version")),
    "head": lambda c: c.head(c.url_of("/containers/json")),
    "options": lambda c: c.options(c.url_of("/containers/json")),
    "another host": lambda c: c.get(f"http://127.0.0.1:1/v{VERSION}/containers/json"),
    "host at the end": lambda c: c.get(f"{c.base_url}.example/v{VERSION}/events"),
    "user": lambda c: c.get(f"http+docker://u@localhost/v{VERSION}/events"),
    "a name": lambda c: c.start("demo-wallet-1"),
    "a short id": lambda c: c.restart(OWN[:12], timeout=1),
    "the name of a test": lambda c: c.start("sidecar-restore-test-../x"),
    "another exec": lambda c: c.exec_inspect(f"../containers/{OWN}"),
}


@pytest.mark.parametrize(
    "call", [*SDK_CALLS.values(), *TRICKS.values()], ids=[*SDK_CALLS, *TRICKS]
)
def test_call_that_is_not_on_the_list_is_not_sent(
    call: Call, client: Client, server: EngineServer
) -> None:
    with pytest.raises(CallNotListed, match=r"^not sent: .* is not on Sidecar's list"):
        call(client)
    assert server.requests == []


def test_text_of_a_refused_call_is_masked_and_bounded(server: EngineServer) -> None:
    address = address_from({"DOCKER_HOST": f"unix://{server._where}"})
    masking = Client(
        address,
        ApiAgreement(VERSION, ""),
        lambda text: text.replace("secret", "***"),
    )
    with pytest.raises(CallNotListed) as refused:
        masking.get(masking.url_of("/secret/" + "x" * 1000))
    masking.close()
    assert "/***/" in str(refused.value)
    assert len(str(refused.value)) < 500


async def test_exec_id_with_a_path_in_it_starts_nothing(
    server: EngineServer, requests: Requests
) -> None:
    """The id comes from the engine, or from a proxy before it."""
    hostile = f"x/../../containers/{OWN}/kill?signal=KILL#"
    server.say["/exec"] = (201, b'{"Id": "%s"}' % hostile.encode())
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(CallNotListed):
            await engine.execute(OWN, ("true",), 5.0)
    assert server.acts() == [f"POST /containers/{OWN}/exec"]


@pytest.mark.parametrize(
    "address", [b"/v1.45/info", b"http://127.0.0.1:1/v1.45/containers/json"]
)
async def test_redirect_is_not_followed(
    address: bytes, server: EngineServer, requests: Requests
) -> None:
    server.say = {"/containers/json": (307, address), "/restart": (307, address)}
    async with open_engine(link_to(server, requests)) as engine:
        for call in (engine.containers(), engine.restart(OWN, 1.0)):
            with pytest.raises(EngineRefused, match="answered 307: a redirect"):
                await call
    paths = [request.split("?")[0] for request in server.requests]
    assert paths == [
        "GET /version",
        "GET /containers/json",
        f"GET /containers/{OWN}/json",
        f"POST /containers/{OWN}/restart",
    ]


GATED = [call for call in CALLS if call.feature.rule.is_gated]


@pytest.mark.parametrize("call", GATED, ids=lambda call: call.name)
def test_call_of_a_feature_that_is_not_used_is_not_sent(
    call: EngineCall, server: EngineServer
) -> None:
    def send(client: Client) -> None:
        url = f"{client.base_url}{example_target(call)}"
        client.request(call.method, url, data=b"{}").close()

    unused = client_of(server, uses=ALL_FEATURES - {call.feature})
    with pytest.raises(CallNotListed, match="only for the feature"):
        send(unused)
    unused.close()
    assert server.requests == []
    used = client_of(server, uses=frozenset({call.feature}))
    send(used)
    used.close()
    assert len(server.requests) == 1


async def test_refused_call_is_logged_once_and_no_failure_of_the_engine(
    server: EngineServer, requests: Requests, log_lines: list[str]
) -> None:
    link = link_to(server, requests)
    link.features_in_use = frozenset
    async with open_engine(link) as engine:
        for _ in range(2):
            with pytest.raises(CallNotListed):
                await engine.file_version(OWN, "/wallet")
    (line,) = log_lines
    assert line.startswith("a call was refused by Sidecar itself: not sent: GET ")
    assert "only for the feature 'backup', which the settings do not use" in line
    assert requests[-1] == ("archive", "refused")


async def test_every_call_of_the_list_is_sent_by_some_part(
    server: EngineServer, requests: Requests
) -> None:
    """A line that nothing needs must be removed from the list."""
    server.add(raw_container("c" * 64) | {"Image": IMAGE})
    server.images[IMAGE] = {"Config": {"Labels": {}}, "Created": "2026-01-02T03:04:05Z"}
    server.containers[OWN]["Image"] = IMAGE
    server.say["/containers/create"] = (201, b'{"Id": "%s"}' % OWN.encode())
    serve_swarm(server, raw_service(), raw_task("a"))
    link = link_to(server, requests)
    async with open_engine(link) as engine:
        await use_all_parts(engine, link)
        await use_swarm(SwarmEngine(link, STACK))
        await use_restore_tests(ThrowawayContainers(link, "demo"))
        await use_drills(DrillCalls(link, "demo"))
        await image_built_wall(link, OWN)
        await survey_stack(link, "demo")
    be_podman(server)
    server.add(raw_container(OWN, Status="exited"))
    async with open_engine(link_to(server, requests)) as engine:
        await engine.inspect(OWN)
    sent_calls = set()
    for request in server.requests:
        method, target = request.split(" ", 1)
        prefix = "" if target == "/version" else f"/v{VERSION}"
        sent_calls.add(find_call(method, f"{prefix}{target}", VERSION))
    assert sent_calls == set(CALLS)


async def use_all_parts(engine: DockerEngine, link: EngineConnection) -> None:
    calls = (
        engine.containers(),
        engine.inspect(OWN),
        engine.start(OWN),
        engine.restart(OWN, 1.0),
        engine.stop(OWN, 1.0),
        engine.signal(OWN, "SIGCONT"),
        engine.logs(OWN, 1),
        engine.processes(OWN),
        engine.stats(OWN),
        engine.execute(OWN, ("true",), 5.0),
        engine.file_version(OWN, "/f"),
        engine.put_files(OWN, "/", b""),
        link.ask("plan", lambda client: changes(client, OWN), 10.0),
        engine.rename(OWN, "x"),
        engine.check_removal(),
        engine.create_replacement(
            Replacement("x", b"{}", (("shop_front", b"{}"),), b"{}")
        ),
    )
    for call in calls:
        # What the small server does not know, it refuses: it was sent all the same.
        with contextlib.suppress(EngineError):
            await call
    items = engine.events()
    await anext(items)
    await items.aclose()


async def use_swarm(engine: SwarmEngine) -> None:
    (container,) = await engine.containers()
    with contextlib.suppress(EngineError):
        await engine.restart(container.id, 1.0)


async def use_restore_tests(throwaways: ThrowawayContainers) -> None:
    calls = (
        throwaways.create(OWN, KEY),
        throwaways.put_files(KEY, b""),
        throwaways.missing_folders(KEY, ("/data",)),
        throwaways.start(KEY),
        throwaways.execute(KEY, ("true",), {}, 5.0),
        throwaways.remove(KEY),
    )
    for call in calls:
        with contextlib.suppress(EngineError):
            await call


async def use_drills(drills: DrillCalls) -> None:
    for fault in DrillFault:
        await drills.check_calls(fault)
