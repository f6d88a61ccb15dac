"""Answers with the log of a target's container. Imported at the first such request."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import NamedTuple

import msgspec
from aiohttp import web

from sidecar.api_types.logs import LogRecord
from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.ports.engine import EngineError
from sidecar.web.duration_param import parse_duration_param
from sidecar.web.log_answer import HEADERS, MAX_LINES
from sidecar.web.log_lines import LogBatch, LogPosition, read_batch
from sidecar.web.query import parse_query
from sidecar.web.response import RequestRefused
from sidecar.web.services import ApiServices
from sidecar.web.streaming import write_chunk
from sidecar.web.target_names import find_instance

DEFAULT_LINES = 100
FOLLOW_S = 1.0
SIGN_OF_LIFE_S = 15.0
LARGE_CHARACTERS = 4096
"""Logs with more characters are masked in a thread."""

_COUNT = re.compile(r"[0-9]{1,9}")
_YES_OR_NO = {"1": True, "0": False}
_MISSED = "lines are missing here: it logs faster than its log is read"
_REPLACED = "another container has replaced it"


class _Query(NamedTuple):
    lines: int
    since: str
    follow: bool


class LogStream:
    """Answers requests for logs: one JSON document a line."""

    def __init__(self, services: ApiServices, follow_s: float = FOLLOW_S) -> None:
        self._services = services
        self._follow_s = follow_s

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The lines, and new ones until the client leaves if it follows."""
        query = self._parse(request)
        target = request.match_info["target"]
        name = find_instance(self._services.state(), target).name
        reader = _LogReader(self._services, name, query.lines)
        first = await reader.read_first(query.since)
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        is_connected = await write_chunk(request, response, first)
        if query.follow and is_connected:
            await self._follow(request, response, reader)
        return response

    def _parse(self, request: web.Request) -> _Query:
        query = parse_query(request, lines=str(DEFAULT_LINES), since="", follow="0")
        lines, follow = query["lines"], query["follow"]
        if _COUNT.fullmatch(lines) is None or not 0 < int(lines) <= MAX_LINES:
            raise RequestRefused(
                400, f"lines={lines[:20]}: give a number from 1 to {MAX_LINES}"
            )
        if follow not in _YES_OR_NO:
            raise RequestRefused(400, f"follow={follow[:20]}: give 1 to follow, or 0")
        return _Query(int(lines), self._parse_since(query["since"]), _YES_OR_NO[follow])

    def _parse_since(self, text: str) -> str:
        if not text:
            return ""
        span_s = parse_duration_param(self._services, "since", text)
        return f"{max(0.0, self._services.clock.now().wall - span_s):.6f}"

    async def _follow(
        self,
        request: web.Request,
        response: web.StreamResponse,
        reader: "_LogReader",
    ) -> None:
        """Send new lines until the client leaves; an empty line as a sign of life."""
        async with aclosing(self._new_chunks(reader)) as chunks:
            async for chunk in chunks:
                if not await write_chunk(request, response, chunk):
                    return

    async def _new_chunks(self, reader: "_LogReader") -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        sent_mono = loop.time()
        while True:
            await asyncio.sleep(self._follow_s)
            chunk = await reader.read_next()
            if chunk or loop.time() - sent_mono >= SIGN_OF_LIFE_S:
                yield chunk or b"\n"
                sent_mono = loop.time()


class _LogReader:
    """Reads the log of one instance, piece by piece, over its restarts."""

    def __init__(self, services: ApiServices, name: str, lines: int) -> None:
        self._services = services
        self._name = name
        self._lines = lines
        self._container_id = ""
        self._position = LogPosition()
        self._since = ""
        """Where to begin while no line was read."""
        self._error = ""

    async def read_first(self, since: str) -> bytes:
        """The last lines since then. RequestRefused if they cannot be read."""
        self._since = since
        self._container_id = self._find_container()
        if not self._container_id:
            raise RequestRefused(409, f"{self._name} has no container")
        try:
            return _encode(_records(await self._read(self._lines)))
        except EngineError as error:
            raise RequestRefused(
                502, f"the log of {self._name} cannot be read: {error}"
            ) from error

    async def read_next(self) -> bytes:
        """The lines since the last reading, and notes; empty: there are none."""
        notes = self._note_replacement()
        try:
            batch = await self._read(MAX_LINES)
        except EngineError as error:
            return _encode(notes) + self._note_error(str(error))
        self._error = ""
        if batch.lines and not batch.is_complete:
            notes.append(LogRecord(note=_MISSED))
        return _encode([*notes, *_records(batch)])

    def _note_replacement(self) -> list[LogRecord]:
        container_id = self._find_container()
        if container_id in {"", self._container_id}:
            return []
        self._container_id, self._position = container_id, LogPosition()
        self._since = ""
        return [LogRecord(note=_REPLACED)]

    def _note_error(self, error: str) -> bytes:
        """A note about the error, unless it is the same as before."""
        if error == self._error:
            return b""
        self._error = error
        return _encode([LogRecord(note=f"the log cannot be read now: {error}")])

    def _find_container(self) -> str:
        instance = instance_named(self._services.state(), self._name)
        container = instance.container if instance is not None else None
        return container.id if container is not None else ""

    async def _read(self, lines: int) -> LogBatch:
        since = self._position.since or self._since
        log = await self._services.log(self._container_id, lines, since)
        arguments = (log, self._position, self._services.mask)
        if len(log) <= LARGE_CHARACTERS:
            batch = read_batch(*arguments)
        else:
            batch = await asyncio.to_thread(read_batch, *arguments)
        self._position = batch.position
        return batch


def _records(batch: LogBatch) -> list[LogRecord]:
    return [LogRecord(at=line.at, text=line.text) for line in batch.lines]


def _encode(records: Iterable[LogRecord]) -> bytes:
    """One JSON document a line."""
    encoder = msgspec.json.Encoder()
    return b"".join(encoder.encode(record) + b"\n" for record in records)
