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


class House:
    """A container whose daemon obeys a stop, saves for a while and then ends."""

    def __init__(self, *processes: Process, breaks_off: bool = False) -> None:
        self.container = container("electron-cash")
        self.living = processes
        self.called: list[str] = []
        self.asked = asyncio.Event()
        self._breaks_off = breaks_off

    async def inspect(self, _: str) -> Container:
        return self.container

    async def processes(self, _: str) -> tuple[Process, ...]:
        return self.living

    async def restart(self, *_: object) -> None:
        self.called.append("restart")
        self._run_anew()

    async def start(self, *_: object) -> None:
        self.called.append("start")
        self._run_anew()

    async def stop(self, *_: object) -> None:
        self.asked.set()
        if self._breaks_off:
            raise RpcFailed(
                text_reason("stop: the connection was closed without a whole answer")
            )

    async def save(self) -> None:
        """After the stop: its helper first, then itself."""
        await self.asked.wait()
        self.living = (DAEMON,)
        await asyncio.sleep(SAVES_S)
        if not self.called:
            self.container = replace(self.container, status=Status.EXITED, pid=0)

    def _run_anew(self) -> None:
        self.container = replace(
            self.container,
            started_at=self.container.started_at + 1.0,
            status=Status.RUNNING,
        )


def job_in(house: House, leaving: asyncio.Event) -> RemedyContext:
    clock = SystemClock()
    who, now = InstanceId("electron-cash", 1), clock.now()
    decision = Decision(
        now,
        who,
        "electron-cash",
        Action.RESTART,
        Guard.NONE,
        text_reason("a body that is wrong"),
        Cause.BAD_BODY,
        Trigger.FAILURE,
        house.container.run,
        stop_timeout_s=30.0,
        polite_stop_s=90.0,
    )
    engine, wallets = cast("Engine", house), cast("WalletControl", house)
    return RemedyContext(
        decision,
        WALLET,
        house.container,
        engine,
        wallets,
        clock,
        leaving,
        print,
        house.living,
    )


async def carried_out(house: House, *, leaves: bool = False) -> list[str]:
    """What the engine was asked for."""
    leaving = asyncio.Event()
    saving = asyncio.create_task(house.save())
    work = asyncio.create_task(restart.carry_out(job_in(house, leaving)))
    await house.asked.wait()
    await asyncio.sleep(0.2)
    if leaves:
        leaving.set()
    await work
    await saving
    return house.called


async def test_a_daemon_that_saves_gets_no_signal_when_sidecar_leaves() -> None:
    assert await carried_out(House(DAEMON), leaves=True) == ["start"]


async def test_a_daemon_whose_helper_ends_first_gets_no_signal() -> None:
    assert await carried_out(House(DAEMON, HELPER)) == ["start"]


@pytest.mark.parametrize("helpers", [(), (HELPER,)])
async def test_a_stop_whose_answer_breaks_off_may_have_been_obeyed(
    helpers: tuple[Process, ...],
) -> None:
    house = House(DAEMON, *helpers, breaks_off=True)
    assert await carried_out(house) == ["start"]
