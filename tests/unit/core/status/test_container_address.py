"""Addresses of a container that Sidecar reaches from its own networks."""

from dataclasses import replace

import pytest

from sidecar.core.model.container import Container, Endpoint
from sidecar.core.status.network_reach import (
    BY_NAME,
    Reach,
    Surroundings,
    find_reach,
    find_surroundings,
)
from tests.support.fakes import a_container

SHARED, PRIVATE = "shared", "p_default"


def make_endpoint(
    network: str, *addresses: str, names: str = "", gateway: str = ""
) -> Endpoint:
    return Endpoint(network, addresses, frozenset(names.split()), gateway)


def make_container(
    container_id: str, *endpoints: Endpoint, **changes: object
) -> Container:
    """A container on these networks."""
    plain = a_container(
        container_id,
        networks=frozenset(e.network for e in endpoints),
        endpoints=endpoints,
        network_mode=endpoints[0].network if endpoints else "none",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # any field of it


OWN = make_container(
    "own", make_endpoint(SHARED, "10.0.0.2", gateway="10.0.0.1"), service="sidecar"
)
DAEMON = make_container("d1", make_endpoint(SHARED, "10.0.0.3"))
NAME = "electron-cash"


def surroundings_of(
    *containers: Container, own: Container | None = OWN
) -> Surroundings:
    return find_surroundings(own, (*containers, *((own,) if own is not None else ())))


def find_addresses(
    host: str, container: Container, where: Surroundings
) -> tuple[str, ...]:
    reached = find_reach(host, container, where)
    assert reached is not None
    assert str(reached.reason) == ""
    return reached.addresses


def test_name_of_a_container_without_an_engine_is_resolved_as_usual() -> None:
    unknown = replace(DAEMON, network_mode=BY_NAME, endpoints=())
    assert find_reach(NAME, unknown, surroundings_of(unknown, own=None)) is None


def test_a_container_is_reached_at_its_own_address() -> None:
    assert find_reach(NAME, DAEMON, surroundings_of(DAEMON)) == Reach(
        ("10.0.0.3",), "d1"
    )


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
def test_container_is_found_by_any_of_its_names_in_any_case(host: str) -> None:
    named = replace(
        DAEMON, endpoints=(make_endpoint(SHARED, "10.0.0.3", names="wallet"),)
    )
    assert find_addresses(host, named, surroundings_of(named)) == ("10.0.0.3",)


def test_a_service_whose_name_has_capitals_is_found_by_small_letters() -> None:
    first = replace(DAEMON, service="ElectronCash")
    second = make_container(
        "d2", make_endpoint(SHARED, "10.0.0.4"), service="ElectronCash", number=2
    )
    where = surroundings_of(first, second)
    for host in ("electroncash", "ElectronCash"):
        assert find_addresses(host, first, where) == ("10.0.0.3",)
        assert find_addresses(host, second, where) == ("10.0.0.4",)


@pytest.mark.parametrize("host", ["example.org", "10.9.9.9", "electron-cash.elsewhere"])
def test_a_host_that_is_no_container_of_the_stack_is_resolved_by_name(
    host: str,
) -> None:
    assert find_reach(host, DAEMON, surroundings_of(DAEMON)) is None


def test_another_container_of_the_stack_is_reached_at_its_addresses() -> None:
    proxies = [
        make_container(
            f"p{n}",
            make_endpoint(SHARED, f"10.0.0.1{n}"),
            service="proxy",
            name=f"proxy-{n}",
        )
        for n in (1, 2)
    ]
    assert find_addresses("proxy", DAEMON, surroundings_of(DAEMON, *proxies)) == (
        "10.0.0.11",
        "10.0.0.12",
    )


def test_only_addresses_on_shared_networks_are_reached() -> None:
    daemon = make_container(
        "d1",
        make_endpoint(PRIVATE, "10.1.0.3"),
        make_endpoint(SHARED, "10.0.0.3", "fd00::3"),
    )
    assert find_addresses(NAME, daemon, surroundings_of(daemon)) == (
        "10.0.0.3",
        "fd00::3",
    )


def test_container_without_shared_network_is_detached_with_their_names() -> None:
    daemon = make_container("d1", make_endpoint(PRIVATE, "10.1.0.3"))
    reached = find_reach(NAME, daemon, surroundings_of(daemon))
    assert reached is not None
    assert (reached.addresses, reached.is_judged) == ((), True)
    assert str(reached.reason) == (
        "it shares no network with Sidecar: it is on p_default, Sidecar on shared"
    )


def test_a_container_without_an_address_yet_is_detached() -> None:
    daemon = make_container("d1", make_endpoint(SHARED))
    reached = find_reach(NAME, daemon, surroundings_of(daemon))
    assert reached is not None
    assert reached.is_judged
    assert "no address" in str(reached.reason)


@pytest.mark.parametrize("own", [None, replace(OWN, network_mode="host", endpoints=())])
def test_sidecar_on_the_host_reaches_every_address(own: Container | None) -> None:
    daemon = make_container(
        "d1", make_endpoint(PRIVATE, "10.1.0.3"), make_endpoint(SHARED, "10.0.0.3")
    )
    assert find_addresses(NAME, daemon, surroundings_of(daemon, own=own)) == (
        "10.1.0.3",
        "10.0.0.3",
    )


def test_container_on_network_of_another_container_has_its_address() -> None:
    vpn = make_container(
        "vpn", make_endpoint(SHARED, "10.0.0.7"), service="vpn", name="demo-vpn-1"
    )
    daemon = make_container("d1", network_mode="container:vpn")
    assert find_addresses(NAME, daemon, surroundings_of(daemon, vpn)) == ("10.0.0.7",)


def test_container_on_network_of_a_foreign_container_is_not_judged() -> None:
    daemon = make_container("d1", network_mode="container:foreign")
    reached = find_reach(NAME, daemon, surroundings_of(daemon))
    assert reached is not None
    assert (reached.addresses, reached.is_judged) == ((), False)
    assert "not of this stack" in str(reached.reason)


def test_container_in_network_namespace_of_sidecar_is_at_loopback() -> None:
    with_us = make_container("d1", network_mode="container:own")
    assert find_addresses(NAME, with_us, surroundings_of(with_us)) == ("127.0.0.1",)
    own = make_container("own", network_mode="container:d1", service="sidecar")
    assert find_addresses(NAME, DAEMON, surroundings_of(DAEMON, own=own)) == (
        "127.0.0.1",
    )


def test_sidecar_on_network_of_another_container_has_its_networks() -> None:
    vpn = make_container(
        "vpn", make_endpoint(PRIVATE, "10.1.0.7"), service="vpn", name="demo-vpn-1"
    )
    own = make_container("own", network_mode="container:vpn", service="sidecar")
    daemon = make_container(
        "d1", make_endpoint(SHARED, "10.0.0.3"), make_endpoint(PRIVATE, "10.1.0.3")
    )
    assert find_addresses(NAME, daemon, surroundings_of(daemon, vpn, own=own)) == (
        "10.1.0.3",
    )


def test_container_on_host_network_is_at_gateway_or_loopback() -> None:
    daemon = make_container("d1", network_mode="host")
    assert find_addresses(NAME, daemon, surroundings_of(daemon)) == ("10.0.0.1",)
    for own in (None, replace(OWN, network_mode="host")):
        assert find_addresses(NAME, daemon, surroundings_of(daemon, own=own)) == (
            "127.0.0.1",
        )


def test_container_on_host_network_without_gateway_is_not_judged() -> None:
    daemon = make_container("d1", network_mode="host")
    own = make_container("own", make_endpoint(SHARED, "10.0.0.2"), service="sidecar")
    reached = find_reach(NAME, daemon, surroundings_of(daemon, own=own))
    assert reached is not None
    assert (reached.addresses, reached.is_judged) == ((), False)


def test_container_on_no_network_is_not_judged_and_has_a_reason() -> None:
    daemon = make_container("d1", network_mode="none")
    reached = find_reach(NAME, daemon, surroundings_of(daemon))
    assert reached is not None
    assert (reached.addresses, reached.is_judged) == ((), False)
    assert (
        str(reached.reason) == "it is on no network, so no address of it can be asked"
    )
