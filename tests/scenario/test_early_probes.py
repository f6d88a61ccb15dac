"""Latencies of decisions and messages, in seconds of virtual time."""

import asyncio
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import SettingsApplied
from sidecar.core.model.message import MessageKind
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.target import Mode
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.reason.reason import text_reason
from tests.support.fakes import EPOCH
from tests.support.loop_harness import (
    HANGS,
    LEAF,
    LEAF_ID,
    ROOT,
    ROOT_ID,
    LoopHarness,
    run_scenario,
    with_cadence,
)
from tests.support.rule_world import SERVICE, WALLET
from tests.support.simulated_stack import NOTIFY

RECOVERED = RemedyOutcome.RECOVERED
REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))
UNAVAILABLE = probe_failure(Cause.HTTP_5XX, text_reason("status 503"))
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)


def restarts(harness: LoopHarness, name: str) -> list[Decision]:
    return [d for d in harness.decisions_of(Action.RESTART) if d.name == name]


def test_daemon_that_dies_again_in_its_wrapper_is_restarted_by_lane() -> None:
    """The daemon lives for 10 s of each run; its container continues."""

    async def scenario(harness: LoopHarness) -> None:
        first = harness.engine.held[ROOT_ID].run

        def daemon(container: Container) -> ProbeResult:
            age_s = harness.clock.now().wall - container.started_at
            if container.run == first:
                return probe_success() if harness.clock.now().mono < 40.0 else REFUSED
            return probe_success() if age_s < 1.0 else REFUSED

        harness.set_script(ROOT, daemon)
        await harness.wait_until(lambda: len(restarts(harness, ROOT)) == 3)

    harness = run_scenario(scenario, targets=(WALLET,))
    first, second, third = (d.at.mono for d in restarts(harness, ROOT))
    assert second - first < 25.0
    assert third - second < 37.0


def test_crash_loop_is_reported_at_third_death_though_wallet_is_loaded() -> None:
    """The daemon lives for 4 s of each run, and its wallet is loaded meanwhile."""
    died: list[float] = []

    async def scenario(harness: LoopHarness) -> None:
        harness.post(SettingsApplied(harness.clock.now(), Mode.ACT, NOTIFY))
        harness.engine.change(ROOT_ID, restart_policy="always")
        harness.wallets.loaded.add(harness.engine.held[ROOT_ID].run)

        def daemon(container: Container) -> ProbeResult:
            return (
                probe_success()
                if container.run in harness.wallets.loaded
                else NO_WALLET
            )

        harness.set_script(ROOT, daemon)
        await asyncio.sleep(40.0)
        for _ in range(10):
            died.append(harness.clock.now().mono)
            harness.engine.crash(ROOT_ID)
            await asyncio.sleep(4.0)

    harness = run_scenario(scenario, targets=(WALLET,))
    messages = [m for m in harness.store.messages if m.kind is MessageKind.CRASH_LOOP]
    assert {m.channel for m in messages} == {"ops"}
    (first,) = messages
    assert first.created_wall - EPOCH < died[2] + 0.5, "the third death makes it one"
    assert harness.wallets.calls.count("load_wallet") >= 9


def test_root_is_probed_at_once_when_dependent_fails() -> None:
    rare = replace(WALLET, cadence=replace(WALLET.cadence, interval_s=120.0))

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(10.0)
        harness.fail_until_restart(LEAF, UNAVAILABLE)
        await asyncio.sleep(15.0)

    assert run_scenario(scenario, targets=(rare, SERVICE)).acts() == [
        ("restart", LEAF_ID)
    ]


# --- no dependency in the settings, although the service needs the wallet

UNLINKED_SERVICE = replace(SERVICE, depends_on=())
SLOW_POLLED_WALLET = with_cadence(WALLET, interval_s=15.0)
"""Probed less often than the service, so that the service fails first."""
SLOW_POLLED_SITE = replace(
    SLOW_POLLED_WALLET, probes=(HttpProbe("http://electron-cash:80/"),)
)
"""The root with an HTTP probe, so that it is not recognised as a wallet."""


