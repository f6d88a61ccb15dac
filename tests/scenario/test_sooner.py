"""How soon something is decided or told: times in seconds of virtual time."""

import asyncio

from sidecar.core.container import Container
from sidecar.core.decision import Action, Decision
from sidecar.core.event import SettingsTaken
from sidecar.core.outcome import Cause, Outcome, failure, success
from sidecar.core.record import MessageKind
from sidecar.core.target import Mode
from tests.fakes import EPOCH
from tests.scenario.nature import NOTIFY
from tests.scenario.stage import ROOT, ROOT_ID, Stage, play
from tests.unit.world import WALLET

REFUSED = failure(Cause.REFUSED, "connection refused")
UNAVAILABLE = failure(Cause.HTTP_5XX, "status 503")
NO_WALLET = failure(Cause.WALLET_NOT_LOADED, "no wallet", rpc_answers=True)


def restarts(stage: Stage, name: str) -> list[Decision]:
    return [d for d in stage.decided(Action.RESTART) if d.name == name]


def test_a_daemon_that_dies_again_in_its_wrapper_is_tried_again_by_the_lane() -> None:
    """Alive for 10 s of each run; its container goes on."""

    async def story(stage: Stage) -> None:
        first = stage.engine.held[ROOT_ID].run

        def daemon(container: Container) -> Outcome:
            age_s = stage.clock.now().wall - container.started_at
            if container.run == first:
                return success() if stage.clock.now().mono < 40.0 else REFUSED
            return success() if age_s < 1.0 else REFUSED

        stage.script(ROOT, daemon)
        await stage.until(lambda: len(restarts(stage, ROOT)) == 3)

    stage = play(story, targets=(WALLET,))
    first, second, third = (d.at.mono for d in restarts(stage, ROOT))
    assert second - first < 25.0
    assert third - second < 37.0


def test_a_crash_loop_is_told_when_it_is_seen_though_its_wallet_is_loaded() -> None:
    """It lives for 4 s of each run, in which its wallet is loaded."""
    died: list[float] = []

    async def story(stage: Stage) -> None:
        stage.post(SettingsTaken(stage.clock.now(), Mode.ACT, NOTIFY))
        stage.engine.change(ROOT_ID, restart_policy="always")
        stage.wallets.loaded.add(stage.engine.held[ROOT_ID].run)

        def daemon(container: Container) -> Outcome:
            return success() if container.run in stage.wallets.loaded else NO_WALLET

        stage.script(ROOT, daemon)
        await asyncio.sleep(40.0)
        for _ in range(10):
            died.append(stage.clock.now().mono)
            stage.engine.crash(ROOT_ID)
            await asyncio.sleep(4.0)

    stage = play(story, targets=(WALLET,))
    told = [m for m in stage.store.messages if m.kind is MessageKind.CRASH_LOOP]
    assert {m.channel for m in told} == {"ops"}
    (first,) = told
    assert first.created_wall - EPOCH < died[2] + 0.5, "the third death makes it one"
    assert stage.wallets.calls.count("load_wallet") >= 9
