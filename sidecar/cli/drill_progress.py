"""Progress of a drill: each step as it happens, until the verdict is known."""

import time
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

import click

from sidecar.api_types.control import EmptyBody
from sidecar.api_types.drills import (
    DrillAnswer,
    DrillBody,
    DrillList,
    DrillObjection,
    DrillPreview,
    DrillSummary,
)
from sidecar.cli.client import Answer, Api, ApiError, target_path
from sidecar.cli.drill_output import format_seconds
from sidecar.cli.output import format_time, localize_times

LOOK_EVERY_S = 0.5
ASK_AGAIN_S = 2.0
"""The question what objects to a drill also asks the engine."""

PASSING_OBJECTIONS = frozenset(
    {
        "drill_busy",
        "drill_busy_unclear",
        "drill_incident",
        "drill_not_working",
        "drill_other",
        "drill_remedy",
        "drill_task",
    }
)
"""Objections that end when the target has settled after an earlier drill."""

QUIET_DEADLINE_S = 180.0
"""Longest wait between two drills: the target settles after the first."""

SILENCE_DEADLINE_S = 120.0
"""Longest time without an answer; Sidecar may restart in the middle of a drill."""


def preview_drill(api: Api, target: str, body: DrillBody) -> Answer[DrillPreview]:
    """The preview of a drill, with what objects to it. Raises ApiError."""
    asked = DrillBody(body.fault, body.yes, dry_run=True)
    return api.post(target_path(target, "drill"), DrillPreview, asked)


def wait_until_quiet(api: Api, target: str, body: DrillBody) -> DrillObjection | None:
    """Wait until the target has settled; the objection that stays, or None."""
    deadline = time.monotonic() + QUIET_DEADLINE_S
    while True:
        objection = preview_drill(api, target, body).value.objection
        is_passing = objection and objection.reason_code in PASSING_OBJECTIONS
        if not is_passing or time.monotonic() > deadline:
            return objection
        time.sleep(ASK_AGAIN_S)


class DrillProgress:
    """Follows one drill from its order to its verdict.

    ``shows``: steps are printed. Ctrl-C cancels the drill: Sidecar ends the fault.
    """

    def __init__(self, api: Api, *, shows: bool) -> None:
        self._api = api
        self._shows = shows
        self._shown: set[str] = set()
        self._is_cancelled = False

    def carry_out(self, target: str, body: DrillBody) -> Answer[DrillSummary] | None:
        """Order the drill and wait for its verdict; None: something objects to it.

        Raises ApiError. KeyboardInterrupt after a second Ctrl-C: the drill then ends
        by itself.
        """
        try:
            drill_id = self._order(target, body)
        except ApiError as error:
            if error.status == HTTPStatus.CONFLICT:
                return None
            raise
        while True:
            try:
                return self._follow(drill_id)
            except KeyboardInterrupt:
                if self._is_cancelled:
                    raise
                self._is_cancelled = True
                click.echo("cancelling: Sidecar ends the fault", err=True)
                self._cancel(drill_id)

    def _order(self, target: str, body: DrillBody) -> str:
        """Order the drill; its id. Ctrl-C before the answer cancels it, too."""
        try:
            path = target_path(target, "drill")
            return self._api.post(path, DrillAnswer, body).value.drill.id
        except KeyboardInterrupt:
            path = f"/api/v1/drills?count=0&target={quote(target, safe='')}"
            begun = self._api.get(path, DrillList).value.under_way
            if begun is not None:
                self._cancel(begun.id)
            raise

    @property
    def is_cancelled(self) -> bool:
        """Was the drill cancelled by Ctrl-C?"""
        return self._is_cancelled

    def _cancel(self, drill_id: str) -> None:
        try:
            self._api.post(
                f"/api/v1/drills/{drill_id}/cancel", DrillAnswer, EmptyBody()
            )
        except ApiError as error:
            # It may have ended meanwhile; the record says how.
            click.echo(str(error), err=True)

    def _follow(self, drill_id: str) -> Answer[DrillSummary]:
        deadline = time.monotonic() + SILENCE_DEADLINE_S
        while True:
            try:
                answer = self._api.get(f"/api/v1/drills/{drill_id}", DrillSummary)
                deadline = time.monotonic() + SILENCE_DEADLINE_S
                self._show_steps(answer.value)
                if answer.value.outcome is not None:
                    return answer
            except ApiError as error:
                if error.status is not None or time.monotonic() > deadline:
                    raise
            time.sleep(LOOK_EVERY_S)

    def _show_steps(self, drill: DrillSummary) -> None:
        seconds = drill.seconds
        if drill.injected is not None:
            self._show("injected", drill.injected, f"{drill.fault}: the fault is there")
        self._show_time("detected", seconds.detect)
        self._show_time("decided", seconds.decide)
        for act in drill.acts:
            side = "" if act.right else " (wrong)"
            text = f"{act.target}: {act.action}{side}: {localize_times(act.reason)}"
            self._show(f"act {act.at} {act.target} {act.action}", act.at, text)
        since = "" if drill.cured else " since the end of the fault"
        self._show_time("recovered", seconds.recover, since)
        if drill.undone is not None:
            self._show("undone", drill.undone, "the fault is undone")
        if drill.undo_problem and drill.undone is None:
            text = f"the undo failed and is tried again: {drill.undo_problem}"
            self._show(text, _now(), text)

    def _show_time(self, what: str, seconds: float | None, since: str = "") -> None:
        if seconds is not None:
            text = f"{what} after {format_seconds(seconds)}{since}"
            self._show(what, _now(), text)

    def _show(self, key: str, at: str, text: str) -> None:
        if self._shows and key not in self._shown:
            self._shown.add(key)
            click.echo(f"  {format_time(at)}  {text}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
