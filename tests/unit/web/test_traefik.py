"""Targets as services of Traefik."""

from dataclasses import replace

import msgspec
import pytest

from sidecar.api_types.traefik import TraefikConfiguration
from sidecar.core.model.container import Container, Endpoint, Status
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState as S
from sidecar.web.views.traefik import traefik_configuration, traefik_services
from tests.support.rule_world import container
from tests.support.traffic_states import replica_state

PROBE = HttpProbe("http://payment:8080/health")


def stack(
    *states: S, probe: HttpProbe | ElectronCashProbe = PROBE, **changes: object
) -> State:
    """Replicas of the target payment, each with a container."""
    state = replica_state(*states)
    instances = {
        own_id: replace(one, container=payment(own_id.number, **changes))
        for own_id, one in state.instances.items()
    }
    target = Target("payment", probes=(probe,))
    return replace(state, instances=build_table(instances), targets={"payment": target})


def payment(number: int, **changes: object) -> Container:
    name = f"demo-payment-{number}"
    front = Endpoint("demo_front", (f"10.0.1.{number}",), frozenset({name, "payment"}))
    back = Endpoint("demo_back", (f"10.0.0.{number}",))
    endpoints = {"endpoints": (front, back)}
    return container("payment", number, **(endpoints | changes))


def configuration(state: State, network: str) -> TraefikConfiguration:
    return traefik_configuration(traefik_services(state, network))


def servers(state: State, network: str = "demo_front") -> list[str]:
    answer = msgspec.to_builtins(configuration(state, network))
    service = answer["http"]["services"]["payment"]
    assert list(service) == ["loadBalancer"]
    return [server["url"] for server in service["loadBalancer"]["servers"]]


def test_configuration_has_the_form_that_traefik_reads() -> None:
    answer = msgspec.json.encode(configuration(stack(S.HEALTHY), "demo_front"))
    assert answer == (
        b'{"http":{"services":{"payment":{"loadBalancer":{"servers":'
        b'[{"url":"http://demo-payment-1:8080"}]}}}}}'
    )


@pytest.mark.parametrize("state", [S.DRAINING, S.STARTING, S.DOWN, S.RECOVERING])
def test_replica_that_cannot_serve_is_left_out(state: S) -> None:
    assert servers(stack(S.HEALTHY, state)) == ["http://demo-payment-1:8080"]


@pytest.mark.parametrize("state", [S.HEALTHY, S.DEGRADED, S.FAILING, S.UNKNOWN])
def test_replica_that_may_serve_is_a_server(state: S) -> None:
    assert len(servers(stack(S.HEALTHY, state))) == 2


def test_all_that_run_are_servers_if_none_can_serve() -> None:
    assert len(servers(stack(S.DOWN, S.DRAINING))) == 2


def test_container_that_does_not_run_is_never_a_server() -> None:
    state = stack(S.STOPPED, status=Status.EXITED)
    assert configuration(state, "").http is msgspec.UNSET


def test_server_has_its_address_where_its_name_does_not_resolve() -> None:
    assert servers(stack(S.HEALTHY), "demo_back") == ["http://10.0.0.1:8080"]
    assert servers(stack(S.HEALTHY), "") == ["http://10.0.0.1:8080"]
    six = (Endpoint("demo_back", ("fd00::1",)),)
    assert servers(stack(S.HEALTHY, endpoints=six), "") == ["http://[fd00::1]:8080"]


def test_port_and_scheme_are_those_of_the_probe() -> None:
    secure = HttpProbe("https://payment/health")
    assert servers(stack(S.HEALTHY, probe=secure)) == ["https://demo-payment-1:443"]


def test_target_without_an_http_probe_or_on_another_network_is_no_service() -> None:
    wallet = stack(S.HEALTHY, probe=ElectronCashProbe("http://payment:7777/"))
    assert msgspec.to_builtins(configuration(wallet, "")) == {}
    other = configuration(stack(S.HEALTHY), "elsewhere")
    assert msgspec.to_builtins(other) == {}
