"""The Docker engine, limited to one stack."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from sidecar.core.circuit_breaker import BreakerState
from sidecar.core.model.container import Container, Process
from sidecar.core.ports.engine import (
    Connected,
    Disconnected,
    EngineEvent,
    ExecResult,
    FileCopy,
    LogReader,
    Replacement,
)
from sidecar.engine import archive, requests
from sidecar.engine.commands import Commands
from sidecar.engine.connection import EngineConnection
from sidecar.engine.container_list import ContainerList
from sidecar.engine.containers import STACK_LABEL, ContainerOwner
from sidecar.engine.log_stream import LogStreams
from sidecar.engine.membership import Membership
from sidecar.engine.stream import EventStream

_ANSWER_S = 10.0
_LONG_S = 30.0
_PUT_S = 60.0
_REMEMBERED = 4096


class DockerEngine:
    """Implements core.ports.Engine; closes the given connection.

    A container that does not belong to ``stack`` is refused before any request
    about it, except the inspect that finds its owner. ``answer_margin_s``: time for
    the engine's answer to a start, or to a restart beyond its stop timeout.
    ``replay_s``: the first connection of ``events`` replays so much, so that an
    operator's stop shortly before our own start is known.
    """

    def __init__(
        self,
        link: EngineConnection,
        stack: str,
        *,
        answer_margin_s: float = 15.0,
        replay_s: float = 600.0,
    ) -> None:
        if not stack:
            raise ValueError("a stack must be named: an empty name is everyone's")
        self._link = link
        self._label = f"{STACK_LABEL}={stack}"
        self._members = Membership(stack)
        self._list = ContainerList(link, self._members)
        self._answer_margin_s = answer_margin_s
        self._replay_s = replay_s
        self._ours: dict[str, ContainerOwner] = {}
        self._commands = Commands()
        self._streams: set[EventStream] = set()
        self._logs = LogStreams(link)

    @property
    def breaker_state(self) -> BreakerState:
        """State of the circuit breaker: are calls sent at present?"""
        return self._link.breaker_state

    async def containers(self) -> tuple[Container, ...]:
        """All containers of the stack, running or not.

        A container without a usable answer has a ``fault``. One whose labels may be
        its image's is left out, and logged once.
        """
        return await self._list.read()

    async def inspect(self, container_id: str) -> Container:
        """One container of the stack."""
        members = self._members
        return await self._link.ask(
            "inspect",
            lambda client: requests.inspect_own(client, container_id, members),
            _ANSWER_S,
        )

    async def start(self, container_id: str) -> None:
        """Start a container; a running one stays as it is."""
        own = await self._own(container_id)
        await self._link.act(
            "start", lambda client: client.start(own.id), self._answer_margin_s
        )

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop (SIGKILL after ``stop_timeout_s``, in whole seconds) and start."""
        own = await self._own(container_id)
        await self._link.act(
            "restart",
            lambda client: requests.restart(client, own.id, stop_timeout_s),
            stop_timeout_s + self._answer_margin_s,
        )

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop (SIGKILL after ``stop_timeout_s``); a stopped one stays as it is."""
        own = await self._own(container_id)
        await self._link.act(
            "stop",
            lambda client: requests.stop(client, own.id, stop_timeout_s),
            stop_timeout_s + self._answer_margin_s,
        )

    async def signal(self, container_id: str, signal: str) -> None:
        """Send a signal, such as SIGCONT, to the container's main process."""
        own = await self._own(container_id)
        call = partial(requests.send_signal, container_id=own.id, signal=signal)
        await self._link.act("kill", call, self._answer_margin_s)

    async def plan_replacement(
        self, container_id: str, wallets: tuple[str, ...] | None
    ) -> Replacement:
        """The plan of an equal container; only reads."""
        from sidecar.engine import replacements  # noqa: PLC0415 - few need it

        members = self._members
        return await self._link.ask(
            "plan",
            lambda client: replacements.plan_replacement(
                client, container_id, members, wallets
            ),
            _LONG_S,
        )

    async def create_replacement(self, plan: Replacement) -> Container:
        """Create the planned container under its name, and start nothing."""
        from sidecar.engine import replacements  # noqa: PLC0415 - few need it

        return await self._link.act(
            "create",
            lambda client: replacements.create_replacement(client, plan),
            _LONG_S,
        )

    async def rename(self, container_id: str, name: str) -> None:
        """Give a container another name."""
        own = await self._own(container_id)
        await self._link.act(
            "rename",
            lambda client: requests.rename(client, own.id, name),
            _ANSWER_S,
        )

    async def remove_stopped(self, container_id: str) -> None:
        """Remove a container that does not run; its volumes stay."""
        own = await self._own(container_id)
        await self._link.act(
            "remove", lambda client: requests.remove(client, own.id), _LONG_S
        )

    async def check_removal(self) -> None:
        """Raise EngineForbidden if the engine refuses all removals."""
        await self._link.act("remove", requests.check_removal, _ANSWER_S)

    async def logs(self, container_id: str, lines: int, since: str = "") -> str:
        """The last lines with time stamps, 64 kB at most.

        ``since``: only lines from that time on, in seconds since 1970 by the engine's
        clock, with up to nine decimals; empty: from the beginning.
        """
        own = await self._own(container_id)
        return await self._link.ask(
            "logs",
            lambda client: requests.log_tail(client, own, lines, since),
            _ANSWER_S,
        )

    async def follow_log(
        self, container_id: str, since_nano: int, lines: int, reader: LogReader
    ) -> None:
        """Pass the log's lines to ``reader`` until it ends; see the port."""
        owner = await self._own(container_id)
        await self._logs.follow(owner, since_nano, lines, reader)

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        """The container's processes, with the process ids of the engine's host."""
        own = await self._own(container_id)
        return await self._link.ask(
            "top", lambda client: requests.processes(client, own.id), _ANSWER_S
        )

    async def stats(self, container_id: str) -> dict[str, float]:
        """memory_bytes, memory_held_bytes, memory_anon_bytes, memory_limit_bytes, pids,
        cpu_seconds; known values only.
        """
        own = await self._own(container_id)
        return await self._link.ask(
            "stats", lambda client: requests.stats(client, own.id), _ANSWER_S
        )

    async def execute(
        self, container_id: str, command: tuple[str, ...], timeout_s: float
    ) -> ExecResult:
        """Run a command in the container; the last 4 kB of its output are kept.

        CommandTimeout: it was started and goes on, for the engine cannot end it;
        until its end the same command is not started again in that container.
        """
        own = await self._own(container_id)
        return await self._link.act(
            "exec",
            lambda client: self._commands.run(client, own.id, command),
            timeout_s,
        )

    async def read_file(
        self, container_id: str, path: str, most_bytes: int
    ) -> FileCopy:
        """A copy of one regular file of ``most_bytes`` at most. FileAbsent."""
        own = await self._own(container_id)
        return await self._link.ask(
            "archive",
            lambda client: archive.read_file(client, own.id, path, most_bytes),
            _ANSWER_S,
        )

    async def file_version(self, container_id: str, path: str) -> str:
        """The version that a copy of a file would have now. FileAbsent."""
        own = await self._own(container_id)
        return await self._link.ask(
            "archive",
            lambda client: archive.file_version(client, own.id, path),
            _ANSWER_S,
        )

    async def put_files(self, container_id: str, folder: str, files: bytes) -> None:
        """Extract an archive of tar in a folder; owners and permissions are its own."""
        own = await self._own(container_id)
        await self._link.act(
            "put_archive",
            lambda client: archive.put_files(client, own.id, folder, files),
            _PUT_S,
        )

    async def events(
        self,
    ) -> AsyncGenerator[EngineEvent | Connected | Disconnected, None]:
        """Engine events of the stack, reconnecting until closed.

        A short gap is replayed, no event comes twice, and in a flood the oldest is
        replaced by a further Connected: list again after each Connected.
        """
        stream = EventStream(self._link, self._label, replay_s=self._replay_s)
        self._streams.add(stream)
        try:
            async with aclosing(stream.items()) as items:
                async for item in items:
                    if self._list.admit(item):
                        yield item
        finally:
            self._streams.discard(stream)
            self._list.admit(Disconnected("nobody listens"))

    async def close(self) -> None:
        """End the streams and the link; takes 2 s at most."""
        for stream in tuple(self._streams):
            stream.close()
        self._logs.close()
        await self._link.close()

    async def _own(self, container_id: str) -> ContainerOwner:
        """The owner of a container of the stack; EngineRefused: of another stack."""
        owner = self._ours.get(container_id)
        if owner is None:
            members = self._members
            owner = await self._link.ask(
                "inspect",
                lambda client: requests.identify(client, container_id, members),
                _ANSWER_S,
            )
            if len(self._ours) >= _REMEMBERED:
                self._ours.clear()
            # By its full id: a name can pass to another container.
            self._ours[owner.id] = owner
        return owner
