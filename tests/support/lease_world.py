"""Several watchdogs in virtual time: the real lease and last checks, random faults.

The server, the engine and the target are models; the requests to the server are
answered as the scripts of ``sidecar/cluster/scripts.py`` answer them.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sidecar.cluster.lease_keeper import LeaseKeeper, OwnFacts
from sidecar.cluster.lease_server import HeldAnswer, ServerLost, View
from sidecar.core.model.container import Container, RunId
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.guard import Guard
from sidecar.core.model.lease import ClusterSettings, LeaseStatus, OnLost
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status import lease as rules
from sidecar.core.status.lease_protocol import LeaseAnswer
from sidecar.remedies import engine_call
from sidecar.remedies.remedy_context import RemedyContext
from tests.support.fakes import EPOCH, a_container

T = TypeVar("T")

NAME = "wallet"
PROBE_S = 2.0
THRESHOLD = 3
DETECTED_S = (THRESHOLD + 1) * PROBE_S
TIMEOUT_S = 2.0
PREPARED_S = 20.0
FAULTY_MOMENTS = 0.3
"""The share of decisions and calls with a fault at that moment."""
TARGET = Target(NAME)


def now_s() -> float:
    return asyncio.get_running_loop().time()


class ModelServer:
    """The server's data; ``ahead_s`` is moved by steps of its clock."""

    def __init__(self) -> None:
        self.is_up = True
        self.ahead_s = EPOCH
        self._forget()

    def _forget(self) -> None:
        self._lease: tuple[int, str, float] | None = None
        self._fence = 0
        self._call_s = 0.0
        self._views: dict[str, tuple[View, float]] = {}

    def restart(self) -> None:
        self._forget()

    @property
    def wall(self) -> float:
        return now_s() + self.ahead_s

    def _find_lease(self) -> tuple[int, str, float] | None:
        if self._lease is not None and self._lease[2] <= self.wall:
            self._lease = None
        return self._lease

    def _answer(
        self, *, is_fresh: bool = False, is_new: bool = False, own: str = ""
    ) -> HeldAnswer:
        lease = self._find_lease()
        token, name, until = lease if lease is not None else (0, "", self.wall)
        holder = "" if name == own else name
        call_s = self._call_s if not token or is_new else 0.0
        answer = LeaseAnswer(token, holder, self.wall, is_fresh, call_s)
        return HeldAnswer(answer, until - self.wall)

    def acquire(
        self, own: str, floor: int, span_s: float, longest_s: float
    ) -> HeldAnswer:
        lease = self._find_lease()
        if lease is not None:
            if lease[2] - self.wall > longest_s:
                self._lease = lease = (lease[0], lease[1], self.wall + longest_s)
            if span_s == 0 or not (lease[0] < floor or lease[1] == own):
                return self._answer(own="")
        if span_s == 0:
            return self._answer()
        self._fence += 1
        is_fresh = self._fence == 1 or self._fence <= floor
        if is_fresh:
            self._fence = max(self._fence, floor + 1, int(self.wall))
        self._lease = (self._fence, own, self.wall + span_s)
        return self._answer(is_fresh=is_fresh, is_new=True, own=own)

    def renew(self, own: str, token: int, span_s: float, call_s: float) -> HeldAnswer:
        lease = self._find_lease()
        if lease is not None and lease[:2] == (token, own):
            self._lease = (token, own, self.wall + span_s)
            self._call_s = call_s
            return self._answer(own=own)
        return self._answer()

    def release(self, own: str, token: int) -> None:
        lease = self._find_lease()
        if lease is not None and lease[:2] == (token, own):
            self._lease = None

    def exchange_views(self, own: View, ttl_s: float) -> tuple[View, ...]:
        self._views[own.watchdog_id] = (own, self.wall + ttl_s)
        self._views = {k: v for k, v in self._views.items() if v[1] > self.wall}
        return tuple(v for k, (v, _) in self._views.items() if k != own.watchdog_id)


