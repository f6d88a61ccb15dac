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
    DecisionRecord,
    OutcomeRecord,
    Record,
    TransitionRecord,
)
from sidecar.api_types.status import StackStatus
from sidecar.cli.client import Answer, Api, ApiError, Json
from sidecar.cli.output import format_duration, format_time, localize_times

LOOK_EVERY_S = 1.0
_STARTING_ACTIONS = frozenset({"restart", "start", "recreate"})
_PASSING_STATES = frozenset({"draining", "recovering"})
_EVENTS = "/api/v1/events"


class _Ended(NamedTuple):
    """The stream of events ended, for this reason."""

    error: ApiError


class _Step(NamedTuple):
    """A present state: when, and of which target."""

    at: str
    target: str


Result = OutcomeRecord | DecisionRecord
"""An outcome, or the decision that gives the rest up."""


class RestartProgress:
    """Follows the restart of one target, or of its replicas one after the other.

    Make it before the restart is ordered.

    ``shows``: steps are printed. Steps come from the stream of events, and what the
    restart waits for comes from the status. Raises ApiError.
    """

    def __init__(self, api: Api, target: str, *, shows: bool) -> None:
        self._api = api
        self._names: tuple[str, ...] = (target,)
        self._recovered = 0
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

    def wait(self, replicas: tuple[str, ...] = ()) -> Answer[Result]:
        """The record of the result, once the restart has ended.

        ``replicas``: those that are restarted one after the other; the result is that
        of the last one, or of the first one that did not recover. The sidecar limits
        how long that takes.
        """
        self._names = replicas or self._names
        while True:
            document = self._next_document()
            if isinstance(document, _Ended):
                raise ApiError(f"the result is not known: {document.error}")
            record = _read_record(document) if document is not None else None
            if record is not None and self._is_result(record):
                is_outcome = isinstance(record, OutcomeRecord)
                return Answer(document, OutcomeRecord if is_outcome else DecisionRecord)
            if time.monotonic() >= self._next_look_mono:
                self._show_present_reason()

    def _next_document(self) -> Json | _Ended | None:
        try:
            return self._records.get(timeout=LOOK_EVERY_S)
        except queue.Empty:
            return None

    def _is_result(self, record: Record) -> bool:
        """Is it the restart's result? Another record of the target is printed."""
        if record.target not in self._names:
            return False
        match record:
            case TransitionRecord():
                self._show(record, record.to or "?", record.reason or "")
            case OutcomeRecord():
                return self._is_last_outcome(record)
            case DecisionRecord():
                return record.trigger == "operator" and self._gives_up(record)
            case _:
                pass
        return False

    def _is_last_outcome(self, record: OutcomeRecord) -> bool:
        """Is it the outcome of the last replica, or of one that did not recover?"""
        is_restart = record.action in _STARTING_ACTIONS
        if is_restart and record.outcome != "recovered":
            return True
        self._recovered += is_restart
        if self._recovered == len(self._names):
            return True
        text = f"{record.action}: {record.outcome}"
        if is_restart:
            text = f"{text} ({self._recovered} of {len(self._names)})"
        self._show(record, text, "")
        return False

    def _gives_up(self, record: DecisionRecord) -> bool:
        """Is the rest of the restart given up? Several replicas may wait as well."""
        if record.action == "hold" and len(self._names) > 1:
            self._show(record, "hold", record.reason or "")
            return False
        return record.action in {"hold", "page", "skip"}

    def _show_present_reason(self) -> None:
        self._next_look_mono = time.monotonic() + LOOK_EVERY_S
        try:
            status = self._api.get("/api/v1/status", StackStatus).value
        except ApiError:
            return  # the end of the stream shows whether the sidecar is lost
        for target in status.targets:
            is_shown = len(self._names) == 1 or target.state in _PASSING_STATES
            if target.name in self._names and is_shown:
                step = _Step(status.at, target.name)
                self._show(step, target.state, target.reason)

    def _show(self, step: Record | _Step, what: str, reason: str) -> None:
        """Print one step, unless it is the same as the last."""
        line = f"{what}: {localize_times(reason)}" if reason else what
        line = f"{step.target}: {line}"
        if self._shows and line != self._last_line:
            self._last_line = line
            click.echo(f"{format_time(step.at)} {line}")


def _read_record(document: Json) -> Record | None:
    """The document as its type; None: a type that only a newer sidecar knows."""
    kind = RECORD_TYPES.get(document["type"])
    return msgspec.convert(document, kind) if kind is not None else None


def describe_result(record: Result) -> str:
    """The result as one line."""
    if not isinstance(record, OutcomeRecord):
        return f"{record.target}: not restarted: {localize_times(record.reason or '')}"
    took = format_duration(record.seconds or None)
    text = f"{record.target}: {record.action}: {record.outcome} after {took}"
    return f"{text}: {localize_times(record.reason)}" if record.reason else text
