"""How soon something is decided or told: times in seconds of virtual time."""

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
    quick,
    run_scenario,
)
from tests.support.rule_world import SERVICE, WALLET
from tests.support.simulated_stack import NOTIFY

RECOVERED = RemedyOutcome.RECOVERED
REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))
UNAVAILABLE = probe_failure(Cause.HTTP_5XX, text_reason("status 503"))
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)


def restarts(stage: LoopHarness, name: str) -> list[Decision]:
    return [d for d in stage.decided(Action.RESTART) if d.name == name]


def test_a_daemon_that_dies_again_in_its_wrapper_is_tried_again_by_the_lane() -> None:
    """Alive for 10 s of each run; its container goes on."""

    async def story(stage: LoopHarness) -> None:
        first = stage.engine.held[ROOT_ID].run

        def daemon(container: Container) -> ProbeResult:
            age_s = stage.clock.now().wall - container.started_at
            if container.run == first:
                return probe_success() if stage.clock.now().mono < 40.0 else REFUSED
            return probe_success() if age_s < 1.0 else REFUSED

        stage.script(ROOT, daemon)
        await stage.until(lambda: len(restarts(stage, ROOT)) == 3)

    stage = run_scenario(story, targets=(WALLET,))
    first, second, third = (d.at.mono for d in restarts(stage, ROOT))
    assert second - first < 25.0
    assert third - second < 37.0


def test_a_crash_loop_is_told_when_it_is_seen_though_its_wallet_is_loaded() -> None:
    """It lives for 4 s of each run, in which its wallet is loaded."""
    died: list[float] = []

    async def story(stage: LoopHarness) -> None:
        stage.post(SettingsApplied(stage.clock.now(), Mode.ACT, NOTIFY))
        stage.engine.change(ROOT_ID, restart_policy="always")
        stage.wallets.loaded.add(stage.engine.held[ROOT_ID].run)

        def daemon(container: Container) -> ProbeResult:
            return (
                probe_success() if container.run in stage.wallets.loaded else NO_WALLET
            )

        stage.script(ROOT, daemon)
        await asyncio.sleep(40.0)
        for _ in range(10):
            died.append(stage.clock.now().mono)
            stage.engine.crash(ROOT_ID)
            await asyncio.sleep(4.0)

    stage = run_scenario(story, targets=(WALLET,))
    told = [m for m in stage.store.messages if m.kind is MessageKind.CRASH_LOOP]
    assert {m.channel for m in told} == {"ops"}
    (first,) = told
    assert first.created_wall - EPOCH < died[2] + 0.5, "the third death makes it one"
    assert stage.wallets.calls.count("load_wallet") >= 9


# a stack whose settings name no dependency: the service needs the wallet all the same

FREE = replace(SERVICE, depends_on=())
RARE = quick(WALLET, interval_s=15.0)
"""Asked more rarely than the service, which so is seen to fail first."""
SITE = replace(RARE, probes=(HttpProbe("http://electron-cash:80/"),))
"""The root as one that is no wallet, as far as is known."""


async def root_dies(stage: LoopHarness, found: ProbeResult) -> float:
    """Right after its probe; the service fails with it and is asked sooner."""
    asked = len([1 for _, name in stage.prober.begun if name == ROOT])
    await stage.until(
        lambda: len([1 for _, name in stage.prober.begun if name == ROOT]) > asked
    )
    stage.breaks(ROOT, found)
    broken = stage.engine.held[ROOT_ID].run
    stage.script(
        LEAF,
        lambda _: (
            UNAVAILABLE if stage.engine.held[ROOT_ID].run == broken else probe_success()
        ),
    )
    return stage.clock.now().mono


@pytest.mark.parametrize("found", [REFUSED, UNAVAILABLE], ids=["refused", "503"])
def test_a_wallet_comes_before_a_service_that_fails_with_it(found: ProbeResult) -> None:
    died: list[float] = []

    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        died.append(await root_dies(stage, found))
        await asyncio.sleep(200.0)

    stage = run_scenario(story, targets=(RARE, FREE))
    (restart,) = restarts(stage, ROOT)
    assert restart.at.mono - died[0] < 12.0
    assert {who for _, who in stage.acts()} == {ROOT_ID}, "the service follows"


def test_a_service_is_not_held_for_long_by_a_wallet_that_is_silent() -> None:
    """Its own trouble; the wallet, in an outage, may be silent for 5 min."""
    died: list[float] = []

    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        stage.breaks(LEAF, UNAVAILABLE)
        stage.breaks(ROOT, HANGS)
        died.append(stage.clock.now().mono)
        await asyncio.sleep(300.0)

    outage = replace(WALLET, probes=(replace(WALLET.probes[0], hang_after_s=290.0),))
    stage = run_scenario(story, targets=(outage, FREE))
    (restart,) = restarts(stage, LEAF)
    assert 55.0 < restart.at.mono - died[0] < 65.0


def test_a_service_that_fails_alone_is_restarted_as_soon_as_ever() -> None:
    died: list[float] = []

    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        stage.breaks(LEAF, UNAVAILABLE)
        died.append(stage.clock.now().mono)
        await asyncio.sleep(30.0)

    stage = run_scenario(story, targets=(WALLET, FREE))
    (restart,) = restarts(stage, LEAF)
    assert restart.at.mono - died[0] < 5.0 + 2 * 2.0 + 1.0


def test_a_restart_that_cannot_help_does_not_hold_the_root() -> None:
    """Nothing tells that it is the root; both are treated, neither is waited for."""
    died: list[float] = []

    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        died.append(await root_dies(stage, REFUSED))
        await asyncio.sleep(300.0)
        assert stage.instance(LEAF).remedy is None

    stage = run_scenario(story, targets=(SITE, FREE))
    assert stage.acts() == [("restart", LEAF_ID), ("restart", ROOT_ID)]
    (restart,) = restarts(stage, ROOT)
    assert restart.at.mono - died[0] < 25.0
    outcomes = [(e.name, e.outcome) for e in stage.ended()]
    assert outcomes == [(ROOT, RECOVERED), (LEAF, RECOVERED)]


def test_the_clock_of_what_gave_way_begins_anew_when_the_root_works() -> None:
    """The root takes 100 s to boot, and the service 60 s more to follow."""
    booted: list[float] = []

    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        old = stage.engine.held[ROOT_ID].run

        def root(container: Container) -> ProbeResult:
            age_s = stage.clock.now().wall - container.started_at
            well = container.run != old and age_s >= 100.0
            if well and not booted:
                booted.append(stage.clock.now().mono)
            return probe_success() if well else REFUSED

        def leaf(_: Container) -> ProbeResult:
            now = stage.clock.now().mono
            return probe_success() if booted and now > booted[0] + 60.0 else UNAVAILABLE

        stage.script(ROOT, root)
        stage.script(LEAF, leaf)
        await asyncio.sleep(400.0)

    stage = run_scenario(story, targets=(SITE, FREE))
    assert sorted(stage.acts()) == [("restart", LEAF_ID), ("restart", ROOT_ID)]
    outcomes = {(e.name, e.outcome) for e in stage.ended()}
    assert outcomes == {(ROOT, RECOVERED), (LEAF, RECOVERED)}