class ModelEngine:
    """The engine with one container. A call that it has got is carried out."""

    def __init__(self, rng: random.Random, stop_s: float, slack_s: float = 3.0) -> None:
        self._longest_s = stop_s + slack_s
        self.container = a_container(NAME, name=NAME, started_at=EPOCH)
        self.failed_run: RunId | None = None
        self.failed_at = 0.0
        self.calls: list[tuple[float, str]] = []
        self.violations: list[str] = []
        self._rng = rng
        self.is_busy = False
        self.tasks: set[asyncio.Task[None]] = set()
        self.on_signal: Callable[[float], None] = lambda _: None

    @property
    def is_failing(self) -> bool:
        return self.failed_run == self.container.run

    def fail(self) -> None:
        if not self.is_failing and not self.is_busy:
            self.failed_run, self.failed_at = self.container.run, now_s()

    async def _report_signal(self) -> None:
        at = now_s()
        await asyncio.sleep(self._rng.choice((0.005, 0.02, 0.1)))
        self.on_signal(at)

    def receive_restart(self, watchdog: str, judged: RunId) -> asyncio.Task[None]:
        self.calls.append((now_s(), watchdog))
        if self.is_busy:
            self.violations.append(f"{watchdog}: during another restart")
        elif not self.is_failing:
            self.violations.append(f"{watchdog}: of a run that works")
        elif judged != self.container.run:
            self.violations.append(f"{watchdog}: of another run than was judged")
        task = asyncio.create_task(self._restart())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _restart(self) -> None:
        self.is_busy = True
        self.tasks.add(asyncio.create_task(self._report_signal()))
        await asyncio.sleep(self._rng.uniform(0.3, self._longest_s))
        self.is_busy = False
        self.container = replace(self.container, started_at=EPOCH + now_s())
        if self._rng.random() < 0.1:
            self.fail()


