"""The lease of one watchdog, step by step, against a model of the server."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from sidecar.cluster.lease_keeper import REMEMBERED_S, LeaseKeeper, OwnFacts
from sidecar.cluster.lease_server import HeldAnswer, ServerLost, View
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import Event
from sidecar.core.model.guard import Guard
from sidecar.core.model.lease import ClusterSettings, LeaseStatus
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON
from sidecar.core.status.lease import leads, must_skip_plans
from sidecar.core.status.lease_protocol import wait_for_second_s
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import LoopClock, a_container
from tests.support.lease_world import ModelServer

SETTINGS = ClusterSettings("redis://model")
OTHER = View("id-b", "b", frozenset())
CALL_S = 30.0


class Server:
    """The model, as one watchdog reaches it; ``lost``: it does not."""

    def __init__(self) -> None:
        self.model = ModelServer()
        self.lost = False
        self.others: tuple[View, ...] = ()
        self.own: View | None = None
        self.spans: list[tuple[float, float]] = []

    def _reach(self) -> ModelServer:
        if self.lost:
            raise ServerLost("connection refused")
        return self.model

    async def acquire(self, floor: int, span_s: float, longest_s: float) -> HeldAnswer:
        return self._reach().acquire("a", floor, span_s, longest_s)

    async def renew(self, token: int, span_s: float, call_s: float) -> HeldAnswer:
        self.spans.append((span_s, call_s))
        return self._reach().renew("a", token, span_s, call_s)

    async def release(self, token: int) -> None:
        self._reach().release("a", token)

    async def exchange_views(self, own: View, ttl_s: float) -> tuple[View, ...]:
        self._reach()
        self.own = own
        return self.others

    async def close(self) -> None:
        return


class Bench:
    def __init__(self) -> None:
        self.server = Server()
        self.clock = LoopClock()
        self.events: list[Event] = []
        self.can_act = True
        self.keeper = LeaseKeeper(
            self.server,
            self.clock,
            self.events.append,
            lambda: OwnFacts(self.can_act, CALL_S),
            LeaseStatus(SETTINGS, "a", since=self.clock.now()),
            "id-a",
        )

    async def hold(self) -> None:
        """Get the lease, and wait until a new holder may act."""
        await self.keeper.beat()
        await self.keeper.beat()
        assert self.keeper.status.token
        await asyncio.sleep(CALL_S + 10.0)
        await self.keeper.beat()
        assert self.keeper.status.token

    def decision(self, token: int | None = None) -> Decision:
        own_token = self.keeper.status.token if token is None else token
        return Decision(
            self.clock.now(),
            InstanceId("a", 1),
            "a",
            Action.RESTART,
            Guard.NONE,
            NO_REASON,
            run=a_container().run,
            lease_token=own_token,
        )

    async def permit(self, decision: Decision, *, committed: bool = False) -> R:
        return (await self.keeper.permit(decision, CALL_S, committed=committed)).code

    async def check(self, decision: Decision, *, committed: bool = False) -> R:
        keeper = self.keeper
        return (await keeper.check_again(decision, CALL_S, committed=committed)).code


def story(scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await scenario(Bench())

    run_virtual(run())


def test_permit_keeps_the_lease_for_the_whole_call_and_says_so() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.hold()
        assert await bench.permit(bench.decision()) is R.NONE
        assert bench.server.spans[-1] == (CALL_S + 5.0, CALL_S + 5.0)
        await asyncio.sleep(10.0)
        await bench.keeper.beat()
        assert bench.server.spans[-1] == (CALL_S - 5.0, CALL_S - 5.0)

    story(scenario)


def test_lease_has_its_usual_length_once_the_call_has_ended() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.hold()
        assert await bench.permit(bench.decision()) is R.NONE
        bench.keeper.end_call()
        await bench.keeper.beat()
        assert bench.server.spans[-1] == (SETTINGS.lease_s, 0.0)

    story(scenario)


def test_decision_of_an_earlier_lease_is_not_permitted() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.hold()
        earlier = bench.decision(bench.keeper.status.token - 1)
        assert await bench.permit(earlier) is R.LEASE_ENDED

    story(scenario)


def test_lease_that_is_too_short_for_the_call_permits_nothing() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.hold()
        decision = bench.decision()
        assert await bench.check(decision) is R.LEASE_TOO_SHORT
        assert await bench.permit(decision) is R.NONE
        assert await bench.check(decision) is R.NONE
        await asyncio.sleep(6.0)
        assert await bench.check(decision) is R.LEASE_TOO_SHORT

    story(scenario)


def test_signal_that_the_engine_reports_calls_the_call_off() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.hold()
        bench.keeper.note_signal(a_container().id, bench.clock.now())
        await asyncio.sleep(1.0)
        decision = bench.decision()
        assert await bench.permit(decision) is R.NONE
        await asyncio.sleep(1.0)
        bench.keeper.note_signal("another", bench.clock.now())
        assert await bench.check(decision) is R.NONE
        bench.keeper.note_signal(a_container().id, bench.clock.now())
        assert await bench.check(decision) is R.TOLD_TO_STOP
        assert await bench.check(decision, committed=True) is R.NONE

    story(scenario)


def test_daemon_that_was_stopped_is_started_without_redis_but_not_beside_another() -> (
    None
):
    async def scenario(bench: Bench) -> None:
        await bench.hold()
        decision = bench.decision()
        await asyncio.sleep(60.0)
        bench.server.lost = True
        assert await bench.permit(decision) is R.LEASE_LOST_HOLD
        assert await bench.permit(decision, committed=True) is R.NONE
        bench.server.lost = False
        bench.server.model.acquire("b", 0, 60.0, 60.0)
        assert await bench.permit(decision, committed=True) is R.LEASE_ENDED

    story(scenario)


def test_watchdogs_that_may_act_without_redis_have_a_second_each() -> None:
    async def scenario(bench: Bench) -> None:
        bench.server.others = (OTHER,)
        await bench.hold()
        await asyncio.sleep(0.7)
        bench.server.lost = True
        await bench.keeper.beat()
        rank = bench.keeper.status.rank
        assert rank == 1
        for tenths in range(1, 40, 7):
            await asyncio.sleep(tenths / 10)
            await bench.check(bench.decision(0))
            assert wait_for_second_s(rank, bench.clock.now().wall) == 0.0

    story(scenario)


@pytest.mark.parametrize("own_name", ["a", "c"])
def test_watchdog_that_saw_no_other_in_ten_minutes_without_redis_is_alone(
    own_name: str,
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.keeper.status = replace(bench.keeper.status, own_name=own_name)
        bench.server.others = (OTHER,)
        await bench.keeper.beat()
        bench.server.lost = True
        place = 1 if own_name == "a" else 2
        await asyncio.sleep(REMEMBERED_S - 1.0)
        await bench.keeper.beat()
        assert bench.keeper.status.rank == place
        await asyncio.sleep(2.0)
        await bench.keeper.beat()
        status, now_mono = bench.keeper.status, bench.clock.now().mono
        assert status.rank == 0
        assert leads(status, now_mono)
        assert not must_skip_plans(status, now_mono)
        # The other one may have lost Redis as well: each keeps its second.
        await asyncio.sleep(1.7)
        await bench.check(bench.decision(0))
        assert wait_for_second_s(place, bench.clock.now().wall) == 0.0

    story(scenario)


def test_watchdog_that_starts_without_redis_is_alone_after_ten_minutes() -> None:
    async def scenario(bench: Bench) -> None:
        bench.server.lost = True
        await asyncio.sleep(REMEMBERED_S - 1.0)
        await bench.keeper.beat()
        assert bench.keeper.status.rank == 2
        await asyncio.sleep(2.0)
        await bench.keeper.beat()
        assert bench.keeper.status.rank == 0

    story(scenario)


def test_watchdog_that_cannot_act_has_no_vote() -> None:
    async def scenario(bench: Bench) -> None:
        bench.server.others = (OTHER, View("id-c", "c", None))
        await bench.keeper.beat()
        assert dict(bench.keeper.status.views) == {"b/id-b": frozenset()}
        assert bench.server.own is not None
        assert bench.server.own.down == frozenset()
        bench.can_act = False
        await bench.keeper.beat()
        assert bench.server.own.down is None

    story(scenario)


def test_doubt_about_an_earlier_call_is_passed_on_at_once() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.keeper.beat()
        await bench.keeper.beat()
        assert bench.keeper.status.token
        assert bench.server.spans == [(SETTINGS.lease_s, CALL_S + 5.0)]
        await bench.keeper.release()
        # One that has just started waits as well.
        assert bench.server.model.acquire("b", 0, 0.0, 60.0).answer.call_s == 35.0

    story(scenario)


def test_lone_watchdog_waits_for_no_second() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.hold()
        bench.server.lost = True
        await bench.keeper.beat()
        before = bench.clock.now()
        assert await bench.check(bench.decision(0)) is R.NONE
        assert bench.clock.now() == before

    story(scenario)


def test_watchdog_that_cannot_act_gives_the_lease_back_after_its_call() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.hold()
        assert await bench.permit(bench.decision()) is R.NONE
        bench.can_act = False
        await bench.keeper.beat()
        await bench.keeper.release()
        assert bench.server.model.acquire("b", 0, 5.0, 60.0).answer.holder == "a"
        await asyncio.sleep(CALL_S + 5.0)
        await bench.keeper.beat()
        assert not bench.keeper.status.token
        assert bench.server.model.acquire("b", 0, 5.0, 60.0).answer.holder == ""

    story(scenario)
