"""The engine's calls of a drill: what is asked first, and what is left as it is."""

import json
from typing import Any

import pytest

from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import CutNetwork
from sidecar.core.ports.engine import ContainerGone, EngineForbidden, EngineRefused
from sidecar.engine.drill_calls import DrillCalls
from tests.support.engine_connection import FOREIGN, OWN, Requests, link_to
from tests.support.engine_server import EngineServer, raw_container
from tests.support.podman_answers import be_podman

FRONT = CutNetwork("f" * 64, "shop_front", '{"Aliases": ["wallet"]}')
CONNECT, DISCONNECT = (
    f"/networks/{FRONT.network_id}/{act}" for act in ("connect", "disconnect")
)
NETWORK = f"/networks/{FRONT.network_id}"
NOT_FROZEN = (
    500,
    b'{"message": "OCI runtime pause failed: unable to freeze: unknown"}',
)
"""An answer of Docker 26 with runc on cgroup v1, on a busy host."""
MADE = {
    DrillFault.KILL,
    DrillFault.HANG,
    DrillFault.STOP,
    DrillFault.PAUSE,
    DrillFault.NETCUT,
}


def put_on(server: EngineServer, **networks: dict[str, Any]) -> None:
    server.containers[OWN]["NetworkSettings"]["Networks"] = networks


@pytest.fixture
def drills(server: EngineServer, requests: Requests) -> DrillCalls:
    server.say[NETWORK] = (200, b"{}")
    return DrillCalls(link_to(server, requests), "demo")


async def test_check_asks_about_no_container_that_exists(
    drills: DrillCalls, server: EngineServer
) -> None:
    for fault in DrillFault:
        await drills.check_calls(fault)
    assert len(server.acts()) == 2 * len(MADE)
    assert server.count_requests(f"/networks/{'0' * 64}") == 1
    assert not [act for act in server.acts() if OWN in act]


async def test_container_of_another_stack_is_not_touched(
    drills: DrillCalls, server: EngineServer
) -> None:
    server.add(raw_container(FOREIGN, stack="other"))
    for call in (drills.kill, drills.freeze, drills.pause, drills.unpause):
        with pytest.raises(EngineRefused, match="belongs to the stack 'other'"):
            await call(FOREIGN)
    with pytest.raises(EngineRefused, match="belongs to the stack 'other'"):
        await drills.leave_network(FOREIGN, FRONT)
    assert server.acts() == []


async def test_examine_tells_what_the_container_was_given_on_a_network(
    drills: DrillCalls, server: EngineServer
) -> None:
    put_on(
        server,
        shop_front={
            "NetworkID": FRONT.network_id,
            "Aliases": ["wallet", OWN[:12]],
            "IPAMConfig": {"IPv4Address": "10.1.2.3"},
            "IPAddress": "10.1.2.3",
            "MacAddress": "02:42:0a:01:02:03",
        },
    )
    server.containers[OWN]["HostConfig"]["AutoRemove"] = True
    subject = await drills.examine(OWN)
    (network,) = subject.networks
    assert network[:2] == FRONT[:2]
    assert json.loads(network.settings) == {
        "Aliases": ["wallet"],
        "IPAMConfig": {"IPv4Address": "10.1.2.3"},
    }
    assert subject.vanishes


async def test_network_is_joined_again_only_where_it_was_left(
    drills: DrillCalls, server: EngineServer
) -> None:
    put_on(server)
    server.say[CONNECT] = (200, b"")
    await drills.rejoin_network(OWN, FRONT)
    assert [act.split("?")[0] for act in server.acts()] == [f"POST {CONNECT}"]
    put_on(server, shop_front={"NetworkID": FRONT.network_id})
    await drills.rejoin_network(OWN, FRONT)
    assert len(server.acts()) == 1


async def test_new_network_of_the_same_name_is_not_the_one_that_was_left(
    drills: DrillCalls, server: EngineServer
) -> None:
    put_on(server, shop_front={"NetworkID": "e" * 64})
    server.say[NETWORK] = (404, b'{"message": "network ffff not found"}')
    await drills.rejoin_network(OWN, FRONT)
    assert server.acts() == []


async def test_network_is_joined_again_beside_a_new_one_of_the_same_name(
    drills: DrillCalls, server: EngineServer
) -> None:
    put_on(server, shop_front={"NetworkID": "e" * 64})
    server.say[CONNECT] = (200, b"")
    await drills.rejoin_network(OWN, FRONT)
    assert [act.split("?")[0] for act in server.acts()] == [f"POST {CONNECT}"]


async def test_network_that_somebody_joined_meanwhile_is_no_problem(
    drills: DrillCalls, server: EngineServer
) -> None:
    put_on(server)
    said = b'{"message": "endpoint with name demo-wallet-1 already exists in network"}'
    server.say[CONNECT] = (403, said)
    with pytest.raises(EngineForbidden, match="already exists"):
        await drills.rejoin_network(OWN, FRONT)
    looks = [0]

    def join_at_second_look(method: str, target: str) -> bool:
        looks[0] += method == "GET" and target.endswith("/json")
        if looks[0] == 2:
            put_on(server, shop_front={"NetworkID": FRONT.network_id})
        return False

    server.refuses = join_at_second_look
    await drills.rejoin_network(OWN, FRONT)


async def test_filter_that_knows_no_network_is_not_taken_for_a_network_that_is_gone(
    drills: DrillCalls, server: EngineServer
) -> None:
    put_on(server)
    server.say[NETWORK] = (404, b"404 page missing")
    with pytest.raises(EngineRefused, match="404 page missing"):
        await drills.rejoin_network(OWN, FRONT)


async def test_container_that_is_gone_is_said_to_be(drills: DrillCalls) -> None:
    with pytest.raises(ContainerGone):
        await drills.rejoin_network("d" * 64, FRONT)


async def test_network_is_left_although_it_was_left_before(
    drills: DrillCalls, server: EngineServer
) -> None:
    put_on(server)
    said = b'{"message": "container is not connected to the network"}'
    server.say[DISCONNECT] = (500, said)
    await drills.leave_network(OWN, FRONT)
    put_on(server, shop_front={"NetworkID": FRONT.network_id})
    with pytest.raises(EngineRefused, match="is not connected"):
        await drills.leave_network(OWN, FRONT)


async def test_podman_is_sent_no_signal(
    server: EngineServer, requests: Requests
) -> None:
    be_podman(server)
    drills = DrillCalls(link_to(server, requests), "demo")
    for fault in (DrillFault.KILL, DrillFault.HANG):
        with pytest.raises(EngineRefused, match="take the signal for an operator"):
            await drills.check_calls(fault)
    await drills.check_calls(DrillFault.PAUSE)
    assert not [act for act in server.acts() if "/kill" in act]


async def test_pause_that_the_runtime_could_not_make_is_tried_again(
    drills: DrillCalls, server: EngineServer
) -> None:
    server.say_first["/pause"] = [NOT_FROZEN] * 2
    server.say["/pause"] = (200, b"")
    await drills.pause(OWN)
    assert server.acts() == [f"POST /containers/{OWN}/pause"] * 3


async def test_pause_is_tried_a_few_times_and_no_other_refusal_twice(
    drills: DrillCalls, server: EngineServer
) -> None:
    server.say["/pause"] = NOT_FROZEN
    with pytest.raises(EngineRefused, match="unable to freeze"):
        await drills.pause(OWN)
    assert len(server.acts()) == 4
    server.say["/pause"] = (409, b'{"message": "is already paused"}')
    with pytest.raises(EngineRefused, match="already paused"):
        await drills.pause(OWN)
    assert len(server.acts()) == 5
