"""Executor of remedies, with an engine and a wallet daemon in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import Event, RemedyExecuted, RemedyProgressed
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import InstanceId, RestartSettings, Target
from sidecar.core.ports.loop import NotLoaded, RpcFailed
from sidecar.core.reason.reason import text_reason
from sidecar.remedies.executor import Executor
from tests.support.fakes import FakeEngine, LoopClock, a_container

WALLET = InstanceId("electron-cash", 1)
TARGET = Target(
    "electron-cash",
    service="electron-cash",
    probes=(ElectronCashProbe("http://electron-cash:7777/"),),
    restart=RestartSettings(stop_timeout_s=30.0, dead_stop_timeout_s=5.0),
)
SECRET = "hunter2"


@dataclass
class Wallets:
    """Calls of a wallet daemon; ``on_stop`` is the effect of its stop."""

    on_stop: Callable[[], Awaitable[None] | None] = lambda: None
    loads: bool = True
    error: RpcFailed | None = None
    delay_s: float = 0.0
    answer_s: float | None = None
    """Delay after which a silent daemon answers; None: never."""
    calls: list[str] = field(default_factory=list)

    async def stop(self, *_: object) -> None:
        await self._record_call("stop")
        pending_stop = self.on_stop()
        if pending_stop is not None:
            await pending_stop

    async def answers(self, _: object, __: object, timeout_s: float) -> bool:
        self.calls.append("answers")
        if self.answer_s is None or self.answer_s > timeout_s:
            await asyncio.sleep(timeout_s)
            return False
        await asyncio.sleep(self.answer_s)
        return True

    async def load_wallets(
        self, _: object, __: object, paths: Sequence[str], ___: float
    ) -> tuple[NotLoaded, ...]:
        await self._record_call("load_wallet")
        return (
            ()
            if self.loads
            else (NotLoaded("/data/w", text_reason("there is no such file")),)
        )

    async def _record_call(self, method: str) -> None:
        self.calls.append(method)
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error


class Bench:
    """An executor with its fakes."""

    def __init__(
        self,
        engine: type[FakeEngine] = FakeEngine,
        **container: Any,  # noqa: ANN401
    ) -> None:
        self.clock = LoopClock()
        self.container = a_container(**container)
        self.engine = engine(self.clock, self.container)
        self.wallets = Wallets()
        self.events: list[Event] = []
        self.told: list[str] = []
        self.posted = [asyncio.Event() for _ in range(60)]
        self.target = TARGET
        self.executor = Executor(
            self.engine,
            self.wallets,
            self.post,
            self.clock,
            mask=lambda text: text.replace(SECRET, "***"),
        )

    def post(self, event: Event) -> None:
        if isinstance(event, RemedyProgressed):
            self.told.append(str(event.doing))
            return
        self.posted[len(self.events)].set()
        self.events.append(event)

    def decide(self, action: Action, **changes: Any) -> Decision:  # noqa: ANN401
        decision = Decision(
            self.clock.now(),
            WALLET,
            "electron-cash",
            action,
            Guard.NONE,
            text_reason("500: restarting"),
            cause=Cause.HTTP_5XX,
            run=self.container.run,
            stop_timeout_s=5.0,
            incident="01J",
        )
        return replace(decision, **changes)

    def begin(self, action: Action, **changes: Any) -> None:  # noqa: ANN401
        decision = self.decide(action, **changes)
        self.executor.carry_out(decision, self.target, self.container)

    async def end(self, events: int = 1) -> Event:
        """Return the last of ``events`` events, and assert that no more follow."""
        async with asyncio.timeout(400.0):
            await self.posted[events - 1].wait()
        await asyncio.sleep(30.0)
        assert len(self.events) == events
        return self.events[-1]

    async def run_action(self, action: Action, **changes: Any) -> RemedyExecuted:  # noqa: ANN401
        self.begin(action, **changes)
        event = await self.end()
        assert isinstance(event, RemedyExecuted)
        assert event.instance == WALLET
        return event
