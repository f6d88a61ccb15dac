"""Sidecar itself is taken off its network: nothing is said of its targets."""

from functools import partial

import pytest

from tests.engine.harness import SERVICE, WALLET, SidecarBox, Stack, pair_config

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

PROBES = 5
"""More than make a target certainly down."""


def asked_in_vain(watcher: SidecarBox, name: str, known: int) -> bool:
    """Was it asked often enough since? Each time it is our own network's fault."""
    since = watcher.probes(name)[known:]
    causes = [probe.fields.get("cause") for probe in since]
    return causes.count("own_network") >= PROBES


def downtimes(watcher: SidecarBox) -> dict[str, tuple[int, float]]:
    """Of each target, the start of the stack among them: outages, and seconds."""
    report = watcher.told("/report?window=1h")["targets"]
    return {t["target"]: (t["outages"], t["down_seconds"]) for t in report}


def test_sidecar_off_its_network_opens_no_incident_and_counts_no_downtime(
    stack: Stack,
) -> None:
    wallet = stack.wallet()
    service = stack.service()
    watcher = stack.sidecar(pair_config())
    stack.wait_healthy(WALLET, SERVICE)
    before = [box.started_at for box in (wallet, service)]
    known = {name: len(watcher.probes(name)) for name in (WALLET, SERVICE)}

    down = downtimes(watcher)

    stack.part(watcher)

    for name, so_many in known.items():
        in_vain = partial(asked_in_vain, watcher, name, so_many)
        stack.wait_for(f"{name} was asked in vain", in_vain)
    assert "docker network connect" in watcher.log()
    stack.join(watcher, "sidecar")
    stack.wait_healthy(WALLET, SERVICE)

    assert watcher.status_view()["incidents"] == []
    assert stack.asked() == []
    assert [box.started_at for box in (wallet, service)] == before
    assert downtimes(watcher) == down
