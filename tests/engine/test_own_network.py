"""The sidecar is disconnected from its network: its targets are not blamed."""

from functools import partial

import pytest

from tests.engine.harness import SERVICE, WALLET, SidecarBox, Stack, pair_config

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

PROBES = 5
"""More failures than the failure threshold."""


def has_failed_probes(watcher: SidecarBox, name: str, first_probe: int) -> bool:
    """Whether PROBES probes since then failed because of the own network."""
    since = watcher.probes(name)[first_probe:]
    causes = [probe.fields.get("cause") for probe in since]
    return causes.count("own_network") >= PROBES


def downtimes(watcher: SidecarBox) -> dict[str, tuple[int, float]]:
    """Outages and their seconds, by target; the stack's start is included."""
    report = watcher.get_api("/report?window=1h")["targets"]
    return {t["target"]: (t["outages"], t["down_seconds"]) for t in report}


def test_sidecar_off_its_network_opens_no_incident_and_counts_no_downtime(
    stack: Stack,
) -> None:
    wallet = stack.wallet()
    service = stack.service()
    watcher = stack.sidecar(pair_config())
    stack.wait_healthy(WALLET, SERVICE)
    before = [box.started_at for box in (wallet, service)]
    probe_counts = {name: len(watcher.probes(name)) for name in (WALLET, SERVICE)}

    down = downtimes(watcher)

    stack.disconnect(watcher)

    for name, probe_count in probe_counts.items():
        has_failed = partial(has_failed_probes, watcher, name, probe_count)
        stack.wait_for(f"{name} was asked in vain", has_failed)
    assert "docker network connect" in watcher.log()
    stack.connect(watcher, "sidecar")
    stack.wait_healthy(WALLET, SERVICE)

    assert watcher.status_view()["incidents"] == []
    assert stack.engine_calls() == []
    assert [box.started_at for box in (wallet, service)] == before
    assert downtimes(watcher) == down
