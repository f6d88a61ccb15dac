"""Checks of the section ``preventive`` of a target."""

from collections.abc import Iterator

from sidecar.config.check.cron import CRON_WORDS, cron_faults, shortest_gap_s
from sidecar.config.duration import format_seconds
from sidecar.config.problem import ConfigProblem
from sidecar.core.model.probe_settings import may_ask_restart
from sidecar.core.model.target import PlannedRestartSettings, Target


def preventive_faults(
    target: Target, preventive: PlannedRestartSettings, path: str
) -> Iterator[ConfigProblem]:
    """Faults of planned restarts: they need a time or a reason, and a gap."""
    if preventive.before_limit and target.memory is None:
        hint = "a forecast needs samples: add {type: memory} to the probes"
        yield ConfigProblem(f"{path}.before_limit", "no probe memory", "one", hint)
    if preventive.cron is None:
        asks = any(may_ask_restart(probe) for probe in target.probes)
        if not asks and not preventive.before_limit:
            hint = "needed without before_limit and on_match: planned_restart"
            yield ConfigProblem(f"{path}.cron", "nothing", CRON_WORDS, hint)
        return
    faults = list(cron_faults(path, preventive.cron, preventive.timezone))
    yield from faults
    gap_s = None if faults else shortest_gap_s(preventive.cron)
    if gap_s is not None and preventive.jitter_s >= gap_s:
        yield ConfigProblem(
            f"{path}.jitter",
            format_seconds(preventive.jitter_s),
            f"less than {format_seconds(gap_s)}, the time between two restarts",
        )
