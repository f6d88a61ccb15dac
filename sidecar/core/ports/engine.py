"""The container engine as the loop needs it, and the errors that it may raise."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from sidecar.core.model.container import Container, Process
from sidecar.core.model.event import EngineEventKind


class EngineError(Exception):
    """The engine did not do what was asked. The text is fit for a log line."""


class EngineUnreachable(EngineError):
    """Nothing was sent: no connection, or the circuit breaker is open."""


class EngineTimeout(EngineError):
    """It was sent and no answer came in time: whether it was done is unknown."""


class CommandTimeout(EngineTimeout):
    """The engine did its part; the command in the container did not end in time."""


class EngineRefused(EngineError):
    """The engine answered no (any 4xx or 5xx but not found), or we refused
    ourselves because the container is not of our stack.
    """


class EngineForbidden(EngineRefused):
    """The engine, or the filter in front of it, does not let us do that: nothing was
    done, and it will say the same again.
    """


class ContainerGone(EngineError):
    """There is no such container."""


class EngineEvent(NamedTuple):
    """One event of the engine about a container of our stack.

    ``signal`` comes with KILL, 0 where the engine does not say which; ``exit_code``
    with DIE.
    """

    kind: EngineEventKind
    container_id: str
    engine_time: float
    signal: int = 0
    exit_code: int | None = None


class Connected(NamedTuple):
    """The event stream was (re)established: what came before may be lost."""


class Disconnected(NamedTuple):
    """The event stream ended; reconnecting goes on by itself.

    ``refused``: somebody answered no, which will last.
    """

    reason: str
    refused: bool = False


class ExecResult(NamedTuple):
    """How a command in a container ended; ``output`` is its last part."""

    exit_code: int
    output: str


class Engine(Protocol):
    """The container engine, limited to one stack. Every call has a deadline.

    All raise EngineError's children and nothing else.
    """

    async def containers(self) -> tuple[Container, ...]:
        """All containers of the stack, running or not.

        One of which the engine gives no usable answer has a ``fault``.
        """

    async def inspect(self, container_id: str) -> Container:
        """One container of the stack."""

    async def start(self, container_id: str) -> None:
        """Start a container that is not running."""

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop (SIGKILL after ``stop_timeout_s``) and start."""

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop (SIGKILL after ``stop_timeout_s``); one that is stopped stays so."""

    async def signal(self, container_id: str, signal: str) -> None:
        """Send a signal, such as SIGCONT, to the container's main process."""

    async def logs(self, container_id: str, lines: int) -> str:
        """The last lines of the container's log, with time stamps."""

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        """What runs in the container."""

    async def stats(self, container_id: str) -> dict[str, float]:
        """memory_bytes, memory_limit_bytes, pids, cpu_seconds; what is known."""

    async def execute(
        self, container_id: str, command: tuple[str, ...], timeout_s: float
    ) -> ExecResult:
        """Run a command in the container and wait for it."""

    def events(self) -> AsyncIterator[EngineEvent | Connected | Disconnected]:
        """Engine events of the stack, reconnecting for ever."""


class HostProcesses(Protocol):
    """The host's own processes, where we are let see them."""

    async def processes(self, container: Container) -> tuple[Process, ...] | None:
        """What runs in the container; None: that cannot be seen from here."""
