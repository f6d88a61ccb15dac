"""The command ``forecast``: memory, its limits, and when they are reached."""

import click

from sidecar.api_types.forecast import MemoryForecasts, TargetMemory
from sidecar.cli.client import Api
from sidecar.cli.completion import optional_target_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import format_time, localize_times, show_json, show_table

_COLUMNS = ("target", "memory", "limit", "an hour", "limit reached", "at the earliest")
_MIB = 2**20


@click.command(
    epilog=examples(
        "sidecar forecast", "sidecar forecast electron-cash", "sidecar forecast --json"
    )
)
@optional_target_argument
@as_json
@talks_to_sidecar
def forecast(api: Api, target: str | None, as_json: bool) -> int:
    """Show the memory of TARGET (or all), and when it reaches its limit.

    Only targets with a probe of the type memory are measured.
    """
    answer = api.get("/api/v1/forecast", MemoryForecasts)
    targets = [t for t in answer.value.targets if target in {None, t.name, t.target}]
    if target and not targets:
        raise click.UsageError(_describe_absence(target, answer.value))
    if as_json:
        show_json(answer.document)
        return 0
    if not targets:
        print("no target has a probe of the type memory")
        return 0
    show_table(_COLUMNS, [_row(t) for t in targets])
    print()
    for each in targets:
        reason = each.memory.reason if each.memory else "its memory is not measured"
        print(f"{each.name}: {localize_times(reason)}")
    return 0


def _describe_absence(target: str, answer: MemoryForecasts) -> str:
    names = ", ".join(t.name for t in answer.targets) or "none"
    return f"{target} has no probe of the type memory; with one: {names}"


def _row(target: TargetMemory) -> tuple[str, ...]:
    memory = target.memory
    if memory is None:
        return target.name, "-", "-", "-", "-", "-"
    spoken = memory.silence is None
    grows = memory.bytes_per_hour if spoken or memory.silence == "far" else None
    return (
        target.name,
        _mib(memory.used_bytes),
        _mib(memory.limit_bytes),
        "-" if grows is None else f"{grows / _MIB:+.1f} MiB",
        format_time(memory.limit_at) if spoken and memory.limit_at else "-",
        format_time(memory.earliest_at) if spoken and memory.earliest_at else "-",
    )


def _mib(size: int | None) -> str:
    return "-" if size is None else f"{size / _MIB:.1f} MiB"
