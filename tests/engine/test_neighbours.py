"""Containers of the stack: neighbours, replicas, recreated and labelled ones."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    QUICK,
    RPC_PASSWORD,
    RPC_USER,
    RUN_LABEL,
    SERVICE,
    WALLET,
    Box,
    Stack,
    WalletBox,
    config,
    pair_config,
    wallet_config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SECOND_NS = 1_000_000_000
UNHEALTHY_FILE = "/tmp/sick"
# Native health by a file.
IDLE = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]
CHECK: dict[str, object] = {
    "test": ["CMD", "test", "!", "-e", UNHEALTHY_FILE],
    "interval": SECOND_NS,
    # An exec on a busy machine takes its time.
    "timeout": 20 * SECOND_NS,
    "retries": 2,
}


# --- the neighbour


def test_neighbour_with_same_names_and_labels_gets_no_request(
    stack_factory: Callable[[], Stack],
) -> None:
    inviting = {
        "sidecar.enable": "true",
        "sidecar.probe.type": "docker",
        "autoheal": "true",
    }
    ours, theirs = stack_factory(), stack_factory()
    dead = theirs.wallet(labels=inviting, shape="wrapper")
    exited = theirs.service(labels=inviting)
    sick = start_with_health_check(theirs, "sick", labels=inviting)
    wallet = ours.wallet()
    service = ours.service()
    watcher = ours.sidecar(pair_config(), env={"SIDECAR_WATCH_LABEL": "autoheal"})
    ours.wait_healthy(WALLET, SERVICE)
    neighbours = (dead, exited, sick)
    before = [box.started_at for box in (dead, sick)]

    dead.end_daemon()
    exited.control("exit", {"status": 1})
    make_unhealthy(sick)
    wait_unhealthy(theirs, sick)
    theirs.wait_for("theirs has exited", lambda: exited.status == "exited")
    wallet.end_daemon()
    ours.wait_outcome(WALLET, "restart")
    # A whole listing and some probes later it is still as it was.
    ours.wait_probes(SERVICE, 10)

    assert set(watcher.states()) == {WALLET, SERVICE}
    assert ours.engine_calls() == [f"restart {WALLET}"]
    assert service.status == "running"
    paths = " ".join(asked.path for asked in ours.proxy.requests)
    for box in neighbours:
        assert box.id not in paths
        assert box.id[:12] not in paths
        assert box.name not in paths
    assert [box.started_at for box in (dead, sick)] == before
    assert exited.status == "exited"


# --- replicas


def test_replicas_are_probed_separately_and_only_broken_one_is_restarted(
    stack: Stack,
) -> None:
    first, second = (stack.wallet(number=number) for number in (1, 2))
    names = (f"{WALLET}-1", f"{WALLET}-2")
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(*names)
    assert set(watcher.states()) == set(names)
    assert watcher.target(names[1])["container"]["id"] == second.id
    before = first.started_at
    # The name of the service leads to either; one that is asked by its own name
    # hears every call of its probes and none of the other's.
    for box in (first, second):
        assert box.methods().count("load_wallet") == 1

    asked_before = len(watcher.probes(names[0]))
    second.end_daemon()

    stack.wait_outcome(names[1], "restart")
    stack.wait_healthy(*names)
    assert stack.engine_calls() == [f"restart {WALLET}-2"]
    assert first.started_at == before
    # What only the broken one could have answered.
    causes = {p.fields.get("cause") for p in watcher.probes(names[0])[asked_before:]}
    assert not {"refused", "wallet_not_loaded"} & causes


# --- redeployment


COMPOSE = """
services:
  {wallet}:
    image: sidecar-demo-wallet:local
    environment:
      SHAPE: wrapper
      BOOT_SECONDS: {boot}
      RPC_USER: {user}
      RPC_PASSWORD: {password}
    healthcheck: {{disable: true}}
    labels: {labels}
    networks: [ours]
networks:
  ours:
    name: {network}
    external: true
