"""A restart by way of the daemon's own stop, with an engine and a daemon in memory."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from sidecar.clock import SystemClock
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Process, Status
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.engine import Engine
from sidecar.core.ports.loop import RpcFailed, WalletControl
from sidecar.core.reason.reason import text_reason
from sidecar.remedies import restart
from sidecar.remedies.remedy_context import RemedyContext
from tests.support.rule_world import WALLET, container

DAEMON = Process(4242, 1, "Ssl", "python3 electron-cash daemon")
HELPER = Process(4300, 4242, "Sl", "tor -f torrc")
SAVES_S = 2.5


class RestartFakes:
    """A container whose daemon obeys a stop, saves for a while and then ends."""

    def __init__(self, *processes: Process, breaks_off: bool = False) -> None:
        self.container = container("electron-cash")
        self.living = processes
        self.engine_calls: list[str] = []
        self.asked = asyncio.Event()
        self._breaks_off = breaks_off

    async def inspect(self, _: str) -> Container:
        return self.container

    async def processes(self, _: str) -> tuple[Process, ...]:
        return self.living

    async def restart(self, *_: object) -> None:
        self.engine_calls.append("restart")
        self._run_anew()

    async def start(self, *_: object) -> None:
        self.engine_calls.append("start")
        self._run_anew()

    async def stop(self, *_: object) -> None:
        self.asked.set()
        if self._breaks_off:
            raise RpcFailed(
                text_reason("stop: the connection was closed without a whole answer")
            )

    async def save(self) -> None:
        """After the stop, end the helper first, then the daemon."""
        await self.asked.wait()
        self.living = (DAEMON,)
        await asyncio.sleep(SAVES_S)
        if not self.engine_calls:
            self.container = replace(self.container, status=Status.EXITED, pid=0)

    def _run_anew(self) -> None:
        self.container = replace(
            self.container,
            started_at=self.container.started_at + 1.0,
            status=Status.RUNNING,
        )


def make_context(fakes: RestartFakes, leaving: asyncio.Event) -> RemedyContext:
    clock = SystemClock()
    instance, now = InstanceId("electron-cash", 1), clock.now()
    decision = Decision(
        now,
        instance,
        "electron-cash",
        Action.RESTART,
        Guard.NONE,
        text_reason("a body that is wrong"),
        Cause.BAD_BODY,
        Trigger.FAILURE,
        fakes.container.run,
        stop_timeout_s=30.0,
        polite_stop_s=90.0,
    )
    engine, wallets = cast("Engine", fakes), cast("WalletControl", fakes)
    return RemedyContext(
        decision,
        WALLET,
        fakes.container,
        engine,
        wallets,
        clock,
        leaving,
        print,
        fakes.living,
    )


async def run_restart(fakes: RestartFakes, *, leaves: bool = False) -> list[str]:
    """Calls that the engine received."""
    leaving = asyncio.Event()
    saving = asyncio.create_task(fakes.save())
    work = asyncio.create_task(restart.carry_out(make_context(fakes, leaving)))
    await fakes.asked.wait()
    await asyncio.sleep(0.2)
    if leaves:
        leaving.set()
    await work
    await saving
    return fakes.engine_calls


async def test_saving_daemon_gets_no_signal_when_sidecar_stops() -> None:
    assert await run_restart(RestartFakes(DAEMON), leaves=True) == ["start"]


async def test_a_daemon_whose_helper_ends_first_gets_no_signal() -> None:
    assert await run_restart(RestartFakes(DAEMON, HELPER)) == ["start"]


@pytest.mark.parametrize("helpers", [(), (HELPER,)])
async def test_a_stop_whose_answer_breaks_off_may_have_been_obeyed(
    helpers: tuple[Process, ...],
) -> None:
    fakes = RestartFakes(DAEMON, *helpers, breaks_off=True)
    assert await run_restart(fakes) == ["start"]
