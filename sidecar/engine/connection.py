"""The connection to the engine: threads, deadlines, retries, circuit breaker.

The SDK blocks, so each call runs in a thread; a thread cannot be cancelled, so
its requests end by the same deadline.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from loguru import logger
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from sidecar.core.circuit_breaker import BreakerState, CircuitBreaker
from sidecar.core.ports.engine import (
    EngineError,
    EngineForbidden,
    EngineTimeout,
    EngineUnreachable,
)
from sidecar.engine.client import (
    CALLS_AT_ONCE,
    Client,
    FeaturesInUse,
    open_client,
    use_none,
)
from sidecar.engine.daemon_threads import DaemonThreads
from sidecar.engine.docker_host import Address, address_from
from sidecar.engine.errors import (
    TRANSLATED_ERRORS,
    CallNotListed,
    ConnectionBroke,
    CouldNotConnect,
    Mask,
    engine_error,
)
from sidecar.engine.operations import (
    REPORTED_BY_LOOP,
    CallStatus,
    Operation,
    RequestObserver,
    status_of,
)
from sidecar.engine.podman import Podman
from sidecar.engine.shared_client import SharedClient

T = TypeVar("T")
_BREAKER = CircuitBreaker()
_ATTEMPTS = 3
_GRACE_S = 0.5
_CLOSE_S = 1.5


class EngineConnection:
    """Sends calls to the engine; knows neither stacks nor containers.

    Every call raises subclasses of EngineError and nothing else.
    """

    def __init__(
        self,
        address: Address,
        on_request: RequestObserver,
        breaker: CircuitBreaker = _BREAKER,
        mask: Mask = str,
        features_in_use: FeaturesInUse = use_none,
    ) -> None:
        self._address = address
        self.features_in_use = features_in_use
        """Calls of other gated features are refused unsent; set it before a call."""
        self.mask = mask
        """Masks the engine's texts, in the threads of the calls."""
        self._on_request = on_request
        self._breaker = breaker
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._threads = DaemonThreads("engine")
        self._running: set[asyncio.Future[Any]] = set()
        self._clients = SharedClient(self._open_client, mask)
        self._forbidden: set[Operation] = set()
        self.other_engine = ""
        """The name of an unsupported engine, after the first connection."""
        self.podman: Podman | None = None
        """Podman, after the first connection to it."""

    @classmethod
    def from_environ(
        cls,
        environ: Mapping[str, str],
        *,
        on_request: RequestObserver,
        mask: Mask = str,
        features_in_use: FeaturesInUse = use_none,
    ) -> "EngineConnection":
        """A connection to the engine of DOCKER_HOST and related variables.

        Nothing is sent yet, but certificates are read from disk: call it before the
        loop runs. BadEngineAddress.
        """
        address = address_from(environ)
        return cls(address, on_request, mask=mask, features_in_use=features_in_use)

    @property
    def host(self) -> str:
        """The engine, or a proxy before it, by name; empty: a socket."""
        return self._address.host

    @property
    def breaker_state(self) -> BreakerState:
        """State of the circuit breaker: are calls sent at present?"""
        return self._breaker.state(time.monotonic())

    async def ask(
        self, operation: Operation, call: Callable[[Client], T], deadline_s: float
    ) -> T:
        """Make a call that changes nothing; broken connections are retried."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((CouldNotConnect, ConnectionBroke)),
            wait=wait_random_exponential(multiplier=0.1, max=1.0),
            stop=stop_after_attempt(_ATTEMPTS) | stop_before_delay(deadline_s),
            reraise=True,
        )
        until = time.monotonic() + deadline_s
        attempts = partial(retrying, self._attempt, call, until)
        return await self._call_with_breaker(operation, attempts, EngineError)

    async def act(
        self, operation: Operation, call: Callable[[Client], T], deadline_s: float
    ) -> T:
        """Make a call that changes something, or whose duration is not bounded.

        It is sent once. EngineTimeout: whether it took effect is unknown.
        """
        until = time.monotonic() + deadline_s
        attempt = partial(self._attempt, call, until)
        # A container that stops slowly is no failure of the engine.
        return await self._call_with_breaker(operation, attempt, EngineUnreachable)

    async def connect(
        self, operation: Operation, call: Callable[[Client], T], deadline_s: float
    ) -> T:
        """Try a call in any state of the circuit breaker; success closes it."""
        until = time.monotonic() + deadline_s
        result = await self._call_and_report(
            operation, partial(self._attempt, call, until)
        )
        self._breaker = self._breaker.record_success()
        return result

    def spawn(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Run blocking work in a thread of its own, which ends with the process."""
        outcome: Future[T] = Future()
        outcome.set_running_or_notify_cancel()
        future = asyncio.wrap_future(outcome)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        self._threads.run(partial(_carry_out, work, outcome))
        return future

    def report(self, operation: Operation, outcome: CallStatus, seconds: float) -> None:
        """Report a request to the observer."""
        self._on_request(operation, outcome, seconds)

    async def close(self) -> None:
        """Wait up to 1.5 s for the threads; those that still run are abandoned."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=_CLOSE_S)
        for future in tuple(self._running):
            future.cancel()
        self._threads.close()
        self._clients.close()

    async def _call_with_breaker(
        self,
        operation: Operation,
        run: Callable[[], Awaitable[T]],
        speaks_against_engine: type[EngineError],
    ) -> T:
        self._admit(operation)
        try:
            result = await self._call_and_report(operation, run)
        except (EngineUnreachable, EngineTimeout) as error:
            if isinstance(error, speaks_against_engine):
                self._breaker = self._breaker.record_failure(time.monotonic())
            raise
        except EngineError:
            self._breaker = self._breaker.record_success()
            raise
        self._breaker = self._breaker.record_success()
        return result

    def _admit(self, operation: Operation) -> None:
        now = time.monotonic()
        wait_s = self._breaker.wait_s(now)
        if wait_s > 0.0:
            self.report(operation, "unreachable", 0.0)
            raise EngineUnreachable(
                f"not sent: {self._breaker.failures} calls to the engine failed in a "
                f"row; the next may go in {wait_s:.0f} s"
            )
        self._breaker = self._breaker.record_call(now)

    async def _call_and_report(
        self, operation: Operation, run: Callable[[], Awaitable[T]]
    ) -> T:
        began = time.monotonic()
        try:
            result = await run()
        except EngineError as error:
            self.report(operation, status_of(error), time.monotonic() - began)
            self._say_forbidden(operation, error)
            raise
        self.report(operation, "ok", time.monotonic() - began)
        self._forbidden.discard(operation)
        return result

    def _say_forbidden(self, operation: Operation, error: EngineError) -> None:
        """Log a forbidden call once, until it is allowed; the loop logs remedies."""
        if not isinstance(error, EngineForbidden) or operation in REPORTED_BY_LOOP:
            return
        if operation not in self._forbidden:
            self._forbidden.add(operation)
            if isinstance(error, CallNotListed):
                logger.error("a call was refused by Sidecar itself: {}", error)
                return
            logger.warning(
                "the engine does not allow {}: {}; docs/engine-access.md has what is "
                "missed without it",
                operation,
                error,
            )

    async def _attempt(self, call: Callable[[Client], T], until: float) -> T:
        await self._slot(until)
        future = self.spawn(partial(self._in_thread, call, until))
        future.add_done_callback(self._release_slot)
        wait_s = until - time.monotonic() + _GRACE_S
        finished, _ = await asyncio.wait({future}, timeout=max(0.0, wait_s))
        if not finished:
            raise EngineTimeout("the engine gave no complete answer in time")
        return future.result()

    async def _slot(self, until: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await self._slots.acquire()
        except TimeoutError:
            raise EngineUnreachable(
                f"not sent: {CALLS_AT_ONCE} calls to the engine are still under way"
            ) from None

    def _release_slot(self, future: "asyncio.Future[T]") -> None:
        self._slots.release()
        if not future.cancelled():
            future.exception()  # retrieved, although nobody may wait for it

    def _in_thread(self, call: Callable[[Client], T], until: float) -> T:
        client = self._clients.get(until)
        self.other_engine = client.other_engine
        self.podman = client.podman
        try:
            return call(client)
        except (*TRANSLATED_ERRORS, EngineError) as error:
            translated = engine_error(error, self.mask)
            if isinstance(translated, CouldNotConnect):
                self._clients.drop(client)
            raise translated from error

    def _open_client(self, until: float) -> Client:
        return open_client(self._address, until, self.mask, self.features_in_use)


def _carry_out(work: Callable[[], T], outcome: Future[T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - passed on to the caller
        outcome.set_exception(error)
    else:
        outcome.set_result(result)
