"""Watchdogs as real processes on a real Redis: stopped, killed, and Redis with them."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support.lease_world import ModelEngine, now_s
from tests.support.redis_servers import RedisServer, run_redis_server
from tests.support.repository import REPOSITORY

FAULTS = int(os.environ.get("SIDECAR_TEST_LEASE_FAULTS", "6"))
SEED = int(os.environ.get("SIDECAR_TEST_SEED", "0"))
NAMES = ("w0", "w1")
LIMIT_S = 60.0
"""Longest time of a failure: start, detection, leases, turns, and a busy machine."""

pytestmark = pytest.mark.timeout(180 + 6 * FAULTS)


class Campaign:
    """One target, two processes, one Redis; a fault every second or so."""

    def __init__(self, redis: RedisServer, on_lost: str, seed: int) -> None:
        self.rng = random.Random(seed)
        self.redis = redis
        self.on_lost = on_lost
        self.engine = ModelEngine(self.rng, 0.2, slack_s=0.3)
        self.engine.on_signal = lambda _: self._report_signal()
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.faults: list[str] = []
        self.longest_s = 0.0
        self._listeners: list[asyncio.StreamWriter] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._port = 0
        self._fault_at = 0.0

    @asynccontextmanager
    async def run_all(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        for name in NAMES:
            await self._start(name)
        try:
            yield
        finally:
            for name in NAMES:
                await self._kill(name)
            server.close()
            for writer in self._writers:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    async def _start(self, name: str) -> None:
        self.processes[name] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.lease_process"),
            *(self.redis.url, str(self._port), name, self.on_lost),
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def _kill(self, name: str) -> None:
        process = self.processes[name]
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.append(writer)
        request = json.loads(await reader.readline() or "{}")
        if request.get("do") == "events":
            self._listeners.append(writer)
            return
        if request.get("do") == "restart":
            judged = self.engine.container.run
            await self.engine.receive_restart(request["who"], judged)
        started_at = self.engine.container.started_at
        answer = {"started_at": started_at, "failing": self.engine.is_failing}
        with suppress(ConnectionError):
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    def _report_signal(self) -> None:
        for listener in self._listeners:
            with suppress(ConnectionError):
                listener.write(b"signal\n")

    async def fail_again(self) -> None:
        """The target fails, is restarted, and fails again."""
        while True:
            await asyncio.sleep(self.rng.uniform(0.2, 2.0))
            self.engine.fail()

    async def wait_treated(self, limit_s: float) -> None:
        """Wait for one more restart."""
        before = len(self.engine.calls)
        async with asyncio.timeout(limit_s):
            while len(self.engine.calls) == before:  # noqa: ASYNC110 - the engine's
                await asyncio.sleep(0.05)

    async def measure(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            if self.engine.is_failing and not self.engine.is_busy:
                since = max(self.engine.failed_at, self._fault_at)
                self.longest_s = max(self.longest_s, now_s() - since)

    async def inject(self) -> None:
        name = self.rng.choice(NAMES)
        seconds = self.rng.choice((0.2, 1.0, 2.0, 3.5))
        kind = self.rng.choice(("stop", "stop", "kill", "redis stop", "redis restart"))
        self.faults.append(f"{now_s():.1f} {kind} {name} {seconds:g} s")
        if kind == "stop":
            self.processes[name].send_signal(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            self.processes[name].send_signal(signal.SIGCONT)
        elif kind == "kill":
            await self._kill(name)
            await asyncio.sleep(seconds)
            await self._start(name)
        elif kind == "redis stop":
            self.redis.signal(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            self.redis.signal(signal.SIGCONT)
        else:
            await asyncio.to_thread(self.redis.kill)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.redis.start)
        self._fault_at = now_s()


@pytest.mark.parametrize("on_lost", ["act", "hold"])
async def test_no_failure_is_treated_twice_and_none_is_left_untreated(
    on_lost: str, tmp_path: Path
) -> None:
    with run_redis_server(tmp_path) as redis:
        campaign = Campaign(redis, on_lost, SEED)
        async with campaign.run_all():
            tasks = [
                asyncio.create_task(campaign.fail_again()),
                asyncio.create_task(campaign.measure()),
            ]
            await campaign.wait_treated(LIMIT_S)
            for _ in range(FAULTS // 2):
                await asyncio.sleep(campaign.rng.uniform(0.0, 1.5))
                await campaign.inject()
            await campaign.wait_treated(LIMIT_S)
            for task in tasks:
                task.cancel()
        assert campaign.engine.violations == [], campaign.faults
        assert campaign.longest_s < LIMIT_S, campaign.faults
        calls, longest_s = len(campaign.engine.calls), campaign.longest_s
        print(f"{on_lost}: {calls} restarts, the longest failure {longest_s:.1f} s")  # noqa: T201
