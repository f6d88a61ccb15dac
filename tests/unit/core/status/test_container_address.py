"""Where a container is reached from Sidecar's own place in the networks."""

from dataclasses import replace

import pytest

from sidecar.core.model.container import Container, Endpoint
from sidecar.core.status.network_reach import (
    Reach,
    Surroundings,
    find_reach,
    find_surroundings,
)
from tests.support.fakes import a_container

SHARED, PRIVATE = "shared", "p_default"


def on(network: str, *addresses: str, names: str = "", gateway: str = "") -> Endpoint:
    return Endpoint(network, addresses, frozenset(names.split()), gateway)


def placed(container_id: str, *endpoints: Endpoint, **changes: object) -> Container:
    """A container on these networks."""
    plain = a_container(
        container_id,
        networks=frozenset(e.network for e in endpoints),
        endpoints=endpoints,
        network_mode=endpoints[0].network if endpoints else "none",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # any field of it


OWN = placed("own", on(SHARED, "10.0.0.2", gateway="10.0.0.1"), service="sidecar")
DAEMON = placed("d1", on(SHARED, "10.0.0.3"))
NAME = "electron-cash"


def around(*containers: Container, own: Container | None = OWN) -> Surroundings:
    return find_surroundings(own, (*containers, *((own,) if own is not None else ())))


def found(host: str, container: Container, where: Surroundings) -> tuple[str, ...]:
    reached = find_reach(host, container, where)
    assert reached is not None
    assert str(reached.reason) == ""
    return reached.addresses


def test_a_container_is_reached_at_its_own_address() -> None:
    assert find_reach(NAME, DAEMON, around(DAEMON)) == Reach(("10.0.0.3",), "d1")


@pytest.mark.parametrize(
    "host",
    [
        "electron-cash",
        "Electron-CASH",
        "electron-cash.",
        "demo-electron-cash-1",
        "wallet",
        "WALLET",
        "electron-cash.shared",
        "wallet.shared",
    ],
)
def test_a_container_has_many_names_and_no_case(host: str) -> None:
    named = replace(DAEMON, endpoints=(on(SHARED, "10.0.0.3", names="wallet"),))
    assert found(host, named, around(named)) == ("10.0.0.3",)


def test_a_service_whose_name_has_capitals_is_found_by_small_letters() -> None:
    first = replace(DAEMON, service="ElectronCash")
    second = placed("d2", on(SHARED, "10.0.0.4"), service="ElectronCash", number=2)
    where = around(first, second)
    for host in ("electroncash", "ElectronCash"):
        assert found(host, first, where) == ("10.0.0.3",)
        assert found(host, second, where) == ("10.0.0.4",)


@pytest.mark.parametrize("host", ["example.org", "10.9.9.9", "electron-cash.elsewhere"])
def test_a_host_that_is_no_container_of_the_stack_is_resolved_by_name(
    host: str,
) -> None:
    assert find_reach(host, DAEMON, around(DAEMON)) is None


def test_another_container_of_the_stack_is_reached_at_its_addresses() -> None:
    proxies = [
        placed(f"p{n}", on(SHARED, f"10.0.0.1{n}"), service="proxy", name=f"proxy-{n}")
        for n in (1, 2)
    ]
    assert found("proxy", DAEMON, around(DAEMON, *proxies)) == (
        "10.0.0.11",
        "10.0.0.12",
    )


def test_only_addresses_on_shared_networks_are_reached() -> None:
    daemon = placed("d1", on(PRIVATE, "10.1.0.3"), on(SHARED, "10.0.0.3", "fd00::3"))
    assert found(NAME, daemon, around(daemon)) == ("10.0.0.3", "fd00::3")


def test_a_container_without_a_shared_network_is_detached_and_networks_are_named() -> (
    None
):
    daemon = placed("d1", on(PRIVATE, "10.1.0.3"))
    reached = find_reach(NAME, daemon, around(daemon))
    assert reached is not None
    assert (reached.addresses, reached.is_judged) == ((), True)
    assert str(reached.reason) == (
        "it shares no network with Sidecar: it is on p_default, Sidecar on shared"
    )


def test_a_container_without_an_address_yet_is_detached() -> None:
    daemon = placed("d1", on(SHARED))
    reached = find_reach(NAME, daemon, around(daemon))
    assert reached is not None
    assert reached.is_judged
    assert "no address" in str(reached.reason)


@pytest.mark.parametrize("own", [None, replace(OWN, network_mode="host", endpoints=())])
def test_from_the_host_every_address_is_reached(own: Container | None) -> None:
    daemon = placed("d1", on(PRIVATE, "10.1.0.3"), on(SHARED, "10.0.0.3"))
    assert found(NAME, daemon, around(daemon, own=own)) == ("10.1.0.3", "10.0.0.3")


def test_on_the_network_of_another_container_it_has_that_ones_address() -> None:
    vpn = placed("vpn", on(SHARED, "10.0.0.7"), service="vpn", name="demo-vpn-1")
    daemon = placed("d1", network_mode="container:vpn")
    assert found(NAME, daemon, around(daemon, vpn)) == ("10.0.0.7",)


def test_on_the_network_of_a_foreign_container_it_cannot_be_judged() -> None:
    daemon = placed("d1", network_mode="container:foreign")
    reached = find_reach(NAME, daemon, around(daemon))
    assert reached is not None
    assert (reached.addresses, reached.is_judged) == ((), False)
    assert "not of this stack" in str(reached.reason)


def test_who_shares_a_network_namespace_with_sidecar_is_at_the_loopback() -> None:
    with_us = placed("d1", network_mode="container:own")
    assert found(NAME, with_us, around(with_us)) == ("127.0.0.1",)
    own = placed("own", network_mode="container:d1", service="sidecar")
    assert found(NAME, DAEMON, around(DAEMON, own=own)) == ("127.0.0.1",)


def test_sidecar_on_the_network_of_another_container_is_on_that_ones_networks() -> None:
    vpn = placed("vpn", on(PRIVATE, "10.1.0.7"), service="vpn", name="demo-vpn-1")
    own = placed("own", network_mode="container:vpn", service="sidecar")
    daemon = placed("d1", on(SHARED, "10.0.0.3"), on(PRIVATE, "10.1.0.3"))
    assert found(NAME, daemon, around(daemon, vpn, own=own)) == ("10.1.0.3",)


def test_on_the_hosts_network_it_is_at_the_gateway_or_the_loopback() -> None:
    daemon = placed("d1", network_mode="host")
    assert found(NAME, daemon, around(daemon)) == ("10.0.0.1",)
    for own in (None, replace(OWN, network_mode="host")):
        assert found(NAME, daemon, around(daemon, own=own)) == ("127.0.0.1",)


def test_on_the_hosts_network_without_a_gateway_it_cannot_be_judged() -> None:
    daemon = placed("d1", network_mode="host")
    own = placed("own", on(SHARED, "10.0.0.2"), service="sidecar")
    reached = find_reach(NAME, daemon, around(daemon, own=own))
    assert reached is not None
    assert (reached.addresses, reached.is_judged) == ((), False)


def test_on_no_network_it_cannot_be_judged_and_that_is_said() -> None:
    daemon = placed("d1", network_mode="none")
    reached = find_reach(NAME, daemon, around(daemon))
    assert reached is not None
    assert (reached.addresses, reached.is_judged) == ((), False)
    assert (
        str(reached.reason) == "it is on no network, so no address of it can be asked"
    )
