"""One watchdog as a process: the real lease and last checks, on a real Redis.

Arguments: address of Redis, port of the model engine, name, on_lost. All times are ten
times shorter than those of Sidecar, so the constants of the lease are set here.
"""

import asyncio
import json
import secrets
import sys

from sidecar.cluster import lease_keeper
from sidecar.cluster.lease_keeper import LeaseKeeper, OwnFacts
from sidecar.cluster.redis_server import RedisLeaseServer
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.guard import Guard
from sidecar.core.model.lease import ClusterSettings, LeaseStatus, OnLost
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.reason.reason import NO_REASON
from sidecar.core.status import lease as rules
from sidecar.remedies import engine_call
from sidecar.remedies.remedy_context import RemedyContext
from tests.support.fakes import LoopClock, a_container

NAME = "wallet"
LEASE_S, STOP_S, PROBE_S, THRESHOLD = 1.5, 0.2, 0.1, 3
MARGIN_S, CHECK_S = 0.6, 0.4
TIMEOUT_S = 0.3


class EngineClient:
    """The model engine, over a socket: a connection for each request."""

    def __init__(self, port: int, name: str) -> None:
        self._port = port
        self._name = name
        self.is_failing = False

    async def ask(self, **request: object) -> dict[str, object]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            line = json.dumps({"who": self._name, **request})
            writer.write(line.encode() + b"\n")
            return dict(json.loads(await reader.readline()))
        finally:
            writer.close()

    async def inspect(self, _: str) -> Container:
        answer = await self.ask(do="inspect")
        self.is_failing = bool(answer["failing"])
        return a_container(NAME, name=NAME, started_at=float(str(answer["started_at"])))

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        await self.ask(do="restart")

    async def hear_signals(self, keeper: LeaseKeeper, clock: LoopClock) -> None:
        reader, _ = await asyncio.open_connection("127.0.0.1", self._port)
        _.write(json.dumps({"who": self._name, "do": "events"}).encode() + b"\n")
        while await reader.readline():
            keeper.note_signal(NAME, clock.now())


class Watch:
    """Probes the target, and restarts it as the rules of the lease permit."""

    def __init__(self, engine: EngineClient, keeper: LeaseKeeper) -> None:
        self._engine = engine
        self._keeper = keeper
        self._clock = LoopClock()

    async def run(self) -> None:
        count, since_mono, run = 0, 0.0, None
        while True:
            await asyncio.sleep(PROBE_S)
            container = await self._engine.inspect(NAME)
            if not self._engine.is_failing or container.run != run:
                count, run = 0, container.run
                continue
            count += 1
            now = self._clock.now()
            if count == THRESHOLD:
                since_mono = now.mono
            if count >= THRESHOLD and not rules.find_objection(
                self._keeper.status, since_mono, rules.call_s(STOP_S), now.mono
            ):
                await self._act(container, now)
                count = 0

    async def _act(self, container: Container, now: Moment) -> None:
        decision = Decision(
            now,
            InstanceId(NAME, 1),
            NAME,
            Action.RESTART,
            Guard.NONE,
            NO_REASON,
            run=container.run,
        )
        job = RemedyContext(
            rules.sign_decision(self._keeper.status, decision, now.mono),
            Target(NAME),
            container,
            self._engine,  # type: ignore[arg-type]  # the two calls that it needs
            None,  # type: ignore[arg-type]  # the target is no wallet daemon
            self._clock,
            asyncio.Event(),
            lambda _: None,
            lease=self._keeper,
        )
        await engine_call.restart(job, STOP_S, NO_REASON)


async def main(url: str, port: str, name: str, on_lost: str) -> None:
    rules.CALL_MARGIN_S = MARGIN_S
    lease_keeper._CHECK_S = CHECK_S
    settings = ClusterSettings(url, lease_s=LEASE_S, on_lost=OnLost(on_lost))
    own_id, clock = secrets.token_hex(4), LoopClock()
    facts = OwnFacts(can_act=True, longest_call_s=rules.call_s(STOP_S))
    keeper = LeaseKeeper(
        RedisLeaseServer(url, "campaign", (own_id, name), TIMEOUT_S),
        clock,
        lambda _: None,
        lambda: facts,
        LeaseStatus(settings, name, since=clock.now()),
        own_id,
    )
    engine = EngineClient(int(port), name)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keeper.run())
        tasks.create_task(engine.hear_signals(keeper, clock))
        tasks.create_task(Watch(engine, keeper).run())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