@dataclass
class Watchdog:
    """One process: the real lease, and a loop that probes and decides by its rules."""

    world: "LeaseWorld"
    name: str
    number: int
    is_cut: bool = False
    """Is it cut off from the server?"""
    is_blind: bool = False
    """Is it cut off from the engine?"""
    resumed: asyncio.Event = field(default_factory=asyncio.Event)
    asleep_s: float = 0.0
    """Time that its monotonic clock has not counted: its host was suspended."""
    able_since: float = 0.0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    down: bool = False
    signalled_mono: float = float("-inf")

    def __post_init__(self) -> None:
        self.resumed.set()
        self.able_since = now_s()
        status = LeaseStatus(self.world.settings, self.name, since=self.now())
        self.keeper = LeaseKeeper(
            self, self, lambda _: None, self.facts, status, f"{self.name}-{self.number}"
        )
        self.tasks = [
            asyncio.create_task(self.keeper.run()),
            asyncio.create_task(self._watch()),
        ]

    # --- ports of the lease

    def now(self) -> Moment:
        return Moment(now_s() - self.asleep_s + 1000.0 * self.number, EPOCH + now_s())

    def facts(self) -> OwnFacts:
        down = frozenset({NAME} if self.down else ())
        return OwnFacts(not self.is_blind, self.world.call_s, down)

    async def _ask(self, request: Callable[[ModelServer], T]) -> T:
        await self.resumed.wait()
        server = self.world.server
        if self.is_cut or not server.is_up:
            refused = self.world.rng.random() < 0.5
            await asyncio.sleep(0.01 if refused else TIMEOUT_S)
            await self.resumed.wait()
            raise ServerLost("refused" if refused else "timeout")
        await asyncio.sleep(0.002)
        answer = request(server)
        await asyncio.sleep(self.world.rng.choice((0.002, 0.01, 0.5)))
        # While it is stopped the answer waits in its socket, and then may be too late.
        is_late = not self.resumed.is_set()
        await self.resumed.wait()
        if (is_late and self.world.rng.random() < 0.5) or self.is_cut:
            raise ServerLost("timeout")
        return answer

    @property
    def own_id(self) -> str:
        return f"{self.name}-{self.number}"

    async def acquire(self, floor: int, span_s: float, longest_s: float) -> HeldAnswer:
        return await self._ask(
            lambda s: s.acquire(self.own_id, floor, span_s, longest_s)
        )

    async def renew(self, token: int, span_s: float, call_s: float) -> HeldAnswer:
        return await self._ask(lambda s: s.renew(self.own_id, token, span_s, call_s))

    async def release(self, token: int) -> None:
        await self._ask(lambda s: s.release(self.own_id, token))

    async def exchange_views(self, own: View, ttl_s: float) -> tuple[View, ...]:
        return await self._ask(lambda s: s.exchange_views(own, ttl_s))

    async def close(self) -> None:
        return

    # --- ports of the remedy: its engine

    async def inspect(self, _: str) -> Container:
        await self.resumed.wait()
        await asyncio.sleep(0.005)
        container = self.world.engine.container
        await asyncio.sleep(0.005)
        await self.resumed.wait()
        return container

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        # No wait before it: the last check and the request are one moment.
        judged = self._judged
        self.world.on_moment(self, "sent")
        await asyncio.shield(self.world.engine.receive_restart(self.own_id, judged))
        await self.resumed.wait()

    # --- its loop

    async def _watch(self) -> None:
        await asyncio.sleep(self.world.rng.uniform(0.0, PROBE_S))
        count, since_mono, run = 0, 0.0, None
        while True:
            await asyncio.sleep(PROBE_S)
            await self.resumed.wait()
            if self.is_blind:
                count = 0
                continue
            container = await self.inspect(NAME)
            if self.sees_stop(container):
                continue
            if not self.world.engine.is_failing or container.run != run:
                count, run, self.down = 0, container.run, False
            if not self.world.engine.is_failing:
                continue
            count += 1
            if count == THRESHOLD:
                since_mono, self.down = self.now().mono, True
            if count >= THRESHOLD and not self._objection(since_mono):
                await self._act(container)
                count = 0

    async def hear_signal(self) -> None:
        """The engine's event of a stop arrives."""
        await self.resumed.wait()
        if not self.is_blind:
            self.signalled_mono = self.now().mono
            self.keeper.note_signal(NAME, self.now())

    def sees_stop(self, _: Container) -> bool:
        """The guard ``stopping``: somebody else has just told it to stop."""
        return self.now().mono - self.signalled_mono < self.world.stop_s + 4.0

    def _objection(self, since_mono: float) -> Reason:
        status, now_mono = self.keeper.status, self.now().mono
        return rules.find_objection(
            status, since_mono, self.world.call_s, now_mono
        ) or rules.find_missing_votes(status, NAME)

    async def _act(self, container: Container) -> None:
        decision = rules.sign_decision(
            self.keeper.status, self._decision(container), self.now().mono
        )
        self.world.on_moment(self, "decided")
        # Evidence is gathered, and the container inspected.
        await asyncio.sleep(self.world.rng.choice((0.0, 0.1, 1.0, 3.0)))
        if (await self.inspect(NAME)).run != container.run:
            return
        self._judged = container.run
        job = RemedyContext(
            decision,
            TARGET,
            container,
            self,  # type: ignore[arg-type]  # the two calls of the engine that it needs
            None,  # type: ignore[arg-type]  # the target is no wallet daemon
            self,
            asyncio.Event(),
            lambda _: None,
            lease=self.keeper,
        )
        execution = await engine_call.restart(job, self.world.stop_s, NO_REASON)
        self.world.results.append(execution.result)

    def _decision(self, container: Container) -> Decision:
        return Decision(
            self.now(),
            InstanceId(NAME, 1),
            NAME,
            Action.RESTART,
            Guard.NONE,
            NO_REASON,
            run=container.run,
        )

    # --- faults

    async def kill(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def stop_for(self, seconds: float, *, suspends: bool) -> None:
        """SIGSTOP and SIGCONT, or the suspension of its host."""
        self.resumed.clear()
        await asyncio.sleep(seconds)
        self.asleep_s += seconds if suspends else 0.0
        self.able_since = now_s()
        self.resumed.set()

    def is_able(self, *, needs_server: bool) -> bool:
        reaches = self.world.server.is_up and not self.is_cut
        return (
            self.resumed.is_set()
            and not self.is_blind
            and (reaches or not needs_server)
        )


class LeaseWorld:
    """One run: some watchdogs, one target, faults at random moments."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.settings = ClusterSettings(
            "redis://model",
            quorum=self.rng.choice((1, 1, 2)),
            lease_s=15.0,
            on_lost=self.rng.choice((OnLost.ACT, OnLost.HOLD)),
        )
        self.server = ModelServer()
        self.stop_s = self.rng.choice((5.0, 20.0))
        self.call_s = rules.call_s(self.stop_s)
        self.engine = ModelEngine(self.rng, self.stop_s)
        self.is_deaf = self.settings.on_lost is OnLost.HOLD and self.rng.random() < 0.5
        """Do the engine's events not arrive? Then the lease alone must do."""
        self.results: list[RemedyCallResult] = []
        self.untreated_s = 0.0
        """The longest time of a failure while some watchdog could treat it."""
        self.faults: list[str] = []
        self.is_over = False
        """Are no more faults injected?"""
        self._number = 0
        self.watchdogs: list[Watchdog] = []
        self.engine.on_signal = self._report_signal
        self._reports: set[asyncio.Task[None]] = set()

    def _report_signal(self, _: float) -> None:
        for watchdog in () if self.is_deaf else self.watchdogs:
            report = asyncio.create_task(watchdog.hear_signal())
            self._reports.add(report)
            report.add_done_callback(self._reports.discard)

    @property
    def limit_s(self) -> float:
        """The longest time for which a failure may be untreated.

        Detection, the lease of a dead holder for its call, a doubt about a call, and
        preparation; without Redis the turns of those before.
        """
        span_s = self.call_s + 5.0
        limit_s = DETECTED_S + 2 * span_s + PREPARED_S
        if self.settings.on_lost is OnLost.ACT:
            limit_s += len(self.watchdogs) * (self.settings.lease_s + self.call_s)
        return limit_s

    def _start(self, name: str) -> Watchdog:
        self._number += 1
        return Watchdog(self, name, self._number)

    async def run(self, faults: int) -> None:
        """Inject faults one after the other, and check the promises meanwhile."""
        self.watchdogs = [self._start(f"w{n}") for n in range(self.rng.choice((2, 3)))]
        measuring = asyncio.create_task(self._measure())
        failing = asyncio.create_task(self._fail())
        pending: list[asyncio.Task[None]] = []
        try:
            await asyncio.sleep(20.0)
            for _ in range(faults):
                await asyncio.sleep(self.rng.uniform(0.0, 25.0))
                pending.append(asyncio.create_task(self._inject()))
            await asyncio.gather(*pending)
            self.is_over = True
            await asyncio.sleep(100.0)
        finally:
            tasks = (
                *(*pending, measuring, failing),
                *self.engine.tasks,
                *self._reports,
            )
            for task in tasks:
                task.cancel()
            kills = (w.kill() for w in self.watchdogs)
            await asyncio.gather(*tasks, *kills, return_exceptions=True)

    async def _fail(self) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(5.0, 40.0))
            self.engine.fail()

    def on_moment(self, watchdog: Watchdog, moment: str) -> None:
        """A fault in the worst moments: a decision was made, a call was sent."""
        if self.rng.random() > FAULTY_MOMENTS or self.is_over:
            return
        seconds = self.rng.choice((5.0, 14.0, 16.0, 22.0, 45.0))
        faults = {
            "stop": lambda: self._stop(watchdog, seconds),
            "kill": lambda: self._kill(watchdog),
            "cut": lambda: self._for_a_while(watchdog, "is_cut"),
            "clock": self._step_clock,
            "server": self._restart_server,
        }
        name = self.rng.choice(sorted(faults))
        self.faults.append(f"{now_s():.1f} {name} when {moment}")
        fault = asyncio.create_task(faults[name]())
        self._reports.add(fault)
        fault.add_done_callback(self._reports.discard)

    async def _stop(self, watchdog: Watchdog, seconds: float) -> None:
        if watchdog.resumed.is_set():
            await watchdog.stop_for(seconds, suspends=self.rng.random() < 0.3)

    async def _inject(self) -> None:
        kinds = (
            self._pause,
            self._kill,
            self._cut,
            self._blind,
            self._step_clock,
            self._restart_server,
        )
        kind = self.rng.choice(kinds)
        self.faults.append(f"{now_s():.1f} {kind.__name__}")
        await kind()

    async def _pause(self) -> None:
        seconds = self.rng.choice((0.5, 5.0, 14.0, 16.0, 22.0, 60.0))
        await self._stop(self.rng.choice(self.watchdogs), seconds)

    async def _kill(self, watchdog: Watchdog | None = None) -> None:
        watchdog = watchdog or self.rng.choice(self.watchdogs)
        if watchdog not in self.watchdogs:
            return
        place = self.watchdogs.index(watchdog)
        await watchdog.kill()
        watchdog.able_since = float("inf")
        await asyncio.sleep(self.rng.choice((0.5, 5.0, 40.0)))
        if self.watchdogs[place] is watchdog:
            self.watchdogs[place] = self._start(watchdog.name)

    async def _cut(self) -> None:
        watchdog = self.rng.choice(self.watchdogs)
        await self._for_a_while(watchdog, "is_cut")

    async def _blind(self) -> None:
        watchdog = self.rng.choice(self.watchdogs)
        await self._for_a_while(watchdog, "is_blind")

    async def _for_a_while(self, watchdog: Watchdog, flag: str) -> None:
        setattr(watchdog, flag, True)
        await asyncio.sleep(self.rng.choice((1.0, 8.0, 20.0, 60.0)))
        setattr(watchdog, flag, False)

    async def _step_clock(self) -> None:
        self._begin_doubt()
        self.server.ahead_s += self.rng.choice((-3600.0, -5.0, 5.0, 20.0, 3600.0))

    async def _restart_server(self) -> None:
        self.server.is_up = False
        await asyncio.sleep(self.rng.choice((0.5, 5.0, 30.0, 90.0)))
        self.server.restart()
        self._begin_doubt()
        self.server.is_up = True

    def _begin_doubt(self) -> None:
        """From now on a watchdog waits as if it could not act: that is not counted."""
        for watchdog in self.watchdogs:
            if watchdog.able_since != float("inf"):
                watchdog.able_since = now_s()

    async def _measure(self) -> None:
        """The time of a failure while one watchdog could treat it all the time."""
        needs_server = self.settings.on_lost is OnLost.HOLD
        while True:
            await asyncio.sleep(0.5)
            for watchdog in self.watchdogs:
                is_dead = watchdog.able_since == float("inf")
                if not is_dead and not watchdog.is_able(needs_server=needs_server):
                    watchdog.able_since = now_s()
            if not self.engine.is_failing or self.engine.is_busy:
                continue
            since = min(w.able_since for w in self.watchdogs)
            since = max(since, self.engine.failed_at)
            self.untreated_s = max(self.untreated_s, now_s() - since)
