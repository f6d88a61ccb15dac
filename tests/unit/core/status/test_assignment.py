"""Assignment of containers to targets."""

from sidecar.core.model.container import Status
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.status.assignment import assign
from tests.support.rule_world import container

WALLET = Target("wallet", service="electron-cash")


def test_container_is_assigned_by_its_service() -> None:
    wallet = container("electron-cash")
    other = container("postgres")
    assert assign([WALLET], [wallet, other]) == ((InstanceId("wallet", 1), wallet),)


def test_container_is_assigned_by_its_name() -> None:
    named = container("electron-cash", name="the-wallet")
    by_name = Target("wallet", container="the-wallet")
    assert assign([by_name], [named]) == ((InstanceId("wallet", 1), named),)


def test_service_of_a_target_matches_the_container_name() -> None:
    named = container("", name="the-wallet")
    assert assign([Target("w", service="the-wallet")], [named]) == (
        (InstanceId("w", 1), named),
    )


def test_one_off_container_is_not_assigned() -> None:
    one_off = container("electron-cash", labels={"com.docker.compose.oneoff": "True"})
    assert assign([WALLET], [one_off]) == ()


def test_running_container_is_assigned_while_compose_recreates_it() -> None:
    old = container("electron-cash", id="old", started_at=5.0)
    new = container("electron-cash", id="new", status=Status.CREATED, started_at=0.0)
    for pair in ([old, new], [new, old]):
        ((_, chosen),) = assign([WALLET], pair)
        assert chosen.id == "old"
