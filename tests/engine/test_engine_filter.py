"""A filter of our own before the real engine, with the lines that the example has.

Timings are harness.QUICK. The proxy of every other engine test allows the calls of the
list and no others, too.
"""

import pytest

from sidecar.engine.calls import find_call
from sidecar.engine.features import Feature
from tests.engine.harness import (
    API_TOKEN,
    SERVICE,
    WALLET,
    ServiceBox,
    SidecarBox,
    Stack,
    WalletBox,
    pair_config,
)
from tests.support.container_commands import run_in
from tests.support.docker_proxy import EngineRequest
from tests.support.engine_calls import VERSION

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

NEEDED = {feature for feature in Feature if feature.rule.is_required}
NEEDED.add(Feature.IMAGE)
"""The containers of these tests are not made by compose."""
EXAMPLE = {feature for feature in Feature if not feature.rule.caution}
"""Features whose lines the example of a filter has, not as comments."""
SELDOM = {Feature.STOP, Feature.STOP_REPORT}
"""Sent if an operator stops a container while it is restarted, and to Podman alone."""


def feature_of(request: EngineRequest) -> Feature | None:
    prefix = "" if request.path == "/version" else f"/v{VERSION}"
    call = find_call(request.method, f"{prefix}{request.path}", VERSION)
    return call.feature if call is not None else None


def event_stream(watcher: SidecarBox) -> str:
    """The component of ``/readyz``."""
    parts = watcher.ask("GET", 9787, "/readyz").json()["components"]
    return next(str(part["reason"]) for part in parts if part["name"] == "event_stream")


def read_log(watcher: SidecarBox) -> str:
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    return watcher.ask("GET", 9787, f"/api/v1/logs/{WALLET}", headers=headers).text


def wait_for_refused_restart(stack: Stack, wallet: WalletBox) -> None:
    """The daemon fails, and Sidecar says which line is missing."""
    wallet.set_fault("http_500")
    page = stack.wait_decision(WALLET, "page")
    assert page.fields["guard"] == "forbidden"
    assert "not on the list (POST /containers/{id}/restart)" in page.message
    assert wallet.status == "running"


def wait_for_cycle(stack: Stack, wallet: WalletBox, service: ServiceBox) -> None:
    """A restart by order, that of a frozen daemon, and the start of a service."""
    watcher = stack.watcher
    assert watcher.order("restart", WALLET).ok
    stack.wait_outcome(WALLET, "restart", times=1)
    stack.wait_healthy(WALLET, SERVICE)
    wallet.set_fault("stop_process")
    stack.wait_outcome(WALLET, "restart", times=2)
    stack.wait_healthy(WALLET, SERVICE)
    stack.wait_for("the events", lambda: not event_stream(watcher))
    service.control("exit")
    stack.wait_for("a start", lambda: "start" in dict(watcher.outcomes(SERVICE)))
    stack.wait_healthy(WALLET, SERVICE)


def test_cycle_works_with_the_lines_of_the_example_alone(stack: Stack) -> None:
    """With the needed lines alone, Sidecar measures, and says why it does not act."""
    stack.proxy.limit_to(NEEDED)
    wallet, service = stack.wallet(shape="init"), stack.service()
    watcher = stack.sidecar(pair_config())
    stack.wait_healthy(WALLET, SERVICE)
    stack.wait_for(
        "no events", lambda: "not on the list (GET /events)" in event_stream(watcher)
    )
    wait_for_refused_restart(stack, wallet)

    stack.proxy.limit_to(EXAMPLE)
    before = len(stack.proxy.refused_requests)
    wait_for_cycle(stack, wallet, service)
    assert '"text"' in read_log(watcher)
    run_in(watcher.docker, ["sidecar", "doctor"])

    assert stack.proxy.refused_requests[before:] == ()
    features = {feature_of(request) for request in stack.proxy.requests}
    assert features >= EXAMPLE - SELDOM
    assert None not in features
