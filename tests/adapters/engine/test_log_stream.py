"""Following a container's log, against a small server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from sidecar.core.model.log_mark import LogLine
from sidecar.core.ports.engine import (
    ContainerGone,
    EngineError,
    EngineForbidden,
    EngineRefused,
)
from sidecar.engine import log_stream
from sidecar.engine.log_stream import CpuBudget, clock_ahead_s
from tests.support.engine_connection import (
    FOREIGN,
    OWN,
    WITHIN_S,
    Requests,
    link_to,
    open_engine,
    run_engine_server,
    threads_of_the_adapter,
    until,
)
from tests.support.engine_server import EngineServer, frame_output, raw_container

TERMINAL = "c" * 64


def stamp_line(text: str, second: int = 5) -> bytes:
    return f"2026-01-02T03:04:{second:02d}.123456789Z {text}\n".encode()


def frame_line(text: str, stream: int = 1) -> bytes:
    return frame_output(stamp_line(text), stream)


class Reader:
    """Keeps all lines; ``wants`` so many."""

    def __init__(self, wants: int = 1_000_000) -> None:
        self.texts: list[str] = []
        self.ahead_s: list[float] = []
        self._wants = wants

    def on_open(self, clock_ahead_s: float) -> None:
        self.ahead_s.append(clock_ahead_s)

    def take(self, line: LogLine) -> bool:
        self.texts.append(line.text.decode())
        return len(self.texts) < self._wants


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        server.add(raw_container(FOREIGN, stack="neighbour"))
        terminal = raw_container(TERMINAL)
        terminal["Config"]["Tty"] = True
        server.add(terminal)
        yield server


@asynccontextmanager
async def follow_log(
    server: EngineServer, requests: Requests, reader: Reader, container_id: str = OWN
) -> AsyncIterator["asyncio.Task[None]"]:
    """A task that follows, once the log is open."""
    async with open_engine(link_to(server, requests)) as engine:
        follow = engine.follow_log(container_id, 1_700_000_000_000_000_001, 99, reader)
        task = asyncio.create_task(follow)
        await until(lambda: bool(reader.ahead_s) or task.done())
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_lines_come_as_they_are_written_until_the_log_ends(
    server: EngineServer, requests: Requests
) -> None:
    server.log = frame_line("one") + frame_line("two", stream=2)
    reader = Reader()
    async with follow_log(server, requests, reader) as task:
        await until(lambda: reader.texts == ["one", "two"])
        frame = frame_line("three")
        server.write_log(frame[:3], frame[3:20], frame[20:] + frame_line("four"))
        await until(lambda: reader.texts[2:] == ["three", "four"])
        server.write_log(None)
        await asyncio.wait_for(task, WITHIN_S)
    (query,) = server.log_queries()
    assert query["since"] == ["1700000000.000000001"]
    assert (query["tail"], query["follow"], query["timestamps"]) == (
        ["99"],
        ["1"],
        ["1"],
    )


async def test_log_of_a_terminal_has_no_frames(
    server: EngineServer, requests: Requests
) -> None:
    reader = Reader()
    server.log = b"2026-01-02T03:04:05.1Z one\r\n" + stamp_line("two")
    async with follow_log(server, requests, reader, TERMINAL):
        await until(lambda: reader.texts == ["one", "two"])


async def test_reader_that_wants_no_more_ends_the_connection(
    server: EngineServer, requests: Requests
) -> None:
    server.log = frame_line("one") + frame_line("two")
    async with follow_log(server, requests, reader := Reader(wants=1)) as task:
        await asyncio.wait_for(task, WITHIN_S)
        server.write_log(frame_line("three"))
        await until(lambda: server.followers == 0)
    assert reader.texts == ["one"]


async def test_broken_connection_is_an_error_and_half_a_line_is_no_line(
    server: EngineServer, requests: Requests
) -> None:
    async with follow_log(server, requests, reader := Reader()) as task:
        server.write_log(frame_line("whole") + frame_line("half a line")[:30], "break")
        with pytest.raises(EngineError, match="broke"):
            await asyncio.wait_for(task, WITHIN_S)
    assert reader.texts == ["whole"]


async def test_silent_log_ends_without_an_error(
    server: EngineServer, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "QUIET_S", 0.1)
    async with follow_log(server, requests, Reader()) as task:
        await asyncio.wait_for(task, WITHIN_S)


@pytest.mark.parametrize(
    ("status", "error"), [(403, EngineForbidden), (501, EngineRefused)]
)
async def test_refused_log_is_an_error_at_once(
    server: EngineServer, requests: Requests, status: int, error: type[EngineError]
) -> None:
    server.say["/logs"] = (status, b'{"message": "does not support reading"}')
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(error, match="does not support reading"):
            await engine.follow_log(OWN, 1, 10, Reader())


async def test_log_of_another_stack_is_never_asked_for(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused, match="neighbour"):
            await engine.follow_log(FOREIGN, 1, 10, Reader())
        with pytest.raises(ContainerGone):
            await engine.follow_log("d" * 64, 1, 10, Reader())
    assert server.log_queries() == []


async def test_closed_engine_leaves_no_thread(
    server: EngineServer, requests: Requests
) -> None:
    before = threads_of_the_adapter()
    async with follow_log(server, requests, Reader()):
        assert threads_of_the_adapter() - before
    await until(lambda: threads_of_the_adapter() <= before)


async def test_other_calls_have_their_slots_however_many_logs_are_followed(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        readers = [Reader() for _ in range(20)]
        tasks = [
            asyncio.create_task(engine.follow_log(OWN, 1, 10, reader))
            for reader in readers
        ]
        await until(lambda: all(reader.ahead_s for reader in readers))
        await asyncio.wait_for(engine.inspect(OWN), WITHIN_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_budget_allows_a_burst_and_then_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    still = SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr(log_stream, "time", still)
    budget = CpuBudget(share=0.1, burst_s=0.2)
    assert budget.spend(0.2) == 0.0
    assert budget.spend(0.1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("behind_s", "expected"), [(0.0, 0.0), (1.5, 0.0), (-3600.0, -3600.0)]
)
def test_clock_of_the_engine_is_read_from_its_answer(
    behind_s: float, expected: float
) -> None:
    now = time.time()
    date = format_datetime(datetime.fromtimestamp(now + behind_s, UTC), usegmt=True)
    assert clock_ahead_s(date, now) == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Jan 2026 00:00:00 GMT"])
def test_answer_without_a_clock_is_taken_as_equal(date: str) -> None:
    assert clock_ahead_s(date, 1_700_000_000.0) == 0.0