async def fail_root_after_probe(harness: LoopHarness, outcome: ProbeResult) -> float:
    """Let the root fail right after its probe, and the service fail with it.

    Returns the monotonic time of the failure.
    """
    probe_count = len([1 for _, name in harness.prober.probe_starts if name == ROOT])
    await harness.wait_until(
        lambda: (
            len([1 for _, name in harness.prober.probe_starts if name == ROOT])
            > probe_count
        )
    )
    harness.fail_until_restart(ROOT, outcome)
    broken = harness.engine.held[ROOT_ID].run
    harness.set_script(
        LEAF,
        lambda _: (
            UNAVAILABLE
            if harness.engine.held[ROOT_ID].run == broken
            else probe_success()
        ),
    )
    return harness.clock.now().mono


@pytest.mark.parametrize("outcome", [REFUSED, UNAVAILABLE], ids=["refused", "503"])
def test_wallet_is_restarted_before_service_that_fails_with_it(
    outcome: ProbeResult,
) -> None:
    died: list[float] = []

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        died.append(await fail_root_after_probe(harness, outcome))
        await asyncio.sleep(200.0)

    harness = run_scenario(scenario, targets=(SLOW_POLLED_WALLET, UNLINKED_SERVICE))
    (restart,) = restarts(harness, ROOT)
    assert restart.at.mono - died[0] < 12.0
    assert {container_id for _, container_id in harness.acts()} == {ROOT_ID}, (
        "the service follows"
    )


def test_service_is_restarted_after_60_s_while_wallet_is_silent() -> None:
    """The service has its own fault; the wallet may hang for 5 min in an outage."""
    died: list[float] = []

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        harness.fail_until_restart(LEAF, UNAVAILABLE)
        harness.fail_until_restart(ROOT, HANGS)
        died.append(harness.clock.now().mono)
        await asyncio.sleep(300.0)

    outage = replace(WALLET, probes=(replace(WALLET.probes[0], hang_after_s=290.0),))
    harness = run_scenario(scenario, targets=(outage, UNLINKED_SERVICE))
    (restart,) = restarts(harness, LEAF)
    assert 55.0 < restart.at.mono - died[0] < 65.0


def test_service_that_fails_alone_is_restarted_without_delay() -> None:
    died: list[float] = []

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        harness.fail_until_restart(LEAF, UNAVAILABLE)
        died.append(harness.clock.now().mono)
        await asyncio.sleep(30.0)

    harness = run_scenario(scenario, targets=(WALLET, UNLINKED_SERVICE))
    (restart,) = restarts(harness, LEAF)
    assert restart.at.mono - died[0] < 5.0 + 2 * 2.0 + 1.0


def test_restart_of_dependent_does_not_delay_restart_of_root() -> None:
    """No setting names the root: both targets are restarted independently."""
    died: list[float] = []

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        died.append(await fail_root_after_probe(harness, REFUSED))
        await asyncio.sleep(300.0)
        assert harness.instance(LEAF).remedy is None

    harness = run_scenario(scenario, targets=(SLOW_POLLED_SITE, UNLINKED_SERVICE))
    assert harness.acts() == [("restart", LEAF_ID), ("restart", ROOT_ID)]
    (restart,) = restarts(harness, ROOT)
    assert restart.at.mono - died[0] < 25.0
    outcomes = [(e.name, e.outcome) for e in harness.ended_remedies()]
    assert outcomes == [(ROOT, RECOVERED), (LEAF, RECOVERED)]


def test_recovery_deadline_of_dependent_restarts_when_root_works() -> None:
    """The root takes 100 s to boot, and the service 60 s more to follow."""
    booted: list[float] = []

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        old = harness.engine.held[ROOT_ID].run

        def root(container: Container) -> ProbeResult:
            age_s = harness.clock.now().wall - container.started_at
            well = container.run != old and age_s >= 100.0
            if well and not booted:
                booted.append(harness.clock.now().mono)
            return probe_success() if well else REFUSED

        def leaf(_: Container) -> ProbeResult:
            now = harness.clock.now().mono
            return probe_success() if booted and now > booted[0] + 60.0 else UNAVAILABLE

        harness.set_script(ROOT, root)
        harness.set_script(LEAF, leaf)
        await asyncio.sleep(400.0)

    harness = run_scenario(scenario, targets=(SLOW_POLLED_SITE, UNLINKED_SERVICE))
    assert sorted(harness.acts()) == [("restart", LEAF_ID), ("restart", ROOT_ID)]
    outcomes = {(e.name, e.outcome) for e in harness.ended_remedies()}
    assert outcomes == {(ROOT, RECOVERED), (LEAF, RECOVERED)}
