"""Protocol of the container engine, with its errors."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from sidecar.core.model.container import Container, Process
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.log_mark import LogLine
from sidecar.core.reason.reason import Reason


class EngineError(Exception):
    """The engine did not carry out a request. The text is fit for a log line."""


class EngineUnreachable(EngineError):
    """Nothing was sent: no connection, or the circuit breaker is open."""


class EngineTimeout(EngineError):
    """The request was sent and not answered in time: its effect is unknown."""


class CommandTimeout(EngineTimeout):
    """The engine did its part; the command in the container did not end in time."""


class EngineRefused(EngineError):
    """The engine refused (any 4xx or 5xx but not found), or Sidecar did, because the
    container is not of its stack.
    """


class EngineForbidden(EngineRefused):
    """The engine, or the filter in front of it, forbids the request: nothing was done,
    and the answer will stay the same.
    """


class LeftAlone(EngineRefused):
    """Nothing was sent, because an operator or the engine itself acts on the container
    now, or has replaced it.
    """


class ReplacedAlready(LeftAlone):
    """Nothing was sent, because the restart of another container has just replaced
    this one as well.
    """


class ContainerGone(EngineError):
    """There is no such container."""


class FileAbsent(EngineError):
    """The container has no such file."""


class FileCopy(NamedTuple):
    """A copy of a file of a container.

    ``version`` changes with the file's size or its time of change, which the engine
    knows to the nanosecond; empty: the engine does not tell. It is of the moment
    before the copy.
    """

    data: bytes
    version: str
    uid: int
    gid: int
    mode: int


class EngineEvent(NamedTuple):
    """One event of the engine about a container of our stack.

    ``signal`` comes with KILL, 0 where the engine does not report it; ``exit_code``
    comes with DIE.
    """

    kind: EngineEventKind
    container_id: str
    engine_time: float
    signal: int = 0
    exit_code: int | None = None


class Connected(NamedTuple):
    """The event stream was (re)established: earlier events may be lost."""


class Disconnected(NamedTuple):
    """The event stream ended; the adapter reconnects by itself.

    ``refused``: the request was refused, which will last.
    """

    reason: str
    refused: bool = False


class ExecResult(NamedTuple):
    """Result of a command in a container; ``output`` is the end of its output."""

    exit_code: int
    output: str


class Replacement(NamedTuple):
    """A container that is to replace another one, as the engine's API describes it.

    ``body``, ``original`` and the settings of ``networks`` (by name; the engine joins
    further networks after the create) are JSON. ``obstacles``: why the engine cannot
    make an equal container; empty: it can.
    """

    name: str
    body: bytes = b""
    networks: tuple[tuple[str, bytes], ...] = ()
    original: bytes = b""
    obstacles: tuple[Reason, ...] = ()


class LogReader(Protocol):
    """Receives the lines of a container's log."""

    def on_open(self, clock_ahead_s: float) -> None:
        """The log is open. ``clock_ahead_s``: the engine's clock minus ours."""

    def take(self, line: LogLine) -> bool:
        """Take one line; False: it was the last that is wanted.

        Called in a thread of its own, and never by two threads at once.
        """


