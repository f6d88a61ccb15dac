"""A simulated engine of one stack, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import replace

from sidecar.core.model.container import Container, Process, Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.scenario import ServiceBehaviour
from sidecar.core.model.target import Target
from sidecar.core.ports.engine import (
    Connected,
    ContainerGone,
    Disconnected,
    EngineEvent,
    EngineRefused,
    EngineUnreachable,
)
from sidecar.core.ports.loop import Clock
from sidecar.simulation.refused_calls import RefusedCalls

STACK = "simulated"
AGE_S = 86_400.0
"""Age of the containers at the begin."""
_SIGTERM, _SIGKILL = 15, 9
_POLICY_DELAY_S = 0.1
_POLICY_DELAY_MAX_S = 60.0

StreamItem = EngineEvent | Connected | Disconnected


class SimulatedEngine(RefusedCalls):
    """Implements core.ports.Engine. Commands, files, logs and recreates are refused.

    It goes on with what it began when its caller is cancelled.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        behaviours: Mapping[str, ServiceBehaviour],
        clock: Clock,
        began_wall: float,
    ) -> None:
        self._clock = clock
        self._behaviours = behaviours
        self._targets: dict[str, str] = {}
        self.held: dict[str, Container] = {}
        """The containers now, by id."""
        self._lost_until_mono = 0.0
        self._listeners: list[asyncio.Queue[StreamItem]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._delays_s: dict[str, float] = {}
        self._pids = 100
        for target in targets:
            for number in range(1, self._behaviour(target.name).replicas + 1):
                self._add(target, number, began_wall - AGE_S)

    def find(self, target: str, number: int = 1) -> Container:
        """A container of a target. ContainerGone."""
        return self._get(f"{target}-{number}")

    def find_all(self, target: str) -> tuple[Container, ...]:
        """The containers of a target."""
        ids = (i for i, name in self._targets.items() if name == target)
        return tuple(map(self._get, ids))

    # --- the port

    async def containers(self) -> tuple[Container, ...]:
        """All containers of the stack."""
        self._raise_if_lost()
        return tuple(self.held.values())

    async def inspect(self, container_id: str) -> Container:
        """One container."""
        self._raise_if_lost()
        return self._get(container_id)

    async def start(self, container_id: str) -> None:
        """Start a container that does not run."""
        self._raise_if_lost()
        self.start_container(container_id)

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop and start."""
        self._raise_if_lost()
        await self._finish(self._restart(container_id, stop_timeout_s))

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop a container that runs."""
        self._raise_if_lost()
        await self._finish(self.stop_container(container_id, stop_timeout_s))

    async def signal(self, container_id: str, signal: str) -> None:
        """A signal has no effect here."""
        self._raise_if_lost()
        self._get(container_id)

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        """The main process alone."""
        self._raise_if_lost()
        container = self._get(container_id)
        if container.status is not Status.RUNNING:
            raise EngineRefused(f"409: container {container_id} is not running")
        return (Process(container.pid, 1, "Ss", "daemon"),)

    async def stats(self, container_id: str) -> dict[str, float]:
        """Nothing is known."""
        self._raise_if_lost()
        self._get(container_id)
        return {}

    async def logs(self, container_id: str, lines: int) -> str:
        """Containers write nothing here."""
        self._raise_if_lost()
        self._get(container_id)
        return ""

    async def events(self) -> AsyncIterator[StreamItem]:
        """Events of the stack, until closed."""
        queue: asyncio.Queue[StreamItem] = asyncio.Queue()
        if not self._is_lost():
            queue.put_nowait(Connected())
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    # --- what happens to the stack

    def lose(self, seconds: float) -> None:
        """Let every call fail for a time."""
        self._lost_until_mono = self._clock.now().mono + seconds
        self._emit(Disconnected("connection refused"))
        self._spawn(self._end_loss(seconds))

    def end_process(self, container_id: str, exit_code: int = 0) -> None:
        """The container exits by itself; the engine's policy may start it again."""
        self._exit(container_id, exit_code)
        if self._get(container_id).engine_restarts_it:
            self._change(container_id, status=Status.RESTARTING)
            self._spawn(self._restart_by_policy(container_id))

    async def stop_container(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop as ``docker stop`` does."""
        container = self._get(container_id)
        if container.status is not Status.RUNNING:
            return
        needed_s = self._behaviour(self._targets[container_id]).stop_s
        self._notice(EngineEventKind.KILL, container_id, signal=_SIGTERM)
        await asyncio.sleep(min(needed_s, stop_timeout_s))
        is_killed = needed_s > stop_timeout_s
        if is_killed:
            self._notice(EngineEventKind.KILL, container_id, signal=_SIGKILL)
        if self._get(container_id).run == container.run:
            self._exit(container_id, 128 + (_SIGKILL if is_killed else _SIGTERM))
            self._notice(EngineEventKind.STOP, container_id)

    def start_container(self, container_id: str) -> None:
        """Start as ``docker start`` does."""
        if self._get(container_id).status is Status.RUNNING:
            return
        self._pids += 1
        now = self._clock.now().wall
        self._change(
            container_id, status=Status.RUNNING, started_at=now, pid=self._pids
        )
        self._notice(EngineEventKind.START, container_id)

    async def close(self) -> None:
        """Cancel what the engine still does."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- inside

    def _behaviour(self, target: str) -> ServiceBehaviour:
        return self._behaviours.get(target, ServiceBehaviour())

    def _add(self, target: Target, number: int, started_at: float) -> None:
        service = target.service or target.name
        container_id = f"{target.name}-{number}"
        self._targets[container_id] = target.name
        policy = self._behaviour(target.name).is_restarted
        self.held[container_id] = Container(
            container_id,
            target.container or f"{STACK}-{service}-{number}",
            STACK,
            service,
            number,
            Status.RUNNING,
            started_at=started_at,
            pid=self._pids,
            restart_policy="unless-stopped" if policy else "no",
        )

    def _get(self, container_id: str) -> Container:
        if container_id not in self.held:
            raise ContainerGone(f"no such container: {container_id}")
        return self.held[container_id]

    def _change(self, container_id: str, **changes: object) -> None:
        changed = replace(self._get(container_id), **changes)  # type: ignore[arg-type]
        self.held[container_id] = changed

    def _exit(self, container_id: str, exit_code: int) -> None:
        now = self._clock.now().wall
        self._change(
            container_id,
            status=Status.EXITED,
            finished_at=now,
            exit_code=exit_code,
            pid=0,
        )
        self._notice(EngineEventKind.DIE, container_id, exit_code=exit_code)

    async def _restart(self, container_id: str, stop_timeout_s: float) -> None:
        await self.stop_container(container_id, stop_timeout_s)
        self.start_container(container_id)
        self._notice(EngineEventKind.RESTART, container_id)

    async def _restart_by_policy(self, container_id: str) -> None:
        """Docker doubles the delay, unless the container ran for 10 s."""
        ran_s = self._clock.now().wall - self._get(container_id).started_at
        last_s = self._delays_s.get(container_id, 0.0)
        delay_s = _POLICY_DELAY_S if ran_s >= 10.0 else max(_POLICY_DELAY_S, last_s * 2)  # noqa: PLR2004
        self._delays_s[container_id] = min(delay_s, _POLICY_DELAY_MAX_S)
        await asyncio.sleep(self._delays_s[container_id])
        container = self._get(container_id)
        if container.status is Status.RESTARTING:
            count = container.restart_count + 1
            self._change(container_id, restart_count=count)
            self.start_container(container_id)

    async def _end_loss(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not self._is_lost():
            self._emit(Connected())

    def _is_lost(self) -> bool:
        return self._clock.now().mono < self._lost_until_mono

    def _raise_if_lost(self) -> None:
        if self._is_lost():
            raise EngineUnreachable("connection refused")

    async def _finish(self, work: Coroutine[object, object, None]) -> None:
        await asyncio.shield(self._spawn(work))

    def _spawn(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _notice(
        self,
        kind: EngineEventKind,
        container_id: str,
        *,
        signal: int = 0,
        exit_code: int | None = None,
    ) -> None:
        now = self._clock.now().wall
        self._emit(EngineEvent(kind, container_id, now, signal, exit_code))

    def _emit(self, item: StreamItem) -> None:
        for listener in self._listeners:
            listener.put_nowait(item)
