"""A fake engine and a fake clock, for tests of scenarios and remedies."""

import asyncio
import io
import tarfile
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sidecar.core.model.container import Container, NativeHealth, Process, Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.log_mark import LogLine
from sidecar.core.model.moment import Moment
from sidecar.core.ports.engine import (
    CommandTimeout,
    Connected,
    ContainerGone,
    Disconnected,
    EngineError,
    EngineEvent,
    EngineRefused,
    EngineUnreachable,
    ExecResult,
    FileAbsent,
    FileCopy,
    LogReader,
    Replacement,
)
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.reason import Reason
from sidecar.engine.log_lines import read_lines
from sidecar.simulation import virtual_time

EPOCH = 1_700_000_000.0


class FakeClock:
    """Both clocks; they advance when told to, together."""

    def __init__(self, mono: float = 1000.0, wall: float = EPOCH) -> None:
        self.mono = mono
        self.wall = wall

    def now(self) -> Moment:
        return Moment(self.mono, self.wall)

    def advance(self, seconds: float) -> None:
        self.mono += seconds
        self.wall += seconds


class LoopClock(virtual_time.LoopClock):
    """The running loop's time, whichever loop that is; wall from EPOCH on."""

    def __init__(self) -> None:
        super().__init__(EPOCH)


@dataclass(frozen=True, slots=True)
class Fault:
    """A call that fails; ``is_done``: the engine executes it all the same."""

    error: EngineError
    is_done: bool = False


def a_container(container_id: str = "c1", **changes: Any) -> Container:  # noqa: ANN401 - any field
    """A running container of the stack ``demo``, started at EPOCH."""
    return replace(
        Container(
            id=container_id,
            name="demo-electron-cash-1",
            stack="demo",
            service="electron-cash",
            number=1,
            status=Status.RUNNING,
            started_at=EPOCH,
            pid=100,
            restart_policy="no",
            networks=frozenset({"demo_default"}),
        ),
        **changes,
    )


