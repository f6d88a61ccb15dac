"""Networks in the reason of a detached target."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.notify.message_catalog import read_catalog
from sidecar.probes.network_advice import add_network_advice
from tests.support.fakes import a_container

DETACHED = probe_failure(
    Cause.DETACHED, text_reason("the name of wallet:7777 does not resolve")
)


def box(*networks: str) -> Container:
    return replace(a_container(), stack="shop", networks=frozenset(networks))


def advised(theirs: tuple[str, ...], own: tuple[str, ...]) -> Reason:
    return add_network_advice(DETACHED, box(*theirs), frozenset(own)).reason


def reason(theirs: tuple[str, ...], own: tuple[str, ...]) -> str:
    return str(advised(theirs, own))


def test_the_line_to_add_keeps_ours_and_adds_one_of_theirs() -> None:
    said = reason(("shop_backend",), ("shop_default",))
    assert said == (
        "the name of wallet:7777 does not resolve; its container is on shop_backend, "
        "Sidecar on shop_default: add to the service sidecar: "
        "networks: [default, backend]"
    )


def test_a_network_of_nobodys_project_keeps_its_name() -> None:
    assert reason(("proxy",), ("shop_default",)).endswith("[default, proxy]")


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (("shop_default",), "is on shop_default, Sidecar on shop_default"),
        (("host",), "is on host, Sidecar on shop_default"),
        (("none",), "is on none, Sidecar on shop_default"),
        ((), "is on no network, Sidecar on shop_default"),
    ],
)
def test_where_no_line_helps_none_is_given(theirs: tuple[str, ...], said: str) -> None:
    assert reason(theirs, ("shop_default",)).endswith(said)


def test_many_networks_leave_room_for_the_line() -> None:
    many = tuple(f"shop_{n:02}" for n in range(40))
    said = reason(many, ("shop_default",))
    assert said.endswith("networks: [default, 00]")
    assert len(said) < 300


def test_other_outcomes_and_unknown_networks_stay_as_they_are() -> None:
    other = probe_failure(Cause.REFUSED, text_reason("connection refused"))
    assert add_network_advice(other, box("a"), frozenset({"b"})) is other
    assert add_network_advice(DETACHED, box("a"), frozenset()) is DETACHED


def test_it_is_said_in_korean() -> None:
    said = read_catalog("ko").write_reason(
        advised(("shop_backend",), ("shop_default",))
    )
    assert "add to the service" not in said
    assert "networks: [default, backend]" in said