class Engine(Protocol):
    """The container engine, limited to one stack. Every call has a deadline.

    Calls raise only subclasses of EngineError.
    """

    async def containers(self) -> tuple[Container, ...]:
        """All containers of the stack, running or not.

        A container without a usable answer of the engine has a ``fault``.
        """

    async def inspect(self, container_id: str) -> Container:
        """One container of the stack."""

    async def start(self, container_id: str) -> None:
        """Start a container that is not running."""

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop (SIGKILL after ``stop_timeout_s``) and start."""

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop (SIGKILL after ``stop_timeout_s``); no effect on a stopped container."""

    async def signal(self, container_id: str, signal: str) -> None:
        """Send a signal, such as SIGCONT, to the container's main process."""

    async def plan_replacement(
        self, container_id: str, wallets: tuple[str, ...] | None
    ) -> Replacement:
        """The plan of an equal container; only reads. ``wallets``: paths of its
        wallets, which must be on a volume; None: it is no wallet daemon.
        """

    async def create_replacement(self, plan: Replacement) -> Container:
        """Create the planned container under its name, and start nothing.

        EngineRefused: the new one differs from the original; it may exist all the same.
        """

    async def rename(self, container_id: str, name: str) -> None:
        """Give a container another name."""

    async def remove_stopped(self, container_id: str) -> None:
        """Remove a container that does not run; its volumes stay."""

    async def check_removal(self) -> None:
        """Raise EngineForbidden if the engine refuses all removals of containers."""

    async def logs(self, container_id: str, lines: int) -> str:
        """The last lines of the container's log, with time stamps."""

    async def follow_log(
        self, container_id: str, since_nano: int, lines: int, reader: LogReader
    ) -> None:
        """Pass the log's lines to ``reader``, and new ones as they are written.

        From ``since_nano`` on by the engine's clock, the last ``lines`` at first.
        Returns when the log ends, as it does when the container stops, when it is
        silent for long, or when the reader wants no more.
        """

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        """The processes of the container."""

    async def stats(self, container_id: str) -> dict[str, float]:
        """memory_bytes, memory_held_bytes, memory_anon_bytes, memory_limit_bytes, pids,
        cpu_seconds, as far as known.
        """

    async def execute(
        self, container_id: str, command: tuple[str, ...], timeout_s: float
    ) -> ExecResult:
        """Run a command in the container and wait for it."""

    def events(self) -> AsyncIterator[EngineEvent | Connected | Disconnected]:
        """Engine events of the stack, reconnecting for ever."""


class ContainerFiles(Protocol):
    """Files of the stack's containers. Calls raise only subclasses of EngineError."""

    async def read_file(
        self, container_id: str, path: str, most_bytes: int
    ) -> FileCopy:
        """A copy of one regular file; the container need not run.

        FileAbsent. EngineRefused: it is no regular file, or it is larger.
        """

    async def file_version(self, container_id: str, path: str) -> str:
        """The version that a copy would have now. FileAbsent."""

    async def put_files(self, container_id: str, folder: str, files: bytes) -> None:
        """Extract an archive of tar in a folder; the container need not run."""


class Throwaway(NamedTuple):
    """A throw-away container.

    ``named_files``: paths that can be files which the original has from outside its
    image, as secrets; they are not in the throw-away container.
    """

    named_files: tuple[str, ...]


class ThrowawayContainers(Protocol):
    """Throw-away containers of the stack, by a key that the caller chooses.

    Calls raise only subclasses of EngineError. EngineTimeout of ``create``: it may have
    been created, so remove it.
    """

    async def create(self, original_id: str, key: str) -> Throwaway:
        """Create a container like one of the stack, without its network and volumes.

        It has limits for memory, processor and processes, and does not run yet.
        """

    async def missing_folders(
        self, key: str, folders: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The folders that the container does not have."""

    async def put_files(self, key: str, files: bytes) -> None:
        """Extract an archive of tar in the container's root."""

    async def start(self, key: str) -> None:
        """Start the container."""

    async def execute(
        self,
        key: str,
        command: tuple[str, ...],
        variables: dict[str, str],
        timeout_s: float,
    ) -> ExecResult:
        """Run a command in the container and wait for it."""

    async def remove(self, key: str) -> None:
        """Remove the container with its volumes, running or not; it may be gone."""

    async def remove_left(self) -> int:
        """Remove the containers that an earlier process left; returns their number."""


class HostProcesses(Protocol):
    """The host's own processes, where Sidecar may see them."""

    async def processes(self, container: Container) -> tuple[Process, ...] | None:
        """The processes of the container; None: not visible from here."""