"""


def compose(stack: Stack, file: Path, *arguments: str) -> None:
    command = ["docker", "compose", "-p", stack.project, "-f", str(file), *arguments]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr


def composed_wallet(stack: Stack) -> WalletBox:
    container = stack.client.containers.get(f"{stack.project}-{WALLET}-1")
    return WalletBox(container)


def test_container_recreated_by_compose_starts_without_earlier_failures(
    stack: Stack,
) -> None:
    file = stack.folder / "compose.yaml"

    def write_file(boot_s: float) -> None:
        text = COMPOSE.format(
            wallet=WALLET,
            boot=boot_s,
            user=RPC_USER,
            password=RPC_PASSWORD,
            labels=RUN_LABEL,
            network=stack.network.name,
        )
        file.write_text(text)

    write_file(1.0)
    compose(stack, file, "up", "--detach", WALLET)
    old = composed_wallet(stack)
    # A streak long enough to redeploy in: 20 failures of 4 s each.
    long = {"start_period": "120s", "fast_interval": "200ms", "failure_threshold": 20}
    patient = {"timeout": "20s", "hang_after": "60s"}
    target = wallet_target(patient, restart={"recovery_timeout": "3m", "window": "15m"})
    watcher = stack.sidecar(config({WALLET: target}, defaults={**QUICK, **long}))
    stack.wait_healthy(WALLET)

    # A daemon whose process has gone would be restarted at once.
    old.set_fault("slow_answers", 4.0)
    old.set_fault("http_500")
    stack.wait_for(
        "a streak", lambda: watcher.target(WALLET)["consecutive_failures"] >= 2
    )
    # Time to make its start last longer.
    write_file(10.0)
    compose(stack, file, "up", "--detach", "--force-recreate", WALLET)

    new = composed_wallet(stack)
    assert new.id != old.id
    new.set_fault("slow_start", 120)
    started = new.started_at
    stack.wait_for(
        "the new one is watched",
        lambda: (watcher.target(WALLET)["container"] or {}).get("id") == new.id,
    )
    # Its first failures are those of a start, however many failed before it.
    stack.wait_probes(WALLET, 25, deadline_s=2 * DEADLINE_S)
    new.clear_fault("slow_start")
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 3)
    assert stack.engine_calls() == []
    assert new.started_at == started
    assert not watcher.decisions(WALLET, "restart")


# --- watched by a label


def start_with_health_check(
    stack: Stack,
    service: str,
    *,
    check: bool = True,
    **more: Any,  # noqa: ANN401 - the SDK's own
) -> Box:
    """A container that is healthy until it is made unhealthy, or restarted."""
    container = stack.container(
        "sidecar-base:local",
        service,
        command=IDLE,
        healthcheck=CHECK if check else None,
        tmpfs={"/tmp": "size=1m"},
        **more,
    )
    return Box(container)


def make_unhealthy(box: Box) -> None:
    box.run("touch", UNHEALTHY_FILE)


def native_status(box: Box) -> str:
    box.docker.reload()
    return str(box.docker.attrs["State"]["Health"]["Status"])


def wait_unhealthy(stack: Stack, box: Box) -> None:
    stack.wait_for(
        f"{box.name} is unhealthy", lambda: native_status(box) == "unhealthy"
    )


def test_labelled_container_is_restarted_when_unhealthy(
    stack: Stack,
) -> None:
    labelled = {"autoheal": "true"}
    sick = start_with_health_check(
        stack, "sick", labels={**labelled, "autoheal.stop.timeout": "2"}
    )
    plain = start_with_health_check(stack, "plain", labels=labelled)
    well = start_with_health_check(stack, "well", labels=labelled)
    refused = start_with_health_check(stack, "refused", labels={"autoheal": "false"})
    unlabelled = start_with_health_check(stack, "unlabelled")
    unchecked = start_with_health_check(
        stack, "unchecked", labels=labelled, check=False
    )
    left_alone = (well, refused, unlabelled, unchecked)
    before = [box.started_at for box in left_alone]
    settings = {"defaults": dict(QUICK)}
    watcher = stack.sidecar(settings, env={"SIDECAR_WATCH_LABEL": "autoheal"})
    stack.wait_healthy("sick", "plain", "well", deadline_s=2 * DEADLINE_S)
    assert set(watcher.states()) == {"sick", "plain", "well"}

    for box in (unlabelled, refused, sick):
        make_unhealthy(box)
    stack.wait_for(
        "the sick one is well again",
        lambda: watcher.outcomes("sick") == [("restart", "recovered")],
        2 * DEADLINE_S,
    )
    for box in (unlabelled, refused):
        wait_unhealthy(stack, box)
    make_unhealthy(plain)
    stack.wait_for(
        "the plain one is well again",
        lambda: watcher.outcomes("plain") == [("restart", "recovered")],
        2 * DEADLINE_S,
    )

    stack.wait_healthy("sick", "plain", "well")
    # In whole seconds: the container's own label, and the engine's default.
    assert [asked.path for asked in stack.proxy.posts] == [
        f"/containers/{sick.id}/restart?t=2",
        f"/containers/{plain.id}/restart?t=10",
    ]
    assert native_status(unlabelled) == native_status(refused) == "unhealthy"
    assert [box.started_at for box in left_alone] == before


# The same settings as in the test suite of docker-autoheal.
NEVER_WELL: dict[str, object] = {
    "test": ["CMD-SHELL", "exit 1"],
    "interval": 3 * SECOND_NS,
    "timeout": SECOND_NS,
    "retries": 3,
    "start_period": 5 * SECOND_NS,
}
RESTARTED_WITHIN_S = 60.0


def test_container_that_is_never_healthy_is_restarted_within_a_minute(
    stack: Stack,
) -> None:
    watcher = stack.sidecar(env={"SIDECAR_WATCH_LABEL": "autoheal"})

    def start_idle(service: str, check: dict[str, object], **labels: str) -> Box:
        # It ends by SIGKILL alone, when its time to stop is over.
        container = stack.container(
            "sidecar-base:local",
            service,
            command=["tail", "-f", "/dev/null"],
            healthcheck=check,
            labels=labels,
            network_mode="none",
        )
        return Box(container)

    sick = start_idle("should-keep-restarting", NEVER_WELL, autoheal="true")
    well = start_idle("shouldnt-restart-healthy", CHECK, autoheal="true")
    unlabelled = start_idle("shouldnt-restart-no-label", NEVER_WELL)
    boxes = (sick, well, unlabelled)
    before = [box.started_at for box in boxes]

    # The engine tells a restart a moment after the new start.
    stack.wait_for(
        "the sick one is restarted",
        lambda: "restart" in stack.engine_actions(sick),
        2 * RESTARTED_WITHIN_S,
    )
    events = stack.engine_events.events_until_now(watcher.docker)
    # The first of each action.
    at = {e.action: e.at for e in reversed(events) if e.container_id == sick.id}
    assert at["restart"] - at["start"] < RESTARTED_WITHIN_S
    assert stack.engine_calls() == ["restart should-keep-restarting"]
    assert "should-keep-restarting" in watcher.states()
    wait_unhealthy(stack, unlabelled)
    assert [box.started_at for box in (well, unlabelled)] == before[1:]