class FakeEngine:
    """An engine in memory, for one stack. Faults:

    ``delays[call]``: seconds a call takes (for restart and start: until the
    container has stopped), ``delays["between"]`` what a restart takes from stop
    to start. The engine continues when its caller is cancelled.
    ``answer_late_s``: how much later than what it did its answer to an act comes.
    ``trouble(call, error)``: the next call fails. ``unreachable``: all do.
    ``acts``: (call, container id) of everything that changed something, and
    ``calls`` of everything asked. ``stop_timeouts``: those of the restarts.
    """

    def __init__(self, clock: Clock, *containers: Container) -> None:
        self._clock = clock
        self.held = {container.id: container for container in containers}
        self.acts: list[tuple[str, str]] = []
        self.calls: list[tuple[str, str]] = []
        self.stop_timeouts: list[float] = []
        self.delays: dict[str, float] = {}
        self.answer_late_s = 0.0
        self.unreachable = ""
        self.policy_delay_s = 0.1
        self.logs_of: dict[str, str] = {}
        self.clock_ahead_s = 0.0
        self._log_readers: defaultdict[
            str, list[asyncio.Queue[LogLine | EngineError | None]]
        ] = defaultdict(list)
        self.processes_of: dict[str, tuple[Process, ...]] = {}
        self.stats_of: dict[str, dict[str, float]] = {}
        self.exec_of: dict[str, ExecResult] = {}
        self.files: dict[str, list[FileCopy]] = {}
        """Files of all containers by path: the next copies, the last one for ever."""
        self.signals: list[str] = []
        self.planned: dict[str, Container] = {}
        self.obstacles: tuple[Reason, ...] = ()
        """Why no equal container can be made."""
        self.wallets_to_keep: tuple[str, ...] | None = None
        """The wallets of the last plan."""
        self.on_signal: Callable[[str], None] = lambda _: None
        """Effect of a signal."""
        self._troubles: defaultdict[str, list[Fault]] = defaultdict(list)
        self._listeners: list[
            asyncio.Queue[EngineEvent | Connected | Disconnected]
        ] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pids = 100

    # the port ---------------------------------------------------------------

    async def containers(self) -> tuple[Container, ...]:
        await self._receive_call("containers", "")
        return tuple(self.held.values())

    async def inspect(self, container_id: str) -> Container:
        await self._receive_call("inspect", container_id)
        return self._get(container_id)

    async def start(self, container_id: str) -> None:
        await self._do("start", container_id, lambda: self._start(container_id))

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        self.stop_timeouts.append(stop_timeout_s)
        await self._do("restart", container_id, lambda: self._restart(container_id))

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:
        self.stop_timeouts.append(stop_timeout_s)
        await self._do("stop", container_id, lambda: self._stop(container_id))

    async def _stop(self, container_id: str) -> None:
        if self._get(container_id).status is Status.RUNNING:
            self._notice(EngineEventKind.KILL, container_id)
            self._exit(container_id, 143)
            self._notice(EngineEventKind.STOP, container_id)

    async def plan_replacement(
        self, container_id: str, wallets: tuple[str, ...] | None
    ) -> Replacement:
        await self._receive_call("plan", container_id)
        container = self._get(container_id)
        self.planned[container.name] = container
        self.wallets_to_keep = wallets
        return Replacement(container.name, obstacles=self.obstacles)

    async def create_replacement(self, plan: Replacement) -> Container:
        original = self.planned[plan.name]
        new_id = f"{original.id}+"
        work = partial(self._create, original, new_id)
        await self._do("create", original.id, work)
        return self._get(new_id)

    async def _create(self, original: Container, new_id: str) -> None:
        if original.name in {container.name for container in self.held.values()}:
            raise EngineRefused(f"409: the name {original.name} is in use")
        self.held[new_id] = replace(
            original, id=new_id, status=Status.CREATED, started_at=0.0, pid=0
        )

    async def rename(self, container_id: str, name: str) -> None:
        await self._do(
            "rename", container_id, partial(self._rename, container_id, name)
        )

    async def _rename(self, container_id: str, name: str) -> None:
        if name in {container.name for container in self.held.values()}:
            raise EngineRefused(f"409: the name {name} is in use")
        self.change(container_id, name=name)

    async def remove_stopped(self, container_id: str) -> None:
        await self._do("remove", container_id, partial(self._remove, container_id))

    async def _remove(self, container_id: str) -> None:
        if self._get(container_id).status is Status.RUNNING:
            raise EngineRefused("409: cannot remove a running container")
        del self.held[container_id]
        self._notice(EngineEventKind.DESTROY, container_id)

    async def check_removal(self) -> None:
        await self._receive_call("check_removal", "")

    async def signal(self, container_id: str, signal: str) -> None:
        await self._do("signal", container_id, lambda: self._signal(signal))

    async def _signal(self, signal: str) -> None:
        self.signals.append(signal)
        self.on_signal(signal)

    async def logs(self, container_id: str, lines: int) -> str:
        await self._receive_call("logs", container_id)
        text = self.logs_of.get(self._get(container_id).id, "")
        return "\n".join(text.rstrip("\n").split("\n")[-lines:])

    async def follow_log(
        self, container_id: str, since_nano: int, lines: int, reader: LogReader
    ) -> None:
        await self._receive_call("follow_log", container_id)
        text = self.logs_of.get(self._get(container_id).id, "")
        new: asyncio.Queue[LogLine | EngineError | None] = asyncio.Queue()
        self._log_readers[container_id].append(new)
        try:
            reader.on_open(self.clock_ahead_s)
            log_lines = list(read_lines([text.encode()]))
            due = [line for line in log_lines if line.at_nano >= since_nano][-lines:]
            for line in due:
                if not reader.take(line):
                    return
            while (fresh := await new.get()) is not None:
                if isinstance(fresh, EngineError):
                    raise fresh
                if not reader.take(fresh):
                    return
        finally:
            self._log_readers[container_id].remove(new)

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        await self._receive_call("processes", container_id)
        container = self._get(container_id)
        if container.status not in (Status.RUNNING, Status.PAUSED):
            raise EngineRefused(f"409: container {container_id} is not running")
        main = Process(container.pid, 1, "Ss", "daemon")
        return self.processes_of.get(container_id, (main,))

    async def stats(self, container_id: str) -> dict[str, float]:
        await self._receive_call("stats", container_id)
        return self.stats_of.get(self._get(container_id).id, {"memory_bytes": 1.0})

    async def execute(
        self, container_id: str, command: tuple[str, ...], timeout_s: float
    ) -> ExecResult:
        try:
            async with asyncio.timeout(timeout_s):
                await self._receive_call("execute", container_id)
        except TimeoutError:
            raise CommandTimeout("the command did not end") from None
        self._get(container_id)
        return self.exec_of.get(" ".join(command), ExecResult(0, ""))

    async def read_file(
        self, container_id: str, path: str, most_bytes: int
    ) -> FileCopy:
        await self._receive_call("read_file", container_id)
        self._get(container_id)
        copy = self._file(path)
        if len(copy.data) > most_bytes:
            raise EngineRefused(f"{path} has more than {most_bytes} bytes")
        return copy

    async def file_version(self, container_id: str, path: str) -> str:
        await self._receive_call("file_version", container_id)
        self._get(container_id)
        return self._file(path).version

    async def put_files(self, container_id: str, folder: str, files: bytes) -> None:
        """Extract an archive as the engine does: in order, and over earlier files."""
        await self._receive_call("put_files", container_id)
        self._get(container_id)
        self.acts.append(("put_files", container_id))
        await asyncio.to_thread(self._extract, folder, files)

    def _extract(self, folder: str, files: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(files), mode="r|") as archive:
            for entry in archive:
                path = f"{folder.rstrip('/')}/{entry.name}"
                if entry.islnk():
                    linked = self.files[f"{folder.rstrip('/')}/{entry.linkname}"]
                    self.files[path] = list(linked)
                    continue
                reader = archive.extractfile(entry)
                data = reader.read() if reader is not None else b""
                owner = (entry.uid, entry.gid, entry.mode)
                self.files[path] = [FileCopy(data, "put", *owner)]

    def _file(self, path: str) -> FileCopy:
        copies = self.files.get(path, [])
        if not copies:
            raise FileAbsent(f"there is no file {path}")
        return copies.pop(0) if len(copies) > 1 else copies[0]

    async def events(self) -> AsyncIterator[EngineEvent | Connected | Disconnected]:
        queue: asyncio.Queue[EngineEvent | Connected | Disconnected] = asyncio.Queue()
        if not self.unreachable:
            queue.put_nowait(Connected())
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    # faults of the engine -----------------------------------------------------

    def trouble(
        self, call: str, error: EngineError, *, is_done: bool = False, times: int = 1
    ) -> None:
        """Let the next ``times`` calls fail; ``is_done``: executed all the same."""
        self._troubles[call] += [Fault(error, is_done)] * times

    def go_away(self, reason: str = "connection refused") -> None:
        self.unreachable = reason
        self._emit(Disconnected(reason))

    def go_deaf(self, reason: str, *, refused: bool = True) -> None:
        """End the event stream; all other calls continue to work."""
        self._emit(Disconnected(reason, refused))

    def come_back(self) -> None:
        self.unreachable = ""
        self._emit(Connected())

    def forget_troubles(self) -> None:
        """No call fails any more."""
        self._troubles.clear()

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """Background tasks of the engine."""
        return set(self._tasks)

    async def close(self) -> None:
        """Cancel the engine's background tasks."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # what happens to containers -----------------------------------------------

    def write(self, container_id: str, words: str) -> None:
        """Add a line to the container's log, with the engine's timestamp."""
        at = datetime.fromtimestamp(self._clock.now().wall, UTC)
        log = self.logs_of.get(container_id, "")
        line = f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z {words}\n"
        self.logs_of[container_id] = log + line
        for fresh in read_lines([line.encode()]):
            self._tell_log_readers(container_id, fresh)

    def break_log(self, container_id: str, error: EngineError) -> None:
        """Break the connections that follow this log."""
        self._tell_log_readers(container_id, error)

    def end_log(self, container_id: str) -> None:
        """End the connections that follow this log, as an engine's restart does."""
        self._tell_log_readers(container_id, None)

    def count_log_readers(self, container_id: str) -> int:
        """Number of connections that follow this log."""
        return len(self._log_readers[container_id])

    def _tell_log_readers(
        self, container_id: str, line: LogLine | EngineError | None
    ) -> None:
        """Pass a line on; None: the log ends."""
        for reader in self._log_readers[container_id]:
            reader.put_nowait(line)

    def add(self, container: Container) -> None:
        self.held[container.id] = container
        self._notice(EngineEventKind.START, container.id)

    def change(self, container_id: str, **changes: Any) -> Container:  # noqa: ANN401 - any field
        """Alter a container without any notice."""
        self.held[container_id] = replace(self.held[container_id], **changes)
        return self.held[container_id]

    def crash(
        self, container_id: str, exit_code: int = 1, *, oom: bool = False
    ) -> None:
        """Let the container exit; the engine's restart policy may start it again."""
        if oom:
            self._notice(EngineEventKind.OOM, container_id)
        self._exit(container_id, 137 if oom else exit_code, oom=oom)
        if self.held[container_id].engine_restarts_it:
            self.change(container_id, status=Status.RESTARTING)
            self._spawn(self._policy_restart(container_id))

    def stop_by_operator(self, container_id: str) -> None:
        self._notice(EngineEventKind.KILL, container_id)
        self._exit(container_id, 143)
        self._notice(EngineEventKind.STOP, container_id)

    def kill_by_operator(self, container_id: str) -> None:
        self._notice(EngineEventKind.KILL, container_id)
        self._exit(container_id, 137)

    def start_by_operator(self, container_id: str) -> None:
        self._run(container_id)

    def pause(self, container_id: str) -> None:
        self.change(container_id, status=Status.PAUSED)
        self._notice(EngineEventKind.PAUSE, container_id)

    def unpause(self, container_id: str) -> None:
        self.change(container_id, status=Status.RUNNING)
        self._notice(EngineEventKind.UNPAUSE, container_id)

    def set_health(
        self, container_id: str, health: NativeHealth, health_log: str = ""
    ) -> None:
        self.change(container_id, health=health, health_log=health_log)
        self._notice(EngineEventKind.HEALTH, container_id)

    def remove(self, container_id: str) -> None:
        if self.held[container_id].status is Status.RUNNING:
            self.stop_by_operator(container_id)
        del self.held[container_id]
        self._notice(EngineEventKind.DESTROY, container_id)

    def recreate(self, container_id: str, new_id: str | None = None) -> Container:
        """Replace a container as ``compose up --force-recreate`` does; same name."""
        old = self.held[container_id]
        self.remove(container_id)
        fresh = replace(old, id=new_id or f"{container_id}'", restart_count=0)
        self.held[fresh.id] = fresh
        self._run(fresh.id)
        return self.held[fresh.id]

    # inside -------------------------------------------------------------------

    async def _receive_call(self, call: str, container_id: str) -> None:
        self.calls.append((call, container_id))
        if call in self.delays:
            await asyncio.sleep(self.delays[call])
        self._raise_if_unreachable()
        if self._troubles[call]:
            raise self._troubles[call].pop(0).error

    async def _do(
        self, call: str, container_id: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        self.calls.append((call, container_id))
        self._raise_if_unreachable()
        trouble = self._troubles[call].pop(0) if self._troubles[call] else None
        if trouble is None or trouble.is_done:
            self._get(container_id)
            self.acts.append((call, container_id))
            task = self._spawn(_await_call(work))
            if trouble is None:
                await asyncio.shield(task)
                await asyncio.sleep(self.answer_late_s)
        if trouble is not None:
            raise trouble.error

    def _raise_if_unreachable(self) -> None:
        if self.unreachable:
            raise EngineUnreachable(self.unreachable)

    def _get(self, container_id: str) -> Container:
        if container_id not in self.held:
            raise ContainerGone(f"no such container: {container_id}")
        return self.held[container_id]

    async def _start(self, container_id: str) -> None:
        await asyncio.sleep(self.delays.get("start", 0.0))
        if self._get(container_id).status is Status.PAUSED:
            raise EngineRefused("cannot start a paused container")
        if self._get(container_id).status is not Status.RUNNING:
            self._run(container_id)

    async def _restart(self, container_id: str) -> None:
        if self._get(container_id).status is Status.RUNNING:
            self._notice(EngineEventKind.KILL, container_id)
            await asyncio.sleep(self.delays.get("restart", 0.0))
            self._exit(container_id, 137)
            self._notice(EngineEventKind.STOP, container_id)
        if "between" in self.delays:
            await asyncio.sleep(self.delays["between"])
        if self._get(container_id).status is not Status.RUNNING:
            self._run(container_id)
        self._notice(EngineEventKind.RESTART, container_id)

    async def _policy_restart(self, container_id: str) -> None:
        await asyncio.sleep(self.policy_delay_s)
        container = self.held.get(container_id)
        if container is not None and container.status is Status.RESTARTING:
            self.change(container_id, restart_count=container.restart_count + 1)
            self._run(container_id)

    def _run(self, container_id: str) -> None:
        self._pids += 1
        now = self._clock.now().wall
        last = self.held[container_id].started_at
        self.change(
            container_id,
            status=Status.RUNNING,
            started_at=max(now, last + 1e-6),
            pid=self._pids,
        )
        self._notice(EngineEventKind.START, container_id)

    def _exit(self, container_id: str, exit_code: int, *, oom: bool = False) -> None:
        self.change(
            container_id,
            status=Status.EXITED,
            exit_code=exit_code,
            oom_killed=oom,
            pid=0,
            finished_at=self._clock.now().wall,
        )
        self._tell_log_readers(container_id, None)
        self._notice(EngineEventKind.DIE, container_id)

    def _notice(self, kind: EngineEventKind, container_id: str) -> None:
        self._emit(EngineEvent(kind, container_id, self._clock.now().wall))

    def _emit(self, item: EngineEvent | Connected | Disconnected) -> None:
        if self.unreachable and not isinstance(item, Disconnected):
            return
        for queue in self._listeners:
            queue.put_nowait(item)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _await_call(work: Callable[[], Awaitable[None]]) -> None:
    await work()
