"""The lease on a server that speaks Redis's protocol: Redis or Valkey."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from sidecar.cluster import scripts
from sidecar.cluster.lease_server import HeldAnswer, ServerLost, View
from sidecar.core.status.lease_protocol import LeaseAnswer
from sidecar.core.text.printable import printable

T = TypeVar("T")

MOST_WATCHDOGS = 20
MOST_VIEW_BYTES = 65_536
ERROR_CHARACTERS = 200
_NAME_CHARACTERS = 100


class _ViewText(msgspec.Struct):
    name: str
    down: list[str] | None


class RedisLeaseServer:
    """Implements LeaseServer. ``mask`` removes secrets from the server's errors."""

    def __init__(
        self,
        url: str,
        stack: str,
        watchdog: tuple[str, str],
        timeout_s: float,
        mask: Callable[[str], str] = str,
    ) -> None:
        self._id, name = watchdog
        self._name = printable(name).replace(":", "-")[:_NAME_CHARACTERS]
        self._timeout_s = timeout_s
        self._mask = mask
        # The braces keep all keys of a stack in one slot of a Redis cluster.
        prefix = f"sidecar:{{{stack}}}"
        self._lease, self._fence = f"{prefix}:lease", f"{prefix}:fence"
        self._call_key = f"{prefix}:call"
        self._ids, self._view = f"{prefix}:watchdogs", f"{prefix}:watchdog:"
        self._client: Redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            max_connections=4,
            # It would read the installed version from the disk, on the event loop.
            driver_info=None,
        )

    async def acquire(self, floor: int, span_s: float, longest_s: float) -> HeldAnswer:
        """Get the lease if nobody holds it. ``span_s`` 0: only look who holds it."""
        spans = (_milliseconds(span_s), _milliseconds(longest_s))
        return await self._ask(
            lambda: self._run(
                scripts.ACQUIRE,
                (self._lease, self._fence, self._call_key),
                (self._id, self._name, floor, *spans),
            )
        )

    async def renew(self, token: int, span_s: float, call_s: float) -> HeldAnswer:
        """Keep the lease of this token; ``call_s``: a call may be under way so long."""
        spans = (_milliseconds(span_s), _milliseconds(call_s))
        arguments = (self._value(token), *spans)
        return await self._ask(
            lambda: self._run(scripts.RENEW, (self._lease, self._call_key), arguments)
        )

    async def release(self, token: int) -> None:
        """Give the lease of this token back, if it is still held."""
        value = self._value(token)
        await self._call(lambda: self._run(scripts.RELEASE, (self._lease,), (value,)))

    async def exchange_views(self, own: View, ttl_s: float) -> tuple[View, ...]:
        """Publish our view for ``ttl_s``; the views of the other watchdogs."""
        return await self._call(lambda: self._exchange_views(own, ttl_s))

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()

    def _value(self, token: int) -> str:
        return f"{token}:{self._id}:{self._name}"

    async def _run(
        self, script: str, keys: tuple[str, ...], arguments: tuple[object, ...]
    ) -> Any:  # noqa: ANN401 - the script's own
        # redis-py's types do not tell the asynchronous client from the other one.
        answer: Any = self._client.eval(script, len(keys), *keys, *map(str, arguments))
        return await answer

    async def _ask(self, request: Callable[[], Awaitable[Any]]) -> HeldAnswer:
        is_ours, value, left_ms, seconds, micros, *rest = await self._call(request)
        is_fresh, call_ms = rest
        token, holder_id, holder = _read_value(value)
        own = bool(is_ours)
        if not own and holder_id == self._id:
            holder = self._name
        answer = LeaseAnswer(
            token,
            "" if own else holder,
            int(seconds) + int(micros) / 1e6,
            bool(is_fresh),
            call_ms / 1000,
        )
        return HeldAnswer(answer, max(0.0, left_ms / 1000))

    async def _exchange_views(self, own: View, ttl_s: float) -> tuple[View, ...]:
        down = sorted(own.down) if own.down is not None else None
        text = msgspec.json.encode(_ViewText(self._name, down))
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.set(self._view + self._id, text, px=_milliseconds(ttl_s))
            pipe.sadd(self._ids, self._id)
            pipe.smembers(self._ids)
            *_, members = await pipe.execute()
        ids = sorted(i for i in members if i != self._id)
        if not ids:
            return ()
        texts = await self._client.mget([self._view + i for i in ids])
        expired_ids = [i for i, text in zip(ids, texts, strict=True) if text is None]
        if expired_ids:
            removal: Any = self._client.srem(self._ids, *expired_ids)
            await removal
        views = (
            _read_view(i, str(text))
            for i, text in zip(ids, texts, strict=True)
            if text is not None
        )
        return tuple(view for view in views if view is not None)[:MOST_WATCHDOGS]

    async def _call(self, request: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await request()
        except TimeoutError as error:
            raise ServerLost(f"no answer within {self._timeout_s:g} s") from error
        except (RedisError, OSError) as error:
            text = printable(self._mask(str(error)))[:ERROR_CHARACTERS]
            raise ServerLost(text or type(error).__name__) from None
        except (ValueError, TypeError) as error:
            raise ServerLost("an answer that is not of our scripts") from error


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _read_value(text: str) -> tuple[int, str, str]:
    """Token, id and name of the holder; (0, "", ""): nobody, or another program."""
    token, _, rest = str(text).partition(":")
    holder_id, _, name = rest.partition(":")
    if not token.isdecimal():
        return 0, "", printable(str(text))[:_NAME_CHARACTERS]
    return int(token), holder_id, printable(name)[:_NAME_CHARACTERS]


def _read_view(watchdog_id: str, text: str) -> View | None:
    """A view; None: it is not one."""
    if len(text) > MOST_VIEW_BYTES:
        return None
    try:
        view = msgspec.json.decode(text, type=_ViewText)
    except msgspec.MsgspecError:
        return None
    name = printable(view.name)[:_NAME_CHARACTERS]
    down = frozenset(view.down) if view.down is not None else None
    return View(printable(watchdog_id)[:_NAME_CHARACTERS], name, down)
