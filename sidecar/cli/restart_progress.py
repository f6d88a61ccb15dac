"""Progress of a restart: each step as it happens, until the result is known."""

import queue
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import click

from sidecar.cli.client import Api, ApiError, Json
from sidecar.cli.output import format_duration, format_time, localize_times

LOOK_EVERY_S = 1.0
_STARTING_ACTIONS = frozenset({"restart", "start"})
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

    def wait(self) -> Json:
        """The record of the result, once the restart has ended.

        The sidecar limits how long that takes.
        """
        while True:
            record = self._next_record()
            if isinstance(record, _Ended):
                raise ApiError(f"the result is not known: {record.error}")
            is_ours = record is not None and record["target"] == self._target
            if is_ours and self._show_step(record):
                return record
            if time.monotonic() >= self._next_look_mono:
                self._show_present_reason()

    def _next_record(self) -> Json | _Ended | None:
        try:
            return self._records.get(timeout=LOOK_EVERY_S)
        except queue.Empty:
            return None

    def _show_step(self, record: Json) -> bool:
        """Print one record; is it the restart's result?"""
        is_outcome = record["type"] == "outcome"
        if record["type"] == "transition":
            self._show(record["at"], record["to"], record["reason"])
        elif is_outcome and record["action"] not in _STARTING_ACTIONS:
            self._show(record["at"], f"{record['action']}: {record['outcome']}", "")
        return is_outcome and record["action"] in _STARTING_ACTIONS

    def _show_present_reason(self) -> None:
        self._next_look_mono = time.monotonic() + LOOK_EVERY_S
        try:
            answer = self._api.get("/api/v1/status")
        except ApiError:
            return  # the end of the stream shows whether the sidecar is lost
        for target in answer["targets"]:
            if target["name"] == self._target:
                self._show(answer["at"], target["state"], target["reason"])

    def _show(self, at: str, what: str, reason: str) -> None:
        """Print one step, unless it is the same as the last."""
        line = f"{what}: {localize_times(reason)}" if reason else what
        if self._shows and line != self._last_line:
            self._last_line = line
            click.echo(f"{format_time(at)} {self._target}: {line}")


def describe_result(record: Json) -> str:
    """The result as one line."""
    took = format_duration(record["seconds"])
    text = f"{record['target']}: {record['action']}: {record['outcome']} after {took}"
    return f"{text}: {localize_times(record['reason'])}" if record["reason"] else text
