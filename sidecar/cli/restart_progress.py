"""Progress of a restart: each step as it happens, until the result is known."""

import queue
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import click
import msgspec

from sidecar.api_types.records import (
    RECORD_TYPES,
    OutcomeRecord,
    Record,
    TransitionRecord,
)
from sidecar.api_types.status import StackStatus
from sidecar.cli.client import Answer, Api, ApiError, Json
from sidecar.cli.output import format_duration, format_time, localize_times

LOOK_EVERY_S = 1.0
_STARTING_ACTIONS = frozenset({"restart", "start", "recreate"})
_EVENTS = "/api/v1/events"


class _Ended(NamedTuple):
    """The stream of events ended, for this reason."""

    error: ApiError


class RestartProgress:
    """Follows the restart of one target; make it before the restart is ordered.

    ``shows``: steps are printed. Steps come from the stream of events, and what the
    restart waits for comes from the status. Raises ApiError.
    """

    def __init__(self, api: Api, target: str, *, shows: bool) -> None:
        self._api = api
        self._target = target
        self._shows = shows
        self._last_line = ""
        self._next_look_mono = time.monotonic() + LOOK_EVERY_S
        self._records: queue.SimpleQueue[Json | _Ended] = queue.SimpleQueue()
        records = api.stream(_EVENTS, b"data: ")
        threading.Thread(target=self._receive, args=(records,), daemon=True).start()

    def _receive(self, records: Iterator[Json]) -> None:
        try:
            for record in records:
                self._records.put(record)
            error = ApiError(f"{self._api.address} ended the stream of events")
        except ApiError as fault:
            error = fault
        self._records.put(_Ended(error))

    def wait(self) -> Answer[OutcomeRecord]:
        """The record of the result, once the restart has ended.

        The sidecar limits how long that takes.
        """
        while True:
            document = self._next_document()
            if isinstance(document, _Ended):
                raise ApiError(f"the result is not known: {document.error}")
            record = _read_record(document) if document is not None else None
            if record is not None and self._is_result(record):
                return Answer(document, OutcomeRecord)
            if time.monotonic() >= self._next_look_mono:
                self._show_present_reason()

    def _next_document(self) -> Json | _Ended | None:
        try:
            return self._records.get(timeout=LOOK_EVERY_S)
        except queue.Empty:
            return None

    def _is_result(self, record: Record) -> bool:
        """Is it the restart's result? Another record of the target is printed."""
        if record.target != self._target:
            return False
        match record:
            case TransitionRecord():
                self._show(record.at, record.to or "?", record.reason or "")
            case OutcomeRecord():
                if record.action in _STARTING_ACTIONS:
                    return True
                self._show(record.at, f"{record.action}: {record.outcome}", "")
            case _:
                pass
        return False

    def _show_present_reason(self) -> None:
        self._next_look_mono = time.monotonic() + LOOK_EVERY_S
        try:
            status = self._api.get("/api/v1/status", StackStatus).value
        except ApiError:
            return  # the end of the stream shows whether the sidecar is lost
        for target in status.targets:
            if target.name == self._target:
                self._show(status.at, target.state, target.reason)

    def _show(self, at: str, what: str, reason: str) -> None:
        """Print one step, unless it is the same as the last."""
        line = f"{what}: {localize_times(reason)}" if reason else what
        if self._shows and line != self._last_line:
            self._last_line = line
            click.echo(f"{format_time(at)} {self._target}: {line}")


def _read_record(document: Json) -> Record | None:
    """The document as its type; None: a type that only a newer sidecar knows."""
    kind = RECORD_TYPES.get(document["type"])
    return msgspec.convert(document, kind) if kind is not None else None


def describe_result(record: OutcomeRecord) -> str:
    """The result as one line."""
    took = format_duration(record.seconds or None)
    text = f"{record.target}: {record.action}: {record.outcome} after {took}"
    return f"{text}: {localize_times(record.reason)}" if record.reason else text
