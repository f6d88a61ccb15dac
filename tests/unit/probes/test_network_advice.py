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


def container_on(*networks: str) -> Container:
    return replace(a_container(), stack="shop", networks=frozenset(networks))


def advise(theirs: tuple[str, ...], own: tuple[str, ...]) -> Reason:
    return add_network_advice(DETACHED, container_on(*theirs), frozenset(own)).reason


def reason_text(theirs: tuple[str, ...], own: tuple[str, ...]) -> str:
    return str(advise(theirs, own))


def test_advice_keeps_our_networks_and_adds_one_of_the_container() -> None:
    text = reason_text(("shop_backend",), ("shop_default",))
    assert text == (
        "the name of wallet:7777 does not resolve; its container is on shop_backend, "
        "Sidecar on shop_default: add to the service sidecar: "
        "networks: [default, backend]"
    )


def test_network_outside_the_project_keeps_its_name() -> None:
    assert reason_text(("proxy",), ("shop_default",)).endswith("[default, proxy]")


@pytest.mark.parametrize(
    ("theirs", "text"),
    [
        (("shop_default",), "is on shop_default, Sidecar on shop_default"),
        (("host",), "is on host, Sidecar on shop_default"),
        (("none",), "is on none, Sidecar on shop_default"),
        ((), "is on no network, Sidecar on shop_default"),
    ],
)
def test_reason_has_no_advice_where_none_helps(
    theirs: tuple[str, ...], text: str
) -> None:
    assert reason_text(theirs, ("shop_default",)).endswith(text)


def test_many_networks_leave_room_for_the_advice() -> None:
    many = tuple(f"shop_{n:02}" for n in range(40))
    text = reason_text(many, ("shop_default",))
    assert text.endswith("networks: [default, 00]")
    assert len(text) < 300


def test_other_outcomes_and_unknown_networks_stay_as_they_are() -> None:
    other = probe_failure(Cause.REFUSED, text_reason("connection refused"))
    assert add_network_advice(other, container_on("a"), frozenset({"b"})) is other
    assert add_network_advice(DETACHED, container_on("a"), frozenset()) is DETACHED


def test_advice_is_translated_to_korean() -> None:
    text = read_catalog("ko").write_reason(advise(("shop_backend",), ("shop_default",)))
    assert "add to the service" not in text
    assert "networks: [default, backend]" in text
