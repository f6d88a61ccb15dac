"""The command ``explain``: why a target is treated as it is, and what follows."""

from collections.abc import Iterator
from urllib.parse import quote

import click

from sidecar.api_types.explanation import (
    ExplainedRemedy,
    GuardAnswer,
    NextFailureResult,
    TargetExplanation,
)
from sidecar.cli.client import Api
from sidecar.cli.completion import target_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import (
    format_duration,
    format_time,
    localize_times,
    show_json,
    show_table,
)

_COLUMNS = ("guard", "objects", "why", "lifted when")


@click.command(
    epilog=examples(
        "sidecar explain electron-cash", "sidecar explain electron-cash --json"
    )
)
@target_argument
@as_json
@talks_to_sidecar
def explain(api: Api, target: str, as_json: bool) -> int:
    """Explain TARGET: its state, each guard's answer, and the next failure's result.

    Nothing is changed. The guards are asked in their order about the remedy that is
    proposed now, or that would follow a failure.
    """
    path = f"/api/v1/explain/{quote(target, safe='')}"
    answer = api.get(path, TargetExplanation)
    if as_json:
        show_json(answer.document)
        return 0
    explanation = answer.value
    for line in _describe_state(explanation):
        print(line)
    print()
    print(_describe_remedy(explanation.remedy))
    show_table(_COLUMNS, [_guard_row(guard) for guard in explanation.guards])
    print()
    for line in _describe_next(explanation.next_failure):
        print(line)
    return 0


def _describe_state(answer: TargetExplanation) -> Iterator[str]:
    target = answer.target
    why = f": {localize_times(target.reason)}" if target.reason else ""
    cause = f" ({target.cause})" if target.cause else ""
    since = format_time(target.since)
    yield f"{target.name} is {target.state}{cause} since {since}{why}"
    probe = target.last_probe
    if probe is not None:
        end = f": {localize_times(probe.reason)}" if probe.reason else ""
        yield f"last probe at {format_time(probe.at)}: {probe.outcome}{end}"
    decision = target.last_decision
    if decision is not None:
        reason = localize_times(decision.reason)
        yield f"decision in force: {decision.action}: {reason}"
    if target.memory is not None:
        yield f"forecast: {localize_times(target.memory.reason)}"
    if target.incident:
        yield f"incident {target.incident} is open"
    yield f"mode {answer.mode}"


def _describe_remedy(remedy: ExplainedRemedy) -> str:
    when = "proposed now" if remedy.proposed else "that would follow a failure"
    return f"guards about the {remedy.action} {when}:"


def _guard_row(guard: GuardAnswer) -> tuple[str, ...]:
    if not guard.asked:
        return guard.guard, "not asked", "", ""
    if not guard.objects:
        return guard.guard, "no", "", ""
    lifted = guard.lifted_when or ""
    if guard.lifts_in_seconds is not None:
        wait = format_duration(guard.lifts_in_seconds)
        lifted = f"in {wait}: {lifted}"
    return guard.guard, "yes", localize_times(guard.reason or ""), lifted


def _describe_next(failure: NextFailureResult) -> Iterator[str]:
    yield _describe_threshold(failure)
    if failure.remedy is None:
        yield f"then no remedy, because {failure.no_remedy_because}"
        return
    if failure.try_ is None:
        yield f"then no {failure.remedy}: no try is left (lane {failure.lane})"
        return
    number = f"try {failure.try_} of {failure.tries_in_lane}"
    yield f"then {failure.remedy}: {number} in the lane {failure.lane}"
    yield _describe_earliest(failure)


def _describe_threshold(failure: NextFailureResult) -> str:
    kind = "if it fails next" if failure.assumed else "the present failure"
    begin = f"{kind}, as {failure.cause}"
    if not failure.failure_threshold:
        return f"{begin}: certain at once"
    missing, needed = failure.missing_failures, failure.failure_threshold
    wait = format_duration(failure.certain_in_seconds)
    if not missing and not failure.certain_in_seconds:
        return f"{begin}: certain"
    return (
        f"{begin}: {missing} of {needed} failed probes are missing; certain in {wait} "
        "at the earliest"
    )


def _describe_earliest(failure: NextFailureResult) -> str:
    holder = "" if failure.held_by == "none" else f" (guard {failure.held_by})"
    if failure.earliest_in_seconds is None or failure.earliest_at is None:
        return f"not until the guard {failure.held_by} no longer objects"
    wait = format_duration(failure.earliest_in_seconds)
    return f"at the earliest in {wait}, at {format_time(failure.earliest_at)}{holder}"
