"""Texts and tables of drills."""

from collections.abc import Sequence

import click

from sidecar.api_types.drills import (
    DrillExpectation,
    DrillObjection,
    DrillSummary,
    DrillTimes,
    PlannedDrill,
)
from sidecar.cli.output import format_duration, format_time, localize_times, show_table

_MINUTE_S = 60.0
_COLUMNS = (
    "fault",
    "detected",
    "decided",
    "recovered",
    "sent",
    "held",
    "wrong",
    "verdict",
)
"""They fit into 80 columns. Sent and held: messages; wrong: actions of Sidecar."""


def show_expectation(expectation: DrillExpectation) -> None:
    """Print what a drill touches, what Sidecar should do, and how it ends."""
    click.echo(f"{expectation.target}: {expectation.fault}")
    click.echo(f"  touches    {expectation.touches}")
    click.echo(f"  expected   {expectation.expects}")
    click.echo(f"  objective  {format_objective(expectation.objective)}")
    click.echo(f"  ends       {expectation.ends}")


def describe_objection(objection: DrillObjection | None) -> str:
    """The objection to a drill as one line."""
    if objection is None:
        return "nothing objects"
    return f"refused: {localize_times(objection.error)}"


def show_drills(drills: Sequence[DrillSummary], *, dated: bool = False) -> None:
    """Print a table of drills, with the objective beside each time.

    ``dated``: with the target and the begin of each. Without drills nothing is printed.
    """
    if not drills:
        return
    columns = ("began", "target", *_COLUMNS) if dated else _COLUMNS
    rows = [
        ((format_time(drill.began), drill.target) if dated else ()) + _row(drill)
        for drill in drills
    ]
    show_table(columns, rows)
    for drill in drills:
        if drill.reason and drill.outcome not in {"passed", None}:
            click.echo(
                f"{drill.fault}: {drill.outcome}: {localize_times(drill.reason)}"
            )


def _row(drill: DrillSummary) -> tuple[str, ...]:
    wrong_acts = sum(not act.right for act in drill.acts)
    return (
        drill.fault,
        _compare(drill.seconds.detect, drill.objective.detect),
        format_seconds(drill.seconds.decide),
        _compare(drill.seconds.recover, drill.objective.recover),
        str(drill.messages.sent),
        str(drill.messages.held),
        str(wrong_acts),
        drill.outcome or str(drill.phase),
    )


def _compare(seconds: float | None, limit_s: float | None) -> str:
    """A measured time beside its objective."""
    return f"{format_seconds(seconds)} of {_format_limit(limit_s)}"


def show_planned(planned: Sequence[PlannedDrill]) -> None:
    """Print the next planned drills; nothing if there are none."""
    if planned:
        click.echo()
        rows = [
            (format_time(p.at), p.target, p.fault, f"{p.cron} {p.timezone}")
            for p in planned
        ]
        show_table(("next", "target", "fault", "schedule"), rows)


def format_seconds(seconds: float | None) -> str:
    """A measured time: ``2.8 s``, or ``3m 5s``; ``-`` where there is none."""
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds < _MINUTE_S else format_duration(seconds)


def format_objective(objective: DrillTimes) -> str:
    """The objective in words."""
    return (
        f"detected within {_format_limit(objective.detect)}, "
        f"recovered within {_format_limit(objective.recover)}"
    )


def _format_limit(seconds: float | None) -> str:
    """A time of an objective: ``30s``, ``2m``."""
    return format_duration(seconds).removesuffix(" 0s")
