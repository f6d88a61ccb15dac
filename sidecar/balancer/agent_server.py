"""HAProxy's agent check: one port that answers for every server.

HAProxy asks every ``agent-inter`` (2 s by default) and sends the line of
``agent-send``. An agent that HAProxy cannot reach changes no server, and only an agent
takes back what an agent has said. So every later answer takes a drain back, and so
does Sidecar before it ends.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from loguru import logger

from sidecar.balancer.agent_connection import AgentConnection
from sidecar.core.model.state import State
from sidecar.core.ports.loop import Clock, Component
from sidecar.core.status.traffic import (
    ServerAnswer,
    answer_question,
    find_replicas,
    parse_question,
)

CONNECTIONS = 256
QUESTIONS = 1024
"""Number of questions whose last answer is known."""

FORGET_S = 60.0
"""HAProxy has no such server any more, if it did not ask for it in this time."""

RELEASE_S = 5.0
"""Time before the end for each drained server to be asked about again."""

LISTEN_AGAIN_S = 10.0
SAY_AGAIN_S = 600.0
WARNED = 32
"""Number of different texts that are warned of in SAY_AGAIN_S."""

_UP = b"up ready\n"


class AgentServer:
    """Listens while an address is set, and answers from the state."""

    def __init__(
        self,
        state: Callable[[], State],
        clock: Clock,
        address: tuple[str, int] | None = None,
    ) -> None:
        self._state = state
        self._clock = clock
        self._address = address
        self._changed = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._connections: dict[AgentConnection, None] = {}
        self._drained: dict[bytes, float] = {}
        """The lines of drained servers, and when each was last asked."""
        self._is_ending = False
        self._released = asyncio.Event()
        self._fault = ""
        self._fault_wall = 0.0
        self._warned: set[str] = set()
        self._warned_mono = clock.now().mono

    def set_address(self, address: tuple[str, int] | None) -> None:
        """Listen on this host and port from now on; None: on none."""
        if address != self._address:
            self._address = address
            self._changed.set()

    async def run(self) -> None:
        """Listen on the address, and again if that failed, until cancelled."""
        try:
            while True:
                self._changed.clear()
                await self._listen()
                retry_s = LISTEN_AGAIN_S if self._fault else None
                try:
                    async with asyncio.timeout(retry_s):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._stop_listening()

    async def release(self, within_s: float = RELEASE_S) -> None:
        """Take back every drain: all answers are "up ready" from now on.

        Returns when HAProxy has heard it for all servers, or after ``within_s``.
        """
        self._is_ending = True
        if not self._drained:
            return
        self._released.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._released.wait()

    def components(self) -> tuple[Component, ...]:
        """The agent's health, where it is configured."""
        if self._address is None:
            return ()
        since = self._fault_wall or self._clock.now().wall
        return (Component("balancer", not self._fault, self._fault, since),)

    @property
    def port(self) -> int | None:
        """The port listened on; None: none."""
        for listening in self._listener.sockets if self._listener else ():
            return int(listening.getsockname()[1])
        return None

    async def _listen(self) -> None:
        self._stop_listening()
        address = self._address
        if address is None:
            self._fault = ""
            return
        place = format_address(*address)
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: AgentConnection(self.answer, self._join, self._leave),
                *address,
                backlog=CONNECTIONS,
            )
        except OSError as error:
            why = f"cannot listen on {place}: {error.strerror or error}"
            if why != self._fault:
                self._fault_wall = self._clock.now().wall
                logger.error("the load balancer's agent {}", why)
            self._fault = why
            return
        self._fault, self._fault_wall = "", 0.0
        logger.info("the load balancer's agent listens on {}", place)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in tuple(self._connections):
            connection.close()

    def _join(self, connection: AgentConnection) -> None:
        """Add a connection; at the limit the oldest is closed for it."""
        if len(self._connections) >= CONNECTIONS:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.close()
        self._connections[connection] = None

    def _leave(self, connection: AgentConnection) -> None:
        self._connections.pop(connection, None)

    def answer(self, line: bytes) -> bytes:
        """The answer to one line, without its end."""
        text = line.decode("ascii", "replace")
        question = parse_question(text)
        if question is None:
            self._warn(text, "is no question: NAME, or NAME failover=OTHER")
            return _UP
        state = self._state()
        for name in filter(None, question):
            if state.engine.listed_mono is not None and not find_replicas(state, name):
                self._warn(name, "is no target or replica, so its server stays up")
        answer = answer_question(
            state,
            question,
            self._clock.now(),
            is_ending=self._is_ending,
            has_drained=self._has_drained(line),
        )
        self._note(line, answer)
        return format_answer(answer)

    def _note(self, line: bytes, answer: ServerAnswer) -> None:
        """Remember who was told to drain, so that it is taken back at the end."""
        if answer.is_draining is False:
            self._drained.pop(line, None)
            if not self._drained:
                self._released.set()
        elif answer.is_draining and len(self._drained) < QUESTIONS:
            self._drained[line] = self._clock.now().mono

    def _has_drained(self, line: bytes) -> bool:
        """Is there a drain, of this line or another one, to be taken back?"""
        since_mono = self._clock.now().mono - FORGET_S
        return line in self._drained or any(
            mono >= since_mono for mono in self._drained.values()
        )

    def _warn(self, text: str, why: str) -> None:
        now_mono = self._clock.now().mono
        if now_mono - self._warned_mono >= SAY_AGAIN_S:
            self._warned.clear()
            self._warned_mono = now_mono
        if text in self._warned or len(self._warned) >= WARNED:
            return
        self._warned.add(text)
        logger.warning("a load balancer asks for {!r}, which {}", text, why)


def format_address(host: str, port: int) -> str:
    """The address as it is written in the settings."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def format_answer(answer: ServerAnswer) -> bytes:
    """The answer as a line of HAProxy's agent protocol.

    ``up`` and ``down`` are of the server's health, ``ready`` and ``drain`` of what an
    operator can set: without a word, that part stays as it was.
    """
    words = []
    if answer.works:
        words.append("up")
    if answer.is_draining is not None:
        words.append("drain" if answer.is_draining else "ready")
    if answer.works is False:
        words.append(f"down #{answer.reason}")
    return " ".join(words).encode("ascii", "replace") + b"\n"
